"""Builds what lets people and programs in. Like bootstrap it names implementations."""

from collections.abc import Callable
from dataclasses import dataclass

from counterfoil.access.audit.service import AuditLog
from counterfoil.access.domain import WorkspaceId
from counterfoil.access.infrastructure.delays import SqlDeviceStore, SqlFailureStore
from counterfoil.access.infrastructure.keys import SqlApiKeyStore
from counterfoil.access.infrastructure.passwords import Argon2Hasher, Zxcvbn
from counterfoil.access.infrastructure.people import SqlMemberStore, SqlSessionStore, SqlTicketStore, SqlUserStore
from counterfoil.access.infrastructure.sql import SqlWorkspaceStore
from counterfoil.access.keys.entrance import KeyEntrance
from counterfoil.access.keys.service import ApiKeyService
from counterfoil.access.people.cookies import Cookies
from counterfoil.access.people.delays import Delays
from counterfoil.access.people.entrance import SessionEntrance
from counterfoil.access.people.first_start import FirstStart
from counterfoil.access.people.login import LogIn
from counterfoil.access.people.members import Members
from counterfoil.access.people.passwords import Passwords
from counterfoil.access.people.registry import Registry
from counterfoil.access.people.sessions import Sessions
from counterfoil.access.people.tickets import Tickets
from counterfoil.access.people.workspaces import Workspaces
from counterfoil.access.service import AccessService, OpenEntrance
from counterfoil.foundation.database import Database, Transaction
from counterfoil.foundation.ids import new_id
from counterfoil.foundation.metrics import Metrics
from counterfoil.foundation.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Who may come in, and how."""

    access: AccessService
    keys: ApiKeyService
    first_start: FirstStart
    registry: Registry
    log_in: LogIn
    sessions: Sessions
    cookies: Cookies
    members: Members
    workspaces: Workspaces

    @property
    def services(self) -> tuple[object, ...]:
        """Return what routes ask for."""
        people = (self.first_start, self.log_in, self.sessions, self.cookies, self.members, self.workspaces)
        return (self.access, self.keys, *people)

    @classmethod
    def build(
        cls,
        settings: Settings,
        database: Database,
        metrics: Metrics,
        audit: AuditLog,
        furnish: Callable[[Transaction, WorkspaceId], object],
    ) -> "Admission":
        """Put the parts together. `furnish` gives a new workspace what each has."""
        users, members, session_store = SqlUserStore(), SqlMemberStore(), SqlSessionStore()
        keys = ApiKeyService(database=database, store=SqlApiKeyStore(), new_id=new_id)
        cookies = Cookies.at(settings.public_url)
        sessions = Sessions(database=database, store=session_store, devices=SqlDeviceStore(), new_id=new_id)
        tickets = Tickets(store=SqlTicketStore(), new_id=new_id, public_url=settings.public_url)
        passwords = Passwords(hasher=Argon2Hasher(), guesser=Zxcvbn())
        book = Members(database=database, users=users, store=members, tickets=tickets, new_id=new_id)
        entrances = (
            KeyEntrance(database=database, store=keys.store, metrics=metrics),
            SessionEntrance(sessions=sessions, cookies=cookies),
            OpenEntrance(),
        )
        return cls(
            access=AccessService(entrances=entrances, witness=audit),
            keys=keys,
            first_start=FirstStart(
                database=database,
                users=users,
                members=members,
                tickets=tickets,
                sessions=sessions,
                passwords=passwords,
                new_id=new_id,
            ),
            registry=Registry(database=database, users=users, sessions=session_store, tickets=tickets, members=book),
            log_in=LogIn(
                database=database,
                users=users,
                members=members,
                tickets=tickets,
                sessions=sessions,
                passwords=passwords,
                delays=Delays(database=database, store=SqlFailureStore()),
            ),
            sessions=sessions,
            cookies=cookies,
            members=book,
            workspaces=Workspaces(
                database=database,
                store=SqlWorkspaceStore(),
                members=members,
                tickets=tickets.store,
                furnish=furnish,
                new_id=new_id,
            ),
        )
