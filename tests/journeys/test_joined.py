"""A receipt in several files: joined, it is read as one, and nobody is asked about its halves."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from signal import SIGKILL
from typing import Any, cast
from uuid import UUID

import pytest
from PIL import Image, ImageSequence

from counterfoil import bootstrap, pipeline
from counterfoil.access.domain import DEFAULT_WORKSPACE, WorkspaceId
from counterfoil.bootstrap import House
from counterfoil.documents.domain import Document, DocumentId
from counterfoil.extraction.domain import Extraction
from counterfoil.extraction.service import ExtractionService
from counterfoil.foundation.database import Database, Transaction
from counterfoil.foundation.ids import new_id
from counterfoil.foundation.paging import Paging
from counterfoil.jobs.context import JobContext
from counterfoil.jobs.domain import Json
from counterfoil.records.domain import ExtractionId
from counterfoil.records.infrastructure.files import RecordFiles
from counterfoil.reviews.service import ReviewService
from counterfoil.targets.deliveries import DeliveryService
from tests.support.house import SAMPLES, Visitor, build, settings_for, visiting
from tests.support.receipts import BAKERY, sources_of
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]
TORN_AT = 0.55  # of its height, between the things bought and what they cost together


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = build(settings_for(tmp_path))
    yield house
    house.database.close()


@pytest.fixture
def visitor(house: House) -> Iterator[Visitor]:
    with visiting(house) as visitor:
        yield visitor


def _png(picture: Image.Image) -> bytes:
    written = BytesIO()
    picture.save(written, "PNG")
    return written.getvalue()


def two_sides() -> list[bytes]:
    """Return the receipt's two sides, the one without the total first."""
    with Image.open(SAMPLES / "receipt-two-sides.tiff") as sides:
        return [_png(side) for side in ImageSequence.Iterator(sides)][::-1]


def torn() -> list[bytes]:
    """Return the receipt's front as two photographs, each with a half of what it says."""
    with Image.open(SAMPLES / "receipt-two-sides.tiff") as front:
        height = round(front.height * TORN_AT)
        halves = [(0, 0, front.width, height), (0, height, front.width, front.height)]
        return [_png(front.crop(half)) for half in halves]


def hand_in(visitor: Visitor, contents: list[bytes]) -> list[dict[str, Any]]:
    return [visitor.hand_in_bytes(f"page {number}.png", content) for number, content in enumerate(contents, 1)]


def join(visitor: Visitor, parts: list[dict[str, Any]]) -> dict[str, Any]:
    ids = [part["document_id"] for part in parts]
    joined: dict[str, Any] = visitor.post("/documents/join", {"document_ids": ids})
    return joined


def codes(record: dict[str, Any]) -> set[str]:
    return {reason["code"] for reason in record["reasons"]}


def total_of(record: dict[str, Any]) -> tuple[str, int]:
    (field,) = [one for one in record["fields"] if one["path"] == "total"]
    return record["data"]["total"], field["evidence"]["page"]


def test_a_receipt_in_two_photographs_is_one_record_and_nobody_is_asked_about_a_half(
    visitor: Visitor, house: House
) -> None:
    with bootstrap.working(house):
        halves = hand_in(visitor, torn())
        before = [visitor.record_of(half) for half in halves]
        assert all(visitor.review_of(record)["status"] == "open" for record in before)
        joined = join(visitor, halves)
        record = visitor.record_of(joined)
    assert total_of(record) == ("123.15", 2)
    assert (record["data"]["merchant"]["name"], record["data"]["issue_date"]) == (
        "Ferretería El Yunque Azul",
        "2026-05-23",
    )
    assert not codes(record) & {"looks_alike", "same_purchase", "duplicate"}
    for half in before:
        review = visitor.review_of(half)
        assert (review["status"], review["decision"], review["decided_by"]) == ("closed", "joined", "rule")
        assert joined["document_id"] in review["note"]
        now = visitor.get(f"/records/{half['id']}")
        assert (now["status"], "joined" in codes(now), now["data"]) == ("draft", True, half["data"])
    assert [row["key"] for row in visitor.ledger_rows()] == ([record["id"]] if record["status"] == "accepted" else [])
    assert visitor.neighbour.status(f"/documents/{joined['document_id']}") == 404


def test_pages_that_were_joined_before_they_were_read_are_read_once(visitor: Visitor, house: House) -> None:
    sides = hand_in(visitor, two_sides())
    joined = join(visitor, sides)
    with bootstrap.working(house):
        record = visitor.record_of(joined)
        jobs = [visitor.ended(side["job_id"]) for side in sides]
    assert total_of(record) == ("123.15", 2)
    assert [(job["status"], "record_id" in job["result"]) for job in jobs] == [("completed", False)] * 2
    assert [one["id"] for one in visitor.get("/records")["items"]] == [record["id"]]
    assert [one["document_id"] for one in visitor.get("/reviews")["items"]] == [joined["document_id"]]


def test_what_may_have_been_delivered_is_not_joined(visitor: Visitor, house: House) -> None:
    with bootstrap.working(house):
        invoice = visitor.hand_in("invoice-text.pdf")
        sure = visitor.record_of(invoice)
        assert sure["status"] == "accepted"
        (half, _) = hand_in(visitor, torn())
        doubtful = visitor.record_of(half)
        wait_until(lambda: [row["key"] for row in visitor.ledger_rows()] == [sure["id"]])
    ids = [half["document_id"], invoice["document_id"]]
    answer = visitor.http.post("/api/v1/documents/join", json={"document_ids": ids})
    assert (answer.status_code, answer.json()["code"]) == (409, "part_accepted")
    assert visitor.review_of(doubtful)["status"] == "open"
    assert visitor.get(f"/records/{doubtful['id']}")["version"] == doubtful["version"]
    assert len(visitor.get("/documents")["items"]) == 3


