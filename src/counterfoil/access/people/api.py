"""Routes to log in and out, to come in the first time, to change a password, and to look at one's sessions."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request, Response

from counterfoil.access.api import unguarded
from counterfoil.access.errors import LoginNeeded, WorkspaceNotFound
from counterfoil.access.origin import refuse_other_sites
from counterfoil.access.people.cookies import Cookies
from counterfoil.access.people.domain import DEVICE_KNOWN_FOR, SESSION_AT_MOST, Browser, Opened, SessionId, Visit
from counterfoil.access.people.entrance import chosen_of
from counterfoil.access.people.errors import SessionOver
from counterfoil.access.people.first_start import FirstStart
from counterfoil.access.people.login import LogIn
from counterfoil.access.people.schemas import (
    FirstStartCreate,
    InvitationAccept,
    LogInCreate,
    PasswordPatch,
    ResetCreate,
    SessionRead,
    SessionsRead,
    StateRead,
    UserRead,
    WorkspaceRead,
)
from counterfoil.access.people.sessions import Sessions
from counterfoil.foundation.problems import problems
from counterfoil.foundation.routing import provided


def keep_nowhere(response: Response) -> None:
    """Tell browsers and proxies to keep no answer that says who somebody is."""
    response.headers["Cache-Control"] = "no-store"


def from_no_other_site(request: Request) -> None:
    """Keep other sites from logging a browser in or out, without a session to tell it by."""
    refuse_other_sites(request.method, request.headers, proof_needed=False)


Doors = [Depends(unguarded), Depends(keep_nowhere), Depends(from_no_other_site)]
"""For routes that know by themselves who asks."""
router = APIRouter(prefix="/auth", tags=["people"], dependencies=Doors)

TheCookies = Annotated[Cookies, Depends(provided(Cookies))]
TheSessions = Annotated[Sessions, Depends(provided(Sessions))]
TheLogIn = Annotated[LogIn, Depends(provided(LogIn))]
TheFirstStart = Annotated[FirstStart, Depends(provided(FirstStart))]
SessionKey = Annotated[UUID, Path(description="The session's id.", examples=["019c1d5e-0000-7000-8000-000000000000"])]


def visit(request: Request, sessions: TheSessions, cookies: TheCookies) -> Visit:
    """Return who is there by a session, and from a page of ours if they change anything."""
    proof = cookies.session(request.headers)
    if proof is None:
        raise LoginNeeded
    found = sessions.visit(proof)
    refuse_other_sites(request.method, request.headers, proof_needed=True)
    return found


def browser(request: Request, cookies: TheCookies) -> Browser:
    """Return what somebody comes with."""
    return Browser(
        name="".join(filter(str.isprintable, request.headers.get("user-agent", ""))),
        address=request.client.host if request.client else "",
        device_proof=cookies.device(request.headers),
    )


Visiting = Annotated[Visit, Depends(visit)]
TheBrowser = Annotated[Browser, Depends(browser)]


@router.get("/state")
def get_state(request: Request, first_start: TheFirstStart, sessions: TheSessions, cookies: TheCookies) -> StateRead:
    """Say whether there are users yet, who asks, and where they may do what."""
    try:
        found = visit(request, sessions, cookies)
    except (LoginNeeded, SessionOver):
        return StateRead(set_up=first_start.is_over(), user=None, workspace=None, workspaces=[])
    return _state_of(request, found)


@router.post("/first-start", status_code=201, responses=problems(409, 422))
def make_first_user(
    request: Request,
    response: Response,
    first_start: TheFirstStart,
    cookies: TheCookies,
    browser: TheBrowser,
    body: FirstStartCreate,
) -> StateRead:
    """Make the first user, by the link that the server printed when it started, and log them in."""
    opened = first_start.begin(
        body.ticket.get_secret_value(),
        email=body.email,
        name=body.name,
        password=body.password.get_secret_value(),
        browser=browser,
    )
    return _let_in(request, response, cookies, opened)


@router.post("/login", responses=problems(422, 429))
def log_in(
    request: Request, response: Response, login: TheLogIn, cookies: TheCookies, browser: TheBrowser, body: LogInCreate
) -> StateRead:
    """Log in; the answer sets a cookie."""
    opened = login.log_in(
        email=body.email,
        password=body.password.get_secret_value(),
        browser=browser,
        before=cookies.session(request.headers),
    )
    return _let_in(request, response, cookies, opened)


@router.post("/logout", status_code=204)
def log_out(request: Request, response: Response, sessions: TheSessions, cookies: TheCookies) -> None:
    """End the session of the cookie, and have the browser forget it."""
    refuse_other_sites(request.method, request.headers, proof_needed=True)
    if proof := cookies.session(request.headers):
        sessions.end_by(proof)
    response.delete_cookie(cookies.session_name, path="/", secure=cookies.secure, httponly=True, samesite="lax")


@router.post("/password", responses=problems(422, 429))
def change_password(
    request: Request,
    response: Response,
    login: TheLogIn,
    cookies: TheCookies,
    browser: TheBrowser,
    visit: Visiting,
    body: PasswordPatch,
) -> StateRead:
    """Change one's password; all sessions end, and a new one begins here."""
    opened = login.change_password(
        visit, old=body.old.get_secret_value(), new=body.new.get_secret_value(), browser=browser
    )
    return _let_in(request, response, cookies, opened)


@router.post("/reset", status_code=204, responses=problems(422))
def reset_password(login: TheLogIn, body: ResetCreate) -> None:
    """Set a new password by a link; all sessions end."""
    login.reset(body.ticket.get_secret_value(), password=body.password.get_secret_value())


@router.post("/invitation", responses=problems(422, 429))
def accept_invitation(
    request: Request,
    response: Response,
    login: TheLogIn,
    cookies: TheCookies,
    browser: TheBrowser,
    body: InvitationAccept,
) -> StateRead:
    """Accept an invitation by its link, and log in: new people set their password, others give the one they have."""
    opened = login.accept(
        body.ticket.get_secret_value(), name=body.name, password=body.password.get_secret_value(), browser=browser
    )
    return _let_in(request, response, cookies, opened)


@router.get("/sessions")
def list_sessions(sessions: TheSessions, visit: Visiting) -> SessionsRead:
    """List one's sessions, newest first."""
    return SessionsRead(items=[SessionRead.of(one, visit.session.id) for one in sessions.of(visit.user.id)])


@router.delete("/sessions/{session_id}", status_code=204, responses=problems(404, 422))
def end_session(sessions: TheSessions, visit: Visiting, session_id: SessionKey) -> None:
    """End one of one's sessions."""
    sessions.end(visit.user.id, SessionId(session_id))


def _let_in(request: Request, response: Response, cookies: Cookies, opened: Opened) -> StateRead:
    for name, proof, lasts in (
        (cookies.session_name, opened.proof, SESSION_AT_MOST),
        (cookies.device_name, opened.device_proof, DEVICE_KNOWN_FOR),
    ):
        response.set_cookie(
            name,
            proof,
            max_age=int(lasts.total_seconds()),
            path="/",
            secure=cookies.secure,
            httponly=True,
            samesite="lax",
        )
    return _state_of(request, opened.visit)


def _state_of(request: Request, visit: Visit) -> StateRead:
    try:
        workspace = chosen_of(visit, request.headers).workspace
    except WorkspaceNotFound:
        workspace = None
    return StateRead(
        set_up=True,
        user=UserRead.of(visit.user),
        workspace=workspace,
        workspaces=[WorkspaceRead.of(one) for one in visit.belongings],
    )
