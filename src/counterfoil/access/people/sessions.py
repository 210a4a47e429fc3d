"""Sessions: opened by a log-in, shown by a proof, ended by whoever has them."""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from counterfoil.access.people.domain import Browser, Opened, Session, SessionId, UserId, Visit
from counterfoil.access.people.errors import SessionNotFound, SessionOver
from counterfoil.access.people.proofs import digest_of, new_proof
from counterfoil.access.people.protocols import DeviceStore, SessionStore
from counterfoil.foundation.database import Database, DatabaseUnavailable, Transaction
from counterfoil.foundation.ids import IdSource

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sessions:
    """Knows who is there by a session."""

    database: Database
    store: SessionStore
    devices: DeviceStore
    new_id: IdSource

    def visit(self, proof: str) -> Visit:
        """Return whose session this is.

        Raises:
            SessionOver: it has ended, its user is disabled, or there never was one.
        """
        with self.database.reading() as tx:
            found, now = self.store.visit(tx, digest_of(proof)), tx.now()
        if found is None or found.session.is_over(now):
            raise SessionOver
        if found.session.is_stale(now):
            self._note(found.session)
        return found

    def open(self, tx: Transaction, user: UserId, browser: Browser) -> Opened:
        """Begin a session of a user in the caller's transaction; never one that a proof is known of before."""
        now, proof = tx.now(), new_proof()
        session = Session(
            id=SessionId(self.new_id()), user=user, device=browser.name[:200], created_at=now, last_seen_at=now
        )
        self.store.end_over(tx, user, now)
        self.store.add(tx, session, digest_of(proof))
        visit = self.store.visit(tx, digest_of(proof))
        if visit is None:  # disabled meanwhile
            raise SessionOver
        return Opened(visit=visit, proof=proof, device_proof=self._device(tx, user, browser))

    def knows(self, tx: Transaction, user: UserId, browser: Browser) -> bool:
        """Tell whether this user has logged in with this browser."""
        return browser.device_proof is not None and self.devices.knows(tx, user, digest_of(browser.device_proof))

    def of(self, user: UserId) -> Sequence[Session]:
        """Return a user's sessions that are not over, newest first."""
        with self.database.reading() as tx:
            now = tx.now()
            return [session for session in self.store.of(tx, user) if not session.is_over(now)]

    def end(self, user: UserId, session: SessionId) -> None:
        """End one of a user's sessions.

        Raises:
            SessionNotFound: they have none of this id.
        """
        with self.database.transaction() as tx:
            if not self.store.end(tx, user, session):
                raise SessionNotFound(session)

    def end_by(self, proof: str) -> None:
        """End the session that this proves, if there is one."""
        with self.database.transaction() as tx:
            self.store.end_by(tx, digest_of(proof))

    def _device(self, tx: Transaction, user: UserId, browser: Browser) -> str:
        """Return what the browser shows from now on; what it has shown is kept only if it had it from us."""
        known = browser.device_proof if self.knows(tx, user, browser) else None
        proof = known or new_proof()
        self.devices.note(tx, user, digest_of(proof), tx.now())
        return proof

    def _note(self, session: Session) -> None:
        try:
            with self.database.transaction() as tx:
                self.store.seen(tx, session, tx.now())
        except DatabaseUnavailable:
            log.warning("session_use_not_noted", session_id=str(session.id))
