"""One-time links: the first start, invitations, and new passwords."""

from dataclasses import dataclass
from typing import Final

from counterfoil.access.domain import WorkspaceId
from counterfoil.access.people.domain import Link, Ticket, TicketKind, UserId
from counterfoil.access.people.errors import TicketRefused
from counterfoil.access.people.proofs import digest_of, new_proof
from counterfoil.access.people.protocols import TicketStore
from counterfoil.foundation.database import Transaction
from counterfoil.foundation.ids import IdSource

_PAGES: Final = {
    TicketKind.FIRST_START: "start",
    TicketKind.INVITATION: "invitation",
    TicketKind.PASSWORD_RESET: "reset",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tickets:
    """Makes tickets and takes them back, in the caller's transaction."""

    store: TicketStore
    new_id: IdSource
    public_url: str

    def make(
        self,
        tx: Transaction,
        kind: TicketKind,
        user: UserId | None = None,
        invites_to: WorkspaceId | None = None,
    ) -> Link:
        """Make a link that works once; older ones for the same end stop working."""
        proof, now = new_proof(), tx.now()
        ticket = Ticket(
            id=self.new_id(),
            kind=kind,
            user=user,
            invites_to=invites_to,
            created_at=now,
            expires_at=now + kind.lifetime,
        )
        self.store.add(tx, ticket, digest_of(proof))
        return Link(url=f"{self.public_url.rstrip('/')}/{_PAGES[kind]}#{proof}", expires_at=ticket.expires_at)

    def look_at(self, tx: Transaction, kind: TicketKind, proof: str) -> Ticket:
        """Return a ticket that could be used, so that no work is done for whoever has none.

        Raises:
            TicketRefused: it could not.
        """
        return _there(self.store.find(tx, kind, digest_of(proof), tx.now()))

    def use(self, tx: Transaction, kind: TicketKind, proof: str) -> Ticket:
        """Use a ticket up.

        Raises:
            TicketRefused: it is unknown, used or expired, or somebody else was quicker.
        """
        return _there(self.store.use(tx, kind, digest_of(proof), tx.now()))


def _there(ticket: Ticket | None) -> Ticket:
    if ticket is None:
        raise TicketRefused
    return ticket