@pytest.mark.parametrize("decision", ["rejected", "read otherwise"])
def test_what_was_delivered_and_is_a_draft_again_is_not_joined(tmp_path: Path, decision: str) -> None:
    house = build(settings_for(tmp_path, deliver="always"))
    with visiting(house) as visitor:
        with bootstrap.working(house):
            halves = hand_in(visitor, torn())
            records = [visitor.record_of(half) for half in halves]
            wait_until(lambda: len(visitor.ledger_rows()) == 2)
        for record in records:
            review = visitor.review_of(record)
            note = {"version": review["version"], "note": "A half only."}
            if decision == "rejected":
                visitor.post(f"/reviews/{review['id']}/reject", note)
            else:
                changes = note | {"changes": {"notes": "A half."}, "approve": False}
                visitor.post(f"/reviews/{review['id']}/correct", changes)
        assert {one["status"] for one in visitor.get("/records")["items"]} == {"draft"}
        body = {"document_ids": [half["document_id"] for half in halves]}
        assert visitor.http.post("/api/v1/documents/join", json=body).json()["code"] == "part_accepted"
    house.database.close()


@dataclass(frozen=True, slots=True)
class JoinedMeanwhile:
    """An extraction service in whose reading somebody joins the document with another."""

    house: House
    other: DocumentId

    def read(self, document: Document, path: Path, **_: bool) -> tuple[ExtractionId, Extraction]:
        self.house.joins.join(document.workspace, [document.id, self.other])
        extraction = Extraction(reader="layout", version="1", data=BAKERY, sources=sources_of(BAKERY))
        return ExtractionId(new_id()), extraction

    def lookalike(self, *_: object) -> None: ...


@dataclass(slots=True)
class PlayedJob:
    """What a handler sees of its job."""

    database: Database
    workspace: WorkspaceId = DEFAULT_WORKSPACE
    results: list[Json] = field(default_factory=list)
    last_attempt: bool = True

    def progress(self, *_: object, **__: object) -> None: ...

    def log(self, *_: object, **__: object) -> None: ...

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        with self.database.transaction(self.workspace) as tx:
            yield tx

    def complete(self, tx: Transaction, result: Json) -> None:
        tx.after_commit(lambda: self.results.append(result))


def test_a_page_that_is_joined_while_it_is_read_makes_no_record_of_its_own(house: House) -> None:
    receive = house.documents.receive
    first, other = (receive(DEFAULT_WORKSPACE, "page.png", BytesIO(content)).document.id for content in two_sides())
    handlers = pipeline.Handlers(
        steps=pipeline.Steps(jobs=house.jobs, schedules=house.engine.schedules),
        documents=house.documents,
        joins=house.joins,
        extractions=cast("ExtractionService", JoinedMeanwhile(house, other)),
        records=house.records,
        reviews=cast("ReviewService", house.services[ReviewService]),
        deliveries=cast("DeliveryService", house.services[DeliveryService]),
        n8n=None,
        archive=RecordFiles(house.settings.data_dir),
        public_url="",
    )
    job = PlayedJob(house.database)
    handlers.read_document(cast("JobContext", job), pipeline.ReadDocument(document_id=first))
    assert [result["message"] for result in job.results] == ["It is read as a part of another document."]
    assert house.records.page(DEFAULT_WORKSPACE, Paging()).items == []
    assert house.documents.get(DEFAULT_WORKSPACE, first).joined_into


def _join_and_die(house: House, failpoint: str, ids: list[str]) -> None:
    """Join documents in a process of its own, which is killed at the failpoint."""
    script = "import sys; from tests.support.house import join_at; join_at(*sys.argv[1:])"
    url = house.database.engine.url.render_as_string(hide_password=False)
    arguments = [sys.executable, "-c", script, url, str(house.settings.data_dir), failpoint, *ids]
    assert subprocess.run(arguments, cwd=ROOT, check=False).returncode == -SIGKILL


@pytest.mark.faults
@pytest.mark.parametrize("failpoint", ["transaction.committing", "transaction.committed"])
def test_killed_around_its_commit_a_join_is_there_with_everything_or_not_at_all(
    visitor: Visitor, house: House, failpoint: str
) -> None:
    halves = hand_in(visitor, torn())
    ids = [half["document_id"] for half in halves]
    with bootstrap.working(house):
        records = [visitor.record_of(half) for half in halves]
    _join_and_die(house, failpoint, ids)
    done = failpoint == "transaction.committed"
    found = visitor.get("/documents")["items"]
    assert len(found) == (3 if done else 2)
    assert {visitor.review_of(record)["status"] for record in records} == {"closed" if done else "open"}
    assert {visitor.get(f"/documents/{part}")["joined_into"] for part in ids} == {found[0]["id"] if done else None}
    joined = join(visitor, halves)
    with bootstrap.working(house):
        record = visitor.record_of(joined)
    assert (UUID(joined["document_id"]) == UUID(found[0]["id"])) is done
    assert total_of(record) == ("123.15", 2)
    assert len(visitor.get("/documents")["items"]) == 3
    assert "duplicate" not in codes(record)
