"""Rate limits and breakers on one database, and processes that compete for them."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing.connection import Connection
from typing import Any

from sqlalchemy import Engine, event

# The table that every row points to: without it a process does not know the whole schema.
import counterfoil.access.infrastructure.sql  # noqa: F401 - for its table alone
from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database
from counterfoil.foundation.ids import new_id
from counterfoil.jobs.limits.domain import BreakerOpen, BreakerRules, Rate, RateLimited
from counterfoil.jobs.limits.infrastructure.sql import SqlBreakerStore, SqlRateLimitStore
from counterfoil.jobs.limits.service import Breakers, RateLimits


@dataclass(frozen=True, slots=True)
class Grant:
    """A turn that was given: surely between these two times."""

    asked: float
    given: float


@dataclass(slots=True)
class Counts:
    """An observer that remembers."""

    exceeded: Counter[str] = field(default_factory=Counter)
    tripped: Counter[str] = field(default_factory=Counter)

    def rate_limit_exceeded(self, service: str) -> None:
        self.exceeded[service] += 1

    def breaker_tripped(self, service: str) -> None:
        self.tripped[service] += 1


def rate_limits(database: Database, **changes: Any) -> RateLimits:
    facts: dict[str, Any] = {"store": SqlRateLimitStore(new_id=new_id), "observer": Counts()}
    return RateLimits(database=database, **(facts | changes))


def breakers(database: Database, rules: BreakerRules, **changes: Any) -> Breakers:
    facts: dict[str, Any] = {"store": SqlBreakerStore(), "observer": Counts(), "new_id": new_id}
    return Breakers(database=database, rules=rules, **(facts | changes))


def compete(
    database: Database, workspace: WorkspaceId, rate: Rate, *, threads: int, seconds: float, patience: timedelta
) -> Sequence[Grant]:
    """Let so many threads take tokens, again and again, and return all that were given."""
    limits = rate_limits(database, patience=patience)
    over = time.monotonic() + seconds

    def take_until_over(_: int) -> Sequence[Grant]:
        grants = []
        while time.monotonic() < over:
            asked = time.time()
            try:
                limits.take(workspace, "notion", rate)
            except RateLimited:
                time.sleep(0.02)
            else:
                grants.append(Grant(asked, time.time()))
        return grants

    with ThreadPoolExecutor(threads) as pool:
        return [grant for grants in pool.map(take_until_over, range(threads)) for grant in grants]


def compete_in_a_process(pipe: Connection, url: str, workspace: WorkspaceId, rate: Rate, **more: Any) -> None:
    """Be one of several processes that compete; begin when told, and send what was given."""
    database = Database(url)
    database.ping()
    pipe.send("ready")
    pipe.recv()
    pipe.send(compete(database, workspace, rate, **more))
    database.close()


def probe_in_a_process(pipe: Connection, url: str, workspace: WorkspaceId, rules: BreakerRules, threads: int) -> None:
    """Be one of several processes that find a breaker open whose pause is over; hold the probe until told."""
    database = Database(url)
    at_work = breakers(database, rules)
    done = threading.Event()
    told = threading.Lock()

    def call(_: int) -> None:
        try:
            with at_work.calling(workspace, "notion", "books"):
                with told:
                    pipe.send("probing")
                done.wait(300)
        except BreakerOpen:
            with told:
                pipe.send("refused")

    pipe.send("ready")
    pipe.recv()
    with ThreadPoolExecutor(threads) as pool:
        calls = [pool.submit(call, number) for number in range(threads)]
        pipe.recv()
        done.set()
        for one in calls:
            one.result()
    database.close()


@contextmanager
def writes_counted(engine: Engine) -> Iterator[Callable[[], int]]:
    """Count the statements that write."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.startswith(("INSERT", "UPDATE", "DELETE")):
            seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield lambda: len(seen)
    finally:
        event.remove(engine, "before_cursor_execute", note)
