"""Who belongs to a workspace: invited, given another role, removed, helped to a new password.

Nobody gives or takes away a role that may do more than they may themselves, so that administrators make no owners.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

import structlog

from counterfoil.access.domain import Permission, Principal, Role, WorkspaceId
from counterfoil.access.people.domain import (
    Link,
    Member,
    Membership,
    MembershipId,
    TicketKind,
    User,
    UserId,
    email_of,
    name_of,
)
from counterfoil.access.people.errors import AlreadyMember, LastOwner, MemberNotFound, ResetNotYours, RoleTooHigh
from counterfoil.access.people.protocols import MemberStore, UserStore
from counterfoil.access.people.tickets import Tickets
from counterfoil.foundation.database import Database, Transaction
from counterfoil.foundation.ids import IdSource
from counterfoil.foundation.paging import Page, Paging

log = structlog.get_logger()

_PERSON: Final = "user:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Invited:
    """Somebody who is invited, and the link to give to them."""

    member: Member
    link: Link


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """What those who manage a workspace's people may ask for."""

    database: Database
    users: UserStore
    store: MemberStore
    tickets: Tickets
    new_id: IdSource

    def page(self, workspace: WorkspaceId, paging: Paging) -> Page[Member]:
        """Return members and those who are invited, newest first."""
        with self.database.reading(workspace) as tx:
            return self.store.page(tx, workspace, paging)

    def invite(self, principal: Principal, email: str, role: Role, name: str = "") -> Invited:
        """Invite somebody, or invite them again: then with this role, and by this link alone.

        Nothing tells whether they are a user already: that would be news from another workspace.

        Raises:
            RoleTooHigh: it may do more than who invites.
            AlreadyMember: they have accepted an invitation before.
            InvalidEmail, InvalidName: this is none.
        """
        email = email_of(email)
        _check_reach(principal, role)
        with self.database.transaction(principal.workspace) as tx:
            member = self._invited(tx, principal, email, role, name_of(name) if name else "")
            link = self.tickets.make(tx, TicketKind.INVITATION, member.user.id, principal.workspace)
        log.info("user_invited", user_id=str(member.user.id), role=role, actor=principal.actor)
        return Invited(member=member, link=link)

    def change_role(self, principal: Principal, member: MembershipId, role: Role) -> Member:
        """Give a member, or one who is invited, another role.

        Raises:
            MemberNotFound: the workspace has none of this id.
            RoleTooHigh: their old or new role may do more than who asks.
            LastOwner: nobody else owns the workspace.
        """
        with self.database.transaction(principal.workspace) as tx:
            found = self._held(tx, principal, member, stays=role is Role.OWNER)
            _check_reach(principal, role)
            self.store.set_role(tx, principal.workspace, member, role)
            self.tickets.store.withdraw(tx, found.user.id, TicketKind.PASSWORD_RESET)
        log.info("role_changed", user_id=str(found.user.id), role=role, actor=principal.actor)
        return replace(found, membership=replace(found.membership, role=role))

    def remove(self, principal: Principal, member: MembershipId) -> None:
        """Remove a member, or take an invitation back; whatever they have open here is closed to them at once.

        Raises:
            MemberNotFound: the workspace has none of this id.
            RoleTooHigh: their role may do more than who asks.
            LastOwner: nobody else owns the workspace.
        """
        with self.database.transaction(principal.workspace) as tx:
            found = self._held(tx, principal, member, stays=False)
            self.store.remove(tx, principal.workspace, member)
            self.tickets.store.withdraw(tx, found.user.id, TicketKind.INVITATION, principal.workspace)
        log.info("member_removed", user_id=str(found.user.id), actor=principal.actor)

    def reset_link(self, principal: Principal, member: MembershipId) -> Link:
        """Make a link by which a member sets a new password. Whoever sees it could use it, and be them.

        Raises:
            MemberNotFound: the workspace has none of this id who has accepted.
            RoleTooHigh: their role may do more than who asks.
            ResetNotYours: in another workspace, they may do what who asks may not do there.
        """
        with self.database.transaction() as tx:
            found = self._found(tx, principal.workspace, member)
            if found.membership.accepted_at is None:
                raise MemberNotFound(member)
            _check_reach(principal, found.membership.role)
            self._check_elsewhere(tx, principal, found.user)
            link = self.tickets.make(tx, TicketKind.PASSWORD_RESET, found.user.id)
        log.info("reset_link_made", user_id=str(found.user.id), actor=principal.actor)
        return link

    def _invited(self, tx: Transaction, principal: Principal, email: str, role: Role, name: str) -> Member:
        now = tx.now()
        user = self.users.add(tx, User(id=UserId(self.new_id()), email=email, name=name, created_at=now))
        wanted = Membership(
            id=MembershipId(self.new_id()), user=user.id, workspace=principal.workspace, role=role, created_at=now
        )
        there = self.store.add(tx, wanted)
        if there.accepted_at is not None:
            raise AlreadyMember(email)
        _check_reach(principal, there.role)
        self.store.set_role(tx, principal.workspace, there.id, role)
        return Member(user=user, membership=replace(there, role=role))

    def _held(self, tx: Transaction, principal: Principal, member: MembershipId, *, stays: bool) -> Member:
        """Return a member whom who asks may change, and who stays an owner or is not the last one."""
        owners = self.store.owners(tx, principal.workspace)
        found = self._found(tx, principal.workspace, member)
        _check_reach(principal, found.membership.role)
        if not stays and list(owners) == [found.user.id]:
            raise LastOwner
        return found

    def _found(self, tx: Transaction, workspace: WorkspaceId, member: MembershipId) -> Member:
        found = self.store.get(tx, workspace, member)
        if found is None:
            raise MemberNotFound(member)
        return found

    def _check_elsewhere(self, tx: Transaction, principal: Principal, user: User) -> None:
        mine = self._permissions(tx, principal)
        for one in self.store.of(tx, user.id):
            if not one.role.permissions <= mine.get(one.workspace, frozenset()):
                raise ResetNotYours

    def _permissions(self, tx: Transaction, principal: Principal) -> Mapping[WorkspaceId, frozenset[Permission]]:
        """Return what who asks may do in each workspace; a program may do nothing but where it works."""
        elsewhere: dict[WorkspaceId, frozenset[Permission]] = {}
        if principal.actor.startswith(_PERSON):
            user = UserId(UUID(principal.actor.removeprefix(_PERSON)))
            elsewhere = {one.workspace: one.role.permissions for one in self.store.of(tx, user)}
        return {**elsewhere, principal.workspace: principal.permissions}


def _check_reach(principal: Principal, role: Role) -> None:
    if not role.permissions <= principal.permissions:
        raise RoleTooHigh(role)
