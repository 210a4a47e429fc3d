"""Bytes are read once; what was read is on the disk before the row that names it, and stays in its workspace."""

from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import select

from counterfoil.access.domain import WorkspaceId
from counterfoil.documents.domain import Document, DocumentId, MediaType, Sha256
from counterfoil.documents.infrastructure.sql import SqlDocumentStore
from counterfoil.extraction.cascade import Cascade
from counterfoil.extraction.domain import Extraction, ExtractionMissing, ModelUse, NoReader
from counterfoil.extraction.infrastructure.files import ExtractionFiles
from counterfoil.extraction.infrastructure.sql import ExtractionRow, SqlExtractionStore
from counterfoil.extraction.reading import Reading
from counterfoil.extraction.service import ExtractionService
from counterfoil.foundation.database import Database
from counterfoil.foundation.ids import new_id
from tests.support.clock import FixedClock
from tests.support.readings import BlankPages, FakeWordFinder
from tests.support.receipts import BAKERY, sources_of

SHA256 = Sha256("ab" * 32)


@dataclass(kw_only=True)
class CountingReader:
    """Reads every document as the same receipt, or none."""

    name: str = "counting"
    version: str = "1"
    knows: bool = True
    exact: bool = True
    readings: int = 0
    error: Exception | None = None
    model: ModelUse | None = None

    def read(self, reading: Reading) -> Extraction | None:
        self.readings += 1
        if self.error:
            raise self.error
        made = Extraction(
            reader=self.name, version=self.version, data=BAKERY, sources=sources_of(BAKERY), model=self.model
        )
        return made if self.knows else None


@dataclass(kw_only=True)
class Desk:
    """An extraction service with one reader, and documents to read."""

    database: Database
    folder: Path
    clock: FixedClock
    reader: CountingReader = field(default_factory=CountingReader)

    @property
    def service(self) -> ExtractionService:
        return ExtractionService(
            database=self.database,
            store=SqlExtractionStore(),
            archive=ExtractionFiles(self.folder),
            pages=BlankPages(),
            cascade=Cascade(
                readers=[CountingReader(name="other", knows=False), self.reader], word_finder=FakeWordFinder()
            ),
            new_id=new_id,
        )

    def document(self, workspace: WorkspaceId) -> Document:
        document = Document(
            id=DocumentId(new_id()),
            workspace=workspace,
            name="bread.png",
            media_type=MediaType.PNG,
            sha256=SHA256,
            size=1,
            page_count=1,
            received_at=self.clock.now(),
        )
        with self.database.transaction() as tx:
            SqlDocumentStore().add(tx, workspace, document)
        return document

    def files(self) -> list[Path]:
        return list(self.folder.rglob("extraction.json"))

    def rows(self) -> int:
        with self.database.reading() as tx:
            return len(tx.execute(select(ExtractionRow.id)).all())


@pytest.fixture
def desk(database: Database, tmp_path: Path, clock: FixedClock) -> Desk:
    return Desk(database=database, folder=tmp_path / "extractions", clock=clock)


NOWHERE = Path("nowhere")


def test_the_same_bytes_are_read_once(desk: Desk, workspace: WorkspaceId) -> None:
    first, second = (desk.service.read(desk.document(workspace), NOWHERE) for _ in range(2))
    assert first == second
    assert first[1].data == BAKERY
    assert (desk.reader.readings, desk.rows()) == (1, 1)


def test_what_a_model_took_is_told_of_the_first_reading_alone(desk: Desk, workspace: WorkspaceId) -> None:
    desk.reader.model = ModelUse(
        model="m", prompt_version="1", input_tokens=3000, output_tokens=400, cost=Decimal("0.0115"), kept=False
    )
    (_, first), (_, second) = (desk.service.read(desk.document(workspace), NOWHERE) for _ in range(2))
    assert first.model == desk.reader.model
    assert second.model == replace(desk.reader.model, kept=True)


def test_another_workspace_reads_its_own_and_sees_no_other(
    desk: Desk, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    mine, theirs = desk.document(workspace), desk.document(other_workspace)
    found, _ = desk.service.read(mine, NOWHERE)
    with pytest.raises(ExtractionMissing):
        desk.service.latest(other_workspace, theirs)
    assert desk.service.read(theirs, NOWHERE)[0] != found
    assert desk.reader.readings == 2


def test_a_new_version_of_a_reader_and_a_persons_wish_read_anew(desk: Desk, workspace: WorkspaceId) -> None:
    document = desk.document(workspace)
    desk.service.read(document, NOWHERE)
    desk.reader = replace(desk.reader, version="2")
    newer, _ = desk.service.read(document, NOWHERE)
    newest, _ = desk.service.read(document, NOWHERE, again=True)
    assert (desk.reader.readings, desk.rows()) == (3, 3)
    assert newer != newest
    assert desk.service.latest(workspace, document)[0] == newest


def test_what_is_gone_from_the_disk_is_read_anew(desk: Desk, workspace: WorkspaceId) -> None:
    document = desk.document(workspace)
    desk.service.read(document, NOWHERE)
    (path,) = desk.files()
    path.unlink()
    with pytest.raises(ExtractionMissing):
        desk.service.latest(workspace, document)
    found, _ = desk.service.read(document, NOWHERE)
    assert desk.service.latest(workspace, document)[0] == found


def test_a_reader_that_fails_leaves_neither_row_nor_file(desk: Desk, workspace: WorkspaceId) -> None:
    desk.reader.error = RuntimeError("torn")
    with pytest.raises(RuntimeError):
        desk.service.read(desk.document(workspace), NOWHERE)
    assert (desk.rows(), desk.files()) == (0, [])


def test_a_document_that_no_reader_knows_is_not_tried_again(desk: Desk, workspace: WorkspaceId) -> None:
    desk.reader.knows = False
    with pytest.raises(NoReader) as caught:
        desk.service.read(desk.document(workspace), NOWHERE)
    assert not caught.value.retry
