"""Targets, their schemas in neutral types, the plans that fill them, and each record's way into them.

A delivery:

    pending ─→ writing ─→ delivered ─→ pending      (the record was corrected)
       │          └─→ failed ─→ writing             (tried again)
       └─→ waiting ─→ pending                       (the target is paused; resumed)

A doubt stands beside the state: an attempt was begun, and nobody knows yet what it left behind.
"""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import NewType, TypeAlias
from uuid import UUID

from counterfoil.access.domain import WorkspaceId
from counterfoil.records.domain import RecordId
from counterfoil.targets.expressions import Expression, Nothing
from counterfoil.targets.values import JsonValue, Value

TargetId = NewType("TargetId", UUID)
DeliveryId = NewType("DeliveryId", UUID)
RowId = NewType("RowId", UUID)
PropertyId = NewType("PropertyId", str)

LEDGER = "ledger"
NOTION = "notion"
VERSION = "version"
"""The setting that says how a table is spoken to, not which it is."""


class TargetStatus(StrEnum):
    """Whether records go there."""

    ACTIVE = "active"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A table elsewhere that records are delivered to. `settings` say where it is; they hold no secrets.

    `place` names the table among all tables, so that no other workspace can connect it; None for one of our own.
    """

    id: TargetId
    workspace: WorkspaceId
    kind: str
    name: str
    settings: Mapping[str, str] = field(default_factory=dict)
    place: str | None = None
    is_default: bool = False
    paused_because: str | None = None
    refused: bool = False
    """Paused because a call was refused, which the columns do not show: only a check or a person lets it go on."""
    created_at: datetime

    @property
    def status(self) -> TargetStatus:
        return TargetStatus.ACTIVE if self.paused_because is None else TargetStatus.PAUSED


def is_same_table(one: Target, other: Target) -> bool:
    """Tell whether two targets at one place are the same table there: no setting that both have tells them apart."""
    both = (one.settings.keys() & other.settings.keys()) - {VERSION}
    return all(one.settings[setting] == other.settings[setting] for setting in both)


class PropertyType(StrEnum):
    """What a property holds."""

    TITLE = "title"
    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    SELECT = "select"
    MULTI_SELECT = "multi_select"
    STATUS = "status"
    CHECKBOX = "checkbox"
    URL = "url"
    EMAIL = "email"
    PHONE = "phone"
    FILES = "files"
    RELATION = "relation"
    PEOPLE = "people"

    @property
    def has_options(self) -> bool:
        return self in {PropertyType.SELECT, PropertyType.MULTI_SELECT, PropertyType.STATUS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    """One column of a target. The id stays when a person renames it.

    `open_options`: a write may add an option. `related`: the table whose rows a relation points to. `percent`: a number
    that is shown a hundred times as large as it is kept.
    """

    id: PropertyId
    name: str
    type: PropertyType
    options: tuple[str, ...] = ()
    open_options: bool = False
    required: bool = False
    read_only: bool = False
    related: str | None = None
    percent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """The properties of a target in their order."""

    properties: tuple[Property, ...]

    @property
    def version(self) -> str:
        """A hash of the content: the same columns have the same version, wherever they are read."""
        content = json.dumps([asdict(one) for one in self.properties], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:16]

    @property
    def by_id(self) -> Mapping[PropertyId, Property]:
        return {one.id: one for one in self.properties}


Draft: TypeAlias = Mapping[PropertyId, Value | None]
"""What is to be written. None empties a property; one that is not named stays as it is."""


class Author(StrEnum):
    """Who decided."""

    RULES = "rules"
    MODEL = "model"
    """The rules, and where they were not sure, a model."""
    PERSON = "person"


class OptionPolicy(StrEnum):
    """What is done with a value that none of a property's options is like."""

    ADD = "add"
    """It becomes an option, where the table lets a write add one; else it is left out."""
    NEAREST = "nearest"
    """It is left out: only options that are there are used."""
    ASK = "ask"
    """Nothing is written before a person has decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What fills one property, why, and how sure that is (0 to 1)."""

    expression: Expression
    reason: str
    score: float
    unknown_option: OptionPolicy = OptionPolicy.ADD

    @property
    def fills(self) -> bool:
        return not isinstance(self.expression, Nothing)


Entries: TypeAlias = Mapping[PropertyId, Entry]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How records become rows of a target: made once for a schema, kept, and used for every record."""

    target: TargetId
    version: int  # from 1
    schema: Schema
    entries: Entries
    made_by: Author
    made_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanProposal:
    """What a person may put in place of a version of the plan. `problem` says why no model has helped, if none has."""

    version: int
    schema: Schema
    entries: Entries
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A workflow elsewhere that was asked to make a row: by which job, of which version of the record.

    `execution` is what the workflow calls it itself, once it has said so.
    """

    job: UUID
    version: int
    execution: str | None = None
    answered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """An attempt that began at `since` may have made its row; from `settles_at` on it no longer makes one.

    `key_property` is where such a row holds the delivery's key, whatever the plan says by now.
    """

    since: datetime
    settles_at: datetime
    key_property: PropertyId | None = None


