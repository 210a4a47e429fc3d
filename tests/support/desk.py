"""The engine's routes on an engine for tests, behind a door that tells workspaces apart by a header."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from fastapi import APIRouter, FastAPI

from counterfoil.access.service import AccessService
from counterfoil.foundation import problems
from counterfoil.foundation.body_limit import BodyLimit
from counterfoil.foundation.ids import new_id
from counterfoil.jobs.batches import JobBatches
from counterfoil.jobs.changes import JobChanges
from counterfoil.jobs.creating import JobCreation
from counterfoil.jobs.domain import Call, Job
from counterfoil.jobs.limits.domain import Rate
from counterfoil.jobs.limits.infrastructure.sql import SqlRateLimitStore
from counterfoil.jobs.limits.service import RateLimits
from counterfoil.jobs.queues import QueueService
from counterfoil.jobs.service import JobService
from tests.conftest import ACME, BIRCH
from tests.support.access import WORKSPACE, access_to
from tests.support.engine import Engine

STRANGER = {WORKSPACE: str(BIRCH)}


class Silence:
    """Rings nobody: a herald might still be on its way when the database is closed. Workers look by themselves."""

    def ring(self, calls: Sequence[Call]) -> None: ...


class NoObserver:
    """Hears of refused calls, and lets it be."""

    def rate_limit_exceeded(self, service: str) -> None: ...

    def breaker_tripped(self, service: str) -> None: ...


def desk(engine: Engine, *routers: APIRouter, rate: Rate | None = None, more: Mapping[type, object] = {}) -> FastAPI:
    """Return an application with these routes; `rate` is how many jobs a workspace may make."""
    app = FastAPI()
    for router in routers:
        app.include_router(router)
    problems.install(app)
    app.add_middleware(BodyLimit)
    app.state.services = {
        AccessService: access_to(ACME),
        JobBatches: engine.batches,
        JobChanges: engine.changes,
        JobCreation: creation(engine, rate),
        JobService: quiet(engine),
        QueueService: engine.queues,
        **more,
    }
    return app


def quiet(engine: Engine) -> JobService:
    return replace(engine.jobs, dispatcher=Silence())


def creation(engine: Engine, rate: Rate | None = None) -> JobCreation:
    store = SqlRateLimitStore(new_id=new_id)
    limits = RateLimits(database=engine.database, store=store, observer=NoObserver(), patience=timedelta(0))
    return JobCreation(jobs=quiet(engine), batches=engine.batches, limits=limits, rate=rate)


def add(engine: Engine, *jobs: Job) -> None:
    """Keep jobs as they are."""
    with engine.database.transaction() as tx:
        engine.store.add(tx, jobs)
