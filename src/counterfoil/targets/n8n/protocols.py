"""What deliveries by n8n need from outside: n8n itself, and pictures of pages."""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from counterfoil.access.domain import WorkspaceId
from counterfoil.documents.domain import Document


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOrder:
    """What a run is given: a picture (JPEG), and where its page and its answer go."""

    job: UUID
    picture: bytes
    file_name: str
    database_id: str
    callback_url: str


class WorkflowRunner(Protocol):
    """Starts runs of the workflow."""

    def start(self, workspace: WorkspaceId, order: RunOrder) -> str | None:
        """Start a run and return what n8n calls it, if it says so.

        What it raises says whether a run may have started, as that of a `TargetAdapter` does of a write.
        """
        ...


class Pictures(Protocol):
    """Draws documents."""

    def jpeg(self, document: Document) -> bytes:
        """Return a document's pages as one picture.

        Raises:
            NothingToShow: it has none.
        """
        ...
