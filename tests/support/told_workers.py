"""Worker processes of brokers, with the job types of these tests, for RQ's and Celery's own commands."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

# The table that every row points to: without it these processes do not know the whole schema.
import counterfoil.access.infrastructure.sql  # noqa: F401 - for its table alone
from counterfoil.foundation.database import Database
from counterfoil.foundation.logging import configure_logging
from counterfoil.foundation.settings import Settings, read_settings
from counterfoil.jobs.hearing import Hearing
from counterfoil.jobs.infrastructure.rq import RqDispatcher
from counterfoil.jobs.infrastructure.rq_workers import BellWorker
from counterfoil.jobs.protocols import Broker, Dispatcher, Presence
from counterfoil.jobs.upkeep.ringing import Ringing
from counterfoil.jobs.upkeep.rounds import Duty, Upkeep
from counterfoil.jobs.worker import Worker
from tests.support.engine import Engine


@dataclass(slots=True, kw_only=True)
class ToldEngine(Engine):
    """The whole engine with a broker, as one process has it."""

    broker: Broker

    @property
    def dispatcher(self) -> Dispatcher:  # type: ignore[override]  # of another kind
        return self.broker

    @property
    def ringing(self) -> Ringing:
        return Ringing(database=self.database, store=self.upkeep_store, broker=self.broker)

    def upkeep(self, presence: Presence | None = None) -> Upkeep:
        found = Engine.upkeep(self, presence)
        ringing = Duty(name="ringing", every=timedelta(milliseconds=200), work=self.ringing)
        return Upkeep(duties=(*found.duties, ringing), bell=found.bell, turns=found.turns, poll=found.poll)


def engine_of(settings: Settings) -> ToldEngine:
    return ToldEngine(
        database=Database(settings.database),
        folder=settings.data_dir,
        lapse=timedelta(seconds=3),
        lock_grace=timedelta(seconds=1),
        grace=timedelta(seconds=settings.shutdown_seconds),
        broker=broker_of(settings),
    )


def broker_of(settings: Settings) -> Broker:
    """Return the broker of this kind; a process of the one need not load the other."""
    if settings.queue == "rq":
        return RqDispatcher(settings.redis_url)
    from counterfoil.jobs.infrastructure.celery import CeleryDispatcher

    return CeleryDispatcher(settings)


@contextmanager
def _life() -> Iterator[Worker]:
    settings = read_settings()
    configure_logging(settings.log_format, settings.log_level)
    engine = engine_of(settings)
    worker = engine.worker()
    upkeep = engine.upkeep(worker.presence)
    upkeep.start()
    with worker.in_service():
        yield worker
    upkeep.stop()


hearing = Hearing(_life)


class RqWorker(BellWorker):
    """For `rq worker -w`."""

    life = hearing


def commands(settings: Settings, rq_queues: Sequence[str]) -> Sequence[str]:
    """Return the words after the programs' folder that start a worker."""
    if settings.queue == "rq":
        return ["rq", "worker", "-u", settings.redis_url, "-w", "tests.support.told_workers.RqWorker", *rq_queues]
    return ["celery", "-A", "tests.support.told_celery", "worker", "--without-gossip", "--without-mingle"]
