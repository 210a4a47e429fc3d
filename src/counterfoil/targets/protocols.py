"""What the targets' services need from outside: the tables elsewhere, the stores, records and documents."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Protocol, TypeAlias

from counterfoil.access.domain import WorkspaceId
from counterfoil.documents.domain import Document, DocumentId
from counterfoil.foundation.database import Transaction
from counterfoil.foundation.errors import Conflict, Forbidden, InvalidInput, NotFound, Postponed, Unauthorized
from counterfoil.foundation.paging import Page, Paging
from counterfoil.records.domain import InvoiceData, LineItem, RecordId
from counterfoil.targets.domain import (
    Delivery,
    DeliveryId,
    DeliveryStatus,
    Draft,
    LedgerRow,
    Plan,
    Property,
    PropertyId,
    RowId,
    Schema,
    Target,
    TargetId,
    TargetStatus,
)
from counterfoil.targets.errors import RunRefused, TargetChanging, TargetUnreachable, UploadTooSlow, WriteNotBegun


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """The document that a record was read from, to be attached to its row. Its bytes never change."""

    name: str
    media_type: str
    size: int
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Enclosed:
    """What goes with a row beside its columns: the document, and the line items if no column shows them."""

    file: SourceFile
    line_items: tuple[LineItem, ...] = ()
    currency: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteRequest:
    """One row to be made or changed, of a table that was last seen with this schema.

    `external_id` is the row's own, if it is known to be there.

    `key_property` is where the plan has the key lie, if anywhere; an adapter that cannot keep the key otherwise leaves
    a marker in the row.
    """

    target: Target
    key: str
    version: int
    schema: Schema
    draft: Draft
    external_id: str | None = None
    key_property: PropertyId | None = None
    enclosed: Enclosed | None = None


def nobodys(_rows: Sequence[str]) -> Collection[str]:
    """Know of no row whose it is."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """A row that an attempt may have made: by its key, and not before `since`.

    `others` tells which rows of these are known as other deliveries', and need not be looked at.
    `files` are the properties that are to hold the document `file`, as far as it was to be attached.
    """

    key: str
    since: datetime
    key_property: PropertyId | None = None
    others: Callable[[Sequence[str]], Collection[str]] = nobodys
    file: SourceFile | None = None
    files: tuple[PropertyId, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """A table that was found: the settings as they are to be kept, and the name of its place among all tables."""

    settings: Mapping[str, str]
    place: str | None
    title: str | None = None
    """What people call the table where it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """Where a row is, and what could not come to lie in it, in sentences.

    One that was found is `unfinished` when whoever made it may still be bringing its document.
    """

    external_id: str
    url: str | None
    problems: tuple[str, ...] = ()
    unfinished: bool = False


class TargetAdapter(Protocol):
    """Speaks to one kind of table. It is always called outside of a transaction of ours, and may take its time.

    A write that fails raises one of NOTHING_WRITTEN only when it is certain that nothing was written; every other error
    leaves that open, and the row is looked up by its key before it is written again. Any method may raise
    TargetUnusable, which pauses the target, and Postponed when it is not our turn.
    """

    @property
    def kind(self) -> str:
        """Name what targets of this kind are called in the API."""
        ...

    @property
    def settles_after(self) -> timedelta:
        """How long after its beginning an attempt may still make its row; an adapter gives up sooner than that.

        Until then nobody begins another unless a finished row is found; to find none proves nothing. Zero says that the
        table itself refuses a second row for a key and an older version after a newer one, so that attempts may
        overlap.
        """
        ...

    @property
    def schema_lasts(self) -> timedelta:
        """How long deliveries may rely on a schema that was read; after that they read it anew."""
        ...

    @property
    def check_every_hours(self) -> int:
        """How many hours apart to look whether its tables have changed while nothing goes there; 1 to 24."""
        ...

    @property
    def needs_key_property(self) -> bool:
        """Tell whether a row can be found again only by a key in one of its columns."""
        ...

    def connect(self, workspace: WorkspaceId, settings: Mapping[str, str]) -> Connected:
        """Find the table that the settings of a target to be lead to.

        Raises:
            InvalidTargetSettings: they do not lead to a table.
            SeveralTables: they lead to more than one.
        """
        ...

    def schema(self, target: Target) -> Schema:
        """Return the table's columns as they are now."""
        ...

    def candidates(self, target: Target, prop: Property, name: str) -> Mapping[str, str]:
        """Return what a relation or people property can point to that may be called so: names by id."""
        ...

    def find(self, target: Target, sought: Sought) -> Written | None:
        """Return the row that was made for this key, if there is one; it may be unfinished."""
        ...

    def write(self, request: WriteRequest) -> Written:
        """Make the row, or change it when its `external_id` is given.

        Raises:
            UnknownProperty: the draft names a property that is not in the table.
            RowGone: the row with the `external_id` was deleted.
        """
        ...

    def add_key_property(self, target: Target) -> PropertyId:
        """Give the table a text property for keys, or return the one that was added before.

        Raises:
            KeyPlaceRefused: it cannot have one, or needs none.
        """
        ...


