"""Builds the house: the only module that names implementations; every process and every child of one calls it."""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

from fastapi import APIRouter

from counterfoil import migrations, pipeline
from counterfoil.access.domain import DEFAULT_WORKSPACE
from counterfoil.access.infrastructure.sql import SqlWorkspaceStore
from counterfoil.access.service import AccessService, OpenEntrance
from counterfoil.documents.api import router as documents_router
from counterfoil.documents.infrastructure.bytes import FileBytes
from counterfoil.documents.infrastructure.decoding import LimitedDecoder
from counterfoil.documents.infrastructure.pages import DecodedPages
from counterfoil.documents.infrastructure.sql import SqlDocumentStore
from counterfoil.documents.service import DocumentService
from counterfoil.extraction.api import router as extraction_router
from counterfoil.extraction.infrastructure.files import ExtractionFiles
from counterfoil.extraction.infrastructure.ocr import RapidOcrWords
from counterfoil.extraction.infrastructure.sql import SqlExtractionStore
from counterfoil.extraction.layout.reader import LayoutReader
from counterfoil.extraction.protocols import Reader
from counterfoil.extraction.service import ExtractionService
from counterfoil.foundation.clock import Clock, SystemClock
from counterfoil.foundation.database import Database
from counterfoil.foundation.files import make_folder
from counterfoil.foundation.ids import IdSource, new_id
from counterfoil.foundation.logging import configure_logging
from counterfoil.foundation.metrics import Metrics, QueueCollector
from counterfoil.foundation.settings import InvalidSettings, Settings
from counterfoil.jobs.api import router as jobs_router
from counterfoil.jobs.attempts import AttemptRunner
from counterfoil.jobs.batches import BatchService
from counterfoil.jobs.changes import JobChanges
from counterfoil.jobs.domain import Attempt, Ending, Job
from counterfoil.jobs.following import Following
from counterfoil.jobs.infrastructure.children import ChildPool
from counterfoil.jobs.infrastructure.leases import SqlLeaseStore
from counterfoil.jobs.infrastructure.local import EventBell, LocalDispatcher, NotifyHerald, PipeHerald, PipeListener
from counterfoil.jobs.infrastructure.presence import BeatPresence, FilePresence
from counterfoil.jobs.infrastructure.sql import SqlJobStore
from counterfoil.jobs.infrastructure.upkeep import SqlUpkeepStore
from counterfoil.jobs.limits.api import router as limits_router
from counterfoil.jobs.limits.infrastructure.sql import SqlBreakerStore, SqlRateLimitStore
from counterfoil.jobs.limits.service import Breakers, RateLimits
from counterfoil.jobs.protocols import Dispatcher, Presence
from counterfoil.jobs.queues import QueueService
from counterfoil.jobs.service import JobService
from counterfoil.jobs.upkeep.lateness import Lateness
from counterfoil.jobs.upkeep.release import Release
from counterfoil.jobs.upkeep.rescue import Rescue
from counterfoil.jobs.upkeep.retention import Retention
from counterfoil.jobs.upkeep.rounds import Duty, Upkeep
from counterfoil.jobs.upkeep.stragglers import Stragglers
from counterfoil.jobs.worker import Worker
from counterfoil.records.api import router as records_router
from counterfoil.records.infrastructure.files import RecordFiles
from counterfoil.records.infrastructure.sql import SqlRecordStore
from counterfoil.records.service import RecordService
from counterfoil.reviews.api import router as reviews_router
from counterfoil.reviews.domain import DeliveryRule
from counterfoil.reviews.infrastructure.sql import SqlReviewStore
from counterfoil.reviews.service import ReviewService
from counterfoil.targets.api import router as targets_router
from counterfoil.targets.deliveries import DeliveryService
from counterfoil.targets.infrastructure.ledger import LedgerAdapter, SqlLedgerStore
from counterfoil.targets.infrastructure.sql import SqlDeliveryStore, SqlPlanStore, SqlTargetStore
from counterfoil.targets.ledger import LedgerService
from counterfoil.targets.lookup import TargetLookup
from counterfoil.targets.protocols import TargetAdapter
from counterfoil.targets.service import TargetService

GRACE = timedelta(seconds=3)
"""For how long a worker's lock may be missing before it is taken for dead, and the worker for itself."""
QUICK_BEAT, QUICK_LAPSE = timedelta(seconds=1), timedelta(seconds=4)
"""How often workers beat that can hold no lock, and after what silence they are given up."""

