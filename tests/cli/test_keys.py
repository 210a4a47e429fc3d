"""What a person does about API keys on the command line, with the real command."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert

from counterfoil import bootstrap
from counterfoil.access.domain import Role
from counterfoil.access.infrastructure.sql import WorkspaceRow
from counterfoil.access.keys.domain import Secret
from tests.conftest import BIRCH
from tests.support.command_line import Answer, CommandLine
from tests.support.house import settings_for


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a terminal."""

    line: CommandLine
    folder: Path

    def run(self, *words: str) -> Answer:
        return self.line.run(("keys", *words), {"DATA_DIR": str(self.folder), "COLUMNS": "220"})

    def does(self, *words: str) -> str:
        answer = self.run(*words)
        assert answer.status == 0, answer.err
        return answer.out


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    with CommandLine.running(tmp_path_factory.mktemp("commands")) as line:
        yield line


@pytest.fixture
def person(line: CommandLine, tmp_path: Path) -> Person:
    return Person(line, tmp_path)


def test_a_key_is_made_its_secret_said_once_and_how_to_use_it(person: Person) -> None:
    answer = person.run("add", "n8n [mailbox]", "--may", "documents:write", "--may", "jobs:read")
    secret = Secret.read(answer.out.removesuffix("\n"))
    assert secret, answer.err
    assert "Authorization: Bearer" in answer.err
    assert secret.text not in answer.err
    listed = person.does("list")
    for part in ("n8n [mailbox]", secret.hint, "active", "documents:write, jobs:read"):
        assert part in listed
    assert secret.text not in listed + person.does("list", "--json")


def test_without_a_word_on_it_a_key_may_do_what_an_operator_may(person: Person) -> None:
    made = json.loads(person.does("add", "ours", "--json"))
    assert set(made["permissions"]) == Role.OPERATOR.permissions
    assert made["secret"].endswith(made["hint"])
    assert (made["expires_at"], made["created_by"]) == (None, "command-line")
    more = json.loads(person.does("add", "ours", "--role", "viewer", "--may", "keys:manage", "--json"))
    assert set(more["permissions"]) == {*Role.VIEWER.permissions, "keys:manage"}


def test_a_key_ends_after_so_many_days(person: Person) -> None:
    made = json.loads(person.does("add", "visitor", "--expires-in", "30", "--json"))
    left = datetime.fromisoformat(made["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=29, hours=23) < left <= timedelta(days=30)
    assert f"until {made['expires_at'][:10]}" in person.does("list")


def test_a_revoked_key_is_shown_as_such(person: Person) -> None:
    made = json.loads(person.does("add", "leaked", "--json"))
    for _ in range(2):
        assert "Revoked" in person.does("revoke", made["id"])
    assert "revoked" in person.does("list")


def test_keys_are_made_in_the_workspace_that_is_named(person: Person) -> None:
    house = bootstrap.build(settings_for(person.folder))
    with house.database.transaction() as tx:
        tx.execute(insert(WorkspaceRow), {"id": BIRCH, "name": "Birch", "created_at": tx.now()})
    house.database.close()
    made = json.loads(person.does("add", "theirs", "--workspace", str(BIRCH), "--json"))
    assert person.does("list") == ""
    assert person.run("revoke", made["id"]).status == 2
    assert made["id"] in person.does("list", "--workspace", str(BIRCH))
    assert "Revoked" in person.does("revoke", made["id"], "--workspace", str(BIRCH))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("add", "x", "--may", "jobs:own"), "there is no 'jobs:own'; there are"),
        (("add", ""), "1 to 100 characters"),
        (("add", "a\nb"), "1 to 100 characters"),
        (("add", "x", "--expires-in", "0"), "--expires-in"),
        (("add", "x", "--workspace", str(BIRCH)), f"There is no workspace {BIRCH}."),
        (("revoke", str(BIRCH)), f"There is no API key {BIRCH}."),
        (("revoke", "x"), "ID"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(person: Person, words: tuple[str, ...], sentence: str) -> None:
    answer = person.run(*words)
    assert answer.status == 2
    assert answer.out == ""
    assert sentence in answer.err
    assert "Traceback" not in answer.err