NOTHING_WRITTEN: Final = (
    InvalidInput,
    Unauthorized,
    Forbidden,
    NotFound,
    Conflict,
    Postponed,
    TargetUnreachable,
    TargetChanging,
    RunRefused,
    WriteNotBegun,
    UploadTooSlow,
)
"""What a write raises only when it has written nothing."""

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
    def path(self, document: Document) -> Path: ...


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
    def hold(self, tx: Transaction, workspace: WorkspaceId, target_id: TargetId) -> bool:
        """Keep a target from being removed until `tx` ends, and tell whether it is there; it may still be changed."""
        ...

    def at(self, tx: Transaction, workspace: WorkspaceId, place: str) -> Sequence[Target]:
        """Return the workspace's own targets at this place."""
        ...

    def elsewhere(self, tx: Transaction, workspace: WorkspaceId) -> Sequence[Target]:
        """Return the workspace's targets that are no tables of our own."""
        ...

    def is_elsewhere(self, tx: Transaction, workspace: WorkspaceId, place: str) -> bool:
        """Tell whether another workspace has a target at this place; `tx` has to see all workspaces."""
        ...

    def counts(self, tx: Transaction) -> Mapping[tuple[str, TargetStatus], int]:
        """Count the targets of all workspaces by kind and status."""
        ...

    def page(self, tx: Transaction, workspace: WorkspaceId, paging: Paging) -> Page[Target]: ...
    def save(self, tx: Transaction, target: Target) -> None: ...
    def hold_all(self, tx: Transaction, workspace: WorkspaceId) -> None:
        """Until `tx` ends, let nobody else connect, choose or remove targets here; deliveries are not held up."""
        ...

    def choose(self, tx: Transaction, target: Target) -> None:
        """Make a target the default one in the place of the one that is; all must be held."""
        ...

    def hold_alone(self, tx: Transaction, workspace: WorkspaceId, target_id: TargetId) -> Target | None:
        """Return a target once nobody else holds it; until `tx` ends, nothing new can point to it either."""
        ...

    def remove(self, tx: Transaction, target: Target) -> None:
        """Remove a target; nothing may point to it any more."""
        ...


class PlanStore(Protocol):
    """Keeps every version of the plans."""

    def newest(self, tx: Transaction, workspace: WorkspaceId, target_id: TargetId) -> Plan | None: ...
    def of_version(self, tx: Transaction, workspace: WorkspaceId, target_id: TargetId, version: int) -> Plan | None: ...
    def add(self, tx: Transaction, workspace: WorkspaceId, plan: Plan) -> None: ...
    def remove(self, tx: Transaction, target: Target) -> None:
        """Remove all versions of a target's plan."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFilter:
    """Which deliveries of a workspace are meant; what is not said matters not."""

    record_id: RecordId | None = None
    target_id: TargetId | None = None
    status: DeliveryStatus | None = None


class DeliveryStore(Protocol):
    """Keeps deliveries, one for each record and target."""

    def add(self, tx: Transaction, delivery: Delivery) -> bool:
        """Add a delivery unless there is one for its record and target; tell whether it was added."""
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

    def remove_finished(self, tx: Transaction, target: Target) -> None:
        """Remove the deliveries to a target of which nothing is left to do or to find out."""
        ...

    def remaining(self, tx: Transaction, target: Target) -> Sequence[Delivery]:
        """Return and lock all deliveries to a target."""
        ...

    def remove(self, tx: Transaction, delivery: Delivery) -> None: ...
    def rows_of_others(self, tx: Transaction, delivery: Delivery, rows: Sequence[str]) -> Collection[str]:
        """Return which of these rows other deliveries have made in the same target."""
        ...

    def page(
        self, tx: Transaction, workspace: WorkspaceId, paging: Paging, wanted: DeliveryFilter
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

    def remove_columns(self, tx: Transaction, target: Target) -> None: ...

    def put_row(self, tx: Transaction, workspace: WorkspaceId, request: WriteRequest) -> LedgerRow:
        """Make or change the row of a key, and return it. An older or equal version than the row's changes nothing."""
        ...

    def row_of_key(self, tx: Transaction, target: Target, key: str) -> LedgerRow | None: ...
    def row(self, tx: Transaction, workspace: WorkspaceId, target_id: TargetId, row_id: RowId) -> LedgerRow | None: ...
    def rows(self, tx: Transaction, workspace: WorkspaceId, target_id: TargetId, paging: Paging) -> Page[LedgerRow]: ...
