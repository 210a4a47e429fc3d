"""What whoever runs the installation does about users, with the real command and a real server."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from tests.support.command_line import Answer, CommandLine

PASSWORD = "violet tractors hum at dawn"


@dataclass(frozen=True, kw_only=True)
class Operator:
    """Somebody with a terminal."""

    line: CommandLine
    folder: Path

    def run(self, *words: str) -> Answer:
        return self.line.run(("user", *words), {"DATA_DIR": str(self.folder), "COLUMNS": "160"})


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    with CommandLine.running(tmp_path_factory.mktemp("commands")) as line:
        yield line


@pytest.fixture
def operator(line: CommandLine, tmp_path: Path) -> Operator:
    return Operator(line=line, folder=tmp_path)


def test_users_are_added_listed_and_kept_out(operator: Operator) -> None:
    assert "No users yet" in operator.run("list").err
    answer = operator.run("add", "Olga@example.com", "--name", "Olga")
    assert answer.status == 0, answer.err
    assert "olga@example.com will be owner" in answer.out
    assert re.search(r"^http://127.0.0.1:8000/invitation#[\w-]{43}$", answer.out, re.MULTILINE)
    added = json.loads(operator.run("add", "anna@example.com", "--role", "viewer", "--json").out)
    assert (added["email"], added["role"]) == ("anna@example.com", "viewer")
    assert "/invitation#" in added["link"]
    assert operator.run("disable", "ANNA@example.com").status == 0
    listed = json.loads(operator.run("list", "--json").out)
    assert [(one["email"], bool(one["disabled_at"])) for one in listed] == [
        ("anna@example.com", True),
        ("olga@example.com", False),
    ]
    assert operator.run("disable", "anna@example.com", "--undo").status == 0
    assert "yes" not in operator.run("list").out
    assert "/reset#" in operator.run("reset", "olga@example.com").out
    assert "/reset#" in json.loads(operator.run("reset", "olga@example.com", "--json").out)["link"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("add", "Olga <olga@example.com>"), "This is no email address."),
        (("add", "olga@example.com", "--name", "\x1b[31m"), "This is no name."),
        (("reset", "nobody@example.com"), "There is no user nobody@example.com."),
        (("disable", "nobody@example.com"), "There is no user nobody@example.com."),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(operator: Operator, words: tuple[str, ...], said: str) -> None:
    answer = operator.run(*words)
    assert answer.status == 2
    assert said in answer.err
    assert "Traceback" not in answer.err


def test_the_first_owner_comes_in_by_the_link_that_was_shown_and_no_log_holds_a_secret(
    operator: Operator, tmp_path: Path
) -> None:
    link = json.loads(operator.run("add", "olga@example.com", "--json").out)["link"]
    proof = link.partition("/invitation#")[2]
    assert len(proof) == 43
    command = [sys.executable, "-c", "from counterfoil.cli import main; main()", "serve", "--port", "0"]
    environment = os.environ | {"DATA_DIR": str(tmp_path), "LOG_FORMAT": "json"}
    with (tmp_path / "log").open("wb") as errors:
        server = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True)
    try:
        assert server.stdout
        address = server.stdout.readline().split()[-1]
        with httpx2.Client(base_url=f"{address}/api/v1", timeout=60, headers={"Origin": address}) as olga:
            wanted = {"ticket": proof, "name": "Olga", "password": PASSWORD}
            assert olga.post("/auth/invitation", json=wanted).is_success
            assert olga.get("/targets").json()["items"]
            made = olga.post("/workspaces", json={"name": "Acme"})
            theirs = {"X-Workspace": made.json()["id"]}
            assert [one["kind"] for one in olga.get("/targets", headers=theirs).json()["items"]] == ["ledger"]
            assert olga.post("/auth/logout").status_code == 204
            login = {"email": "olga@example.com", "password": PASSWORD}
            assert olga.post("/auth/login", json=login).status_code == 200
            shown = [*olga.cookies.values(), proof, PASSWORD]
    finally:
        server.terminate()
        said = server.communicate(timeout=120)[0] + (tmp_path / "log").read_text()
    assert "logged_in" in said
    assert [secret for secret in shown if secret in said] == []
