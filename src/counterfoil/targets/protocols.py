"""What the targets' services need from outside: the tables elsewhere, the stores, records and documents."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol, TypeAlias

from counterfoil.access.domain import WorkspaceId
from counterfoil.documents.domain import Document, DocumentId
from counterfoil.foundation.database import Transaction
from counterfoil.foundation.paging import Page, Paging
from counterfoil.records.domain import InvoiceData, RecordId
from counterfoil.targets.domain import (
    Delivery,
    DeliveryId,
    Draft,
    LedgerRow,
    Plan,
    Property,
    RowId,
    Schema,
    Target,
    TargetId,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteRequest:
    """One row to be made or changed. `external_id` is its own, if it is known to be there."""

    target: Target
    key: str
    version: int
    draft: Draft
    external_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """Where a row is."""

    external_id: str
    url: str | None


class TargetAdapter(Protocol):
    """Speaks to one kind of table. It is always called outside of a transaction of ours, and may take its time.

    A write that fails raises InvalidInput, Unauthorized, Forbidden, NotFound, Conflict or RateLimitExceeded only when
    it is certain that nothing was written; every other error leaves that open, and the row is looked up by its key
    before it is written again.
    """

    @property
    def kind(self) -> str:
        """Name what targets of this kind are called in the API."""
        ...

    @property
    def settles_after(self) -> timedelta:
        """How long after its beginning an attempt may still make its row; an adapter gives up sooner than that.

        Until then nobody begins another, and `find` proves nothing. Zero says that the table itself refuses a second
        row for a key and an older version after a newer one, so that attempts may overlap.
        """
        ...

    def connect(self, settings: Mapping[str, str]) -> Mapping[str, str]:
        """Check the settings of a target to be, and return them as they are to be kept.

        Raises:
            InvalidTargetSettings: they do not lead to a table.
        """
        ...

    def schema(self, target: Target) -> Schema:
        """Return the table's columns as they are now."""
        ...

    def find(self, target: Target, key: str) -> Written | None:
        """Return the row that was made for this key, if there is one."""
        ...

    def write(self, request: WriteRequest) -> Written:
        """Make the row, or change it when its `external_id` is given.

        Raises:
            UnknownProperty: the draft names a property that is not in the table.
        """
        ...


Adapters: TypeAlias = Mapping[str, TargetAdapter]
"""The adapters by their kind."""


class DeliverableRecord(Protocol):
    """What a delivery has to know of a record."""

    @property
    def id(self) -> RecordId: ...
    @property
    def version(self) -> int: ...
    @property
    def accepted(self) -> bool:
        """Tell whether these very values may leave the house."""
        ...

    @property
    def document_id(self) -> DocumentId: ...
    @property
    def data(self) -> InvoiceData: ...


class RecordSource(Protocol):
    """Gives records as they stand now."""

    def get(self, workspace: WorkspaceId, record_id: RecordId) -> DeliverableRecord: ...


class DocumentSource(Protocol):
    """Gives the documents that records were read from."""

    def get(self, workspace: WorkspaceId, document_id: DocumentId) -> Document: ...


NextStep: TypeAlias = Callable[[Transaction, WorkspaceId, DeliveryId], object]
"""Sees to it that a delivery is made, once the transaction has been committed."""


class TargetStore(Protocol):
    """Keeps targets."""

    def add(self, tx: Transaction, target: Target) -> bool:
        """Add a target; False when it is to be the default one and the workspace has one already."""
        ...

    def get(
        self, tx: Transaction, workspace: WorkspaceId, target_id: TargetId, *, lock: bool = False
    ) -> Target | None: ...
    def default(self, tx: Transaction, workspace: WorkspaceId) -> Target | None: ...
    def of_kind(self, tx: Transaction, workspace: WorkspaceId, kind: str) -> Sequence[Target]: ...
    def page(self, tx: Transaction, workspace: WorkspaceId, paging: Paging) -> Page[Target]: ...
    def save(self, tx: Transaction, target: Target) -> None: ...


class PlanStore(Protocol):
    """Keeps every version of the plans."""

    def newest(self, tx: Transaction, workspace: WorkspaceId, target_id: TargetId) -> Plan | None: ...
    def add(self, tx: Transaction, workspace: WorkspaceId, plan: Plan) -> None: ...


class DeliveryStore(Protocol):
    """Keeps deliveries, one for each record and target."""

    def add(self, tx: Transaction, delivery: Delivery) -> None:
        """Add a delivery unless there is one for its record and target."""
        ...

    def get(
        self, tx: Transaction, workspace: WorkspaceId, delivery_id: DeliveryId, *, lock: bool = False
    ) -> Delivery | None: ...
    def of_record(self, tx: Transaction, workspace: WorkspaceId, record_id: RecordId) -> Sequence[Delivery]:
        """Return and lock a record's deliveries."""
        ...

    def waiting(self, tx: Transaction, workspace: WorkspaceId, target_id: TargetId) -> Sequence[Delivery]:
        """Return and lock those that wait for a target."""
        ...

    def page(
        self, tx: Transaction, workspace: WorkspaceId, paging: Paging, record_id: RecordId | None
    ) -> Page[Delivery]: ...
    def save(self, tx: Transaction, delivery: Delivery) -> None: ...


class LedgerStore(Protocol):
    """Keeps the columns and rows of ledgers."""

    def columns(self, tx: Transaction, workspace: WorkspaceId, target_id: TargetId) -> tuple[Property, ...]: ...
    def put_columns(
        self, tx: Transaction, workspace: WorkspaceId, target_id: TargetId, columns: Sequence[Property]
    ) -> None:
        """Let a ledger have these columns in this order. What rows hold in a column that goes is kept unseen."""
        ...

    def put_row(self, tx: Transaction, workspace: WorkspaceId, request: WriteRequest) -> LedgerRow:
        """Make or change the row of a key, and return it. An older or equal version than the row's changes nothing."""
        ...

    def row_of_key(self, tx: Transaction, target: Target, key: str) -> LedgerRow | None: ...
    def row(self, tx: Transaction, workspace: WorkspaceId, target_id: TargetId, row_id: RowId) -> LedgerRow | None: ...
    def rows(self, tx: Transaction, workspace: WorkspaceId, target_id: TargetId, paging: Paging) -> Page[LedgerRow]: ...
