"""Many documents are handed in together; a bad one spoils no other, and nothing is lost in the middle."""

import signal
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from threading import Barrier
from typing import BinaryIO

import pytest

from counterfoil.access.domain import WorkspaceId
from counterfoil.documents.batches import BatchService
from counterfoil.documents.domain import DocumentId, StorageFull
from counterfoil.documents.hand_ins import (
    QUIET,
    Batch,
    BatchCancelled,
    BatchDetail,
    BatchKeyReused,
    BatchNotFound,
    BatchOver,
    BatchStatus,
    BatchTooFull,
    BatchView,
    BatchWithoutFiles,
    FileToHandIn,
    HandIn,
    HandInStatus,
)
from counterfoil.foundation.database import Database
from counterfoil.foundation.errors import NotFound
from counterfoil.foundation.ids import new_id
from counterfoil.foundation.paging import Paging
from counterfoil.jobs.domain import BatchId, JobStatus
from tests.support import files
from tests.support.archives import Entry, pack
from tests.support.batches import PlayedEngine, batch_service, file, files_in
from tests.support.clock import FixedClock
from tests.support.documents import NOTION, TARGET

ROOT = Path(__file__).parents[2]
RED, GREEN, BLUE = (files.picture("PNG", colour=colour) for colour in ("red", "green", "blue"))


@pytest.fixture
def engine() -> PlayedEngine:
    return PlayedEngine()


@pytest.fixture
def service(database: Database, tmp_path: Path, clock: FixedClock, engine: PlayedEngine) -> BatchService:
    return batch_service(database, tmp_path / "data", clock, engine)


def shown(detail: BatchDetail) -> list[tuple[str, str, str | None]]:
    hand_ins = [outcome.hand_in for outcome in detail.outcomes]
    return [(one.name, one.status.value, one.error.code if one.error else None) for one in hand_ins]


def finish(engine: PlayedEngine, status: JobStatus = JobStatus.COMPLETED) -> None:
    for job in list(engine.made):
        engine.moves(job, status)


def test_every_file_is_accepted_or_refused_by_itself(
    service: BatchService, engine: PlayedEngine, workspace: WorkspaceId
) -> None:
    sent = [file("red.png", RED), file("a.txt", b"no picture"), file("empty", b""), file("again.png", RED)]
    detail = service.receive(workspace, sent)
    assert shown(detail) == [
        ("red.png", "accepted", None),
        ("a.txt", "refused", "unsupported_media_type"),
        ("empty", "refused", "document_empty"),
        ("again.png", "duplicate", None),
    ]
    first, *_, last = (outcome.hand_in for outcome in detail.outcomes)
    assert last.same_as == first.document_id
    assert [one.document_id for one in (first, last)] == [
        one.id for one in reversed(service.documents.page(workspace, Paging()).items)
    ]
    assert {first.job_id, last.job_id} == set(engine.made)
    assert engine.at_most == {detail.view.batch.id: service.at_most}


def test_an_archive_is_as_many_hand_ins_as_it_has_files(service: BatchService, workspace: WorkspaceId) -> None:
    packed = pack(
        Entry("2026/", b""),
        Entry("2026/red.png", RED),
        Entry("../up.png", GREEN),
        Entry("inner.zip", pack(Entry("blue.png", BLUE))),
        Entry("nul\x00\u202e.png", GREEN),
    )
    detail = service.receive(workspace, [file("march.zip", packed), file("after.png", BLUE)])
    assert shown(detail) == [
        ("march.zip/2026/red.png", "accepted", None),
        ("march.zip/up.png", "refused", "archive_entry_outside"),
        ("march.zip/inner.zip", "refused", "unsupported_media_type"),
        ("march.zip/nul.png", "accepted", None),
        ("after.png", "accepted", None),
    ]
    names = [document.name for document in service.documents.page(workspace, Paging()).items]
    assert names == ["after.png", "nul.png", "red.png"]
    assert detail.view.batch.description == "2 documents"


def test_an_archive_that_lies_is_one_refused_hand_in(service: BatchService, workspace: WorkspaceId) -> None:
    bomb = pack(*[Entry(f"{number}.bmp", bytes(9 << 20)) for number in range(7)])
    damaged = pack(Entry("a", b"x"))[:-1]
    detail = service.receive(workspace, [file("bomb.zip", bomb), file("half.zip", damaged), file("red.png", RED)])
    assert shown(detail) == [
        ("bomb.zip", "refused", "archive_too_dense"),
        ("half.zip", "refused", "archive_damaged"),
        ("red.png", "accepted", None),
    ]


