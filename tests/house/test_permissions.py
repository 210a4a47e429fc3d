"""Every route of the API says what it takes to call it, and each role may do what its name promises, no more."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated

import pytest
from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from counterfoil.access.api import Undeclared, may, permissions_of, unguarded
from counterfoil.access.domain import Permission, Principal, Role, WorkspaceId
from counterfoil.access.errors import LoginNeeded
from counterfoil.access.service import AccessService
from counterfoil.bootstrap import ROUTERS
from counterfoil.foundation import problems
from counterfoil.foundation.errors import Unauthorized
from tests.conftest import ACME
from tests.support.access import ROLE, Nobody, access_to

ROUTES = [route for router in ROUTERS for route in router.routes]
READING = {permission for permission in Permission if permission.endswith(":read")}
OF_ADMINISTRATORS = {Permission.AUDIT_READ}
KNOWN_BY_A_TOKEN_OF_THEIR_OWN = {
    "/jobs/{job_id}/callback",
    "/auth/first-start",
    "/auth/invitation",
    "/auth/login",
    "/auth/logout",
    "/auth/password",
    "/auth/reset",
    "/auth/sessions",
    "/auth/sessions/{session_id}",
    "/auth/state",
    "/workspaces",
}


def test_every_route_says_what_it_takes_and_each_permission_is_taken_by_one() -> None:
    taken = {route.path: set(permissions_of(route)) for route in ROUTES if isinstance(route, APIRoute)}
    assert len(ROUTES) == sum(isinstance(route, APIRoute) for route in ROUTES)
    assert {path for path, permissions in taken.items() if not permissions} == KNOWN_BY_A_TOKEN_OF_THEIR_OWN
    assert set[Permission]().union(*taken.values()) == set(Permission)


def test_whoever_may_only_read_can_call_no_route_that_changes_anything() -> None:
    harmless = {"/schedules/preview", "/targets/{target_id}/preview"}  # POST, as what they show depends on a body
    for route in (one for one in ROUTES if isinstance(one, APIRoute)):
        reads = set(permissions_of(route)) <= READING
        changes = route.methods != {"GET"} and route.path not in harmless | KNOWN_BY_A_TOKEN_OF_THEIR_OWN
        assert not (reads and changes), route.path


def test_each_role_may_do_all_that_the_next_may_and_a_viewer_can_only_read() -> None:
    roles = list(Role)
    for more, less in pairwise(roles):
        assert more.permissions >= less.permissions
    assert Role.VIEWER.permissions == READING - OF_ADMINISTRATORS
    assert Role.OWNER.permissions == set(Permission)


def test_a_route_that_does_not_say_is_found_out() -> None:
    router = APIRouter()

    @router.get("/silent")
    def silent() -> None: ...

    @router.get("/open", dependencies=[Depends(unguarded)])
    def everybodys() -> None: ...

    mute, spoken = (route for route in router.routes if isinstance(route, APIRoute))
    with pytest.raises(Undeclared):
        permissions_of(mute)
    assert permissions_of(spoken) == []


class Doorman:
    """Knows one word, and lets nobody in who says another."""

    def __init__(self, word: str, role: Role) -> None:
        self.word, self.role = word, role

    def principal(self, headers: Mapping[str, str]) -> Principal | None:
        if self.role not in headers:
            return None
        if headers[self.role] != self.word:
            raise Unauthorized("No.")
        return Principal(workspace=ACME, permissions=self.role.permissions, actor=self.role)


def test_the_first_entrance_that_knows_somebody_decides_and_a_false_proof_is_not_passed_on() -> None:
    access = AccessService(entrances=[Doorman("a", Role.VIEWER), Doorman("b", Role.OWNER)], witness=Nobody())
    assert access.principal({"viewer": "a", "owner": "b"}).actor == "viewer"
    assert access.principal({"owner": "b"}).actor == "owner"
    with pytest.raises(Unauthorized, match="No"):
        access.principal({"viewer": "wrong", "owner": "b"})
    with pytest.raises(LoginNeeded):
        access.principal({})


@pytest.mark.parametrize("role", Role)
def test_a_role_that_lacks_the_permission_is_refused_and_told_who_has_it(role: Role) -> None:
    app = FastAPI()

    @app.get("/plan")
    def plan(workspace: Annotated[WorkspaceId, may(Permission.TARGETS_MANAGE)]) -> str:
        return str(workspace)

    problems.install(app)
    app.state.services = {AccessService: access_to(ACME)}
    answer = TestClient(app).get("/plan", headers={ROLE: role})
    if role in {Role.OWNER, Role.ADMIN}:
        assert (answer.status_code, answer.json()) == (200, str(ACME))
    else:
        assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted")
        assert "targets:manage, which owner and admin may do" in answer.json()["detail"]
