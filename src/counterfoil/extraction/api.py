"""Looking at what was read from a document."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path

from counterfoil.access.api import may
from counterfoil.access.domain import Permission, WorkspaceId
from counterfoil.documents.domain import DocumentId
from counterfoil.documents.service import DocumentService
from counterfoil.extraction.schemas import ExtractionRead
from counterfoil.extraction.service import ExtractionService
from counterfoil.foundation.problems import problems
from counterfoil.foundation.routing import provided

router = APIRouter(prefix="/documents", tags=["documents"])

ToRead = Annotated[WorkspaceId, may(Permission.DOCUMENTS_READ)]


@router.get("/{document_id}/extraction", responses=problems(404, 422))
def get_extraction(
    document_id: Annotated[
        UUID, Path(description="The document's id.", examples=["01950000-0000-7000-8000-000000000001"])
    ],
    workspace: ToRead,
    documents: Annotated[DocumentService, Depends(provided(DocumentService))],
    extractions: Annotated[ExtractionService, Depends(provided(ExtractionService))],
) -> ExtractionRead:
    """Return the newest extraction of a document, with the words that it was read from."""
    document = documents.get(workspace, DocumentId(document_id))
    return ExtractionRead.of(*extractions.latest(workspace, document))
