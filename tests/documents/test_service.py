"""A file is accepted with its bytes, its row and its job, or not at all."""

import hashlib
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from threading import Barrier
from typing import BinaryIO

import pytest

from counterfoil.access.domain import WorkspaceId
from counterfoil.documents.domain import (
    BytesMissing,
    Document,
    DocumentEmpty,
    DocumentId,
    DocumentNotFound,
    DocumentTooLarge,
    Incoming,
    MediaType,
    PageNotFound,
    StorageFull,
    UnsupportedMediaType,
)
from counterfoil.documents.infrastructure.bytes import FileBytes
from counterfoil.documents.service import DocumentService
from counterfoil.foundation.database import Database, Transaction
from counterfoil.foundation.errors import Conflict, NotFound
from counterfoil.foundation.ids import new_id
from counterfoil.foundation.paging import Paging
from counterfoil.jobs.domain import JobId
from tests.support import files
from tests.support.clock import FixedClock
from tests.support.documents import LIMIT, NOTION, TARGET, NotedSteps, document_service

PICTURE = files.picture("PNG")
ROOT = Path(__file__).parents[2]


@pytest.fixture
def steps() -> NotedSteps:
    return NotedSteps()


@pytest.fixture
def service(database: Database, tmp_path: Path, clock: FixedClock, steps: NotedSteps) -> DocumentService:
    return document_service(database, tmp_path / "data", clock, steps)


def kept(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "data").rglob("*") if path.is_file()]


def test_what_was_received_is_there_with_its_bytes_and_its_job(
    service: DocumentService, steps: NotedSteps, workspace: WorkspaceId, clock: FixedClock
) -> None:
    received = service.receive(workspace, "../taxi.png", BytesIO(PICTURE), notion_database_id=NOTION)
    document = service.get(workspace, received.document.id)
    assert document == received.document
    assert (document.name, document.media_type, document.page_count) == ("taxi.png", MediaType.PNG, 1)
    assert (document.size, document.sha256) == (len(PICTURE), hashlib.sha256(PICTURE).hexdigest())
    assert document.received_at == clock.now()
    assert service.path(document).read_bytes() == PICTURE
    assert steps.read == [document]
    assert document.target == TARGET
    assert received.same_as is None


def test_a_neighbour_sees_nothing_of_it(
    service: DocumentService, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    document = service.receive(workspace, "taxi.png", BytesIO(PICTURE)).document
    with pytest.raises(DocumentNotFound):
        service.get(other_workspace, document.id)
    with pytest.raises(DocumentNotFound):
        service.reprocess(other_workspace, document.id)
    assert service.page(other_workspace, Paging()).items == []
    assert service.receive(other_workspace, "taxi.png", BytesIO(PICTURE)).same_as is None


def test_the_same_bytes_again_are_another_document_that_knows_the_first(
    service: DocumentService, workspace: WorkspaceId, tmp_path: Path
) -> None:
    first, second, third = (service.receive(workspace, "taxi.png", BytesIO(PICTURE)) for _ in range(3))
    assert second.same_as == third.same_as == first.document.id
    assert len(service.page(workspace, Paging(), first.document.sha256).items) == 3
    assert len(kept(tmp_path)) == 1


def test_the_same_bytes_at_the_same_moment_are_two_documents_and_one_file(
    service: DocumentService, workspace: WorkspaceId, steps: NotedSteps, tmp_path: Path
) -> None:
    together = Barrier(4)

    def receive(_: int) -> DocumentId:
        together.wait()
        return service.receive(workspace, "taxi.png", BytesIO(PICTURE)).document.id

    with ThreadPoolExecutor(4) as threads:
        ids = set(threads.map(receive, range(4)))
    assert {document.id for document in steps.read} == ids
    assert len(ids) == 4
    assert [path.read_bytes() for path in kept(tmp_path)] == [PICTURE]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", DocumentEmpty),
        (b"x" * (LIMIT + 1), DocumentTooLarge),
        (b"Total 12.50", UnsupportedMediaType),
    ],
)
def test_what_is_refused_leaves_nothing(
    service: DocumentService, workspace: WorkspaceId, steps: NotedSteps, tmp_path: Path, content: bytes, error: type
) -> None:
    with pytest.raises(error):
        service.receive(workspace, "taxi.jpg", BytesIO(content))
    assert service.page(workspace, Paging()).items == []
    assert (steps.read, kept(tmp_path)) == ([], [])


def test_an_unknown_target_is_refused_before_the_bytes_are_looked_at(
    service: DocumentService, workspace: WorkspaceId, tmp_path: Path
) -> None:
    with pytest.raises(NotFound):
        service.receive(workspace, "taxi.png", BytesIO(PICTURE), target_id=new_id())
    assert kept(tmp_path) == []