ROUTERS: tuple[APIRouter, ...] = (
    documents_router,
    extraction_router,
    jobs_router,
    limits_router,
    records_router,
    reviews_router,
    targets_router,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What was built, for the processes that live in it."""

    settings: Settings
    database: Database
    metrics: Metrics
    new_id: IdSource
    services: Mapping[type, object]
    documents: DocumentService
    records: RecordService
    jobs: JobService
    targets: TargetService
    readers: Sequence[Reader]
    pages: DecodedPages
    engine: "Engine"
    runner: AttemptRunner


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """The parts of the job engine that its users, its workers and its upkeep share."""

    bell: EventBell
    """Workers of this process sleep beside it."""
    upkeep: EventBell
    dispatcher: Dispatcher
    following: Following
    jobs: JobService
    changes: JobChanges
    batches: BatchService
    queues: QueueService

    @property
    def services(self) -> tuple[object, ...]:
        """Return what routes ask for."""
        return self.jobs, self.changes, self.batches, self.queues


def build(settings: Settings) -> House:
    """Build the house, and bring its database up to date."""
    house = assemble(settings)
    migrations.migrate(house.database)
    with house.database.transaction() as tx:
        SqlWorkspaceStore().ensure_default(tx)
        house.targets.ensure_default(tx, DEFAULT_WORKSPACE)
    house.documents.sweep()
    return house


def assemble(settings: Settings) -> House:
    """Put the parts together; nothing is touched yet but the data folder, which is made.

    Raises:
        InvalidSettings: there can be no such folder.
    """
    try:
        make_folder(settings.data_dir)
    except OSError as error:
        raise InvalidSettings("DATA_DIR", settings.data_dir, error.strerror or str(error)) from error
    ground = _ground(settings)
    documents, extractions, records = _documents(ground), _extractions(ground), _records(ground)
    reviews = _reviews(ground, records)
    targets, deliveries, ledgers = _targets(ground, documents, records)
    handlers = pipeline.Handlers(
        steps=ground.steps,
        documents=documents,
        extractions=extractions,
        records=records,
        reviews=reviews,
        deliveries=deliveries,
        archive=RecordFiles(settings.data_dir),
        public_url=settings.public_url,
    )
    engine = ground.engine
    rooms = (documents, extractions, records, reviews, targets, deliveries, ledgers)
    entrance = AccessService(entrance=OpenEntrance())
    services = (ground.database, ground.metrics, entrance, *engine.services, *_limits(ground), *rooms)
    return House(
        settings=settings,
        database=ground.database,
        metrics=ground.metrics,
        new_id=new_id,
        services={type(service): service for service in services},
        documents=documents,
        records=records,
        jobs=engine.jobs,
        targets=targets,
        readers=extractions.readers,
        pages=ground.pages,
        engine=engine,
        runner=AttemptRunner(
            handlers=handlers.by_type(), database=ground.database, store=SqlLeaseStore(), new_id=new_id
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ground:
    """What the rooms are built on."""

    settings: Settings
    database: Database
    metrics: Metrics
    engine: Engine
    steps: pipeline.Steps
    pages: DecodedPages
    clock: Clock


def _ground(settings: Settings) -> _Ground:
    database = Database(
        settings.database,
        pool_size=settings.database_pool_min,
        max_overflow=settings.database_pool_max - settings.database_pool_min,
    )
    engine, metrics = _engine(settings, database), Metrics()
    metrics.registry.register(QueueCollector(engine.jobs.counts))
    return _Ground(
        settings=settings,
        database=database,
        metrics=metrics,
        engine=engine,
        steps=pipeline.Steps(jobs=engine.jobs),
        pages=DecodedPages(max_pages=settings.max_pages, max_pixels=settings.max_pixels),
        clock=SystemClock(),
    )


def _engine(settings: Settings, database: Database) -> Engine:
    store, leases, upkeep_store = SqlJobStore(), SqlLeaseStore(), SqlUpkeepStore()
    bell, upkeep = EventBell(), EventBell()
    herald = PipeHerald(_workers_folder(settings)) if database.is_sqlite else NotifyHerald(database)
    dispatcher = LocalDispatcher(bell, herald)
    following = Following(database=database, jobs=store, leases=leases, upkeep=upkeep)
    changes = JobChanges(
        database=database,
        store=store,
        types=pipeline.JOB_TYPES,
        following=following,
        upkeep=upkeep,
        retry_limit=settings.dlq_retry_limit,
        retry_delay=timedelta(seconds=settings.dlq_retry_delay_seconds),
    )
    return Engine(
        bell=bell,
        upkeep=upkeep,
        dispatcher=dispatcher,
        following=following,
        jobs=JobService(
            database=database,
            store=store,
            upkeep_store=upkeep_store,
            types=pipeline.JOB_TYPES,
            dispatcher=dispatcher,
            upkeep=upkeep,
            new_id=new_id,
        ),
        changes=changes,
        batches=BatchService(database=database, store=store, changes=changes, new_id=new_id),
        queues=QueueService(database=database, store=upkeep_store, upkeep=upkeep),
    )


def _workers_folder(settings: Settings) -> Path:
    return settings.data_dir / "workers"


def _limits(ground: _Ground) -> tuple[RateLimits, Breakers]:
    observer = _MeasuredCalls(ground.metrics)
    return (
        RateLimits(database=ground.database, store=SqlRateLimitStore(new_id=new_id), observer=observer),
        Breakers(database=ground.database, store=SqlBreakerStore(), observer=observer, new_id=new_id),
    )


def _documents(ground: _Ground) -> DocumentService:
    return DocumentService(
        database=ground.database,
        store=SqlDocumentStore(),
        byte_store=FileBytes(folder=ground.settings.data_dir),
        decoder=LimitedDecoder(pages=ground.pages),
        targets=TargetLookup(store=SqlTargetStore()),
        next_step=ground.steps.start_reading,
        read_again=ground.steps.start_reading_again,
        clock=ground.clock,
        new_id=new_id,
        max_bytes=ground.settings.max_upload_bytes,
    )


def _extractions(ground: _Ground) -> ExtractionService:
    return ExtractionService(
        database=ground.database,
        store=SqlExtractionStore(),
        archive=ExtractionFiles(ground.settings.data_dir / "extractions"),
        pages=ground.pages,
        readers=(LayoutReader(word_finder=RapidOcrWords(threads=ground.settings.ocr_threads)),),
        new_id=new_id,
    )


def _records(ground: _Ground) -> RecordService:
    return RecordService(
        database=ground.database,
        store=SqlRecordStore(),
        clock=ground.clock,
        new_id=new_id,
        threshold=ground.settings.sure_above,
        next_step=ground.steps.plan_deliveries,
        on_change=ground.steps.write_record_files,
    )


def _reviews(ground: _Ground, records: RecordService) -> ReviewService:
    return ReviewService(
        database=ground.database,
        store=SqlReviewStore(),
        records=records,
        clock=ground.clock,
        new_id=new_id,
        delivery=DeliveryRule(ground.settings.deliver),
        threshold=ground.settings.sure_above,
        time_to_answer=timedelta(hours=ground.settings.review_due_hours),
    )


def _targets(
    ground: _Ground, documents: DocumentService, records: RecordService
) -> tuple[TargetService, DeliveryService, LedgerService]:
    database, clock, public_url = ground.database, ground.clock, ground.settings.public_url
    ledger_store = SqlLedgerStore(clock=clock, new_id=new_id)
    adapters: Iterable[TargetAdapter] = (LedgerAdapter(database=database, store=ledger_store, public_url=public_url),)
    targets = TargetService(
        database=database,
        store=SqlTargetStore(),
        plans=SqlPlanStore(),
        deliveries=SqlDeliveryStore(),
        adapters={adapter.kind: adapter for adapter in adapters},
        records=records,
        documents=documents,
        next_step=ground.steps.start_delivery,
        clock=clock,
        new_id=new_id,
        public_url=public_url,
    )
    deliveries = DeliveryService(
        database=database, store=SqlDeliveryStore(), targets=targets, records=records, clock=clock, new_id=new_id
    )
    ledgers = LedgerService(database=database, targets=SqlTargetStore(), store=ledger_store, new_id=new_id)
    return targets, deliveries, ledgers


def attempt_runner(settings: Settings) -> AttemptRunner:
    """Build what a worker's child needs to run jobs."""
    configure_logging(settings.log_format, settings.log_level)
    return assemble(settings).runner


def worker(house: House) -> Worker:
    """Return a worker that has not started yet."""
    settings, engine = house.settings, house.engine
    return Worker(
        database=house.database,
        jobs=SqlJobStore(),
        leases=SqlLeaseStore(),
        presence=_own_presence(house),
        light_types={one.name for one in pipeline.JOB_TYPES if one.light},
        bell=engine.bell,
        upkeep=engine.upkeep,
        following=engine.following,
        guard=ChildPool(partial(attempt_runner, settings), preload=["counterfoil.bootstrap"]),
        light=house.runner,
        observer=_Measured(house.metrics),
        new_id=new_id,
        queues=settings.queues,
        concurrency=settings.worker_concurrency,
        poll_every=timedelta(seconds=settings.worker_poll_seconds),
        grace=timedelta(seconds=settings.shutdown_seconds),
    )


@contextmanager
def working(house: House) -> Iterator[Worker]:
    """Run a worker beside what is done in the context, and let it finish its jobs afterwards."""
    at_work = worker(house)
    thread = threading.Thread(target=at_work.run, name="worker")
    thread.start()
    try:
        yield at_work
    finally:
        at_work.stop()
        thread.join()


@contextmanager
def upkeeping(house: House) -> Iterator[None]:
    """Do upkeep beside what is done in the context. Every process that serves or works does."""
    upkeep = _upkeep(house)
    upkeep.start()
    try:
        yield
    finally:
        upkeep.stop()


def _upkeep(house: House) -> Upkeep:
    database, engine, settings = house.database, house.engine, house.settings
    jobs, leases, store = SqlJobStore(), SqlLeaseStore(), SqlUpkeepStore()
    measured = _Measured(house.metrics)
    rescue = Rescue(
        database=database,
        leases=leases,
        store=store,
        presence=_presence(house),
        observer=measured,
        upkeep=engine.upkeep,
    )
    release = Release(database=database, store=store, dispatcher=engine.dispatcher)
    lateness = Lateness(database=database, jobs=jobs, store=store, following=engine.following)
    stragglers = Stragglers(database=database, store=store, following=engine.following)
    retention = Retention(
        database=database,
        store=store,
        observer=measured,
        keep_finished=timedelta(days=settings.job_retention_days),
        keep_dead=timedelta(days=settings.dlq_retention_days),
        most_dead=settings.dlq_max_size,
    )
    often = timedelta(seconds=settings.worker_poll_seconds)
    return Upkeep(
        duties=(
            Duty(name="rescue", every=often, work=rescue),
            Duty(name="release", every=timedelta(0), work=release),
            Duty(name="lateness", every=often, work=lateness),
            Duty(name="stragglers", every=timedelta(seconds=10), work=stragglers),
            Duty(name="remove_finished", every=timedelta(minutes=10), work=retention.finished),
            Duty(name="remove_dead", every=timedelta(minutes=10), work=retention.dead),
        ),
        bell=engine.upkeep,
        poll=often,
    )


def _presence(house: House) -> Presence:
    """Return how workers of this house prove that they live, and judge others."""
    database, settings = house.database, house.settings
    every = timedelta(seconds=settings.worker_beat_seconds)
    lapse = timedelta(seconds=settings.worker_lapse_seconds)
    if database.is_sqlite:  # all workers are on this machine
        return FilePresence(database, _workers_folder(settings), every=every, lapse=lapse)
    # Here, since SQLite does without the driver that this needs.
    from counterfoil.jobs.infrastructure.session import SessionLock, SessionPresence

    session = SessionLock(settings.session_database, house.engine.bell.ring)
    return SessionPresence(database, session, every=every, lapse=lapse, grace=GRACE)


def _own_presence(house: House) -> Presence:
    """Return how the worker of this process proves that it lives; where a pooler lends sessions out, by its beat."""
    if house.database.is_sqlite:
        PipeListener(_workers_folder(house.settings), house.engine.bell).start()
        return _presence(house)
    from counterfoil.jobs.infrastructure.session import is_lent_out

    if is_lent_out(house.settings.session_database):
        return BeatPresence(house.database, every=QUICK_BEAT, lapse=QUICK_LAPSE)
    return _presence(house)


@dataclass(frozen=True, slots=True)
class _Measured:
    """Counts how attempts end."""

    metrics: Metrics

    def attempt_ended(self, after: Job, attempt: Attempt) -> None:
        seconds = (attempt.ended_at - attempt.started_at).total_seconds()
        self.metrics.processed.labels(type=after.type, ending=attempt.ending).inc()
        if attempt.ending is Ending.FAILED:
            self.metrics.failed.labels(type=after.type).inc()
        self.metrics.attempt_seconds.labels(type=after.type).observe(seconds)
        pipeline.measure(self.metrics, after, attempt)

    def cleaned_up(self, removed: int, seconds: float) -> None:
        self.metrics.dlq_cleaned.inc(removed)
        self.metrics.dlq_cleanup_seconds.observe(seconds)
        self.metrics.dlq_cleanup_success.inc()

    def clean_up_failed(self) -> None:
        self.metrics.dlq_cleanup_failure.inc()


@dataclass(frozen=True, slots=True)
class _MeasuredCalls:
    """Counts the calls to outside services that are kept back."""

    metrics: Metrics

    def rate_limit_exceeded(self, service: str) -> None:
        self.metrics.rate_limit_exceeded.labels(service=service).inc()

    def breaker_tripped(self, service: str) -> None:
        self.metrics.breaker_trips.labels(service=service).inc()
