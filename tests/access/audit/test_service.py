"""Acts are written down with what they do, linked in order, and no change of the tables goes unseen."""

import json
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from counterfoil.access.audit import service
from counterfoil.access.audit.api import router
from counterfoil.access.audit.errors import HeadNotOurs, HeadUnreadable
from counterfoil.access.audit.json_form import SignedHead
from counterfoil.access.audit.service import AuditLog
from counterfoil.access.domain import Principal, Role, WorkspaceId
from counterfoil.access.infrastructure.audit import SqlAuditStore
from counterfoil.access.infrastructure.heads import HeadFiles
from counterfoil.access.service import Act
from counterfoil.foundation.database import Database
from counterfoil.foundation.ids import new_id
from counterfoil.foundation.paging import InvalidCursor, Paging
from tests.conftest import ACME, BIRCH
from tests.support.records import api_client

ADA = Principal(workspace=ACME, permissions=Role.OWNER.permissions, actor="user:ada")
BOB = replace(ADA, workspace=BIRCH, actor="user:bob")


@pytest.fixture
def audit(database: Database, tmp_path: Path) -> AuditLog:
    return AuditLog(database=database, store=SqlAuditStore(), heads=HeadFiles(tmp_path / "audit"), new_id=new_id)


def did(audit: AuditLog, action: str, principal: Principal = ADA) -> None:
    with audit.database.transaction(principal.workspace) as tx:
        audit.note(tx, principal, action, subject="review_id=1", details={"amount": "12.30", "ratio": 0.5, "ü": None})


def actions(audit: AuditLog, workspace: WorkspaceId = ACME) -> list[str]:
    return [link.entry.action for link in audit.export(workspace)]


def test_acts_are_linked_in_their_order_and_each_workspace_has_a_chain_of_its_own(audit: AuditLog) -> None:
    for action in ("first", "second", "third"):
        did(audit, action)
    did(audit, "elsewhere", BOB)
    assert audit.link() == 2
    did(audit, "fourth")
    assert (audit.link(), audit.link()) == (1, 0)
    assert actions(audit) == ["first", "second", "third", "fourth"]
    assert actions(audit, BIRCH) == ["elsewhere"]
    assert [link.position for link in audit.export(ACME)] == [1, 2, 3, 4]
    assert sorted(audit.workspaces()) == [ACME, BIRCH]
    assert (audit.verify(ACME), audit.verify(BIRCH)) == (None, None)


def test_an_act_that_is_rolled_back_was_none(audit: AuditLog, database: Database) -> None:
    with database.transaction(ACME) as tx:
        audit.note(tx, ADA, "never")
        tx.connection.rollback()
    assert (audit.link(), audit.head(ACME)) == (0, None)


def test_what_a_request_is_about_to_do_and_what_was_refused_is_written_down(audit: AuditLog) -> None:
    act = Act(name="approve_review", subject="review_id=1", address="127.0.0.1")
    audit.saw(ADA, act, refused=False)
    audit.saw(ADA, act, refused=True)
    audit.link()
    entries = [link.entry for link in audit.export(ACME)]
    assert [(one.actor, one.action, one.subject, one.address) for one in entries] == [
        ("user:ada", "approve_review", "review_id=1", "127.0.0.1")
    ] * 2
    assert [one.details for one in entries] == [{}, {"refused": True}]


def test_of_several_who_link_at_once_none_breaks_the_chain(audit: AuditLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MOST_AT_ONCE", 3)
    for number in range(20):
        did(audit, f"act {number}")
    together = Barrier(4)

    def work() -> None:
        together.wait(30)
        while audit.link():
            did(audit, "meanwhile") if len(actions(audit)) < 20 else None

    with ThreadPoolExecutor(4) as threads:
        for one in [threads.submit(work) for _ in range(4)]:
            one.result(60)
    assert audit.verify(ACME) is None
    assert [one for one in actions(audit) if one != "meanwhile"] == [f"act {number}" for number in range(20)]
    with audit.database.reading() as tx:
        assert tx.execute(text("SELECT count(*) FROM audit_inbox")).scalar_one() == 0


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("UPDATE audit_log SET actor = 'user:eve' WHERE position = 2", "Entry 2 is not as it was written."),
        ("DELETE FROM audit_log WHERE position = 1", "Entry 1 is missing."),
        ("DELETE FROM audit_log WHERE position = 3", "The log ends before entry 3, which it once had."),
        ("DELETE FROM audit_log", "The log ends before entry 3, which it once had."),
    ],
)
def test_what_is_changed_in_the_table_is_found(audit: AuditLog, change: str, sentence: str) -> None:
    for action in ("first", "second", "third"):
        did(audit, action)
    audit.link()
    with audit.database.transaction() as tx:
        tx.execute(text(change))
    found = audit.verify(ACME)
    assert found is not None
    assert found.sentence == sentence


def test_a_head_that_was_kept_elsewhere_finds_what_was_changed_here_with_all_that_lies_here(
    audit: AuditLog, tmp_path: Path
) -> None:
    did(audit, "first")
    audit.link()
    kept = audit.head(ACME)
    with audit.database.transaction() as tx:
        tx.execute(text("DELETE FROM audit_log"))
    for file in (tmp_path / "audit").glob("*.head.json"):
        file.unlink()
    did(audit, "another first")
    audit.link()
    assert audit.verify(ACME) is None
    found = audit.verify(ACME, kept)
    assert found is not None
    assert found.sentence == "The log was written anew up to entry 1."


def test_a_head_that_we_have_not_signed_proves_nothing(audit: AuditLog, tmp_path: Path) -> None:
    did(audit, "first")
    audit.link()
    head = audit.head(ACME)
    assert head is not None
    for forged in (
        head.model_copy(update={"position": 7}),
        head.model_copy(update={"signature": "????"}),
        SignedHead.of(head.head, HeadFiles(tmp_path / "another").sign(head.head)),
    ):
        with pytest.raises(HeadNotOurs):
            audit.verify(ACME, forged)
    for content in (b"", b"{}", b"\xff", json.dumps({**head.model_dump(mode="json"), "more": 1}).encode()):
        with pytest.raises(HeadUnreadable):
            SignedHead.read(content)


def test_the_key_is_the_owners_alone_and_made_once(tmp_path: Path, audit: AuditLog) -> None:
    did(audit, "first")
    audit.link()
    head, together = audit.head(ACME), Barrier(4)
    assert head is not None

    def sign(number: int) -> str:
        del number
        together.wait(30)
        return HeadFiles(tmp_path / "fresh").sign(head.head)

    with ThreadPoolExecutor(4) as threads:
        assert len(set(threads.map(sign, range(4)))) == 1
    [key] = (tmp_path / "fresh").iterdir()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


@pytest.fixture
def client(audit: AuditLog, workspace: WorkspaceId) -> Iterator[TestClient]:
    with api_client(workspace, router, services={AuditLog: audit}) as client:
        yield client


def test_the_log_is_listed_in_pages_and_a_neighbour_sees_nothing(audit: AuditLog, client: TestClient) -> None:
    for number in range(5):
        did(audit, f"act {number}")
    did(audit, "elsewhere", BOB)
    audit.link()
    seen, path = list[str](), "/audit?limit=2"
    while path:
        page = client.get(path).json()
        seen += [item["action"] for item in page["items"]]
        path = page["next"]
    assert seen == [f"act {number}" for number in reversed(range(5))]
    with pytest.raises(InvalidCursor):
        audit.page(BIRCH, Paging(after=next(iter(audit.export(ACME))).entry.id))