def test_archives_take_no_more_room_than_the_files_after_them_leave(
    service: BatchService, workspace: WorkspaceId
) -> None:
    two = pack(Entry("red.png", RED), Entry("green.png", GREEN))
    small = replace(service, max_files=4)
    sent = [file("first.zip", two), file("second.zip", two), file("blue.png", BLUE)]
    assert [code for _, _, code in shown(small.receive(workspace, sent))] == [None, None, "archive_too_full", None]
    with pytest.raises(BatchTooFull):
        small.receive(workspace, [*sent, *sent])
    thin = replace(service, max_bytes=len(RED) + len(GREEN))
    assert [code for _, _, code in shown(thin.receive(workspace, sent))] == [None, None, "archive_too_large", None]


def test_documents_handed_in_before_are_read_again(
    service: BatchService, engine: PlayedEngine, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    (outcome,) = service.receive(workspace, [file("red.png", RED)]).outcomes
    known, unknown = outcome.hand_in.document_id, DocumentId(new_id())
    assert known
    detail = service.receive(workspace, [], document_ids=[known, unknown, known])
    assert shown(detail) == [
        ("red.png", "accepted", None),
        (str(unknown), "refused", "document_not_found"),
    ]
    assert [document.id for document in engine.again] == [known]
    assert shown(service.receive(other_workspace, [], document_ids=[known]))[0][1] == "refused"


def test_a_document_goes_to_the_target_that_its_batch_names(service: BatchService, workspace: WorkspaceId) -> None:
    service.receive(workspace, [file("a.zip", pack(Entry("red.png", RED)))], notion_database_id=NOTION)
    (document,) = service.documents.page(workspace, Paging()).items
    assert document.target == TARGET


def test_what_is_wrong_as_a_whole_begins_nothing(service: BatchService, workspace: WorkspaceId) -> None:
    with pytest.raises(BatchWithoutFiles):
        service.receive(workspace, [])
    with pytest.raises(NotFound):
        service.receive(workspace, [file("red.png", RED)], target_id=new_id())
    assert service.page(workspace, Paging()).items == []


def test_progress_follows_the_jobs(service: BatchService, engine: PlayedEngine, workspace: WorkspaceId) -> None:
    sent = [file("red.png", RED), file("green.png", GREEN), file("blue.png", BLUE), file("bad", b"bad")]
    batch = service.receive(workspace, sent).view.batch.id
    first, second, third = engine.made

    def stands() -> tuple[BatchStatus, int | None, int, int, str]:
        view = service.get(workspace, batch).view
        progress = view.progress
        return view.status, progress.total, progress.processed, progress.failed, progress.message

    assert stands() == (BatchStatus.RUNNING, 4, 1, 1, "1 of 4 done, 1 of them in vain")
    engine.moves(first, JobStatus.COMPLETED, result={"record_id": str(new_id())})
    engine.moves(second, JobStatus.FAILED)
    assert stands() == (BatchStatus.RUNNING, 4, 2, 1, "2 of 4 done, 1 of them in vain")
    engine.moves(second, JobStatus.DEAD_LETTER)
    engine.moves(third, JobStatus.COMPLETED)
    assert stands() == (BatchStatus.COMPLETED, 4, 4, 2, "4 of 4 done, 2 of them in vain")
    outcomes = service.get(workspace, batch).outcomes
    assert [outcome.job.status if outcome.job else None for outcome in outcomes] == [
        JobStatus.COMPLETED,
        JobStatus.DEAD_LETTER,
        JobStatus.COMPLETED,
        None,
    ]


def test_jobs_that_were_removed_long_ago_leave_their_batch_completed(
    service: BatchService, engine: PlayedEngine, workspace: WorkspaceId
) -> None:
    batch = service.receive(workspace, [file("red.png", RED), file("bad", b"bad")]).view.batch.id
    engine.made.clear()
    detail = service.get(workspace, batch)
    assert (detail.view.status, detail.view.progress.percentage) == (BatchStatus.COMPLETED, 100)
    assert detail.outcomes[0].hand_in.document_id


def test_a_neighbour_sees_nothing_of_it(
    service: BatchService, workspace: WorkspaceId, other_workspace: WorkspaceId, engine: PlayedEngine
) -> None:
    batch = service.receive(workspace, [file("red.png", RED)], idempotency_key="march").view.batch.id
    with pytest.raises(BatchNotFound):
        service.get(other_workspace, batch)
    with pytest.raises(BatchNotFound):
        service.cancel(other_workspace, batch)
    assert service.page(other_workspace, Paging()).items == []
    theirs = service.receive(other_workspace, [file("red.png", RED)], idempotency_key="march")
    assert theirs.view.batch.id != batch
    assert theirs.outcomes[0].hand_in.status is HandInStatus.ACCEPTED
    assert {job.status for job in engine.made.values()} == {JobStatus.PENDING}


def test_batches_are_listed_the_newest_first(service: BatchService, workspace: WorkspaceId) -> None:
    ids = [service.receive(workspace, [file("red.png", RED)]).view.batch.id for _ in range(3)]
    page = service.page(workspace, Paging(limit=2))
    rest = service.page(workspace, Paging(limit=2, after=page.next_after))
    assert [view.batch.id for view in (*page.items, *rest.items)] == ids[::-1]
    assert {view.status for view in page.items} == {BatchStatus.RUNNING}


def test_a_cancelled_batch_cancels_what_is_not_finished(
    service: BatchService, engine: PlayedEngine, workspace: WorkspaceId
) -> None:
    batch = service.receive(workspace, [file("red.png", RED), file("green.png", GREEN)]).view.batch.id
    first, second = engine.made
    engine.moves(first, JobStatus.COMPLETED)
    assert service.cancel(workspace, batch).view.status is BatchStatus.CANCELLED
    assert (engine.made[first].status, engine.made[second].status) == (JobStatus.COMPLETED, JobStatus.CANCELLED)
    assert service.cancel(workspace, batch).view.status is BatchStatus.CANCELLED


def test_what_is_finished_is_not_cancelled(service: BatchService, engine: PlayedEngine, workspace: WorkspaceId) -> None:
    batch = service.receive(workspace, [file("red.png", RED)]).view.batch.id
    finish(engine)
    with pytest.raises(BatchOver):
        service.cancel(workspace, batch)


def test_files_that_come_after_the_cancelling_are_refused(
    service: BatchService, engine: PlayedEngine, workspace: WorkspaceId
) -> None:
    def cancel(hand_in: HandIn) -> None:
        if hand_in.position == 0:
            (view,) = service.page(workspace, Paging()).items
            assert view.status is BatchStatus.OPEN
            service.cancel(workspace, view.batch.id)

    sent = [file("red.png", RED), file("green.png", GREEN), file("blue.png", BLUE)]
    detail = service.receive(workspace, sent, on_hand_in=cancel)
    assert [code for _, _, code in shown(detail)] == [None, BatchCancelled.code, BatchCancelled.code]
    assert detail.view.status is BatchStatus.CANCELLED
    assert [job.status for job in engine.made.values()] == [JobStatus.CANCELLED]


def test_the_same_request_with_the_same_key_is_the_same_batch(
    service: BatchService, engine: PlayedEngine, workspace: WorkspaceId
) -> None:
    sent = [file("a.zip", pack(Entry("red.png", RED), Entry("bad", b"bad"))), file("green.png", GREEN)]
    first = service.receive(workspace, sent, idempotency_key="march")
    second = service.receive(workspace, sent, idempotency_key="march")
    assert first.outcomes == second.outcomes
    assert len(engine.made) == 2
    assert len(service.documents.page(workspace, Paging()).items) == 2
    for other in ([file("b.zip", RED)], [sent[1], sent[0]], [sent[0], file("green.png", BLUE)]):
        with pytest.raises(BatchKeyReused):
            service.receive(workspace, other, idempotency_key="march")
    with pytest.raises(BatchKeyReused):
        service.receive(workspace, sent, idempotency_key="march", notion_database_id=NOTION)


def test_the_same_request_at_the_same_moment_is_one_batch(
    service: BatchService, engine: PlayedEngine, workspace: WorkspaceId
) -> None:
    together = Barrier(4)
    sent = [file("red.png", RED), file("bad", b"bad"), file("green.png", GREEN)]

    def receive(_: int) -> BatchDetail:
        together.wait()
        return service.receive(workspace, sent, idempotency_key="march")

    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(receive, range(4)))
    assert len({detail.view.batch.id for detail in found}) == 1
    (view,) = service.page(workspace, Paging()).items
    assert (view.batch.total, view.batch.refused, len(engine.made)) == (3, 1, 2)
    assert len(service.documents.page(workspace, Paging()).items) == 2


