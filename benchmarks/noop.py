"""A job that does nothing, so that what is measured is the engine."""

from pydantic import BaseModel

from counterfoil.foundation.database import Database
from counterfoil.foundation.ids import new_id
from counterfoil.jobs.attempts import AttemptRunner
from counterfoil.jobs.context import JobContext
from counterfoil.jobs.infrastructure.leases import SqlLeaseStore
from counterfoil.jobs.types import Handled, JobType


class Nothing(BaseModel):
    """What the job is given."""


NOOP = JobType(name="noop", payload=Nothing)


def _do_nothing(_: JobContext, __: Nothing) -> None: ...


def runner(url: str) -> AttemptRunner:
    """Build what runs the job in a child; the database is not asked for anything."""
    handlers = {NOOP.name: Handled(type=NOOP, handler=_do_nothing)}
    return AttemptRunner(handlers=handlers, database=Database(url), store=SqlLeaseStore(), new_id=new_id)
