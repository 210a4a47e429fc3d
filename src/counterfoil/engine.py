"""Builds the job engine: what everybody shares of it, the worker, upkeep. Like bootstrap it names implementations."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path

from counterfoil.foundation.database import Database
from counterfoil.foundation.ids import new_id
from counterfoil.foundation.metrics import Metrics, QueueCollector, TransactionCollector
from counterfoil.foundation.settings import InvalidSettings, Settings
from counterfoil.jobs.attempts import AttemptRunner
from counterfoil.jobs.batches import JobBatches
from counterfoil.jobs.changes import JobChanges
from counterfoil.jobs.creating import JobCreation
from counterfoil.jobs.dead_letters.infrastructure.sql import SqlDeadLetterStore
from counterfoil.jobs.dead_letters.service import DeadLetters
from counterfoil.jobs.domain import Attempt, Ending, Job
from counterfoil.jobs.events.infrastructure.sql import SqlEventStore
from counterfoil.jobs.events.service import Watch
from counterfoil.jobs.following import Following
from counterfoil.jobs.infrastructure.leases import SqlLeaseStore
from counterfoil.jobs.infrastructure.local import EventBell, LocalDispatcher, NotifyHerald, PipeHerald, PipeListener
from counterfoil.jobs.infrastructure.presence import BeatPresence, FilePresence
from counterfoil.jobs.infrastructure.sql import SqlJobStore
from counterfoil.jobs.infrastructure.turns import EveryTurn, SharedTurns
from counterfoil.jobs.infrastructure.upkeep import SqlUpkeepStore
from counterfoil.jobs.limits.domain import Period, Rate
from counterfoil.jobs.limits.infrastructure.sql import SqlBreakerStore, SqlRateLimitStore
from counterfoil.jobs.limits.service import Breakers, RateLimits
from counterfoil.jobs.overview.infrastructure.sql import SqlOverviewStore
from counterfoil.jobs.overview.service import Overview
from counterfoil.jobs.places import Places
from counterfoil.jobs.protocols import Broker, Dispatcher, Observer, Presence
from counterfoil.jobs.queues import QueueService
from counterfoil.jobs.schedules.firing import Scheduler
from counterfoil.jobs.schedules.infrastructure.sql import SqlScheduleStore
from counterfoil.jobs.schedules.service import ScheduleService
from counterfoil.jobs.service import JobService
from counterfoil.jobs.types import JobTypes
from counterfoil.jobs.upkeep.hindrance import Hindrance
from counterfoil.jobs.upkeep.idleness import Idleness
from counterfoil.jobs.upkeep.lateness import Lateness
from counterfoil.jobs.upkeep.release import Release
from counterfoil.jobs.upkeep.rescue import Rescue
from counterfoil.jobs.upkeep.retention import Retention
from counterfoil.jobs.upkeep.ringing import Ringing
from counterfoil.jobs.upkeep.rounds import Duty, Upkeep
from counterfoil.jobs.upkeep.stragglers import Stragglers
from counterfoil.jobs.worker import Guard, Worker

GRACE = timedelta(seconds=3)
"""For how long a worker may be missed before it is taken for dead."""
RING_AGAIN = timedelta(seconds=2)
"""How often is looked for bells that are lost."""
QUICK_BEAT, QUICK_LAPSE = timedelta(seconds=1), timedelta(seconds=4)
"""How often workers beat that can hold no lock, and after what silence they are given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """The job engine of one process."""

    settings: Settings
    database: Database
    types: JobTypes
    observer: Observer
    measured: "Measured"
    bell: EventBell
    """The worker of this process sleeps beside it."""
    upkeep_bell: EventBell
    dispatcher: Dispatcher
    broker: Broker | None
    """The dispatcher, where it is one whose bells can be lost."""
    following: Following
    jobs: JobService
    changes: JobChanges
    batches: JobBatches
    queues: QueueService
    rate_limits: RateLimits
    breakers: Breakers
    dead_letters: DeadLetters
    schedules: ScheduleService
    overview: Overview
    watch: Watch
    duties: Sequence[Duty]
    """Of others, which upkeep does as well."""

    @classmethod
    def build(
        cls,
        settings: Settings,
        database: Database,
        metrics: Metrics,
        types: JobTypes,
        observer: Observer,
        duties: Sequence[Duty] = (),
    ) -> "Engine":
        """Put the shared parts together; nothing is touched or started yet."""
        store, upkeep_store = SqlJobStore(), SqlUpkeepStore()
        bell, upkeep_bell = EventBell(), EventBell()
        measured = Measured(metrics)
        broker = _broker(settings)
        dispatcher = broker or _local(settings, database, bell)
        places = Places(database=database, store=upkeep_store)
        following = Following(database=database, jobs=store, leases=SqlLeaseStore(), places=places, upkeep=upkeep_bell)
        jobs = JobService(
            database=database,
            store=store,
            upkeep_store=upkeep_store,
            types=types,
            dispatcher=dispatcher,
            places=places,
            upkeep=upkeep_bell,
            new_id=new_id,
        )
        changes = JobChanges(
            database=database,
            store=store,
            types=types,
            following=following,
            upkeep=upkeep_bell,
            retry_limit=settings.dlq_retry_limit,
            retry_delay=timedelta(seconds=settings.dlq_retry_delay_seconds),
        )
        queues = QueueService(database=database, store=upkeep_store, upkeep=upkeep_bell)
        dead_letters = DeadLetters(
            database=database,
            store=SqlDeadLetterStore(),
            jobs=jobs,
            changes=changes,
            observer=measured,
            kept_for=timedelta(days=settings.dlq_retention_days),
        )
        metrics.registry.register(QueueCollector(jobs.counts))
        if not database.is_sqlite:
            metrics.registry.register(TransactionCollector(partial(_oldest, database)))
        return cls(
            settings=settings,
            database=database,
            types=types,
            observer=observer,
            measured=measured,
            bell=bell,
            upkeep_bell=upkeep_bell,
            dispatcher=dispatcher,
            broker=broker,
            following=following,
            jobs=jobs,
            changes=changes,
            batches=JobBatches(database=database, store=store, changes=changes, new_id=new_id),
            queues=queues,
            rate_limits=RateLimits(database=database, store=SqlRateLimitStore(new_id=new_id), observer=measured),
            breakers=Breakers(database=database, store=SqlBreakerStore(), observer=measured, new_id=new_id),
            dead_letters=dead_letters,
            schedules=ScheduleService(
                database=database,
                store=SqlScheduleStore(),
                enqueue=jobs.enqueue_named,
                check=jobs.check,
                new_id=new_id,
            ),
            overview=Overview(database=database, store=SqlOverviewStore(), queue_service=queues),
            watch=Watch(database=database, store=SqlEventStore(), exists=jobs.get),
            duties=duties,
        )

    @property
    def services(self) -> tuple[object, ...]:
        """Return what routes ask for."""
        of_jobs = (self.jobs, self.changes, self._creation(), self.batches, self.dead_letters)
        of_engine = (self.queues, self.overview, self.watch, self.rate_limits, self.breakers)
        return (*of_jobs, *of_engine, self.schedules)

    def _creation(self) -> JobCreation:
        most = self.settings.jobs_per_hour
        # All of an hour's jobs may come at once, and whoever has none left is told so rather than kept waiting.
        rate = Rate(count=most, period=Period.HOUR, burst=most) if most else None
        limits = replace(self.rate_limits, patience=timedelta(0))
        return JobCreation(jobs=self.jobs, batches=self.batches, limits=limits, rate=rate)

    def worker(self, runner: AttemptRunner, guard: Guard) -> Worker:
        """Return a worker that has not started yet."""
        settings = self.settings
        return Worker(
            database=self.database,
            jobs=SqlJobStore(),
            leases=SqlLeaseStore(),
            presence=self._own_presence(),
            light_types={one.name for one in self.types if one.light},
            bell=self.bell,
            upkeep=self.upkeep_bell,
            following=self.following,
            guard=guard,
            light=runner,
            observer=self.observer,
            new_id=new_id,
            queues=settings.queues,
            concurrency=settings.worker_concurrency,
            poll_every=timedelta(seconds=settings.worker_poll_seconds),
            grace=timedelta(seconds=settings.shutdown_seconds),
        )

    @contextmanager
    def upkept(self) -> Iterator[None]:
        """Do upkeep beside what is done in the context. Every process that serves or works does."""
        upkeep = self._upkeep()
        upkeep.start()
        try:
            yield
        finally:
            upkeep.stop()

    def _upkeep(self) -> Upkeep:
        often = timedelta(seconds=self.settings.worker_poll_seconds)
        retention = self._retention()
        return Upkeep(
            duties=(
                Duty(name="rescue", every=often, work=self._rescue()),
                Duty(name="release", every=often, work=self._release(), when_rung=True),
                Duty(name="lateness", every=often, work=self._lateness()),
                Duty(name="schedules", every=often, work=self._scheduler()),
                Duty(name="stragglers", every=timedelta(seconds=10), work=self._stragglers()),
                Duty(name="remove_finished", every=timedelta(minutes=10), work=retention.finished),
                Duty(name="remove_dead", every=timedelta(minutes=10), work=retention.dead),
                Duty(name="idleness", every=timedelta(minutes=10), work=self._idleness()),
                *self._ringing(),
                *self._watching(),
                *self.duties,
            ),
            bell=self.upkeep_bell,
            turns=EveryTurn() if self.database.is_sqlite else SharedTurns(self.database),
            poll=often,
        )

    def _rescue(self) -> Rescue:
        return Rescue(
            database=self.database,
            leases=SqlLeaseStore(),
            store=SqlUpkeepStore(),
            presence=self._presence(),
            observer=self.observer,
            following=self.following,
            upkeep=self.upkeep_bell,
        )

    def _release(self) -> Release:
        return Release(database=self.database, store=SqlUpkeepStore(), dispatcher=self.dispatcher)

    def _ringing(self) -> Sequence[Duty]:
        if self.broker is None:  # workers look by themselves
            return ()
        ringing = Ringing(database=self.database, store=SqlUpkeepStore(), broker=self.broker)
        return (Duty(name="ringing", every=RING_AGAIN, work=ringing),)

    def _watching(self) -> Sequence[Duty]:
        if self.database.is_sqlite:  # it does not tell who else has a transaction open
            return ()
        return (Duty(name="hindrance", every=timedelta(minutes=1), work=Hindrance(database=self.database)),)

    def _lateness(self) -> Lateness:
        return Lateness(database=self.database, jobs=SqlJobStore(), store=SqlUpkeepStore(), following=self.following)

    def _scheduler(self) -> Scheduler:
        return Scheduler(
            database=self.database, store=SqlScheduleStore(), enqueue=self.jobs.enqueue_named, check=self.jobs.check
        )

    def _stragglers(self) -> Stragglers:
        return Stragglers(database=self.database, store=SqlUpkeepStore(), following=self.following)

    def _idleness(self) -> Idleness:
        return Idleness(database=self.database, rate_limits=self.rate_limits, breakers=self.breakers)

    def _retention(self) -> Retention:
        return Retention(
            database=self.database,
            store=SqlUpkeepStore(),
            observer=self.measured,
            keep_finished=timedelta(days=self.settings.job_retention_days),
            keep_dead=timedelta(days=self.settings.dlq_retention_days),
            most_dead=self.settings.dlq_max_size,
        )

    def _presence(self) -> Presence:
        """Return how workers prove that they live, and how others judge them."""
        every = timedelta(seconds=self.settings.worker_beat_seconds)
        lapse = timedelta(seconds=self.settings.worker_lapse_seconds)
        if self.database.is_sqlite:  # all workers are on this machine
            return FilePresence(self.database, _workers_folder(self.settings), every=every, lapse=lapse)
        # Here, since SQLite does without the driver that this needs.
        from counterfoil.jobs.infrastructure.session import SessionLock, SessionPresence

        session = SessionLock(self.settings.session_database, self.bell.ring)
        return SessionPresence(self.database, session, every=every, lapse=lapse, grace=GRACE)

    def _own_presence(self) -> Presence:
        """Return how this process's worker proves that it lives; where a pooler lends sessions out, by its beat."""
        if self.database.is_sqlite:
            PipeListener(_workers_folder(self.settings), self.bell).start()
            return self._presence()
        from counterfoil.jobs.infrastructure.session import is_pooled

        if is_pooled(self.settings.session_database):
            return BeatPresence(self.database, every=QUICK_BEAT, lapse=QUICK_LAPSE)
        return self._presence()


