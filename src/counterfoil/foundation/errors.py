"""Every error raised on purpose descends from CounterfoilError; its families decide status and retry.

CounterfoilError            internal_error           500
├── InvalidInput            invalid_input            422   what was sent cannot be used as it is
├── Unauthorized            unauthorized             401   no valid proof of who asks
├── Forbidden               forbidden                403   known, but may not
├── NotFound                not_found                404   not there, or not in this workspace
├── Conflict                conflict                 409   true when asked, but no longer
├── Postponed               postponed                503   not now, but from a time on that is known
│   └── RateLimitExceeded   rate_limit_exceeded      429   too many in too short a time
├── ServiceUnavailable      service_unavailable      503   something we need does not answer
├── NetworkError            network_error            502   the way to an outside service broke
└── ExecutionFailed         task_execution_failed    500   a job's handler could not do its work
    ├── TimedOut            task_timeout             504   it took longer than its job type allows
    └── Cancelled           task_cancelled           409   a person stopped it

Rooms derive from these families, in their `domain.py`, and give each class a code of its own.
"""

from datetime import datetime
from typing import ClassVar


class CounterfoilError(Exception):
    """The root: a stable `code` for callers, a `status` for HTTP, `retry` for jobs, and advice for a person."""

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    retry: ClassVar[bool] = False
    advice: ClassVar[str] = "Try again; if it happens again, report it with the time it happened."


class InvalidInput(CounterfoilError):
    """What was sent cannot be used as it is."""

    code = "invalid_input"
    status = 422
    advice = "Correct what was sent, as the message says, and send it again."


class Unauthorized(CounterfoilError):
    """There is no valid proof of who asks."""

    code = "unauthorized"
    status = 401
    advice = "Send a valid token or log in."


class Forbidden(CounterfoilError):
    """Who asks is known, but may not."""

    code = "forbidden"
    status = 403
    advice = "Ask an administrator of the workspace for the permission."


class NotFound(CounterfoilError):
    """It is not there, or not in this workspace."""

    code = "not_found"
    status = 404
    advice = "Check the id; it may have been removed, or belong to another workspace."


class Conflict(CounterfoilError):
    """What was asked would have been right a moment ago, but things have changed."""

    code = "conflict"
    status = 409
    advice = "Read the current state and decide again."


class Postponed(CounterfoilError):
    """Not now, but from a time on that is known; `retry_at` says from when. Nothing has been done yet."""

    code = "postponed"
    status = 503
    retry = True
    advice = "Wait until the time that the message names; a job comes back by itself, and has lost no attempt."

    def __init__(self, message: str, retry_at: datetime) -> None:
        super().__init__(message)
        self.retry_at = retry_at


class RateLimitExceeded(Postponed):
    """Too many in too short a time."""

    code = "rate_limit_exceeded"
    status = 429


class ServiceUnavailable(CounterfoilError):
    """Something we need does not answer just now."""

    code = "service_unavailable"
    status = 503
    retry = True
    advice = "Wait a moment and try again; nothing was lost."


class NetworkError(CounterfoilError):
    """The way to an outside service broke."""

    code = "network_error"
    status = 502
    retry = True
    advice = "Check the connection to the outside service; the work is tried again by itself."


class ExecutionFailed(CounterfoilError):
    """A job's handler could not do its work."""

    code = "task_execution_failed"
    retry = True
    advice = "Look at the job's log; it is tried again by itself until its attempts are used up."


class TimedOut(ExecutionFailed):
    """It took longer than its job type allows."""

    code = "task_timeout"
    status = 504


class Cancelled(ExecutionFailed):
    """A person stopped it."""

    code = "task_cancelled"
    status = 409
    retry = False
    advice = "Start it again if it was stopped by mistake."
