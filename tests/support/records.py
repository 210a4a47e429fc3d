"""Services of records and reviews to test with, which remember what they called."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient

from counterfoil.access.domain import WorkspaceId
from counterfoil.access.service import AccessService
from counterfoil.foundation.clock import Clock
from counterfoil.foundation.database import Database, Transaction
from counterfoil.foundation.ids import new_id
from counterfoil.foundation.problems import install
from counterfoil.records.domain import Record
from counterfoil.records.infrastructure.sql import SqlRecordStore
from counterfoil.records.protocols import RecordStep
from counterfoil.records.service import RecordService
from counterfoil.reviews.domain import DeliveryRule
from counterfoil.reviews.infrastructure.sql import SqlReviewStore
from counterfoil.reviews.service import ReviewService
from tests.support.access import access_to

THRESHOLD = 0.85


@dataclass(frozen=True, slots=True)
class Called:
    """Remembers which records it was called with."""

    records: list[Record] = field(default_factory=list)

    def __call__(self, tx: Transaction, record: Record) -> None:
        self.records.append(record)

    @property
    def versions(self) -> list[tuple[UUID, int]]:
        return [(record.id, record.version) for record in self.records]


def record_service(
    database: Database, clock: Clock, *, next_step: RecordStep | None = None, on_change: RecordStep | None = None
) -> RecordService:
    return RecordService(
        database=database,
        store=SqlRecordStore(),
        clock=clock,
        new_id=new_id,
        threshold=THRESHOLD,
        next_step=next_step or Called(),
        on_change=on_change or Called(),
    )


def review_service(
    database: Database, clock: Clock, records: RecordService, delivery: DeliveryRule = DeliveryRule.WHEN_SURE
) -> ReviewService:
    return ReviewService(
        database=database,
        store=SqlReviewStore(),
        records=records,
        clock=clock,
        new_id=new_id,
        delivery=delivery,
        threshold=THRESHOLD,
        time_to_answer=timedelta(hours=48),
    )


def api_client(workspace: WorkspaceId, *routers: APIRouter, services: Mapping[type, object]) -> TestClient:
    """Return a client of these routes who works in one workspace."""
    app = FastAPI()
    app.state.services = {AccessService: access_to(workspace), **services}
    for router in routers:
        app.include_router(router)
    install(app)
    return TestClient(app)
