"""What the jobs of the soak do; worker processes and their children import it."""

import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

from pydantic import BaseModel
from sqlalchemy import Boolean, Column, Integer, MetaData, String, Table, Text, Uuid, insert, text

# The table that every row points to: without it a child does not know the whole schema.
import counterfoil.access.infrastructure.sql  # noqa: F401 - for its table alone
from counterfoil.engine import Engine
from counterfoil.foundation.database import WALLED_ROLE, Database
from counterfoil.foundation.errors import InvalidInput
from counterfoil.foundation.ids import new_id
from counterfoil.foundation.metrics import Metrics
from counterfoil.foundation.settings import Settings
from counterfoil.jobs.attempts import AttemptRunner
from counterfoil.jobs.context import JobContext
from counterfoil.jobs.domain import Attempt, Backoff, Job
from counterfoil.jobs.infrastructure.leases import SqlLeaseStore
from counterfoil.jobs.moves import Waiting
from counterfoil.jobs.types import Handled, JobType, JobTypes

SOON: Final = Backoff(base=timedelta(seconds=0.5), longest=timedelta(seconds=5))
OFTEN: Final = 20
"""Attempts enough for those that fail since the database is away."""
ANSWER_SECONDS: Final = 120
EXCESS_MB: Final = 1_024

_metadata = MetaData()
# Nothing here is unique: what is done twice shall be seen.
effects = Table(
    "soak_effects",
    _metadata,
    Column("key", String, nullable=False),
    Column("job_id", Uuid(), nullable=False),
    Column("attempt", Integer, nullable=False),
)
asks = Table(
    "soak_asks",
    _metadata,
    Column("token", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("answered", Boolean, nullable=False),
)


class Told(BaseModel):
    """The payload of every sort."""

    number: int
    seconds: float = 0
    """How long the work takes."""
    failures: int = 0
    """How many attempts fail first."""

    @property
    def key(self) -> str:
        return f"soak {self.number}"


class Flaw(RuntimeError):
    """What a handler raises that is to fail."""


class Refused(InvalidInput):
    """What no further attempt would mend."""

    code = "soak_refused"


def take_effect(context: JobContext, told: Told) -> None:
    """Do the work, then write the effect and complete the job in one transaction."""
    context.log("Takes effect", number=told.number)
    time.sleep(told.seconds)
    with context.transaction() as tx:
        job = context.job
        tx.execute(insert(effects), {"key": told.key, "job_id": job.id, "attempt": job.attempts})
        context.complete(tx, {"number": told.number})


def succeed_at_last(context: JobContext, told: Told) -> None:
    """Leave an effect behind that has to be rolled back, as often as is wanted."""
    if context.job.attempts > told.failures:
        take_effect(context, told)
        return
    with context.transaction() as tx:
        tx.execute(insert(effects), {"key": "of a failed attempt", "job_id": context.job.id, "attempt": 0})
        raise Flaw(told.number)


def fail(_: JobContext, told: Told) -> None:
    """Fail in a way that another attempt might mend."""
    raise Flaw(told.number)


def refuse(_: JobContext, told: Told) -> None:
    """Fail in a way that no other attempt would mend."""
    raise Refused(told.number)


def sleep_long(_: JobContext, __: Told) -> None:
    """Take longer than anybody waits."""
    time.sleep(600)


def eat(_: JobContext, __: Told) -> None:
    """Hold ever more memory, not so quickly that nobody could see it."""
    held = []
    for _megabytes in range(0, EXCESS_MB, 32):
        held.append(b"\1" * (32 << 20))
        time.sleep(0.02)
    time.sleep(600)


def linger(context: JobContext, told: Told) -> None:
    """Look up often, so that a cancellation is seen."""
    over = time.monotonic() + told.seconds
    while time.monotonic() < over:
        context.check()
        time.sleep(0.1)
    take_effect(context, told.model_copy(update={"seconds": 0}))


def ask(context: JobContext, told: Told, *, final: bool) -> Waiting | None:
    """Ask the soak, which answers by the token that it finds in the table."""
    if context.answer() is not None:
        take_effect(context, told)
        return None
    with context.transaction() as tx:
        token = context.callback_token(final=final)
        tx.execute(insert(asks), {"token": token, "number": told.number, "answered": False})
    return context.wait(ANSWER_SECONDS)


LIGHT = JobType(name="light", payload=Told, backoff=SOON, max_attempts=OFTEN, light=True)
GUARDED = JobType(name="guarded", payload=Told, backoff=SOON, max_attempts=OFTEN)
FLAKY = JobType(name="flaky", payload=Told, backoff=SOON, max_attempts=OFTEN, light=True)
HOPELESS = JobType(name="hopeless", payload=Told, backoff=SOON, max_attempts=2, light=True)
REFUSED = JobType(name="refused", payload=Told, backoff=SOON, light=True)
LATE = JobType(name="late", payload=Told, backoff=SOON, max_attempts=1, timeout_seconds=2)
HUNGRY = JobType(name="hungry", payload=Told, backoff=SOON, max_attempts=2, memory_mb=256)
ASKING = JobType(name="asking", payload=Told, backoff=SOON, max_attempts=OFTEN, light=True)
HANDED_OVER = JobType(name="handed_over", payload=Told, backoff=SOON, max_attempts=OFTEN, light=True)
LINGERING = JobType(name="lingering", payload=Told, backoff=SOON, max_attempts=OFTEN, light=True)

_HANDLERS: tuple[tuple[JobType[Told], Callable[[JobContext, Told], Waiting | None]], ...] = (
    (LIGHT, take_effect),
    (GUARDED, take_effect),
    (FLAKY, succeed_at_last),
    (HOPELESS, fail),
    (REFUSED, refuse),
    (LATE, sleep_long),
    (HUNGRY, eat),
    (ASKING, partial(ask, final=False)),
    (HANDED_OVER, partial(ask, final=True)),
    (LINGERING, linger),
)
TYPES = JobTypes([job_type for job_type, _ in _HANDLERS])


class Nobody:
    """Observes nothing."""

    def attempt_ended(self, after: Job, attempt: Attempt) -> None: ...


def make_tables(database: Database) -> None:
    """Make the tables of the effects and questions, open to handlers, who are walled on PostgreSQL."""
    with database.transaction() as tx:
        _metadata.create_all(tx.connection)
        if tx.dialect == "postgresql":
            tx.execute(text(f"GRANT ALL ON {effects.name}, {asks.name} TO {WALLED_ROLE}"))


def engine_of(settings: Settings) -> Engine:
    """Build the engine as the house builds it."""
    least, most = settings.database_pool_min, settings.database_pool_max
    database = Database(settings.database, pool_size=least, max_overflow=most - least)
    return Engine.build(settings, database, Metrics(), TYPES, Nobody())


def runner_on(database: Database) -> AttemptRunner:
    """Return what calls the handlers."""
    handled = {job_type.name: Handled(type=job_type, handler=handler) for job_type, handler in _HANDLERS}
    return AttemptRunner(handlers=handled, database=database, store=SqlLeaseStore(), new_id=new_id)


def childs_runner(url: str) -> AttemptRunner:
    """Build what a child needs; it runs one job at a time."""
    return runner_on(Database(url, pool_size=1, max_overflow=2))


def settings_of(folder: Path, url: str) -> dict[str, str]:
    """Return the settings of all processes, as environment variables."""
    return {
        "DATA_DIR": str(folder),
        "DATABASE_URL": url,
        "DATABASE_POOL_MIN": "1",
        "DATABASE_POOL_MAX": "6",
        "LOG_LEVEL": "WARNING",
        "SHUTDOWN_SECONDS": "10",
        "WORKER_POLL_SECONDS": "2",  # dozens of idle workers that look twice a second would leave no time for jobs
    }
