"""What the targets' tests stand on: given records and documents, a table elsewhere that can misbehave, and a house."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from counterfoil.access.domain import WorkspaceId
from counterfoil.documents.domain import Document, DocumentId, MediaType, Sha256
from counterfoil.foundation.database import Database, Transaction
from counterfoil.foundation.errors import NetworkError, NotFound
from counterfoil.foundation.ids import new_id
from counterfoil.records.domain import InvoiceData, Kind, LineItem, Party, PaymentMethod, RecordId, Tax
from counterfoil.targets.book import DeliveryBook
from counterfoil.targets.connections import ConnectionService
from counterfoil.targets.deliveries import DeliveryService
from counterfoil.targets.domain import DeliveryId, Property, PropertyId, PropertyType, Schema, Target
from counterfoil.targets.expressions import Facts
from counterfoil.targets.infrastructure.ledger import LedgerAdapter, SqlLedgerStore
from counterfoil.targets.infrastructure.sql import SqlDeliveryStore, SqlPlanStore, SqlTargetStore
from counterfoil.targets.ledger import LedgerService
from counterfoil.targets.model.mapper import ModelMapper
from counterfoil.targets.protocols import Connected, Sought, TargetAdapter, WriteRequest, Written
from counterfoil.targets.service import TargetService
from counterfoil.targets.values import Value
from tests.support.clock import FixedClock

PUBLIC_URL = "https://counterfoil.example"

BAKERY = InvoiceData(
    kind=Kind.RECEIPT,
    merchant=Party(name="Corner Bakery", address="Main Street 1, 12345 Town", tax_id="DE123456789"),
    number="2026-0042",
    issue_date=date(2026, 2, 28),
    currency="EUR",
    subtotal=Decimal("11.50"),
    taxes=(Tax(rate=Decimal(7), base=Decimal("11.50"), amount=Decimal("0.80")),),
    total=Decimal("12.30"),
    payment_method=PaymentMethod.CARD,
    line_items=(LineItem(description="Bread", quantity=Decimal(2), amount=Decimal("12.30")),),
)

FACTS = Facts(
    document_id=DocumentId(UUID(int=7)),
    document_name="receipt.jpg",
    document_url=f"{PUBLIC_URL}/api/v1/documents/7/file",
    delivered_at=datetime(2026, 3, 1, 12, 0, tzinfo=UTC),
    key="00000000-0000-0000-0000-000000000007",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenRecord:
    """A record as a delivery sees it."""

    id: RecordId
    version: int
    document_id: DocumentId
    data: InvoiceData
    accepted: bool = True


@dataclass
class GivenDocuments:
    """Documents by workspace."""

    documents: dict[tuple[WorkspaceId, DocumentId], Document] = field(default_factory=dict)
    folder: Path = Path("documents")

    def add(self, workspace: WorkspaceId) -> Document:
        document = Document(
            id=DocumentId(new_id()),
            workspace=workspace,
            name="receipt.jpg",
            media_type=MediaType.JPEG,
            sha256=Sha256("0" * 64),
            size=1,
            page_count=1,
            received_at=datetime(2026, 3, 1, tzinfo=UTC),
        )
        self.documents[workspace, document.id] = document
        return document

    def get(self, workspace: WorkspaceId, document_id: DocumentId) -> Document:
        return self.documents[workspace, document_id]

    def path(self, document: Document) -> Path:
        return self.folder / document.sha256


@dataclass
class GivenRecords:
    """Records and their documents, by workspace; stands in for the rooms below."""

    records: dict[tuple[WorkspaceId, RecordId], GivenRecord] = field(default_factory=dict)
    documents: GivenDocuments = field(default_factory=GivenDocuments)

    def add(self, workspace: WorkspaceId, data: InvoiceData = BAKERY) -> GivenRecord:
        document = self.documents.add(workspace)
        record = GivenRecord(id=RecordId(document.id), version=1, document_id=document.id, data=data)
        self.records[workspace, record.id] = record
        return record

    def correct(self, workspace: WorkspaceId, record: GivenRecord, data: InvoiceData) -> GivenRecord:
        """Give the record new data and the next version."""
        newer = replace(self.records[workspace, record.id], data=data)
        newer = replace(newer, version=newer.version + 1)
        self.records[workspace, record.id] = newer
        return newer

    def get(self, workspace: WorkspaceId, record_id: RecordId) -> GivenRecord:
        if (workspace, record_id) not in self.records:
            raise NotFound(str(record_id))
        return self.records[workspace, record_id]


class Crash(BaseException):
    """The process is gone: nothing of ours runs after it."""


class MortalDatabase(Database):
    """A database whose process dies around the commit of the given write transaction, counted from 1; 0: of none."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.dies_at = 0
        self.dies_before_commit = False
        self.begun = 0

    @contextmanager
    def transaction(self, workspace: UUID | None = None) -> Iterator[Transaction]:
        self.begun += 1
        dying = self.begun == self.dies_at
        with super().transaction(workspace) as tx:
            yield tx
            if dying and self.dies_before_commit:
                raise Crash
        if dying:
            raise Crash


class Fault(Protocol):
    """Something that happens around a call; it may raise."""

    def __call__(self) -> None: ...


