"""Routes to hand documents in and to look at them."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, File, Form, Header, Path, Query, Request, Response, UploadFile
from fastapi.responses import FileResponse

from counterfoil.access.api import may
from counterfoil.access.domain import Permission, WorkspaceId
from counterfoil.documents.domain import DocumentId, Sha256
from counterfoil.documents.joining import JoinService
from counterfoil.documents.schemas import DocumentRead, JoinCreate, ReprocessRead, UploadRead
from counterfoil.documents.service import DocumentService
from counterfoil.foundation.paging import PageRead, PagingParameters, page_read
from counterfoil.foundation.problems import problems
from counterfoil.foundation.routing import provided

UPLOAD_PATH = "/receipts/upload"
# What a stranger made is saved, never shown: no browser is to find a page or a script in it.
_UNTRUSTED = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cache-Control": "private, no-cache",
}
_FOREVER = "private, max-age=31536000, immutable"

router = APIRouter(tags=["documents"])

ToRead = Annotated[WorkspaceId, may(Permission.DOCUMENTS_READ)]
ToHandIn = Annotated[WorkspaceId, may(Permission.DOCUMENTS_WRITE)]
Documents = Annotated[DocumentService, Depends(provided(DocumentService))]
Joins = Annotated[JoinService, Depends(provided(JoinService))]
DocumentKey = Annotated[UUID, Path(description="The document's id.", examples=["01950000-0000-7000-8000-000000000001"])]


@router.post(UPLOAD_PATH, status_code=202, responses=problems(404, 413, 415, 422))
def upload_receipt(
    documents: Documents,
    workspace: ToHandIn,
    file: Annotated[UploadFile, File(description="A picture or a PDF of a receipt or an invoice.")],
    notion_database_id: Annotated[
        str | None,
        Form(
            description="The Notion database that the record is to go to: its id or its link.",
            max_length=2000,
            pattern=r"^[\x20-\x7e]*$",
            examples=["0123456789abcdef0123456789abcdef"],
        ),
    ] = None,
    target_id: Annotated[
        UUID | None,
        Form(description="The target that the record is to go to.", examples=["01950000-0000-7000-8000-000000000001"]),
    ] = None,
) -> UploadRead:
    """Hand in a receipt or an invoice. The answer means that it is safe on disk and will be read."""
    received = documents.receive(
        workspace,
        file.filename or "",
        file.file,
        target_id=target_id,
        notion_database_id=notion_database_id,
    )
    return UploadRead.of(received)


@router.get("/documents", responses=problems(422))
def list_documents(
    documents: Documents,
    workspace: ToRead,
    paging: PagingParameters,
    request: Request,
    sha256: Annotated[
        str | None, Query(description="Only documents with these bytes.", examples=[None], pattern="^[0-9a-f]{64}$")
    ] = None,
) -> PageRead[DocumentRead]:
    """List the documents, the newest first."""
    page = documents.page(workspace, paging, Sha256(sha256) if sha256 else None)
    return page_read(page, request, DocumentRead.of)


@router.get("/documents/{document_id}", responses=problems(404, 422))
def get_document(documents: Documents, workspace: ToRead, document_id: DocumentKey) -> DocumentRead:
    """Return one document."""
    return DocumentRead.of(documents.get(workspace, DocumentId(document_id)))


@router.get(
    "/documents/{document_id}/file",
    response_class=FileResponse,
    responses={200: {"description": "The bytes as they were handed in."}, **problems(404, 422)},
)
def get_file(documents: Documents, workspace: ToRead, document_id: DocumentKey) -> FileResponse:
    """Return the bytes of a document as they were handed in."""
    document = documents.get(workspace, DocumentId(document_id))
    return FileResponse(
        documents.path(document),
        media_type=document.media_type,
        filename=document.name,
        content_disposition_type="attachment",
        headers=_UNTRUSTED | {"ETag": f'"{document.sha256}"'},
    )


@router.get(
    "/documents/{document_id}/pages/{number}.png",
    response_class=FileResponse,
    responses={
        200: {"description": "The page, its longest side at most 2 000 pixels.", "content": {"image/png": {}}},
        304: {"description": "The picture that the caller has is the right one."},
        **problems(404, 422),
    },
)
def get_page(
    documents: Documents,
    workspace: ToRead,
    document_id: DocumentKey,
    number: Annotated[int, Path(description="Which page, counted from 1.", examples=[1])],
    if_none_match: Annotated[
        str | None, Header(description="The `ETag` of the picture that the caller has.", examples=[None])
    ] = None,
) -> Response:
    """Return the picture of a page, counted from 1."""
    document = documents.get(workspace, DocumentId(document_id))
    path = documents.picture(document, number)
    headers = {"ETag": f'"{path.stem}"', "Cache-Control": _FOREVER, "X-Content-Type-Options": "nosniff"}
    if if_none_match and headers["ETag"] in if_none_match:
        return Response(status_code=304, headers=headers)
    return FileResponse(path, media_type="image/png", headers=headers)


@router.post("/documents/join", status_code=202, responses=problems(404, 409, 413, 422))
def join_documents(
    joins: Joins,
    workspace: ToHandIn,
    body: JoinCreate,
    idempotency_key: Annotated[
        str | None,
        Header(
            description="A word of your own: the same request with the same word makes no second document.",
            pattern=r"^[\x21-\x7e]{1,256}$",
            examples=["hotel-march"],
        ),
    ] = None,
) -> UploadRead:
    """Join the pages of several documents into one, which is read instead of them. The same again joins nothing new."""
    parts = [DocumentId(part) for part in body.document_ids]
    return UploadRead.of(joins.join(workspace, parts, name=body.name, idempotency_key=idempotency_key))


@router.post("/documents/{document_id}/reprocess", status_code=202, responses=problems(404, 409, 422))
def reprocess_document(documents: Documents, workspace: ToHandIn, document_id: DocumentKey) -> ReprocessRead:
    """Read a document again."""
    return ReprocessRead.of(documents.reprocess(workspace, DocumentId(document_id)))