class DeliveryStatus(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"
    WAITING = "waiting"
    WRITING = "writing"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One record's way into one target; there is one for each pair, and corrections reuse it.

    `record_version` is the newest that was asked for, `delivered_version` the newest that is there. `written` are the
    properties that any attempt may have put a value into: only those are ever emptied again.
    """

    id: DeliveryId
    workspace: WorkspaceId
    target_id: TargetId
    record_id: RecordId
    key: str
    status: DeliveryStatus = DeliveryStatus.PENDING
    record_version: int
    delivered_version: int | None = None
    external_id: str | None = None
    url: str | None = None
    attempt: int = 0
    doubt: Doubt | None = None
    written: frozenset[PropertyId] = frozenset()
    problems: tuple[str, ...] = ()
    error: str | None = None
    run: Run | None = None
    created_at: datetime
    updated_at: datetime

    @property
    def marker_key(self) -> str:
        """What the row has in it that an attempt in doubt may have made: the key of whoever was asked to make it."""
        return str(self.run.job) if self.run else self.key

    def has(self, version: int) -> bool:
        """Tell whether this version of the record, or a newer one, is known to be in the target."""
        return self.delivered_version is not None and self.delivered_version >= version


def asked(delivery: Delivery, version: int, now: datetime) -> Delivery:
    """Return the delivery after a version of its record was accepted; one that is there already changes nothing."""
    if delivery.has(version):
        return delivery
    newest = max(version, delivery.record_version)
    return replace(delivery, status=DeliveryStatus.PENDING, record_version=newest, error=None, updated_at=now)


def put_off(delivery: Delivery, reason: str, now: datetime) -> Delivery:
    """Return the delivery as it waits for its target to be resumed."""
    return replace(delivery, status=DeliveryStatus.WAITING, error=reason, updated_at=now)


def begun(delivery: Delivery, version: int, written: Collection[PropertyId], doubt: Doubt) -> Delivery:
    """Return the delivery as it must be on disk before anything is sent."""
    return replace(
        delivery,
        status=DeliveryStatus.WRITING,
        record_version=max(version, delivery.record_version),
        attempt=delivery.attempt + 1,
        doubt=doubt,
        written=delivery.written | frozenset(written),
        error=None,
        updated_at=doubt.since,
    )


def succeeded(delivery: Delivery, attempt: int, version: int, problems: Sequence[str], now: datetime) -> Delivery:
    """Return the delivery after an attempt's write was confirmed; an older version than is there is no news.

    Another attempt that has begun since stays in doubt.
    """
    if delivery.has(version + 1):
        return delivery
    done = version >= delivery.record_version
    return replace(
        delivery,
        status=DeliveryStatus.DELIVERED if done else DeliveryStatus.PENDING,
        delivered_version=version,
        doubt=None if delivery.attempt == attempt else delivery.doubt,
        problems=tuple(problems),
        error=None,
        updated_at=now,
    )


def failed(delivery: Delivery, attempt: int, error: str, now: datetime, doubt: Doubt | None) -> Delivery:
    """Return the delivery after an attempt failed; the failure of an attempt that was overtaken is old news."""
    if delivery.attempt != attempt or delivery.status is DeliveryStatus.DELIVERED:
        return delivery
    return replace(delivery, status=DeliveryStatus.FAILED, doubt=doubt, error=error, updated_at=now)


def forgotten(delivery: Delivery, now: datetime) -> Delivery:
    """Return the delivery after a person decided to have its row, which is gone, made anew."""
    return replace(
        delivery,
        status=DeliveryStatus.PENDING,
        delivered_version=None,
        external_id=None,
        url=None,
        doubt=None,
        written=frozenset(),
        error=None,
        updated_at=now,
    )


def moved(delivery: Delivery, id_: DeliveryId, target: TargetId, now: datetime) -> Delivery:
    """Return the delivery of the same record to another target, where nothing of it is yet."""
    return Delivery(
        id=id_,
        workspace=delivery.workspace,
        target_id=target,
        record_id=delivery.record_id,
        key=delivery.key,
        record_version=delivery.record_version,
        created_at=now,
        updated_at=now,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """One row of a ledger. `values` are as JSON keeps them: amounts as their exact digits, dates in ISO 8601."""

    id: RowId
    target_id: TargetId
    key: str
    record_version: int
    values: Mapping[PropertyId, JsonValue]
    created_at: datetime
    updated_at: datetime