def nothing() -> None:
    """Let it pass."""


def break_down() -> None:
    """Lose the connection."""
    raise NetworkError("The connection broke.")


def crash() -> None:
    """Lose the process."""
    raise Crash


@dataclass
class RemoteTable:
    """A table elsewhere with no uniqueness of its own, whose connection can break at any call."""

    columns: Schema
    kind: str = "remote"
    settles_after: timedelta = timedelta(minutes=2)
    schema_lasts: timedelta = timedelta()
    check_every_hours: int = 1
    needs_key_property: bool = False
    looking: Fault = nothing
    before: Fault = nothing
    after: Fault = nothing
    rows: dict[str, dict[PropertyId, Value | None]] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    related: Mapping[str, str] = field(default_factory=dict)
    lookups: int = 0
    writes: int = 0
    requests: list[WriteRequest] = field(default_factory=list)

    def connect(self, workspace: WorkspaceId, settings: Mapping[str, str]) -> Connected:
        return Connected(settings=settings, place=settings.get("place"))

    def schema(self, target: Target) -> Schema:
        self.looking()
        return self.columns

    def candidates(self, target: Target, prop: Property, name: str) -> Mapping[str, str]:
        return self.related

    def find(self, target: Target, sought: Sought) -> Written | None:
        self.lookups += 1
        return next(
            (Written(external_id=row, url=None) for row, known in self.keys.items() if known == sought.key), None
        )

    def add_key_property(self, target: Target) -> PropertyId:
        place = column("Counterfoil ID", PropertyType.TEXT)
        if place not in self.columns.properties:
            self.columns = schema(*self.columns.properties, place)
        return place.id

    def write(self, request: WriteRequest) -> Written:
        self.before()
        self.writes += 1
        self.requests.append(request)
        row = request.external_id or f"row-{len(self.rows) + 1}"
        self.keys[row] = request.key
        self.rows.setdefault(row, {}).update(request.draft)
        self.after()
        return Written(external_id=row, url=f"https://elsewhere.example/{row}")


@dataclass(frozen=True, kw_only=True)
class TargetsHouse:
    """The room's services on a database, with what they were given."""

    database: Database
    clock: FixedClock
    records: GivenRecords
    targets: TargetService
    connections: ConnectionService
    deliveries: DeliveryService
    ledgers: LedgerService
    resumed: list[DeliveryId]
    watched: list[WorkspaceId]

    def deliver(self, workspace: WorkspaceId, record: GivenRecord, target: Target | None = None) -> DeliveryId:
        """Plan and make the one delivery of a record, and return its id."""
        planned = self.plan(workspace, record, target)
        self.deliveries.deliver(workspace, planned)
        return planned

    def plan(self, workspace: WorkspaceId, record: GivenRecord, target: Target | None = None) -> DeliveryId:
        with self.database.transaction() as tx:
            [delivery] = self.deliveries.plan_deliveries(tx, workspace, record, target.id if target else None)
        return delivery.id

    def default(self, workspace: WorkspaceId) -> Target:
        with self.database.transaction() as tx:
            return self.connections.ensure_default(tx, workspace)


def build(
    database: Database, clock: FixedClock, *adapters: TargetAdapter, mapper: ModelMapper | None = None
) -> TargetsHouse:
    """Wire the room as `bootstrap.py` does, with more adapters beside the ledger's."""
    store = SqlLedgerStore(clock=clock, new_id=new_id)
    ledger = LedgerAdapter(database=database, store=store, public_url=PUBLIC_URL)
    records, resumed, watched = GivenRecords(), list[DeliveryId](), list[WorkspaceId]()

    def next_step(_tx: Transaction, _workspace: WorkspaceId, delivery_id: DeliveryId) -> None:
        resumed.append(delivery_id)

    targets = TargetService(
        database=database,
        store=SqlTargetStore(),
        plans=SqlPlanStore(),
        deliveries=SqlDeliveryStore(),
        adapters={adapter.kind: adapter for adapter in (ledger, *adapters)},
        records=records,
        documents=records.documents,
        next_step=next_step,
        clock=clock,
        public_url=PUBLIC_URL,
        mapper=mapper,
    )
    connections = ConnectionService(
        database=database,
        store=SqlTargetStore(),
        plans=SqlPlanStore(),
        deliveries=SqlDeliveryStore(),
        ledgers=store,
        targets=targets,
        next_step=next_step,
        watch=watched.append,
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
    ledgers = LedgerService(database=database, targets=SqlTargetStore(), store=store, new_id=new_id)
    return TargetsHouse(
        database=database,
        clock=clock,
        records=records,
        targets=targets,
        connections=connections,
        deliveries=deliveries,
        ledgers=ledgers,
        resumed=resumed,
        watched=watched,
    )


def nobody(_prop: Property, _name: str) -> Mapping[str, str]:
    """Point to nothing."""
    return {}


def column(name: str, kind: PropertyType, *options: str, **settings: Any) -> Property:
    """Return a column whose id is its name."""
    return Property(id=PropertyId(name), name=name, type=kind, options=options, **settings)


def schema(*columns: Property) -> Schema:
    return Schema(properties=columns)
