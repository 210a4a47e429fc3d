"""Documents are joined with everything that belongs to it, or not at all."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from threading import Barrier

import pytest

from counterfoil.access.domain import WorkspaceId
from counterfoil.documents.domain import (
    MAX_PARTS,
    Document,
    DocumentEmpty,
    DocumentId,
    DocumentJoined,
    DocumentNotFound,
    DocumentTooLarge,
    InvalidParts,
    MediaType,
    PartAccepted,
)
from counterfoil.documents.joining import JoinService
from counterfoil.foundation.database import Database
from counterfoil.foundation.errors import Conflict
from counterfoil.foundation.paging import Paging
from tests.support import files
from tests.support.batches import file
from tests.support.clock import FixedClock
from tests.support.documents import NOTION, TARGET, NotedParts, NotedSteps, document_service, join_service

FRONT, BACK = files.picture("PNG", colour="red"), files.picture("PNG", colour="blue")


@pytest.fixture
def steps() -> NotedSteps:
    return NotedSteps()


@pytest.fixture
def aside() -> NotedParts:
    return NotedParts()


@pytest.fixture
def service(database: Database, tmp_path: Path, clock: FixedClock, steps: NotedSteps, aside: NotedParts) -> JoinService:
    return join_service(document_service(database, tmp_path / "data", clock, steps), aside)


def handed_in(
    service: JoinService, workspace: WorkspaceId, *contents: bytes, notion: str | None = None
) -> list[Document]:
    return [
        service.documents.receive(workspace, f"page {number}.png", BytesIO(content), notion_database_id=notion).document
        for number, content in enumerate(contents, 1)
    ]


def ids(parts: list[Document]) -> list[DocumentId]:
    return [part.id for part in parts]


def all_of(service: JoinService, workspace: WorkspaceId) -> list[Document]:
    return list(service.documents.page(workspace, Paging()).items)


def test_a_joined_document_is_received_like_any_other(
    service: JoinService, workspace: WorkspaceId, other_workspace: WorkspaceId, steps: NotedSteps, aside: NotedParts
) -> None:
    parts = handed_in(service, workspace, FRONT, BACK, notion=NOTION)
    joined = service.join(workspace, ids(parts)).document
    assert joined == service.documents.get(workspace, joined.id) == steps.read[-1]
    assert (joined.name, joined.media_type, joined.page_count) == ("page 1-joined.pdf", MediaType.PDF, 2)
    assert joined.target == TARGET
    assert service.documents.path(joined).stat().st_size == joined.size
    assert aside.aside == [(part.id, joined.id) for part in parts]
    assert [service.documents.get(workspace, part.id).joined_into for part in parts] == [joined.id] * 2
    assert service.parts(joined) == set(ids(parts))
    assert service.parts(replace(joined, workspace=other_workspace)) == set()


def test_the_same_pages_handed_in_anew_are_known_by_their_bytes(service: JoinService, workspace: WorkspaceId) -> None:
    first = service.join(workspace, ids(handed_in(service, workspace, FRONT, BACK)))
    second = service.join(workspace, ids(handed_in(service, workspace, FRONT, BACK)))
    assert second.document.sha256 == first.document.sha256
    assert (first.same_as, second.same_as) == (None, first.document.id)


def test_a_joined_document_may_be_a_part_of_the_next(service: JoinService, workspace: WorkspaceId) -> None:
    first, second, third = handed_in(service, workspace, FRONT, BACK, FRONT)
    joined = service.join(workspace, [first.id, second.id]).document
    whole = service.join(workspace, [joined.id, third.id]).document
    assert whole.page_count == 3
    assert service.parts(whole) == {first.id, second.id, joined.id, third.id}
    with pytest.raises(DocumentJoined):
        service.join(workspace, [first.id, third.id])


def test_a_neighbour_joins_nothing_of_it(
    service: JoinService, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    parts = handed_in(service, workspace, FRONT, BACK)
    own = handed_in(service, other_workspace, FRONT)
    with pytest.raises(DocumentNotFound):
        service.join(other_workspace, [own[0].id, parts[1].id])
    assert service.join(workspace, ids(parts), idempotency_key="march").same_as is None
    theirs = handed_in(service, other_workspace, FRONT, BACK)
    assert service.join(other_workspace, ids(theirs), idempotency_key="march").same_as is None


@pytest.mark.parametrize("fault", ["enqueue", "accepted"])
def test_what_fails_at_the_end_leaves_every_part_as_it_was(
    service: JoinService, workspace: WorkspaceId, steps: NotedSteps, aside: NotedParts, fault: str
) -> None:
    parts = handed_in(service, workspace, FRONT, BACK)
    if fault == "enqueue":
        steps.error = Conflict("No more jobs today.")
    else:
        aside.refused = parts[1].id
    with pytest.raises(Conflict if fault == "enqueue" else PartAccepted):
        service.join(workspace, ids(parts), idempotency_key="march")
    assert all_of(service, workspace) == parts[::-1]
    assert aside.aside == []
    steps.error = aside.refused = None
    assert service.join(workspace, ids(parts), idempotency_key="march").document.page_count == 2


def test_the_same_request_at_the_same_moment_joins_once(
    service: JoinService, workspace: WorkspaceId, steps: NotedSteps
) -> None:
    parts = handed_in(service, workspace, FRONT, BACK)
    together = Barrier(3)

    def join(_: int) -> DocumentId:
        together.wait()
        return service.join(workspace, ids(parts), idempotency_key="march").document.id

    with ThreadPoolExecutor(3) as threads:
        made = set(threads.map(join, range(3)))
    assert len(made) == 1
    assert len(all_of(service, workspace)) == len(steps.read) == 3


def test_of_joins_that_want_the_same_page_at_the_same_moment_one_has_it(
    service: JoinService, workspace: WorkspaceId
) -> None:
    first, second, third = handed_in(service, workspace, FRONT, BACK, BACK)
    together = Barrier(2)

    def join(wanted: list[DocumentId]) -> bool:
        together.wait()
        try:
            return bool(service.join(workspace, wanted))
        except DocumentJoined:
            return False

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(join, [[first.id, second.id], [third.id, first.id]])) == [False, True]


def test_more_pages_or_bytes_than_a_document_may_have_are_refused(service: JoinService, workspace: WorkspaceId) -> None:
    parts = handed_in(service, workspace, FRONT, BACK)
    small = replace(service, documents=replace(service.documents, max_bytes=500))
    with pytest.raises(DocumentTooLarge):
        small.join(workspace, ids(parts))
    with pytest.raises(InvalidParts):
        service.join(workspace, [first for first in ids(parts) for _ in range(MAX_PARTS)])
    assert all_of(service, workspace) == parts[::-1]


def test_files_are_handed_in_as_parts_with_nothing_to_read_but_the_whole(
    service: JoinService, workspace: WorkspaceId, steps: NotedSteps
) -> None:
    told: list[str] = []
    sent = [file("front.png", FRONT), file("back.png", BACK)]
    joined = service.receive(workspace, sent, on_part=lambda part: told.append(part.name)).document
    assert steps.read == [joined]
    assert told == ["front.png", "back.png"]
    assert service.parts(joined) == {one.id for one in all_of(service, workspace) if one.joined_into == joined.id}
    again = service.receive(workspace, sent, name="again.pdf")
    assert (again.same_as, again.document.name) == (joined.id, "again.pdf")


def test_files_of_which_one_is_bad_are_not_handed_in(
    service: JoinService, workspace: WorkspaceId, steps: NotedSteps
) -> None:
    with pytest.raises(DocumentEmpty):
        service.receive(workspace, [file("front.png", FRONT), file("back.png", b"")])
    with pytest.raises(InvalidParts):
        service.receive(workspace, [file("front.png", FRONT)])
    assert (all_of(service, workspace), steps.read) == ([], [])
