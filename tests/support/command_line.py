"""The command line, each command in a process of its own, forked from one that has imported what all of them need.

To import it takes longer than any command. `python -m tests.support.command_line` is that process: it reads a command
as a line of JSON, forks a child that runs it, and says with what status that ended.
"""

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command said, and its status."""

    status: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class CommandLine:
    """Runs commands one after the other, in a folder where they leave what they say."""

    process: "subprocess.Popen[str]"
    folder: Path

    @classmethod
    @contextmanager
    def running(cls, folder: Path) -> Iterator["CommandLine"]:
        command = [sys.executable, "-m", __name__]
        wide = {**os.environ, "COLUMNS": "200"}
        with subprocess.Popen(
            command, env=wide, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        ) as process:
            yield cls(process, folder)
            assert process.stdin
            process.stdin.close()

    @property
    def said(self) -> Path:
        """Where a command says what it has to say, while it runs."""
        return self.folder / "out"

    def run(self, words: Sequence[str], environment: Mapping[str, str]) -> Answer:
        assert self.process.stdin
        assert self.process.stdout
        wanted = {"words": list(words), "environment": dict(environment), "folder": str(self.folder)}
        self.process.stdin.write(json.dumps(wanted) + "\n")
        status = int(self.process.stdout.readline())
        return Answer(status, self.said.read_text(encoding="utf-8"), (self.folder / "err").read_text(encoding="utf-8"))


def _obey(wanted: Mapping[str, Any]) -> int:
    """Run a command in a child, as the system would run it."""
    from counterfoil import cli

    if child := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    status = 70
    try:
        for handle, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(Path(wanted["folder"]) / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), handle)
        os.environ.update(wanted["environment"])
        sys.argv = ["counterfoil", *wanted["words"]]
        cli.main()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - what the interpreter would do
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def main() -> None:
    import counterfoil.cli  # noqa: F401 - once, for all children

    for line in sys.stdin:
        sys.stdout.write(f"{_obey(json.loads(line))}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
