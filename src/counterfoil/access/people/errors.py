"""Why a person is not let in, or not allowed to do something about people."""

from datetime import datetime
from uuid import UUID

from counterfoil.access.domain import Role
from counterfoil.foundation.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    RateLimitExceeded,
    ServiceUnavailable,
    Unauthorized,
)


class LoginRefused(Unauthorized):
    """Email and password do not belong together; which of them is wrong is told to nobody."""

    code = "login_refused"
    advice = "Check both; whoever manages the users of your workspace can make a link to set a new password."

    def __init__(self) -> None:
        super().__init__("The email or the password is wrong.")


class SessionOver(Unauthorized):
    """The session that the cookie names has ended, or there never was one."""

    code = "session_over"
    advice = "Log in again."

    def __init__(self) -> None:
        super().__init__("This session has ended.")


class TooManyLogins(RateLimitExceeded):
    """Log-ins failed so often that the next one has to wait."""

    code = "too_many_logins"
    advice = "Wait as long as Retry-After says; a device that has logged in before does not wait for others' failures."

    def __init__(self, retry_at: datetime) -> None:
        super().__init__("Too many log-ins have failed.", retry_at)


class PasswordsBusy(ServiceUnavailable):
    """More passwords are being checked than there is room for."""

    code = "passwords_busy"
    advice = "Try again in a few seconds."

    def __init__(self) -> None:
        super().__init__("Too many passwords are being checked at the moment.")


class OldPasswordWrong(Forbidden):
    """Who wants to change a password has to know the old one."""

    code = "old_password_wrong"
    advice = "Give the password that you log in with; if it is lost, ask for a link to set a new one."

    def __init__(self) -> None:
        super().__init__("The old password is wrong.")


class PasswordTooShort(InvalidInput):
    """A password has too few characters."""

    code = "password_too_short"
    advice = "Take several words; spaces and all letters of all languages are welcome."

    def __init__(self, least: int) -> None:
        super().__init__(f"A password has at least {least} characters.")


class PasswordTooLong(InvalidInput):
    """A password has more characters than anybody types."""

    code = "password_too_long"
    advice = "Take a shorter one."

    def __init__(self, most: int) -> None:
        super().__init__(f"A password has at most {most} characters.")


class PasswordTooCommon(InvalidInput):
    """A password is one that programs try early: a known one, a pattern, or words about the person or this place."""

    code = "password_too_common"
    advice = "Take several words that have nothing to do with each other, with you, or with this program."

    def __init__(self) -> None:
        super().__init__("This password is too easy to guess.")


class TicketRefused(Forbidden):
    """A one-time link is unknown, was used, was replaced by a newer one, or has expired."""

    code = "ticket_refused"
    advice = "Ask for a new link."

    def __init__(self) -> None:
        super().__init__("This link is unknown, was used or replaced, or has expired.")


class AlreadySetUp(Conflict):
    """There are users already, so that nobody becomes the first one any more."""

    code = "already_set_up"
    advice = "Log in, or ask an owner or administrator for an invitation."

    def __init__(self) -> None:
        super().__init__("This installation has users already.")


class MemberNotFound(NotFound):
    """The workspace has no such member, and has invited nobody of this id."""

    code = "member_not_found"

    def __init__(self, user: UUID) -> None:
        super().__init__(f"The workspace has no member {user}.")


class UserNotFound(NotFound):
    """There is no user with this email."""

    code = "user_not_found"
    advice = "See who there is: counterfoil user list."

    def __init__(self, email: str) -> None:
        super().__init__(f"There is no user {email}.")


class SessionNotFound(NotFound):
    """The person who asks has no such session, or it has ended."""

    code = "session_not_found"
    advice = "See GET /api/v1/auth/sessions for those that there are."

    def __init__(self, session: UUID) -> None:
        super().__init__(f"You have no session {session}.")


class AlreadyMember(Conflict):
    """Who is invited is a member already."""

    code = "already_member"
    advice = "Change their role instead."

    def __init__(self, email: str) -> None:
        super().__init__(f"{email} is a member of this workspace already.")


class LastOwner(Conflict):
    """Without this person, nobody would own the workspace."""

    code = "last_owner"
    advice = "Make somebody else an owner first."

    def __init__(self) -> None:
        super().__init__("This is the last owner of the workspace.")


class RoleTooHigh(Forbidden):
    """Nobody gives or takes away a role that may do more than they may themselves."""

    code = "role_too_high"
    advice = "Ask somebody with that role."

    def __init__(self, role: Role) -> None:
        super().__init__(f"The role {role} may do more than you may.")


class ResetNotYours(Forbidden):
    """A new password would open more than the one who makes the link may open."""

    code = "reset_not_yours"
    advice = "Ask whoever runs this installation: counterfoil user reset EMAIL."

    def __init__(self) -> None:
        super().__init__("This person's password opens more than you may.")
