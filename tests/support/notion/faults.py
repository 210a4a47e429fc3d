"""What befalls requests on their way: connections that end, answers that are lost or no JSON, work that is done later.

A fault is planned for the next request that it suits, comes by chance, or is chosen by a function of the test's.
Only requests that were let in, with a token that is known and within the limit, meet a fault.
"""

import random
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Any

from tests.support.notion.errors import NotionError
from tests.support.notion.limits import rate_limited


@dataclass(slots=True, kw_only=True)
class Request:
    """A request as it came. `status` is what it was answered with, 0 while or when there is no answer."""

    at: float  # of the monotonic clock
    method: str
    path: str
    query: dict[str, list[str]]
    headers: list[tuple[str, str]]
    body: Any
    token: str
    status: int = 0
    fault: "Fault | None" = None

    def header(self, name: str) -> list[str]:
        """Return every value that a header was sent with."""
        return [value for key, value in self.headers if key.lower() == name.lower()]


class Ending(Enum):
    """How a connection goes on after a request."""

    ANSWERED = auto()
    CUT = auto()  # it ends without an answer
    HALF = auto()  # it ends within the answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """An answer instead of that which the work gives."""

    status: int
    content: bytes
    content_type: str = "application/json; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What befalls a request: whether it is done (`works`), after which seconds or event, and what is said of it.

    With `held` the connection stays open until then; otherwise it ends at once, and the work goes on without it.
    """

    works: bool
    ending: Ending = Ending.ANSWERED
    answer: Raw | None = None
    after: float | threading.Event = 0
    held: bool = True

    def done(self) -> "Fault":
        """Return the same with the work done."""
        return replace(self, works=True)


CUT_BEFORE = Fault(works=False, ending=Ending.CUT)
CUT_AFTER = Fault(works=True, ending=Ending.CUT)
CUT_WITHIN = Fault(works=True, ending=Ending.HALF)
GARBAGE = Fault(works=True, answer=Raw(status=200, content=b'{"object":"page","id":'))
HTML = Fault(
    works=False,
    answer=Raw(
        status=502,
        content=b"<html><h1>502 Bad Gateway</h1><center>cloudflare</center></html>",
        content_type="text/html",
    ),
)
_CODES = {
    400: "validation_error",
    401: "unauthorized",
    403: "restricted_resource",
    404: "object_not_found",
    409: "conflict_error",
    500: "internal_server_error",
    502: "bad_gateway",
    503: "service_unavailable",
    504: "gateway_timeout",
    529: "service_overload",
}


def status(number: int, *, retry_after: int = 1) -> Fault:
    """Return a fault that answers with this status and does nothing; `.done()` does what was asked all the same."""
    error = rate_limited(retry_after) if number == 429 else NotionError(number, _CODES[number], _CODES[number])
    headers = {"Retry-After": str(retry_after)} if number in {429, 529} else {}
    return Fault(works=False, answer=Raw(status=number, content=error.body(), headers=headers))


def slow(after: float | threading.Event) -> Fault:
    """Return a fault that works and answers seconds later or after the event, whether the client still waits or not."""
    return Fault(works=True, after=after)


def late(after: float | threading.Event) -> Fault:
    """Return a fault that ends the connection at once and works seconds later or after the event."""
    return Fault(works=True, ending=Ending.CUT, after=after, held=False)


@dataclass(slots=True, kw_only=True)
class _Planned:
    method: str | None
    path: str | None
    faults: list[Fault]
    share: float = 1
    chance: random.Random | None = None

    def suits(self, request: Request) -> bool:
        return self.method in {None, request.method} and (self.path is None or bool(re.search(self.path, request.path)))


class Faults:
    """Says which fault befalls a request."""

    def __init__(self) -> None:
        self.choose: Callable[[Request], Fault | None] = lambda request: None
        self._lock = threading.Lock()
        self._planned: list[_Planned] = []

    def plan(self, *faults: Fault, method: str | None = None, path: str | None = None) -> None:
        """Let these befall the next requests of this method whose path has this pattern, one each."""
        with self._lock:
            self._planned.append(_Planned(method=method, path=path, faults=list(faults)))

    def chance(
        self, share: float, *faults: Fault, seed: int, method: str | None = None, path: str | None = None
    ) -> None:
        """Let one of these befall such a share of the requests, the same ones for the same seed."""
        rolls = random.Random(seed)
        with self._lock:
            self._planned.append(_Planned(method=method, path=path, faults=list(faults), share=share, chance=rolls))

    def clear(self) -> None:
        """Let everything go well again."""
        with self._lock:
            self._planned.clear()
        self.choose = lambda request: None

    def of(self, request: Request) -> Fault | None:
        """Return what befalls this request."""
        with self._lock:
            for planned in self._planned:
                if planned.suits(request) and (fault := self._taken(planned)):
                    return fault
        return self.choose(request)

    def _taken(self, planned: _Planned) -> Fault | None:
        if planned.chance is None:
            return planned.faults.pop(0) if planned.faults else None
        return planned.chance.choice(planned.faults) if planned.chance.random() < planned.share else None