def test_a_job_that_cannot_be_enqueued_takes_its_document_with_it(
    service: DocumentService, workspace: WorkspaceId, steps: NotedSteps
) -> None:
    steps.error = Conflict("No more jobs today.")
    with pytest.raises(Conflict):
        service.receive(workspace, "taxi.png", BytesIO(PICTURE))
    assert service.page(workspace, Paging()).items == []


class FullByteStore(FileBytes):
    """There is room for the bytes on their way in, and none where they are kept."""

    def keep(self, workspace: WorkspaceId, incoming: Incoming) -> None:
        raise StorageFull("No space left on device")


def test_a_full_disk_leaves_neither_document_nor_bytes(
    database: Database, workspace: WorkspaceId, steps: NotedSteps, clock: FixedClock, tmp_path: Path
) -> None:
    full = FullByteStore(folder=tmp_path / "data")
    service = document_service(database, tmp_path / "data", clock, steps, full)
    with pytest.raises(StorageFull):
        service.receive(workspace, "taxi.png", BytesIO(PICTURE))
    assert service.page(workspace, Paging()).items == []
    assert (steps.read, kept(tmp_path)) == ([], [])


def test_a_crash_before_the_commit_leaves_bytes_that_no_document_names(
    service: DocumentService, database: Database, workspace: WorkspaceId, tmp_path: Path
) -> None:
    (tmp_path / "taxi.png").write_bytes(PICTURE)
    script = "import sys; from tests.support.documents import receive_and_die; receive_and_die(*sys.argv[1:])"
    arguments = [sys.executable, "-c", script, database.url, str(tmp_path), str(workspace)]
    assert subprocess.run(arguments, cwd=ROOT, check=False).returncode == -signal.SIGKILL
    assert service.page(workspace, Paging()).items == []
    assert [path.read_bytes() for path in kept(tmp_path)] == [PICTURE]
    received = service.receive(workspace, "taxi.png", BytesIO(PICTURE))
    assert service.path(received.document).read_bytes() == PICTURE


@dataclass(slots=True, kw_only=True)
class Watching(NotedSteps):
    """Looks at what is on disk at the moment when the job is enqueued."""

    folder: Path
    seen: list[bytes] = field(default_factory=list)

    def next_step(self, tx: Transaction, document: Document) -> JobId:
        place = self.folder / "documents" / str(document.workspace) / document.sha256[:2] / document.sha256
        self.seen.append(place.read_bytes())
        return JobId(new_id())


def test_the_bytes_are_in_their_place_before_the_commit_that_names_them(
    database: Database, workspace: WorkspaceId, clock: FixedClock, tmp_path: Path
) -> None:
    steps = Watching(folder=tmp_path / "data")
    document_service(database, tmp_path / "data", clock, steps).receive(workspace, "taxi.png", BytesIO(PICTURE))
    assert steps.seen == [PICTURE]


def test_reading_again_is_a_new_job_for_the_same_document(
    service: DocumentService, workspace: WorkspaceId, steps: NotedSteps
) -> None:
    document = service.receive(workspace, "taxi.png", BytesIO(PICTURE)).document
    service.reprocess(workspace, document.id)
    assert steps.read_again == [document]


def test_bytes_that_were_taken_away_are_missed(
    service: DocumentService, workspace: WorkspaceId, steps: NotedSteps
) -> None:
    document = service.receive(workspace, "taxi.png", BytesIO(PICTURE)).document
    service.path(document).unlink()
    with pytest.raises(BytesMissing):
        service.reprocess(workspace, document.id)
    assert steps.read_again == []


def test_only_pages_that_are_there_have_a_picture(service: DocumentService, workspace: WorkspaceId) -> None:
    document = service.receive(workspace, "taxi.pdf", BytesIO(files.pdf(2))).document
    assert {service.picture(document, number).read_bytes()[:4] for number in (1, 2)} == {b"\x89PNG"}
    for number in (0, 3, -1, 10**30):
        with pytest.raises(PageNotFound):
            service.picture(document, number)


class Rewound(BytesIO):
    """Content that is read in small pieces."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(7)


def test_content_may_come_in_pieces(service: DocumentService, workspace: WorkspaceId) -> None:
    content: BinaryIO = Rewound(PICTURE)
    assert service.receive(workspace, "taxi.png", content).document.size == len(PICTURE)


def test_what_broke_off_is_swept(service: DocumentService, tmp_path: Path) -> None:
    left = tmp_path / "data" / "incoming" / "left"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"x")
    os.utime(left, (0, 0))
    assert service.sweep() == 1
