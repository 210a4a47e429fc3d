"""What the reviews' service needs from outside: rows."""

from typing import Protocol

from counterfoil.access.domain import WorkspaceId
from counterfoil.documents.domain import DocumentId
from counterfoil.foundation.database import Transaction
from counterfoil.foundation.paging import Page, Paging
from counterfoil.reviews.domain import Review, ReviewId, ReviewStatus


class ReviewStore(Protocol):
    """Keeps reviews. Whoever changes one holds its record first, so that nobody else can."""

    def add(self, tx: Transaction, review: Review) -> None: ...

    def save(self, tx: Transaction, review: Review) -> None: ...

    def find(self, tx: Transaction, workspace: WorkspaceId, review_id: ReviewId) -> Review | None: ...

    def latest(self, tx: Transaction, workspace: WorkspaceId, document_id: DocumentId) -> Review | None:
        """Return the document's open review, or else the one that was opened last."""
        ...

    def page(
        self, tx: Transaction, workspace: WorkspaceId, paging: Paging, status: ReviewStatus | None
    ) -> Page[Review]:
        """Return a part of the workspace's reviews, the most urgent first.

        Raises:
            InvalidCursor: the page is to begin after a review that is not there.
        """
        ...
