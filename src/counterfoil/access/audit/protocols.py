"""What the audit log needs from outside."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from counterfoil.access.audit.domain import Entry, Head, Link
from counterfoil.access.audit.json_form import SignedHead
from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Transaction
from counterfoil.foundation.paging import Page, Paging


class AuditStore(Protocol):
    """Keeps entries, first as they come and then in their chain. It changes and removes none that is in its chain."""

    def add(self, tx: Transaction, entry: Entry) -> None:
        """Keep an entry until it is linked; nobody waits for anybody."""
        ...

    def waiting(self, tx: Transaction) -> Sequence[WorkspaceId]:
        """Return some workspaces with entries that are not linked yet."""
        ...

    def link(self, tx: Transaction, workspace: WorkspaceId, at_most: int) -> Link | None:
        """Move entries of a workspace into its chain, the oldest first, and return the last link, if there was any.

        Whoever else wants to at the same time waits until `tx` ends.
        """
        ...

    def page(self, tx: Transaction, workspace: WorkspaceId, paging: Paging) -> Page[Link]:
        """Return a part of a workspace's chain, the newest first."""
        ...

    def chain(self, tx: Transaction, workspace: WorkspaceId) -> Iterator[Link]:
        """Yield a workspace's chain from its beginning."""
        ...

    def workspaces(self, tx: Transaction) -> Sequence[WorkspaceId]:
        """Return the workspaces that have a chain."""
        ...


class HeadBook(Protocol):
    """Signs heads, and keeps the newest of each workspace outside of the database."""

    def sign(self, head: Head) -> str:
        """Return the signature over a head's statement, in base64."""
        ...

    def checked(self, signed: SignedHead) -> Head:
        """Return what a head says that we have signed.

        Raises:
            HeadNotOurs: we have not, or it was changed since.
        """
        ...

    def keep(self, head: Head) -> None: ...

    def kept(self, workspace: WorkspaceId) -> Head | None:
        """Return the newest that was kept.

        Raises:
            HeadUnreadable, HeadNotOurs: it was changed since.
        """
        ...
