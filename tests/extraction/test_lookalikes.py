"""Documents that show the same are found by the words on them, however they were photographed; others are not."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pytest

from counterfoil.access.domain import WorkspaceId
from counterfoil.documents.domain import Document, DocumentId, MediaType, Sha256
from counterfoil.documents.infrastructure.sql import SqlDocumentStore
from counterfoil.extraction.cascade import Cascade
from counterfoil.extraction.domain import Extraction
from counterfoil.extraction.infrastructure.files import ExtractionFiles
from counterfoil.extraction.infrastructure.sql import SqlExtractionStore
from counterfoil.extraction.lookalikes import MARKS, alike, marks_of, telling_words
from counterfoil.extraction.service import ExtractionService
from counterfoil.foundation.database import Database
from counterfoil.foundation.ids import new_id
from counterfoil.records.domain import ExtractionId, InvoiceData
from tests.support.clock import FixedClock
from tests.support.papers import page
from tests.support.readings import BlankPages, FakeWordFinder

RECEIPT = (
    "Hafenmarkt Kiel", "Tel 0431 555020", "Beleg 48213", "12.04.2026 17:45:12", "Brot 3,49", "Milch 1,19",
    "Summe 4,68", "Kasse 004 Bon 8812", "TSE 9931AF02",
)  # fmt: skip
BLURRED = tuple(row.replace("8812", "B812") for row in RECEIPT)
NEXT_DAY = (
    *RECEIPT[:2], "Beleg 48377", "13.04.2026 09:10:40", "Brot 3,49", "Hefe 0,45", "Summe 3,94", "Kasse 004 Bon 8990",
    "TSE 9944BC17",
)  # fmt: skip


def extraction(rows: Sequence[str], *, issued: date | None = None, number: str | None = None) -> Extraction:
    data = InvoiceData(issue_date=issued, number=number)
    return Extraction(reader="layout", version="1", data=data, sources={}, pages=(page(*rows),))


def test_words_that_tell_have_digits_and_are_compared_without_what_stands_between() -> None:
    words = telling_words([page("Total: 1.234,50 EUR", "12/04/2026", "Nr. A-77 on 5")])
    assert words == {"123450", "12042026", "a77"}


def test_a_second_photograph_is_alike_and_the_next_days_receipt_is_not() -> None:
    assert alike(extraction(RECEIPT), extraction(BLURRED))
    assert not alike(extraction(RECEIPT), extraction(NEXT_DAY))


@pytest.mark.parametrize(("issued", "number"), [(date(2026, 5, 1), "R-1"), (date(2026, 4, 1), "R-2")])
def test_next_months_invoice_of_the_same_sums_is_another(issued: date, number: str) -> None:
    first = extraction(RECEIPT, issued=date(2026, 4, 1), number="R-1")
    assert not alike(first, extraction(RECEIPT, issued=issued, number=number))
    assert alike(first, extraction(RECEIPT, issued=date(2026, 4, 1)))


def test_with_few_words_nothing_is_told_apart() -> None:
    assert marks_of([page("Total 4,68", "12.04.2026")]) == ()


def test_marks_are_shared_by_those_who_share_words() -> None:
    mine, blurred, next_day = (set(marks_of([page(*rows)])) for rows in (RECEIPT, BLURRED, NEXT_DAY))
    assert len(mine) == MARKS
    assert len(mine & blurred) > len(mine & next_day)


@dataclass(kw_only=True)
class Shelf:
    """Documents that were read, one after the other."""

    database: Database
    folder: Path
    clock: FixedClock
    names: dict[DocumentId, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.store, self.archive = SqlExtractionStore(), ExtractionFiles(self.folder)
        self.service = ExtractionService(
            database=self.database,
            store=self.store,
            archive=self.archive,
            pages=BlankPages(),
            cascade=Cascade(readers=(), word_finder=FakeWordFinder()),
            new_id=new_id,
        )

    def put(self, workspace: WorkspaceId, name: str, rows: Sequence[str], digest: str) -> Document:
        document = Document(
            id=DocumentId(new_id()),
            workspace=workspace,
            name=name,
            media_type=MediaType.PNG,
            sha256=Sha256(digest * 64),
            size=1,
            page_count=1,
            received_at=self.clock.now(),
        )
        made, read = ExtractionId(new_id()), extraction(rows)
        self.archive.save(workspace, made, read)
        with self.database.transaction(workspace) as tx:
            SqlDocumentStore().add(tx, workspace, document)
            self.store.add(tx, document, made, "layout/1", read)
        self.names[document.id] = name
        return document

    def like(self, document: Document, rows: Sequence[str]) -> str | None:
        found = self.service.lookalike(document, extraction(rows))
        return self.names[found] if found else None


@pytest.fixture
def shelf(database: Database, tmp_path: Path, clock: FixedClock) -> Shelf:
    return Shelf(database=database, folder=tmp_path, clock=clock)


def test_of_two_that_show_the_same_the_one_read_later_names_the_other(shelf: Shelf, workspace: WorkspaceId) -> None:
    first = shelf.put(workspace, "first", RECEIPT, "a")
    other = shelf.put(workspace, "other", NEXT_DAY, "b")
    second = shelf.put(workspace, "second", BLURRED, "c")
    assert [shelf.like(one, rows) for one, rows in ((first, RECEIPT), (other, NEXT_DAY), (second, BLURRED))] == [
        None,
        None,
        "first",
    ]


def test_a_document_that_is_read_anew_does_not_name_what_came_after_it(shelf: Shelf, workspace: WorkspaceId) -> None:
    shelf.put(workspace, "first", RECEIPT, "a")
    shelf.put(workspace, "second", BLURRED, "b")
    again = shelf.put(workspace, "first again", RECEIPT, "a")
    assert shelf.like(again, RECEIPT) is None


def test_what_shows_the_same_in_another_workspace_is_not_named(
    shelf: Shelf, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    shelf.put(other_workspace, "theirs", RECEIPT, "a")
    mine = shelf.put(workspace, "mine", BLURRED, "b")
    assert shelf.like(mine, BLURRED) is None


def test_a_part_of_the_document_itself_is_passed_over_and_the_next_is_named(
    shelf: Shelf, workspace: WorkspaceId
) -> None:
    part = shelf.put(workspace, "part", RECEIPT, "a")
    joined = shelf.put(workspace, "joined", BLURRED, "b")
    assert shelf.like(joined, BLURRED) == "part"
    assert shelf.service.lookalike(joined, extraction(BLURRED), {part.id}) is None
    other = shelf.put(workspace, "other", BLURRED, "c")
    assert shelf.service.lookalike(other, extraction(BLURRED), {part.id}) == joined.id


def test_one_whose_file_is_gone_is_passed_over(shelf: Shelf, workspace: WorkspaceId) -> None:
    shelf.put(workspace, "first", RECEIPT, "a")
    for path in shelf.folder.rglob("extraction.json"):
        path.unlink()
    assert shelf.like(shelf.put(workspace, "second", BLURRED, "b"), BLURRED) is None
