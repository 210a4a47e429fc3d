"""Builds the house: the only module that names implementations; every process and every child of one calls it."""

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import structlog
from fastapi import APIRouter
from starlette.types import ASGIApp

from counterfoil import migrations, pipeline
from counterfoil.access.audit.api import router as audit_router
from counterfoil.access.audit.service import AuditLog
from counterfoil.access.domain import DEFAULT_WORKSPACE
from counterfoil.access.infrastructure.audit import SqlAuditStore
from counterfoil.access.infrastructure.heads import HeadFiles
from counterfoil.access.infrastructure.sql import SqlWorkspaceStore
from counterfoil.access.keys.api import router as keys_router
from counterfoil.access.people.api import router as people_router
from counterfoil.access.people.member_api import router as members_router
from counterfoil.access.people.workspace_api import router as workspaces_router
from counterfoil.admission import Admission
from counterfoil.documents.api import router as documents_router
from counterfoil.documents.batch_api import router as batches_router
from counterfoil.documents.batches import BatchService
from counterfoil.documents.infrastructure.archives import ZipArchives
from counterfoil.documents.infrastructure.batches import SqlBatchStore
from counterfoil.documents.infrastructure.bytes import INCOMING, FileBytes
from counterfoil.documents.infrastructure.decoding import LimitedDecoder
from counterfoil.documents.infrastructure.pages import DecodedPages
from counterfoil.documents.infrastructure.sql import SqlDocumentStore, SqlJoinStore
from counterfoil.documents.joining import JoinService
from counterfoil.documents.service import DocumentService
from counterfoil.engine import Engine, Measured
from counterfoil.extraction.api import router as extraction_router
from counterfoil.extraction.cascade import Cascade
from counterfoil.extraction.einvoice.reader import EInvoiceReader
from counterfoil.extraction.infrastructure.files import ExtractionFiles
from counterfoil.extraction.infrastructure.model_calls import SqlModelCallStore
from counterfoil.extraction.infrastructure.models import LateClient, chosen_model, needed_to_ask
from counterfoil.extraction.infrastructure.ocr import RapidOcrWords
from counterfoil.extraction.infrastructure.sql import SqlExtractionStore
from counterfoil.extraction.layout.reader import LayoutReader
from counterfoil.extraction.model.api import router as model_calls_router
from counterfoil.extraction.model.asking import ModelAsking
from counterfoil.extraction.model.domain import Budget
from counterfoil.extraction.model.reader import ModelReader
from counterfoil.extraction.model.service import ModelCalls
from counterfoil.extraction.protocols import Reader
from counterfoil.extraction.service import ExtractionService
from counterfoil.foundation.clock import Clock, SystemClock
from counterfoil.foundation.database import Database
from counterfoil.foundation.files import make_folder
from counterfoil.foundation.forms import FormLimits
from counterfoil.foundation.health import Needs
from counterfoil.foundation.ids import IdSource, new_id
from counterfoil.foundation.logging import configure_logging
from counterfoil.foundation.metrics import Metrics, TargetCollector
from counterfoil.foundation.settings import InvalidSettings, Settings
from counterfoil.jobs.api import router as jobs_router
from counterfoil.jobs.attempts import AttemptRunner
from counterfoil.jobs.dead_letters.api import router as dead_letters_router
from counterfoil.jobs.domain import Attempt, Job
from counterfoil.jobs.events.api import router as events_router
from counterfoil.jobs.infrastructure.children import ChildPool
from counterfoil.jobs.infrastructure.leases import SqlLeaseStore
from counterfoil.jobs.limits.api import router as limits_router
from counterfoil.jobs.limits.domain import Period, Rate
from counterfoil.jobs.overview.api import router as overview_router
from counterfoil.jobs.schedules.api import router as schedules_router
from counterfoil.jobs.service import JobService
from counterfoil.jobs.upkeep.rounds import Duty
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
from counterfoil.targets.book import DeliveryBook
from counterfoil.targets.connections import ConnectionService
from counterfoil.targets.deliveries import DeliveryService
from counterfoil.targets.domain import NOTION
from counterfoil.targets.infrastructure.airtable.adapter import AirtableAdapter
from counterfoil.targets.infrastructure.airtable.address import AIRTABLE
from counterfoil.targets.infrastructure.airtable.client import RATE as AIRTABLE_CALLS
from counterfoil.targets.infrastructure.airtable.client import AirtableClient
from counterfoil.targets.infrastructure.database_table import DatabaseTableAdapter
from counterfoil.targets.infrastructure.ledger import LedgerAdapter, SqlLedgerStore
from counterfoil.targets.infrastructure.manners import Manners
from counterfoil.targets.infrastructure.n8n import N8nRunner
from counterfoil.targets.infrastructure.notion.adapter import NotionAdapter
from counterfoil.targets.infrastructure.notion.client import NotionClient
from counterfoil.targets.infrastructure.page_pictures import PagePictures
from counterfoil.targets.infrastructure.sql import SqlDeliveryStore, SqlPlanStore, SqlTargetStore
from counterfoil.targets.ledger import LedgerService
from counterfoil.targets.lookup import TargetLookup
from counterfoil.targets.model.mapper import ModelMapper
from counterfoil.targets.n8n.api import router as n8n_router
from counterfoil.targets.n8n.service import N8nCallbacks, N8nDeliveries
from counterfoil.targets.protocols import TargetAdapter
from counterfoil.targets.service import TargetService

