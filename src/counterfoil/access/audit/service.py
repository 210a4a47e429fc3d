"""Writing down who did what, linking that into chains, and showing that these hold."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import structlog

from counterfoil.access.audit.domain import Break, Entry, Head, Json, Link, first_break
from counterfoil.access.audit.json_form import SignedHead
from counterfoil.access.audit.protocols import AuditStore, HeadBook
from counterfoil.access.domain import Principal, WorkspaceId
from counterfoil.access.service import Act
from counterfoil.foundation.database import Database, Transaction
from counterfoil.foundation.ids import IdSource
from counterfoil.foundation.paging import Page, Paging

MOST_AT_ONCE = 500

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLog:
    """What the rest of the house may say to the audit log and ask of it.

    An entry is kept at once, and linked into its workspace's chain a moment later by upkeep: so nobody who acts waits
    for the chain, which only one can lengthen at a time.
    """

    database: Database
    store: AuditStore
    heads: HeadBook
    new_id: IdSource

    def note(
        self,
        tx: Transaction,
        principal: Principal,
        action: str,
        *,
        subject: str | None = None,
        address: str | None = None,
        details: Json | None = None,
    ) -> None:
        """Write an act down together with what it does: both are there after the commit, or neither."""
        entry = Entry(
            id=self.new_id(),
            workspace=principal.workspace,
            at=tx.now(),
            actor=principal.actor,
            action=action,
            subject=subject,
            address=address,
            details=details or {},
        )
        self.store.add(tx, entry)

    def saw(self, principal: Principal, act: Act, *, refused: bool) -> None:
        """Write down what a request is about to do, before it does it."""
        details = {"refused": True} if refused else None
        with self.database.transaction(principal.workspace) as tx:
            self.note(tx, principal, act.name, subject=act.subject, address=act.address, details=details)

    def page(self, workspace: WorkspaceId, paging: Paging) -> Page[Link]:
        with self.database.reading(workspace) as tx:
            return self.store.page(tx, workspace, paging)

    def link(self) -> int:
        """Link what has come since, over all workspaces; return how many chains grew."""
        with self.database.reading() as tx:
            waiting = self.store.waiting(tx)
        return sum(self._lengthened(workspace) for workspace in waiting)

    def _lengthened(self, workspace: WorkspaceId) -> bool:
        with self.database.transaction(workspace) as tx:
            last = self.store.link(tx, workspace, MOST_AT_ONCE)
            now = tx.now()
        if last is None:
            return False
        self.heads.keep(Head(workspace=workspace, position=last.position, hash=last.hash, at=now))
        return True

    def head(self, workspace: WorkspaceId) -> SignedHead | None:
        """Return where a workspace's chain ends, signed, to be kept elsewhere; None of one that is empty."""
        with self.database.reading(workspace) as tx:
            newest = self.store.page(tx, workspace, Paging(limit=1)).items
            now = tx.now()
        if not newest:
            return None
        head = Head(workspace=workspace, position=newest[0].position, hash=newest[0].hash, at=now)
        return SignedHead.of(head, self.heads.sign(head))

    def workspaces(self) -> Sequence[WorkspaceId]:
        """Return the workspaces that have a chain."""
        with self.database.reading() as tx:
            return self.store.workspaces(tx)

    def verify(self, workspace: WorkspaceId, signed: SignedHead | None = None) -> Break | None:
        """Return where a workspace's chain was rewritten or shortened; None if it holds.

        It has to lead through the head that is given, and through the newest that was kept outside of the database.

        Raises:
            HeadNotOurs, HeadUnreadable: one of the heads was changed.
        """
        heads = (self.heads.kept(workspace), self.heads.checked(signed) if signed else None)
        known = [head for head in heads if head and head.workspace == workspace]
        with self.database.reading(workspace) as tx:
            return first_break(workspace, self.store.chain(tx, workspace), known)

    def export(self, workspace: WorkspaceId) -> Iterator[Link]:
        """Yield a workspace's chain from its beginning."""
        with self.database.reading(workspace) as tx:
            yield from self.store.chain(tx, workspace)
