"""The audit log from the command line: shown to hold, exported, and found out when it was touched."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import text

from counterfoil.access.domain import DEFAULT_WORKSPACE, Principal, Role
from counterfoil.access.service import Act
from counterfoil.bootstrap import House
from tests.support.command_line import Answer, CommandLine
from tests.support.house import build, settings_for

ADA = Principal(workspace=DEFAULT_WORKSPACE, permissions=Role.OWNER.permissions, actor="user:ada")


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    with CommandLine.running(tmp_path_factory.mktemp("commands")) as line:
        yield line


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody with a terminal beside a house in which two things were done."""

    line: CommandLine
    folder: Path
    house: House

    def run(self, *words: str) -> Answer:
        return self.line.run(("audit", *words), {"DATA_DIR": str(self.folder)})


@pytest.fixture
def person(line: CommandLine, tmp_path: Path) -> Person:
    return Person(line=line, folder=tmp_path, house=build(settings_for(tmp_path)))


def act(person: Person, *names: str) -> None:
    for name in names:
        person.house.audit.saw(ADA, Act(name=name, subject=None, address=None), refused=False)
    person.house.audit.link()


def test_a_log_that_was_touched_is_found_out_with_the_head_that_was_kept(person: Person, tmp_path: Path) -> None:
    act(person, "first", "second")
    whole = person.run("verify")
    assert (whole.status, "✓ whole" in whole.out) == (0, True)
    head = tmp_path / "head.json"
    head.write_text(person.run("head").out)
    assert [json.loads(one)["action"] for one in person.run("export").out.splitlines()] == ["first", "second"]
    with person.house.database.transaction() as tx:
        tx.execute(text("DELETE FROM audit_log WHERE position = 2"))
    for words in (("verify",), ("verify", "--head", str(head))):
        answer = person.run(*words)
        assert (answer.status, "ends before entry 2" in answer.out) == (1, True)


def test_an_empty_log_is_said_to_be_empty(person: Person) -> None:
    assert person.run("verify").err.strip() == "Nothing is in the audit log yet."
    assert person.run("head").status == 1
    assert person.run("export").out == ""


def test_a_file_that_is_no_head_is_told(person: Person, tmp_path: Path) -> None:
    (tmp_path / "odd").write_text("{}")
    answer = person.run("verify", "--head", str(tmp_path / "odd"))
    assert (answer.status, "no signed head" in answer.err) == (2, True)