log = structlog.get_logger()

ROUTERS: tuple[APIRouter, ...] = (
    audit_router,
    dead_letters_router,
    documents_router,
    batches_router,
    events_router,
    extraction_router,
    overview_router,  # before the jobs, whose ids its paths would be taken for
    jobs_router,
    keys_router,
    limits_router,
    members_router,
    model_calls_router,
    n8n_router,
    people_router,
    records_router,
    reviews_router,
    schedules_router,
    targets_router,
    workspaces_router,
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
    batches: BatchService
    joins: JoinService
    records: RecordService
    jobs: JobService
    targets: TargetService
    connections: ConnectionService
    deliveries: DeliveryService
    cascade: Cascade
    pages: DecodedPages
    audit: AuditLog
    admission: Admission
    engine: Engine
    runner: AttemptRunner


def build(settings: Settings) -> House:
    """Build the house, and bring its database up to date, if that is in order."""
    house = assemble(settings)
    house.database.inspect()
    migrations.migrate(house.database)
    with house.database.transaction() as tx:
        SqlWorkspaceStore().ensure_default(tx)
        house.connections.ensure_default(tx, DEFAULT_WORKSPACE)
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
    batches, reviews = _batches(ground, documents), _reviews(ground, records)
    notion = NotionAdapter(client=_notion(ground))
    targets, connections, deliveries, ledgers = _targets(ground, documents, records, notion)
    joins = JoinService(
        database=ground.database,
        store=SqlJoinStore(),
        documents=documents,
        set_aside=pipeline.PartsAside(records=records, reviews=reviews, deliveries=deliveries),
    )
    handlers = pipeline.Handlers(
        steps=ground.steps,
        documents=documents,
        joins=joins,
        extractions=extractions,
        records=records,
        reviews=reviews,
        deliveries=deliveries,
        n8n=_n8n(ground, documents, deliveries, notion) if settings.workflow == "n8n" else None,
        archive=RecordFiles(settings.data_dir),
        public_url=settings.public_url,
    )
    engine = ground.engine
    forms = FormLimits(folder=settings.data_dir / INCOMING, max_parts=settings.max_batch_files)
    admission = Admission.build(settings, ground.database, ground.metrics, ground.audit, connections.ensure_default)
    of_documents = (documents, batches, joins, extractions, ground.model_calls)
    callbacks = N8nCallbacks(changes=engine.changes, secret=settings.callback_secret_token.get_secret_value())
    rooms = (*of_documents, records, reviews, targets, connections, deliveries, ledgers, callbacks)
    grounds = (ground.database, ground.metrics, ground.audit, forms, _needs(ground))
    services = (*grounds, *admission.services, *engine.services, *rooms)
    return House(
        settings=settings,
        database=ground.database,
        metrics=ground.metrics,
        new_id=new_id,
        services={type(service): service for service in services},
        documents=documents,
        batches=batches,
        joins=joins,
        records=records,
        jobs=engine.jobs,
        targets=targets,
        connections=connections,
        deliveries=deliveries,
        cascade=extractions.cascade,
        pages=ground.pages,
        audit=ground.audit,
        admission=admission,
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
    audit: AuditLog
    engine: Engine
    steps: pipeline.Steps
    model_calls: ModelCalls
    asking: ModelAsking | None
    pages: DecodedPages
    clock: Clock


def _ground(settings: Settings) -> _Ground:
    database = Database(
        settings.database,
        pool_size=settings.database_pool_min,
        max_overflow=settings.database_pool_max - settings.database_pool_min,
    )
    metrics = Metrics()
    observer = _Observer(Measured(metrics), metrics)
    audit = AuditLog(
        database=database, store=SqlAuditStore(), heads=HeadFiles(settings.data_dir / "audit"), new_id=new_id
    )
    linking = Duty(name="audit", every=timedelta(seconds=1), work=audit.link)
    engine = Engine.build(settings, database, metrics, pipeline.JOB_TYPES, observer, duties=(linking,))
    model_calls = ModelCalls(database=database, store=SqlModelCallStore(), new_id=new_id)
    return _Ground(
        settings=settings,
        database=database,
        metrics=metrics,
        audit=audit,
        engine=engine,
        steps=pipeline.Steps(jobs=engine.jobs, schedules=engine.schedules),
        model_calls=model_calls,
        asking=_asking(settings, engine, model_calls),
        pages=DecodedPages(max_pages=settings.max_pages, max_pixels=settings.max_pixels),
        clock=SystemClock(),
    )


def _needs(ground: _Ground) -> Needs:
    broker = ground.engine.broker
    return Needs(
        database=ground.database.ping,
        tables=partial(migrations.check, ground.database),
        redis=broker.ping if broker else None,
    )


def _documents(ground: _Ground) -> DocumentService:
    return DocumentService(
        database=ground.database,
        store=SqlDocumentStore(),
        byte_store=FileBytes(folder=ground.settings.data_dir),
        decoder=LimitedDecoder(pages=ground.pages),
        targets=TargetLookup(
            database=ground.database,
            store=SqlTargetStore(),
            clock=ground.clock,
            new_id=new_id,
            connects=ground.settings.workflow == "n8n",
        ),
        next_step=ground.steps.start_reading,
        read_again=ground.steps.start_reading_again,
        clock=ground.clock,
        new_id=new_id,
        max_bytes=ground.settings.max_upload_bytes,
    )


def _batches(ground: _Ground, documents: DocumentService) -> BatchService:
    return BatchService(
        database=ground.database,
        store=SqlBatchStore(),
        documents=documents,
        jobs=ground.engine.batches,
        archives=ZipArchives(max_entry_bytes=ground.settings.max_upload_bytes),
        next_step=ground.steps.start_reading_in_batch,
        read_again=ground.steps.start_reading_again_in_batch,
        at_most=ground.settings.batch_concurrency,
        max_files=ground.settings.max_batch_files,
        max_bytes=ground.settings.max_batch_bytes,
    )


def _extractions(ground: _Ground) -> ExtractionService:
    return ExtractionService(
        database=ground.database,
        store=SqlExtractionStore(),
        archive=ExtractionFiles(ground.settings.data_dir / "extractions"),
        pages=ground.pages,
        cascade=Cascade(
            readers=(EInvoiceReader(), LayoutReader(), *_model_readers(ground)),
            word_finder=RapidOcrWords(threads=ground.settings.ocr_threads),
        ),
        new_id=new_id,
    )


def _model_readers(ground: _Ground) -> Iterator[Reader]:
    """Yield the reader that asks a model, if one is set."""
    settings = ground.settings
    if ground.asking is None:
        return
    yield ModelReader(
        asking=ground.asking, clock=ground.clock, threshold=settings.sure_above, always=settings.model_when == "always"
    )


def _asking(settings: Settings, engine: Engine, calls: ModelCalls) -> ModelAsking | None:
    """Return what asks the model, if one is set.

    Raises:
        InvalidSettings: it cannot be asked.
    """
    if not settings.model:
        return None
    chosen, timeout = chosen_model(settings), timedelta(seconds=settings.model_timeout_seconds)
    return ModelAsking(
        calls=calls,
        client=LateClient(chosen=chosen, timeout=timeout),
        limits=engine.rate_limits,
        breakers=engine.breakers,
        rate=Rate(count=settings.model_calls_per_minute, period=Period.MINUTE),
        budget=Budget(price=chosen.price, daily=settings.model_daily_spend),
        timeout=timeout,
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
    ground: _Ground, documents: DocumentService, records: RecordService, notion: NotionAdapter
) -> tuple[TargetService, ConnectionService, DeliveryService, LedgerService]:
    database, clock, public_url = ground.database, ground.clock, ground.settings.public_url
    ledger_store = SqlLedgerStore(clock=clock, new_id=new_id)
    adapters: Iterable[TargetAdapter] = (
        LedgerAdapter(database=database, store=ledger_store, public_url=public_url),
        notion,
        AirtableAdapter(client=_airtable(ground)),
        DatabaseTableAdapter(urls=ground.settings.sql_target_urls),
    )
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
        public_url=public_url,
        mapper=ModelMapper(asking=ground.asking) if ground.asking else None,
    )
    connections = ConnectionService(
        database=database,
        store=SqlTargetStore(),
        plans=SqlPlanStore(),
        deliveries=SqlDeliveryStore(),
        ledgers=ledger_store,
        targets=targets,
        next_step=ground.steps.start_delivery,
        watch=ground.steps.watch_targets,
        clock=clock,
        new_id=new_id,
    )
    deliveries = DeliveryService(
        book=DeliveryBook(database=database, store=SqlDeliveryStore(), clock=clock),
        targets=targets,
        connections=connections,
        records=records,
        new_id=new_id,
    )
    ground.metrics.registry.register(TargetCollector(targets.counts))
    ledgers = LedgerService(database=database, targets=SqlTargetStore(), store=ledger_store, new_id=new_id)
    return targets, connections, deliveries, ledgers


def _notion(ground: _Ground) -> NotionClient:
    settings = ground.settings
    return NotionClient(
        token=settings.notion_token.get_secret_value().strip(),
        manners=_manners(ground, NOTION, Rate(count=180, period=Period.MINUTE, burst=3)),
        base_url=settings.notion_url.rstrip("/"),
        needed=settings.workflow == "builtin",
    )


def _n8n(
    ground: _Ground, documents: DocumentService, deliveries: DeliveryService, notion: NotionAdapter
) -> N8nDeliveries:
    settings = ground.settings
    needed = {
        "N8N_WEBHOOK_URL": settings.n8n_webhook_url,
        "N8N_API_KEY": settings.n8n_api_key.get_secret_value(),
        "CALLBACK_SECRET_TOKEN": settings.callback_secret_token.get_secret_value(),
    }
    for name, value in needed.items():
        if not value:
            raise InvalidSettings(name, "", "WORKFLOW=n8n needs it; docs/how-to/n8n.md tells where it comes from")
    return N8nDeliveries(
        book=deliveries.book,
        targets=deliveries.targets,
        records=deliveries.records,
        runner=N8nRunner(
            url=settings.n8n_webhook_url,
            key=settings.n8n_api_key.get_secret_value(),
            manners=_manners(ground, "n8n", Rate(count=600, period=Period.MINUTE)),
        ),
        pictures=PagePictures(pages=documents),
        notion=notion,
        can_look=bool(notion.client.token),
        deadline=timedelta(seconds=settings.n8n_deadline_seconds),
        public_url=settings.public_url,
    )


def _manners(ground: _Ground, service: str, rate: Rate) -> Manners:
    """Return how a service is called: at the rate that it allows each connection."""
    engine = ground.engine
    return Manners(service=service, rate=rate, limits=engine.rate_limits, breakers=engine.breakers, clock=ground.clock)


def _airtable(ground: _Ground) -> AirtableClient:
    token = ground.settings.airtable_token.get_secret_value().strip()
    return AirtableClient(token=token, manners=_manners(ground, AIRTABLE, AIRTABLE_CALLS))


def rq_dashboard(settings: Settings) -> ASGIApp | None:
    """Return what is to be served under /rq, if anything is; it is never open."""
    if settings.queue != "rq":
        return None
    if not settings.rq_dashboard_password:
        log.info("rq_dashboard_closed", reason="RQ_DASHBOARD_PASSWORD is not set")
        return None
    # Here, since it is an extra.
    from counterfoil.jobs.infrastructure.rq_dashboard import guarded_dashboard

    return guarded_dashboard(settings.redis_url, settings.rq_dashboard_user, settings.rq_dashboard_password)


def attempt_runner(settings: Settings) -> AttemptRunner:
    """Build what a worker's child needs to run jobs."""
    configure_logging(settings.log_format, settings.log_level)
    return assemble(settings).runner


def worker(house: House) -> Worker:
    """Return a worker that has not started yet."""
    # RapidOCR is the largest of what is imported late: children share it, and have it at once.
    models = needed_to_ask(house.settings.model) if house.settings.model else []
    guard = ChildPool(partial(attempt_runner, house.settings), preload=["counterfoil.bootstrap", "rapidocr", *models])
    return house.engine.worker(house.runner, guard)


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
def in_service(settings: Settings) -> Iterator[Worker]:
    """Have a worker that is told by a broker what to do, and do upkeep, while the context lasts."""
    house = build(settings)
    told = worker(house)
    with house.engine.upkept(), told.in_service():
        yield told
    house.database.close()


@dataclass(frozen=True, slots=True)
class _Observer:
    """Tells the metrics of the engine and of the product how attempts end."""

    engine: Measured
    metrics: Metrics

    def attempt_ended(self, after: Job, attempt: Attempt) -> None:
        self.engine.attempt_ended(after, attempt)
        pipeline.measure(self.metrics, after, attempt)
