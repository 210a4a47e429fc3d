"""Users, memberships, sessions and tickets in SQL, on SQLite and PostgreSQL with the same statements."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, delete, exists, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Row as ResultRow

from counterfoil.access.domain import Role, WorkspaceId
from counterfoil.access.infrastructure.people_tables import (
    MembershipRow,
    PasswordRow,
    SessionRow,
    TicketRow,
    UserRow,
)
from counterfoil.access.infrastructure.sql import WorkspaceRow
from counterfoil.access.people.domain import (
    SEEN_EVERY,
    SESSION_AT_MOST,
    UNUSED_AT_MOST,
    Belonging,
    Member,
    Membership,
    MembershipId,
    Session,
    SessionId,
    Ticket,
    TicketKind,
    User,
    UserId,
    Visit,
)
from counterfoil.foundation.database import Transaction
from counterfoil.foundation.paging import Page, Paging

_USER: Sequence[Any] = (UserRow.id, UserRow.email, UserRow.name, UserRow.created_at, UserRow.disabled_at)
_MEMBERSHIP: Sequence[Any] = (
    MembershipRow.id.label("membership_id"),
    MembershipRow.workspace_id,
    MembershipRow.role,
    MembershipRow.created_at.label("invited_at"),
    MembershipRow.accepted_at,
)


class SqlUserStore:
    """Keeps users in SQL."""

    def any(self, tx: Transaction) -> bool:
        return bool(tx.execute(select(exists().select_from(UserRow))).scalar())

    def add(self, tx: Transaction, user: User) -> User:
        row = {
            "id": user.id,
            "email": user.email,
            "name": user.name,
            "created_at": user.created_at,
            "disabled_at": user.disabled_at,
        }
        tx.execute(_insert(tx, UserRow).values(row).on_conflict_do_nothing())
        return _user_of(tx.execute(select(*_USER).where(UserRow.email == user.email)).one())

    def get(self, tx: Transaction, user: UserId) -> User | None:
        row = tx.execute(select(*_USER).where(UserRow.id == user)).one_or_none()
        return _user_of(row) if row else None

    def by_email(self, tx: Transaction, email: str) -> User | None:
        row = tx.execute(select(*_USER).where(UserRow.email == email)).one_or_none()
        return _user_of(row) if row else None

    def all(self, tx: Transaction) -> Sequence[User]:
        return [_user_of(row) for row in tx.execute(select(*_USER).order_by(UserRow.id.desc()))]

    def rename(self, tx: Transaction, user: UserId, name: str) -> None:
        tx.execute(update(UserRow).where(UserRow.id == user).values(name=name))

    def disable(self, tx: Transaction, user: UserId, at: datetime | None) -> None:
        tx.execute(update(UserRow).where(UserRow.id == user).values(disabled_at=at))

    def password(self, tx: Transaction, user: UserId) -> str | None:
        return tx.execute(select(PasswordRow.kept).where(PasswordRow.user_id == user)).scalar_one_or_none()

    def set_password(self, tx: Transaction, user: UserId, kept: str, now: datetime) -> None:
        made = _insert(tx, PasswordRow).values(user_id=user, kept=kept, changed_at=now)
        tx.execute(made.on_conflict_do_update(index_elements=["user_id"], set_={"kept": kept, "changed_at": now}))


class SqlMemberStore:
    """Keeps memberships in SQL."""

    def add(self, tx: Transaction, membership: Membership) -> Membership:
        row = {
            "id": membership.id,
            "workspace_id": membership.workspace,
            "user_id": membership.user,
            "role": membership.role.value,
            "created_at": membership.created_at,
            "accepted_at": membership.accepted_at,
        }
        tx.execute(_insert(tx, MembershipRow).values(row).on_conflict_do_nothing())
        there = _members(membership.workspace).where(MembershipRow.user_id == membership.user)
        return _member_of(tx.execute(there).one()).membership

    def get(self, tx: Transaction, workspace: WorkspaceId, member: MembershipId) -> Member | None:
        row = tx.execute(_members(workspace).where(MembershipRow.id == member)).one_or_none()
        return _member_of(row) if row else None

    def page(self, tx: Transaction, workspace: WorkspaceId, paging: Paging) -> Page[Member]:
        query = _members(workspace)
        if paging.after:
            query = query.where(MembershipRow.id < paging.after)
        rows = tx.execute(query.order_by(MembershipRow.id.desc()).limit(paging.limit + 1)).all()
        return Page.of([_member_of(row) for row in rows], paging, lambda member: member.membership.id)

    def accept(self, tx: Transaction, workspace: WorkspaceId, user: UserId, now: datetime) -> bool:
        of_user = and_(MembershipRow.workspace_id == workspace, MembershipRow.user_id == user)
        invited = and_(of_user, MembershipRow.accepted_at.is_(None))
        return tx.execute(update(MembershipRow).where(invited).values(accepted_at=now)).rowcount == 1

    def set_role(self, tx: Transaction, workspace: WorkspaceId, member: MembershipId, role: Role) -> None:
        tx.execute(update(MembershipRow).where(_at(workspace, member)).values(role=role.value))

    def remove(self, tx: Transaction, workspace: WorkspaceId, member: MembershipId) -> None:
        tx.execute(delete(MembershipRow).where(_at(workspace, member)))

    def owners(self, tx: Transaction, workspace: WorkspaceId) -> Collection[UserId]:
        query = (
            select(MembershipRow.user_id)
            .join(UserRow, UserRow.id == MembershipRow.user_id)
            .where(
                MembershipRow.workspace_id == workspace,
                MembershipRow.role == Role.OWNER.value,
                MembershipRow.accepted_at.is_not(None),
                UserRow.disabled_at.is_(None),
            )
            .order_by(MembershipRow.id)
            .with_for_update(of=MembershipRow)
        )
        return [UserId(one) for one in tx.execute(query).scalars()]

    def of(self, tx: Transaction, user: UserId) -> Sequence[Belonging]:
        query = (
            select(WorkspaceRow.id, WorkspaceRow.name, MembershipRow.role)
            .join(MembershipRow, MembershipRow.workspace_id == WorkspaceRow.id)
            .where(MembershipRow.user_id == user, MembershipRow.accepted_at.is_not(None))
            .order_by(MembershipRow.id)
        )
        return [
            Belonging(workspace=WorkspaceId(row.id), name=row.name, role=Role(row.role)) for row in tx.execute(query)
        ]


class SqlSessionStore:
    """Keeps sessions in SQL."""

    def add(self, tx: Transaction, session: Session, digest: str) -> None:
        row = {
            "id": session.id,
            "user_id": session.user,
            "digest": digest,
            "device": session.device,
            "created_at": session.created_at,
            "last_seen_at": session.last_seen_at,
        }
        tx.execute(insert(SessionRow), row)

    def visit(self, tx: Transaction, digest: str) -> Visit | None:
        """One statement, since every request of a person makes it: a row for each workspace, or one without."""
        belongs = and_(MembershipRow.user_id == UserRow.id, MembershipRow.accepted_at.is_not(None))
        query = (
            select(
                *_USER,
                SessionRow.id.label("session_id"),
                SessionRow.device,
                SessionRow.created_at.label("begun_at"),
                SessionRow.last_seen_at,
                MembershipRow.role,
                MembershipRow.workspace_id,
                WorkspaceRow.name.label("workspace_name"),
            )
            .select_from(SessionRow)
            .join(UserRow, UserRow.id == SessionRow.user_id)
            .outerjoin(MembershipRow, belongs)
            .outerjoin(WorkspaceRow, WorkspaceRow.id == MembershipRow.workspace_id)
            .where(SessionRow.digest == digest, UserRow.disabled_at.is_(None))
            .order_by(MembershipRow.id)
        )
        rows = tx.execute(query).all()
        return _visit_of(rows) if rows else None

    def seen(self, tx: Transaction, session: Session, now: datetime) -> None:
        stale = and_(SessionRow.id == session.id, SessionRow.last_seen_at <= now - SEEN_EVERY)
        tx.execute(update(SessionRow).where(stale).values(last_seen_at=now))

    def of(self, tx: Transaction, user: UserId) -> Sequence[Session]:
        query = select(
            SessionRow.id.label("session_id"),
            SessionRow.user_id,
            SessionRow.device,
            SessionRow.created_at.label("begun_at"),
            SessionRow.last_seen_at,
        ).where(SessionRow.user_id == user)
        return [_session_of(row, user) for row in tx.execute(query.order_by(SessionRow.id.desc()))]

    def end(self, tx: Transaction, user: UserId, session: SessionId) -> bool:
        chosen = (SessionRow.user_id == user, SessionRow.id == session)
        return tx.execute(delete(SessionRow).where(*chosen)).rowcount == 1

    def end_by(self, tx: Transaction, digest: str) -> None:
        tx.execute(delete(SessionRow).where(SessionRow.digest == digest))

    def end_all(self, tx: Transaction, user: UserId) -> None:
        tx.execute(delete(SessionRow).where(SessionRow.user_id == user))

    def end_over(self, tx: Transaction, user: UserId, now: datetime) -> None:
        over = or_(SessionRow.created_at <= now - SESSION_AT_MOST, SessionRow.last_seen_at <= now - UNUSED_AT_MOST)
        tx.execute(delete(SessionRow).where(SessionRow.user_id == user, over))


class SqlTicketStore:
    """Keeps tickets in SQL."""

    def add(self, tx: Transaction, ticket: Ticket, digest: str) -> None:
        tx.execute(delete(TicketRow).where(_unused(ticket.user, ticket.kind, ticket.invites_to)))
        row = {
            "id": ticket.id,
            "kind": ticket.kind.value,
            "user_id": ticket.user,
            "invites_to": ticket.invites_to,
            "digest": digest,
            "created_at": ticket.created_at,
            "expires_at": ticket.expires_at,
        }
        tx.execute(insert(TicketRow), row)

    def find(self, tx: Transaction, kind: TicketKind, digest: str, now: datetime) -> Ticket | None:
        row = tx.execute(select(*TicketRow.__table__.columns).where(_usable(kind, digest, now))).one_or_none()
        return _ticket_of(row) if row else None

    def use(self, tx: Transaction, kind: TicketKind, digest: str, now: datetime) -> Ticket | None:
        used = update(TicketRow).where(_usable(kind, digest, now)).values(used_at=now)
        row = tx.execute(used.returning(*TicketRow.__table__.columns)).one_or_none()
        return _ticket_of(row) if row else None

    def withdraw(self, tx: Transaction, user: UserId, kind: TicketKind, invites_to: WorkspaceId | None = None) -> None:
        tx.execute(delete(TicketRow).where(_unused(user, kind, invites_to)))


def _insert(tx: Transaction, row: type[Any]) -> Any:
    """Return an INSERT that can say what happens when the row is there already."""
    dialect: Any = sqlite if tx.dialect == "sqlite" else postgresql
    return dialect.insert(row)


def _at(workspace: WorkspaceId, member: MembershipId) -> ColumnElement[bool]:
    return and_(MembershipRow.workspace_id == workspace, MembershipRow.id == member)


def _members(workspace: WorkspaceId) -> Select[Any]:
    joined = select(*_USER, *_MEMBERSHIP).join(MembershipRow, MembershipRow.user_id == UserRow.id)
    return joined.where(MembershipRow.workspace_id == workspace)


def _unused(user: UserId | None, kind: TicketKind, invites_to: WorkspaceId | None) -> ColumnElement[bool]:
    return and_(
        TicketRow.kind == kind.value,
        TicketRow.user_id.is_not_distinct_from(user),
        TicketRow.invites_to.is_not_distinct_from(invites_to),
        TicketRow.used_at.is_(None),
    )


def _usable(kind: TicketKind, digest: str, now: datetime) -> ColumnElement[bool]:
    return and_(
        TicketRow.digest == digest,
        TicketRow.kind == kind.value,
        TicketRow.used_at.is_(None),
        TicketRow.expires_at > now,
    )


def _user_of(row: ResultRow[Any]) -> User:
    return User(
        id=UserId(row.id),
        email=row.email,
        name=row.name,
        created_at=row.created_at,
        disabled_at=row.disabled_at,
    )


def _member_of(row: ResultRow[Any]) -> Member:
    membership = Membership(
        id=row.membership_id,
        user=UserId(row.id),
        workspace=WorkspaceId(row.workspace_id),
        role=Role(row.role),
        created_at=row.invited_at,
        accepted_at=row.accepted_at,
    )
    return Member(user=_user_of(row), membership=membership)


def _session_of(row: ResultRow[Any], user: UserId) -> Session:
    return Session(
        id=SessionId(row.session_id),
        user=user,
        device=row.device,
        created_at=row.begun_at,
        last_seen_at=row.last_seen_at,
    )


def _visit_of(rows: Sequence[ResultRow[Any]]) -> Visit:
    first = rows[0]
    belongings = [
        Belonging(workspace=WorkspaceId(row.workspace_id), name=row.workspace_name, role=Role(row.role))
        for row in rows
        if row.workspace_id
    ]
    return Visit(session=_session_of(first, UserId(first.id)), user=_user_of(first), belongings=belongings)


def _ticket_of(row: ResultRow[Any]) -> Ticket:
    return Ticket(
        id=row.id,
        kind=TicketKind(row.kind),
        user=row.user_id,
        invites_to=row.invites_to,
        created_at=row.created_at,
        expires_at=row.expires_at,
    )
