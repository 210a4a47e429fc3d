"""People before the real API of access on a real database, with a hash that costs nothing and a time of the test's."""

import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response

from counterfoil.access.api import may
from counterfoil.access.domain import Permission, Role, WorkspaceId
from counterfoil.access.infrastructure.delays import SqlDeviceStore, SqlFailureStore
from counterfoil.access.infrastructure.people import SqlMemberStore, SqlSessionStore, SqlTicketStore, SqlUserStore
from counterfoil.access.infrastructure.sql import SqlWorkspaceStore
from counterfoil.access.people.api import router as people_router
from counterfoil.access.people.cookies import Cookies
from counterfoil.access.people.delays import Delays
from counterfoil.access.people.entrance import SessionEntrance
from counterfoil.access.people.first_start import FirstStart
from counterfoil.access.people.login import LogIn
from counterfoil.access.people.member_api import router as members_router
from counterfoil.access.people.members import Members
from counterfoil.access.people.passwords import Passwords
from counterfoil.access.people.sessions import Sessions
from counterfoil.access.people.tickets import Tickets
from counterfoil.access.people.workspace_api import router as workspaces_router
from counterfoil.access.people.workspaces import Workspaces
from counterfoil.access.service import AccessService
from counterfoil.foundation import problems
from counterfoil.foundation.database import Database
from counterfoil.foundation.ids import new_id
from tests.support.access import Nobody
from tests.support.clock import FixedClock, TimedDatabase

HERE = "http://counterfoil.test"
PASSWORD = "violet tractors hum at dawn"
OTHER_PASSWORD = "seven lanterns under the sea"


class QuickHasher:
    """Stands in for Argon2id, and counts its work."""

    def __init__(self) -> None:
        self.work = 0
        self.version = "1"

    def hash(self, password: str) -> str:
        self.work += 1
        return f"{self.version}:{hashlib.sha256(password.encode()).hexdigest()}"

    def verify(self, kept: str | None, password: str) -> bool:
        made = self.hash(password)
        return kept is not None and kept.partition(":")[2] == made.partition(":")[2]

    def is_outdated(self, kept: str) -> bool:
        return not kept.startswith(f"{self.version}:")


class EasyGuesser:
    """Stands in for zxcvbn: guesses the one password that everybody has, and notes what it is told about its owner."""

    def __init__(self) -> None:
        self.about: Collection[str] = ()

    def magnitude(self, password: str, about: Collection[str]) -> float:
        self.about = about
        return 3 if password == "passwordpassword" else 20


routes = APIRouter()


@routes.get("/documents")
def see(workspace: Annotated[WorkspaceId, may(Permission.DOCUMENTS_READ)]) -> str:
    return str(workspace)


@routes.post("/targets")
def connect(workspace: Annotated[WorkspaceId, may(Permission.TARGETS_MANAGE)]) -> str:
    return str(workspace)


@dataclass(frozen=True, slots=True)
class Browser:
    """Somebody's browser: keeps cookies, and says which page a request comes from."""

    http: TestClient

    def get(self, path: str, **headers: str) -> Response:
        return self.http.get(path, headers=headers)

    def post(self, path: str, body: object = None, **headers: str) -> Response:
        return self.http.post(path, json=body, headers={"Origin": HERE, **headers})

    def patch(self, path: str, body: object, **headers: str) -> Response:
        return self.http.patch(path, json=body, headers={"Origin": HERE, **headers})

    def delete(self, path: str, **headers: str) -> Response:
        return self.http.delete(path, headers={"Origin": HERE, **headers})

    def log_in(self, email: str, password: str = PASSWORD) -> Response:
        return self.post("/auth/login", {"email": email, "password": password})

    @property
    def session(self) -> str | None:
        return self.http.cookies.get("counterfoil_session")


@dataclass(frozen=True, slots=True)
class Premises:
    """What lets people in, and its API."""

    database: Database
    clock: FixedClock
    hasher: QuickHasher
    first_start: FirstStart
    login: LogIn
    sessions: Sessions
    members: Members
    app: FastAPI
    furnished: list[WorkspaceId]

    @classmethod
    def at(cls, database_url: str, public_url: str = HERE) -> "Premises":
        clock = FixedClock(datetime(2026, 3, 1, 12, 0, tzinfo=UTC))
        database, hasher, furnished = TimedDatabase(database_url, clock), QuickHasher(), list[WorkspaceId]()
        users, members, cookies = SqlUserStore(), SqlMemberStore(), Cookies.at(public_url)
        sessions = Sessions(database=database, store=SqlSessionStore(), devices=SqlDeviceStore(), new_id=new_id)
        tickets = Tickets(store=SqlTicketStore(), new_id=new_id, public_url=public_url)
        passwords = Passwords(hasher=hasher, guesser=EasyGuesser())
        parts: Mapping[str, Any] = {
            "database": database,
            "users": users,
            "members": members,
            "tickets": tickets,
            "sessions": sessions,
            "passwords": passwords,
        }
        first_start = FirstStart(**parts, new_id=new_id)
        login = LogIn(**parts, delays=Delays(database=database, store=SqlFailureStore()))
        book = Members(database=database, users=users, store=members, tickets=tickets, new_id=new_id)
        workspaces = Workspaces(
            database=database,
            store=SqlWorkspaceStore(),
            members=members,
            tickets=SqlTicketStore(),
            furnish=lambda _, workspace: furnished.append(workspace),
            new_id=new_id,
        )
        access = AccessService(entrances=[SessionEntrance(sessions=sessions, cookies=cookies)], witness=Nobody())
        app = FastAPI()
        for router in (routes, people_router, members_router, workspaces_router):
            app.include_router(router)
        problems.install(app)
        services = (access, cookies, sessions, first_start, login, book, workspaces)
        app.state.services = {type(one): one for one in services}
        with database.transaction() as tx:
            SqlWorkspaceStore().ensure_default(tx)
        return cls(database, clock, hasher, first_start, login, sessions, book, app, furnished)

    def browser(self, **options: Any) -> Browser:
        return Browser(TestClient(self.app, base_url=HERE, **options))

    def first_proof(self) -> str:
        """Return the proof of a link for the first start."""
        line = self.first_start.invitation()
        assert line
        return proof_in(line)

    def owner(self, email: str = "olga@example.com") -> Browser:
        """Return the browser of the first user, who owns the default workspace."""
        browser = self.browser()
        wanted = {"ticket": self.first_proof(), "email": email, "name": "Olga Owner", "password": PASSWORD}
        answer = browser.post("/auth/first-start", wanted)
        assert answer.status_code == 201, answer.text
        return browser

    def member(self, manager: Browser, email: str, role: Role, **headers: str) -> Browser:
        """Return the browser of somebody whom a manager has invited, and who has accepted."""
        invited = manager.post("/users", {"email": email, "role": role}, **headers)
        assert invited.status_code == 201, invited.text
        return self.accepted(proof_in(invited.json()["link"]), email.partition("@")[0])

    def accepted(self, proof: str, name: str, password: str = PASSWORD) -> Browser:
        browser = self.browser()
        answer = browser.post("/auth/invitation", {"ticket": proof, "name": name, "password": password})
        assert answer.status_code == 200, answer.text
        return browser


def proof_in(text: str) -> str:
    """Return the proof of the link in a text."""
    (found,) = re.findall(r"#([\w-]+)", text)
    return str(found)