def test_a_full_disk_is_no_fault_of_the_file_and_the_repetition_goes_on(
    service: BatchService, engine: PlayedEngine, workspace: WorkspaceId
) -> None:
    sent = [file("red.png", RED), file("bad", b"bad"), file("green.png", GREEN), file("blue.png", BLUE)]

    def fill(hand_in: HandIn) -> None:
        engine.error = StorageFull("No space left on device") if hand_in.position == 1 else None

    with pytest.raises(StorageFull):
        service.receive(workspace, sent, idempotency_key="march", on_hand_in=fill)
    (view,) = service.page(workspace, Paging()).items
    assert (view.status, view.batch.total, len(engine.made)) == (BatchStatus.OPEN, 2, 1)
    engine.error = None
    detail = service.receive(workspace, sent, idempotency_key="march")
    assert [status for _, status, _ in shown(detail)] == ["accepted", "refused", "accepted", "accepted"]
    assert len(engine.made) == 3


def test_a_process_that_dies_in_the_middle_loses_nothing_that_it_accepted(
    service: BatchService, database: Database, workspace: WorkspaceId, tmp_path: Path
) -> None:
    for name, content in (("1.png", RED), ("2.png", GREEN), ("3.png", BLUE)):
        (tmp_path / name).write_bytes(content)
    script = "import sys; from tests.support.batches import receive_and_die; receive_and_die(*sys.argv[1:])"
    url = database.engine.url.render_as_string(hide_password=False)
    arguments = [sys.executable, "-c", script, url, str(tmp_path), str(workspace), "march"]
    assert subprocess.run(arguments, cwd=ROOT, check=False).returncode == -signal.SIGKILL

    (view,) = service.page(workspace, Paging()).items
    assert shown(service.get(workspace, view.batch.id)) == [("1.png", "accepted", None)]
    assert len(service.documents.page(workspace, Paging()).items) == 1
    detail = service.receive(workspace, files_in(tmp_path), idempotency_key="march")
    assert detail.view.batch.id == view.batch.id
    assert [name for name, *_ in shown(detail)] == ["1.png", "2.png", "3.png"]
    assert len(service.documents.page(workspace, Paging()).items) == 3