def _broker(settings: Settings) -> Broker | None:
    """Return what rings workers through Redis, if that is wanted.

    Raises:
        InvalidSettings: what it needs, an extra, is not installed.
    """
    try:
        if settings.queue == "rq":
            from counterfoil.jobs.infrastructure.rq import RqDispatcher

            return RqDispatcher(settings.redis_url)
        if settings.queue == "celery":
            from counterfoil.jobs.infrastructure.celery import CeleryDispatcher

            return CeleryDispatcher(settings)
    except ModuleNotFoundError as error:
        fault = f"{error.name} is not installed; requirements/{settings.queue}.txt has it"
        raise InvalidSettings("QUEUE", settings.queue, fault) from error
    return None


def _local(settings: Settings, database: Database, bell: EventBell) -> LocalDispatcher:
    herald = PipeHerald(_workers_folder(settings)) if database.is_sqlite else NotifyHerald(database)
    return LocalDispatcher(bell, herald)


def _oldest(database: Database) -> timedelta:
    oldest = database.oldest_transaction()
    return oldest.age if oldest else timedelta(0)


def _workers_folder(settings: Settings) -> Path:
    return settings.data_dir / "workers"


@dataclass(frozen=True, slots=True)
class Measured:
    """Counts what happens in the engine."""

    metrics: Metrics

    def attempt_ended(self, after: Job, attempt: Attempt) -> None:
        seconds = (attempt.ended_at - attempt.started_at).total_seconds()
        self.metrics.processed.labels(type=after.type, ending=attempt.ending).inc()
        if attempt.ending is Ending.FAILED:
            self.metrics.failed.labels(type=after.type).inc()
        self.metrics.attempt_seconds.labels(type=after.type).observe(seconds)

    def cleaned_up(self, removed: int, seconds: float) -> None:
        self.metrics.dlq_cleaned.inc(removed)
        self.metrics.dlq_cleanup_seconds.observe(seconds)
        self.metrics.dlq_cleanup_success.inc()

    def clean_up_failed(self) -> None:
        self.metrics.dlq_cleanup_failure.inc()

    def rate_limit_exceeded(self, service: str) -> None:
        self.metrics.rate_limit_exceeded.labels(service=service).inc()

    def breaker_tripped(self, service: str) -> None:
        self.metrics.breaker_trips.labels(service=service).inc()
