"""Routes to hand many documents in together, and to follow and cancel them."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Annotated, BinaryIO
from uuid import UUID

from fastapi import APIRouter, Depends, File, Form, Header, Path, Request, UploadFile

from counterfoil.access.api import may
from counterfoil.access.domain import Permission, WorkspaceId
from counterfoil.documents.batches import BatchService
from counterfoil.documents.domain import DocumentId
from counterfoil.documents.hand_ins import FileToHandIn
from counterfoil.documents.schemas import BatchChange, BatchDetailRead, BatchRead, BatchReceipt
from counterfoil.foundation.forms import SpooledForm
from counterfoil.foundation.paging import PageRead, PagingParameters, page_read
from counterfoil.foundation.problems import problems
from counterfoil.foundation.routing import provided
from counterfoil.jobs.domain import BatchId

BATCHES_PATH = "/batches"
_ONE_LINE = r"^[^\x00-\x1f\x7f]*$"

router = APIRouter(prefix=BATCHES_PATH, tags=["documents"], route_class=SpooledForm)

ToRead = Annotated[WorkspaceId, may(Permission.DOCUMENTS_READ)]
ToHandIn = Annotated[WorkspaceId, may(Permission.DOCUMENTS_WRITE)]
Batches = Annotated[BatchService, Depends(provided(BatchService))]
BatchKey = Annotated[UUID, Path(description="The batch's id.", examples=["01950000-0000-7000-8000-000000000001"])]


@router.post("", status_code=202, responses=problems(400, 404, 409, 413, 422))
def hand_in_batch(
    batches: Batches,
    workspace: ToHandIn,
    files: Annotated[
        list[UploadFile], File(default_factory=list, description="Pictures, PDFs, and ZIP archives of them.")
    ],
    document_ids: Annotated[
        list[UUID],
        Form(
            default_factory=list,
            description="Documents that were handed in before and are to be read again.",
            examples=[[]],
        ),
    ],
    description: Annotated[
        str, Form(description="What it is, for people.", max_length=200, pattern=_ONE_LINE, examples=["March"])
    ] = "",
    notion_database_id: Annotated[
        str | None,
        Form(
            description="The Notion database that the records are to go to: its id or its link.",
            max_length=2000,
            pattern=r"^[\x20-\x7e]*$",
            examples=["0123456789abcdef0123456789abcdef"],
        ),
    ] = None,
    target_id: Annotated[
        UUID | None,
        Form(
            description="The target that the records are to go to.", examples=["01950000-0000-7000-8000-000000000001"]
        ),
    ] = None,
    idempotency_key: Annotated[
        str | None,
        Header(
            description="A word of your own: the same request with the same word goes on with the same batch.",
            pattern=r"^[\x21-\x7e]{1,256}$",
            examples=["2026-03-till"],
        ),
    ] = None,
) -> BatchReceipt:
    """Hand in many files at once. What is accepted is safe on disk and will be read; one bad file spoils no other."""
    detail = batches.receive(
        workspace,
        [FileToHandIn(name=file.filename or "", open=partial(_from_its_beginning, file)) for file in files],
        document_ids=[DocumentId(document_id) for document_id in document_ids],
        description=description,
        target_id=target_id,
        notion_database_id=notion_database_id,
        idempotency_key=idempotency_key,
    )
    return BatchReceipt.of(detail)


@contextmanager
def _from_its_beginning(file: UploadFile) -> Iterator[BinaryIO]:
    """Give a file's bytes without closing it, since it may be wanted again."""
    file.file.seek(0)
    yield file.file


@router.get("", responses=problems(422))
def list_batches(
    batches: Batches, workspace: ToRead, paging: PagingParameters, request: Request
) -> PageRead[BatchRead]:
    """List the batches, the newest first."""
    return page_read(batches.page(workspace, paging), request, BatchRead.of)


@router.get("/{batch_id}", responses=problems(404, 422))
def get_batch(batches: Batches, workspace: ToRead, batch_id: BatchKey) -> BatchDetailRead:
    """Return a batch: how far it is, and what became of each file."""
    return BatchDetailRead.of_detail(batches.get(workspace, BatchId(batch_id)))


@router.patch("/{batch_id}", responses=problems(404, 409, 422))
def change_batch(
    batches: Batches,
    workspace: ToHandIn,
    batch_id: BatchKey,
    change: BatchChange,  # noqa: ARG001 - it can say one thing only
) -> BatchDetailRead:
    """Cancel what is not read yet. What is being read is asked to stop; what has been read stays."""
    return BatchDetailRead.of_detail(batches.cancel(workspace, BatchId(batch_id)))
