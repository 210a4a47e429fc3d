"""Bringing records to their targets: each record's row is made once, and changed when the record is corrected.

What is on disk before and after each step, so that a crash between any two lines leaves a way to go on:

1. the delivery is `writing` and in doubt since now;
2. the row is made, or changed, in the target, under the delivery's key;
3. the delivery is `delivered` with the row's id.

After a crash between 1 and 3 the next attempt looks the row up by its key before it makes one, and not before the
crashed attempt can no longer be under way (`TargetAdapter.settles_after`).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import structlog

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.clock import Clock
from counterfoil.foundation.database import Database, Transaction
from counterfoil.foundation.errors import (
    Conflict,
    CounterfoilError,
    Forbidden,
    InvalidInput,
    NotFound,
    RateLimitExceeded,
    Unauthorized,
)
from counterfoil.foundation.ids import IdSource
from counterfoil.foundation.paging import Page, Paging
from counterfoil.records.domain import RecordId
from counterfoil.targets.domain import (
    Delivery,
    DeliveryId,
    DeliveryInDoubt,
    DeliveryNotFound,
    RequiredValueMissing,
    Schema,
    Target,
    TargetId,
    asked,
    begun,
    failed,
    put_off,
    succeeded,
)
from counterfoil.targets.filling import Filling, draft_of, fill, missing
from counterfoil.targets.protocols import (
    DeliverableRecord,
    DeliveryStore,
    RecordSource,
    TargetAdapter,
    WriteRequest,
    Written,
)
from counterfoil.targets.service import TargetService

log = structlog.get_logger()

_NOTHING_WAS_WRITTEN = (InvalidInput, Unauthorized, Forbidden, NotFound, Conflict, RateLimitExceeded)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryService:
    """What the rest of the house may ask about deliveries."""

    database: Database
    store: DeliveryStore
    targets: TargetService
    records: RecordSource
    clock: Clock
    new_id: IdSource

    def plan_deliveries(
        self, tx: Transaction, workspace: WorkspaceId, record: DeliverableRecord, target_id: TargetId | None = None
    ) -> Sequence[Delivery]:
        """Return the deliveries that have to be made of this version of a record, all pending.

        A record goes to the target that is named, and where it went before; else to the workspace's default target.
        """
        known = self.store.of_record(tx, workspace, record.id)
        if not (target_id or known):
            target_id = self.targets.ensure_default(tx, workspace).id
        if target_id and target_id not in {one.target_id for one in known}:
            self.targets.find(tx, workspace, target_id)
            self.store.add(tx, self._new(workspace, target_id, record))
            known = self.store.of_record(tx, workspace, record.id)
        due = [asked(one, record.version, self.clock.now()) for one in known if not one.has(record.version)]
        for delivery in due:
            self.store.save(tx, delivery)
        return due

    def are_planned(self, tx: Transaction, workspace: WorkspaceId, record_id: RecordId) -> bool:
        """Tell whether a record has, or is to have, a row in any target."""
        return bool(self.store.of_record(tx, workspace, record_id))

    def deliver(self, workspace: WorkspaceId, delivery_id: DeliveryId) -> Delivery:
        """Bring the record, as it stands now, to the target; how it went is the delivery's status.

        May be called again at any time and by several at once: `delivered` means that it is there once. `waiting` means
        that the target is paused, and that the next step is taken when it resumes. A record that has become a draft
        again stays where it is: its acceptance plans the delivery anew. Call this outside of a transaction.

        Raises:
            DeliveryInDoubt: an earlier attempt may still be under way; worth trying again later.
            RequiredValueMissing: the target demands a value that the record does not have.
        """
        delivery = self.get(workspace, delivery_id)
        record = self.records.get(workspace, delivery.record_id)
        if delivery.has(record.version) or not record.accepted:
            return delivery
        target = self.targets.get(workspace, delivery.target_id)
        adapter = self.targets.adapter(target.kind)
        with self._telling(delivery):
            row = self._known_row(delivery, target, adapter)
            fillings = self._fillings(delivery, record, target, adapter.schema(target))
        if fillings is None:
            return self.get(workspace, delivery_id)
        started = self._begin(delivery, record.version, fillings, adapter)
        if started.has(record.version):
            return started
        request = WriteRequest(
            target=target,
            key=delivery.key,
            version=record.version,
            draft=draft_of(fillings, started.written),
            external_id=started.external_id or row,
        )
        return self._write(started, request, adapter, fillings)

    def get(self, workspace: WorkspaceId, delivery_id: DeliveryId) -> Delivery:
        with self.database.reading(workspace) as tx:
            return self._get(tx, workspace, delivery_id)

    def page(self, workspace: WorkspaceId, paging: Paging, record_id: RecordId | None = None) -> Page[Delivery]:
        with self.database.reading(workspace) as tx:
            return self.store.page(tx, workspace, paging, record_id)

    def _fillings(
        self, delivery: Delivery, record: DeliverableRecord, target: Target, schema: Schema
    ) -> Sequence[Filling] | None:
        """Return what to write; None when a person has to look at the plan first, for which the delivery now waits."""
        facts = self.targets.facts(delivery.workspace, record)
        with self.database.transaction(delivery.workspace) as tx:
            plan = self.targets.ready_plan(tx, target, schema)
            if plan is None:
                held = self._get(tx, delivery.workspace, delivery.id, lock=True)
                self.store.save(tx, put_off(held, "The target is paused.", self.clock.now()))
                return None
        fillings = fill(schema, plan.entries, record.data, facts)
        if names := missing(fillings):
            raise RequiredValueMissing(names)
        return fillings

    @contextmanager
    def _telling(self, delivery: Delivery) -> Iterator[None]:
        """Keep with the delivery why an attempt could not even begin; what earlier attempts left stays in doubt."""
        try:
            yield
        except DeliveryInDoubt:
            raise
        except CounterfoilError as error:
            self._fail(delivery, error, in_doubt=delivery.in_doubt_since is not None)
            raise

    def _known_row(self, delivery: Delivery, target: Target, adapter: TargetAdapter) -> str | None:
        """Look for the row of an attempt whose end is unknown, once that attempt cannot be under way any more."""
        if delivery.in_doubt_since is None:
            return None
        if self.clock.now() < delivery.in_doubt_since + adapter.settles_after:
            raise DeliveryInDoubt(delivery.id)
        if delivery.external_id is not None:
            return delivery.external_id
        found = adapter.find(target, delivery.key)
        return found.external_id if found else None

    def _begin(self, seen: Delivery, version: int, fillings: Sequence[Filling], adapter: TargetAdapter) -> Delivery:
        """Put on disk that an attempt begins, unless another has begun since and must not be crossed."""
        values = [one.property.id for one in fillings if one.value is not None]
        with self.database.transaction(seen.workspace) as tx:
            held = self._get(tx, seen.workspace, seen.id, lock=True)
            if held.has(version):
                return held
            if held.attempt != seen.attempt and adapter.settles_after:
                raise DeliveryInDoubt(seen.id)
            started = begun(held, version, values, self.clock.now())
            self.store.save(tx, started)
        return started

    def _write(
        self, started: Delivery, request: WriteRequest, adapter: TargetAdapter, fillings: Sequence[Filling]
    ) -> Delivery:
        try:
            written = adapter.write(request)
        except CounterfoilError as error:
            self._fail(started, error, in_doubt=not isinstance(error, _NOTHING_WAS_WRITTEN))
            raise
        problems = [one.problem for one in fillings if one.problem]
        return self._succeed(started, request.version, written, problems)

    def _succeed(self, started: Delivery, version: int, written: Written, problems: Sequence[str]) -> Delivery:
        with self.database.transaction(started.workspace) as tx:
            held = self._get(tx, started.workspace, started.id, lock=True)
            place = replace(held, external_id=written.external_id, url=written.url)
            done = succeeded(place, started.attempt, version, problems, self.clock.now())
            self.store.save(tx, done)
        log.info("record_delivered", delivery_id=str(done.id), target_id=str(done.target_id), version=version)
        return done

    def _fail(self, delivery: Delivery, error: CounterfoilError, *, in_doubt: bool) -> None:
        with self.database.transaction(delivery.workspace) as tx:
            held = self._get(tx, delivery.workspace, delivery.id, lock=True)
            reason = f"{error.code}: {error}"
            self.store.save(tx, failed(held, delivery.attempt, reason, self.clock.now(), in_doubt=in_doubt))

    def _get(self, tx: Transaction, workspace: WorkspaceId, delivery_id: DeliveryId, *, lock: bool = False) -> Delivery:
        delivery = self.store.get(tx, workspace, delivery_id, lock=lock)
        if delivery is None:
            raise DeliveryNotFound(delivery_id)
        return delivery

    def _new(self, workspace: WorkspaceId, target_id: TargetId, record: DeliverableRecord) -> Delivery:
        now = self.clock.now()
        return Delivery(
            id=DeliveryId(self.new_id()),
            workspace=workspace,
            target_id=target_id,
            record_id=record.id,
            key=str(record.id),
            record_version=record.version,
            created_at=now,
            updated_at=now,
        )
