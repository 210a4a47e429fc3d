"""Log-in, and what changes a password: its owner's wish, a reset link, an accepted invitation."""

from dataclasses import dataclass

import structlog

from counterfoil.access.people.delays import Attempt, Delays, by_account, by_device, by_session
from counterfoil.access.people.domain import Browser, Opened, Ticket, TicketKind, User, UserId, Visit, email_of, name_of
from counterfoil.access.people.errors import LoginRefused, OldPasswordWrong, PasswordsBusy, TicketRefused
from counterfoil.access.people.passwords import Passwords
from counterfoil.access.people.proofs import digest_of
from counterfoil.access.people.protocols import MemberStore, UserStore
from counterfoil.access.people.sessions import Sessions
from counterfoil.access.people.tickets import Tickets
from counterfoil.foundation.database import Database, Transaction

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class LogIn:
    """Lets people in by their passwords. No transaction is open while a password is hashed, which is slow."""

    database: Database
    users: UserStore
    members: MemberStore
    tickets: Tickets
    sessions: Sessions
    passwords: Passwords
    delays: Delays

    def log_in(self, *, email: str, password: str, browser: Browser, before: str | None) -> Opened:
        """Begin a session; the one that was shown `before`, if any, ends.

        Raises:
            LoginRefused: there is no such user, they are disabled, or this is not their password.
            TooManyLogins: too many have failed.
        """
        email = email_of(email)
        user, kept, attempt = self._known(email, browser)
        if not self._is_right(kept, password, attempt) or user is None or kept is None:
            log.info("login_refused", user_id=str(user.id) if user else None)
            raise LoginRefused
        return self._entered(user, kept, self.passwords.renewed(kept, password), browser, before)

    def change_password(self, visit: Visit, *, old: str, new: str, browser: Browser) -> Opened:
        """Change a password, end all sessions of its owner, and begin a new one.

        Raises:
            OldPasswordWrong: who asks does not know the old one.
            TooManyLogins: they have not known it too often.
            InvalidInput: the new one cannot be taken.
        """
        user = visit.user
        with self.database.reading() as tx:
            kept = self.users.password(tx, user.id)
        if not self._is_right(kept, old, by_session(visit.session.id)):
            log.info("old_password_refused", user_id=str(user.id))
            raise OldPasswordWrong
        fresh = self._taken(user, new)
        with self.database.transaction() as tx:
            if self.users.password(tx, user.id) != kept:
                raise OldPasswordWrong
            self._set(tx, user.id, fresh)
            opened = self.sessions.open(tx, user.id, browser)
        log.info("password_changed", user_id=str(user.id))
        return opened

    def reset(self, proof: str, *, password: str) -> None:
        """Set a new password by a link, and end all sessions of its owner.

        Raises:
            TicketRefused: the link works no longer.
            InvalidInput: the password cannot be taken.
        """
        user = self._ticket_holder(TicketKind.PASSWORD_RESET, proof)
        fresh = self._taken(user, password)
        with self.database.transaction() as tx:
            self.tickets.use(tx, TicketKind.PASSWORD_RESET, proof)
            self._set(tx, user.id, fresh)
        log.info("password_reset", user_id=str(user.id))

    def accept(self, proof: str, *, name: str, password: str, browser: Browser) -> Opened:
        """Accept an invitation: with a new password, or with their own if they have one already.

        Whoever made the link has seen it, too; so it never replaces a password that there is. Nor may a reset link that
        somebody made elsewhere open what they belong to from now on.

        Raises:
            TicketRefused: the link works no longer.
            LoginRefused: they have a password, and this is not it.
            TooManyLogins: it was not too often.
            InvalidInput: their name or new password cannot be taken.
        """
        user = self._ticket_holder(TicketKind.INVITATION, proof)
        name = name_of(name or user.name)
        with self.database.reading() as tx:
            kept, attempt = self.users.password(tx, user.id), self._attempt(tx, user.email, user, browser)
        if kept is not None and not self._is_right(kept, password, attempt):
            log.info("invitation_refused", user_id=str(user.id))
            raise LoginRefused
        fresh = kept or self._taken(user, password, name)
        with self.database.transaction() as tx:
            ticket = self.tickets.use(tx, TicketKind.INVITATION, proof)
            if self.users.password(tx, user.id) != kept:
                raise LoginRefused
            if kept is None:
                self.users.set_password(tx, user.id, fresh, tx.now())
                self.users.rename(tx, user.id, name)
            self._join(tx, ticket, user)
            self.tickets.store.withdraw(tx, user.id, TicketKind.PASSWORD_RESET)
            opened = self.sessions.open(tx, user.id, browser)
        log.info("invitation_accepted", user_id=str(user.id))
        return opened

    def _known(self, email: str, browser: Browser) -> tuple[User | None, str | None, Attempt]:
        """Return who may log in with this email, the hash of their password, and what the attempt is counted under."""
        with self.database.reading() as tx:
            user = self.users.by_email(tx, email)
            attempt = self._attempt(tx, email, user, browser)
            if user is None or user.disabled_at:
                return None, None, attempt
            return user, self.users.password(tx, user.id), attempt

    def _attempt(self, tx: Transaction, email: str, user: User | None, browser: Browser) -> Attempt:
        if user and browser.device_proof and self.sessions.knows(tx, user.id, browser):
            return by_device(digest_of(browser.device_proof))
        return by_account(email, browser.address)

    def _is_right(self, kept: str | None, password: str, attempt: Attempt) -> bool:
        """Tell whether this is the password, if it is the attempt's turn."""
        self.delays.admit(attempt)
        try:
            right = self.passwords.verify(kept, password)
        except PasswordsBusy:
            self.delays.take_back(attempt)
            raise
        if right:
            self.delays.forgive(attempt)
        return right

    def _entered(self, user: User, kept: str, renewed: str, browser: Browser, before: str | None) -> Opened:
        with self.database.transaction() as tx:
            if self.users.password(tx, user.id) != kept:  # changed while we looked
                raise LoginRefused
            if renewed != kept:
                self.users.set_password(tx, user.id, renewed, tx.now())
            if before:
                self.sessions.store.end_by(tx, digest_of(before))
            opened = self.sessions.open(tx, user.id, browser)
        log.info("logged_in", user_id=str(user.id), session_id=str(opened.visit.session.id))
        return opened

    def _ticket_holder(self, kind: TicketKind, proof: str) -> User:
        with self.database.reading() as tx:
            ticket = self.tickets.look_at(tx, kind, proof)
            user = self.users.get(tx, ticket.user) if ticket.user else None
        if user is None or user.disabled_at:
            raise TicketRefused
        return user

    def _taken(self, user: User, password: str, name: str = "") -> str:
        """Return the hash of a new password, if it can be taken."""
        self.passwords.check(password, [user.email, name or user.name])
        return self.passwords.hash(password)

    def _set(self, tx: Transaction, user: UserId, fresh: str) -> None:
        """Set a password; whoever came in by the old one, or has a link to replace it, is out."""
        self.users.set_password(tx, user, fresh, tx.now())
        self.tickets.store.withdraw(tx, user, TicketKind.PASSWORD_RESET)
        self.sessions.store.end_all(tx, user)

    def _join(self, tx: Transaction, ticket: Ticket, user: User) -> None:
        if not (ticket.invites_to and self.members.accept(tx, ticket.invites_to, user.id, tx.now())):
            raise TicketRefused