def test_a_batch_that_was_never_sealed_is_open_for_an_hour_and_then_known_as_broken_off(
    workspace: WorkspaceId, clock: FixedClock
) -> None:
    now = clock.now()
    batch = Batch(id=BatchId(new_id()), workspace=workspace, description="", created_at=now, touched_at=now, total=2)
    soon = BatchView(batch=batch, jobs={JobStatus.COMPLETED: 2}, now=now + QUIET)
    late = BatchView(batch=batch, jobs={JobStatus.PENDING: 2}, now=now + QUIET + timedelta(seconds=1))
    done = replace(late, jobs={JobStatus.COMPLETED: 2})
    assert [(view.status, view.broken_off) for view in (soon, late, done)] == [
        (BatchStatus.OPEN, False),
        (BatchStatus.RUNNING, True),
        (BatchStatus.COMPLETED, True),
    ]
    sealed = replace(late, batch=replace(batch, sealed_at=now))
    assert (sealed.status, sealed.broken_off) == (BatchStatus.RUNNING, False)


def test_a_file_that_cannot_be_opened_is_refused(service: BatchService, workspace: WorkspaceId) -> None:
    def closed() -> AbstractContextManager[BinaryIO]:
        raise NotFound("It is gone.")

    detail = service.receive(workspace, [FileToHandIn(name="gone.png", open=closed), file("red.png", RED)])
    assert shown(detail) == [("gone.png", "refused", "not_found"), ("red.png", "accepted", None)]


class Counting(BytesIO):
    """Content that knows how much of it is open."""

    most: list[int]
    now: list[int]

    def __enter__(self) -> "Counting":
        self.now[0] += 1
        self.most[0] = max(self.most[0], self.now[0])
        return self

    def __exit__(self, *_: object) -> None:
        self.now[0] -= 1


def test_no_more_than_one_file_is_open_at_once(service: BatchService, workspace: WorkspaceId) -> None:
    most, now = [0], [0]

    def opened() -> Counting:
        content = Counting(RED)
        content.most, content.now = most, now
        return content

    sent: Sequence[FileToHandIn] = [FileToHandIn(name="red.png", open=opened) for _ in range(5)]
    service.receive(workspace, sent, idempotency_key="march")
    assert (most, now) == ([1], [0])
