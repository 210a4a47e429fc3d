"""The table of documents, on both databases."""

from uuid import UUID

import pytest

from counterfoil.access.domain import WorkspaceId
from counterfoil.documents.domain import Document, DocumentId, MediaType, Sha256
from counterfoil.documents.infrastructure.sql import SqlDocumentStore
from counterfoil.foundation.database import Database
from counterfoil.foundation.ids import new_id
from counterfoil.foundation.paging import Paging
from tests.support.clock import FixedClock

STORE = SqlDocumentStore()


@pytest.fixture
def documents(
    database: Database, workspace: WorkspaceId, other_workspace: WorkspaceId, clock: FixedClock
) -> dict[str, Document]:
    """Two documents with the same bytes and one of its own in a workspace, and the same bytes at the neighbour's."""
    plan = [("first", "a", workspace), ("neighbours", "a", other_workspace), ("other", "b", workspace)]
    documents = {}
    with database.transaction() as tx:
        for name, sign, owner in [*plan, ("second", "a", workspace)]:
            documents[name] = Document(
                id=DocumentId(new_id()),
                workspace=owner,
                name=f"{name} קבלה.pdf",
                media_type=MediaType.PDF,
                sha256=Sha256(sign * 64),
                size=5_000_000_000,
                page_count=2,
                received_at=clock.now(),
            )
            STORE.add(tx, owner, documents[name])
    return documents


def test_a_document_comes_back_as_it_was(
    database: Database, workspace: WorkspaceId, documents: dict[str, Document]
) -> None:
    with database.reading() as tx:
        assert STORE.find(tx, workspace, documents["first"].id) == documents["first"]
        assert STORE.find(tx, workspace, DocumentId(UUID(int=0))) is None


def test_a_neighbours_document_is_not_there(
    database: Database, workspace: WorkspaceId, other_workspace: WorkspaceId, documents: dict[str, Document]
) -> None:
    with database.reading() as tx:
        assert STORE.find(tx, workspace, documents["neighbours"].id) is None
        assert STORE.page(tx, other_workspace, Paging()).items == [documents["neighbours"]]
        assert STORE.first_with(tx, other_workspace, Sha256("b" * 64)) is None


def test_the_first_document_with_some_bytes_is_found(
    database: Database, workspace: WorkspaceId, documents: dict[str, Document]
) -> None:
    with database.reading() as tx:
        assert STORE.first_with(tx, workspace, Sha256("a" * 64)) == documents["first"]
        assert STORE.first_with(tx, workspace, Sha256("c" * 64)) is None


def test_lists_run_from_the_newest_page_by_page(
    database: Database, workspace: WorkspaceId, documents: dict[str, Document]
) -> None:
    with database.reading() as tx:
        page = STORE.page(tx, workspace, Paging(limit=2))
        rest = STORE.page(tx, workspace, Paging(limit=2, after=page.next_after))
        same = STORE.page(tx, workspace, Paging(), Sha256("a" * 64))
    assert page.items == [documents["second"], documents["other"]]
    assert (rest.items, rest.next_after) == ([documents["first"]], None)
    assert same.items == [documents["second"], documents["first"]]
