"""Bringing records to their targets: each record's row is made once, and changed when the record is corrected.

What is on disk before and after each step, so that a crash between any two lines leaves a way to go on:

1. the delivery is `writing` and in doubt since now;
2. the row is made, or changed, in the target, under the delivery's key;
3. the delivery is `delivered` with the row's id.

After a crash between 1 and 3 the next attempt looks the row up by its key. One that is found is taken for ours at once;
that there is none, or that its document is not there, is believed only when the crashed attempt can no longer be under
way (`TargetAdapter.settles_after`, or less if it lived to say how it failed).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from counterfoil.access.domain import WorkspaceId
from counterfoil.documents.domain import Document
from counterfoil.foundation.database import Transaction
from counterfoil.foundation.errors import CounterfoilError, NetworkError, Postponed, ServiceUnavailable
from counterfoil.foundation.ids import IdSource
from counterfoil.foundation.paging import Page, Paging
from counterfoil.records.domain import RecordId
from counterfoil.targets.book import DeliveryBook
from counterfoil.targets.connections import ConnectionService
from counterfoil.targets.domain import (
    Delivery,
    DeliveryId,
    Plan,
    PropertyType,
    Schema,
    Target,
    TargetId,
    asked,
    forgotten,
)
from counterfoil.targets.errors import (
    DeliveryInDoubt,
    OptionUndecided,
    RequiredValueMissing,
    RowGone,
    RowThere,
    RunUnanswered,
    TargetUnusable,
)
from counterfoil.targets.filling import Filling, draft_of, missing, undecided
from counterfoil.targets.planning import key_property, reads
from counterfoil.targets.protocols import (
    DeliverableRecord,
    DeliveryFilter,
    Enclosed,
    RecordSource,
    Sought,
    SourceFile,
    TargetAdapter,
    WriteRequest,
)
from counterfoil.targets.seen import SeenSchemas
from counterfoil.targets.service import TargetService, key_of

_TELLS_NOTHING: Final = (Postponed, ServiceUnavailable, NetworkError)
"""Errors that are about no columns: to read these anew after each would take the turns of those who wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryService:
    """What the rest of the house may ask about deliveries."""

    book: DeliveryBook
    targets: TargetService
    connections: ConnectionService
    records: RecordSource
    new_id: IdSource
    seen: SeenSchemas = field(default_factory=SeenSchemas)

    def plan_deliveries(
        self, tx: Transaction, workspace: WorkspaceId, record: DeliverableRecord, target_id: TargetId | None = None
    ) -> Sequence[Delivery]:
        """Return the deliveries that have to be made of this version of a record, all pending.

        A record goes to the target that is named, if that was not removed, and where it went before; else to the
        workspace's default target.
        """
        store = self.book.store
        if target_id and not self.connections.store.hold(tx, workspace, target_id):
            target_id = None
        known = store.of_record(tx, workspace, record.id)
        if not (target_id or known):
            target_id = self.connections.hold_default(tx, workspace)
        if target_id and target_id not in {one.target_id for one in known}:
            store.add(tx, self._new(workspace, target_id, record))
            known = store.of_record(tx, workspace, record.id)
        due = [asked(one, record.version, self.book.clock.now()) for one in known if not one.has(record.version)]
        for delivery in due:
            store.save(tx, delivery)
        return due

    def are_planned(self, tx: Transaction, workspace: WorkspaceId, record_id: RecordId) -> bool:
        """Tell whether a record has, or is to have, a row in any target."""
        return bool(self.book.store.of_record(tx, workspace, record_id))

    def deliver(self, workspace: WorkspaceId, delivery_id: DeliveryId) -> Delivery:
        """Bring the record, as it stands now, to the target; how it went is the delivery's status.

        May be called again at any time and by several at once: `delivered` means that it is there once. `waiting` means
        that the target is paused, and that the next step is taken when it resumes. A record that has become a draft
        again stays where it is: its acceptance plans the delivery anew. Call this outside of a transaction.

        Raises:
            DeliveryInDoubt: an earlier attempt may still be under way; worth trying again later.
            RequiredValueMissing: the target demands a value that the record does not have.
            OptionUndecided: a person decides what a value becomes.
            RowGone: the row was deleted where the table is.
        """
        delivery = self.get(workspace, delivery_id)
        record = self.records.get(workspace, delivery.record_id)
        if delivery.has(record.version) or not record.accepted:
            return delivery
        target = self.targets.get(workspace, delivery.target_id)
        try:
            return self._deliver(delivery, record, target)
        except TargetUnusable as error:
            return self._pause(delivery, target, error)

    def retry(self, workspace: WorkspaceId, delivery_id: DeliveryId, *, make_anew: bool = False) -> Delivery:
        """Try a delivery again that failed or waits; `make_anew` has a new row made for one that is gone.

        Raises:
            RowThere: a new row is asked for while nothing says that the old one is gone.
        """
        with self.book.database.transaction(workspace) as tx:
            held = self.book.find(tx, workspace, delivery_id, lock=True)
            if make_anew and not _lacks_row(held):
                raise RowThere(held)
            now = self.book.clock.now()
            again = forgotten(held, now) if make_anew else asked(held, held.record_version, now)
            if again != held:
                self.book.store.save(tx, again)
                self.targets.next_step(tx, workspace, delivery_id)
        return again

    def get(self, workspace: WorkspaceId, delivery_id: DeliveryId) -> Delivery:
        return self.book.get(workspace, delivery_id)

    def page(
        self,
        workspace: WorkspaceId,
        paging: Paging,
        wanted: DeliveryFilter = DeliveryFilter(),  # noqa: B008 - frozen
    ) -> Page[Delivery]:
        with self.book.database.reading(workspace) as tx:
            return self.book.store.page(tx, workspace, paging, wanted)

    def _deliver(self, delivery: Delivery, record: DeliverableRecord, target: Target) -> Delivery:
        adapter = self.targets.adapter(target.kind)
        with self.book.telling(delivery):
            if waiting := self._refused(delivery, target):
                return waiting
            schema = self._schema(target, adapter)
            plan = self._plan(delivery, target, schema)
            if plan is None:
                return self.get(delivery.workspace, delivery.id)
            document = self.targets.documents.get(delivery.workspace, record.document_id)
            enclosed = self._enclosed(record, document, plan)
            row = self._known_row(delivery, target, adapter, plan, enclosed.file)
            fillings = self._fillings(record, document, target, schema, plan)
        values = [one.property.id for one in fillings if one.value is not None]
        key_place = key_property(plan.entries)
        started = self.book.begin(
            delivery, record.version, values, settles_after=adapter.settles_after, key_property=key_place, row=row
        )
        if started.has(record.version):
            return started
        request = WriteRequest(
            target=target,
            key=delivery.key,
            version=record.version,
            schema=schema,
            draft=draft_of(fillings, started.written),
            external_id=started.external_id,
            key_property=key_place,
            enclosed=enclosed,
        )
        return self._write(started, request, adapter, fillings)

    def _refused(self, delivery: Delivery, target: Target) -> Delivery | None:
        """Let the delivery wait if its target refused an earlier call, without a call that it would refuse as well."""
        if not target.refused:
            return None
        with self.book.database.transaction(delivery.workspace) as tx:
            now = self.targets.find(tx, target.workspace, target.id, lock=True)
            return self.book.put_off(tx, delivery, now.paused_because or "") if now.refused else None

    def _schema(self, target: Target, adapter: TargetAdapter) -> Schema:
        """Return the table's columns: those of the plan, if they were seen there a moment ago."""
        planned = self.targets.planned(target)
        if planned and self.seen.had(target.id, planned.version, adapter.schema_lasts):
            return planned
        if planned:
            self.seen.renew(target.id)  # who comes while we look relies on what was seen before
        try:
            schema = adapter.schema(target)
        except CounterfoilError:
            self.seen.forget(target.id)
            raise
        self.seen.note(target.id, schema.version)
        return schema

    def _plan(self, delivery: Delivery, target: Target, schema: Schema) -> Plan | None:
        """Return the plan; None when a person has to look at it first, for which the delivery now waits."""
        with self.book.database.transaction(delivery.workspace) as tx:
            plan = self.targets.ready_plan(tx, target, schema)
            if plan is None:
                paused = self.targets.find(tx, target.workspace, target.id)
                self.book.put_off(tx, delivery, paused.paused_because or "")
        return plan

    def _fillings(
        self, record: DeliverableRecord, document: Document, target: Target, schema: Schema, plan: Plan
    ) -> Sequence[Filling]:
        fillings = self.targets.fill(target, schema, plan, record.data, self.targets.facts(record, document))
        if names := missing(fillings):
            raise RequiredValueMissing(names)
        if problems := undecided(fillings):
            raise OptionUndecided(problems)
        return fillings

    def _enclosed(self, record: DeliverableRecord, document: Document, plan: Plan) -> Enclosed:
        return Enclosed(
            file=SourceFile(
                name=document.name,
                media_type=document.media_type,
                size=document.size,
                path=self.targets.documents.path(document),
            ),
            line_items=() if reads(plan.entries, "line_items") else record.data.line_items,
            currency=record.data.currency,
        )

    def _pause(self, delivery: Delivery, target: Target, error: TargetUnusable) -> Delivery:
        """Let the delivery wait with all others of its target until a person has set right what is wrong there."""
        with self.book.database.transaction(delivery.workspace) as tx:
            paused = self.targets.pause(tx, target, error)
            return self.book.put_off(tx, delivery, paused.paused_because or "")

    def _known_row(
        self, delivery: Delivery, target: Target, adapter: TargetAdapter, plan: Plan, file: SourceFile
    ) -> str | None:
        """Look for the row of an attempt whose end is unknown."""
        doubt = delivery.doubt
        if doubt is None:
            return None
        found = None
        if delivery.external_id is None:
            place = doubt.key_property
            if place is None and adapter.needs_key_property:
                place = key_property(plan.entries)  # an older version has not said where
            files = (one.id for one in plan.schema.properties if one.type is PropertyType.FILES)
            sought = Sought(
                key=delivery.marker_key,
                since=doubt.since,
                key_property=place,
                others=self.book.rows_of_others(delivery),
                file=file,
                files=tuple(one for one in files if one in delivery.written),
            )
            found = adapter.find(target, sought)
        if (found is None or found.unfinished) and self.book.clock.now() < doubt.settles_at:
            raise DeliveryInDoubt(delivery.id, settles_at=doubt.settles_at)
        return found.external_id if found else None

    def _write(
        self, started: Delivery, request: WriteRequest, adapter: TargetAdapter, fillings: Sequence[Filling]
    ) -> Delivery:
        try:
            written = adapter.write(request)
        except CounterfoilError as error:
            if not isinstance(error, _TELLS_NOTHING):
                self.seen.forget(started.target_id)  # perhaps its columns have changed
            self.book.fail(started, error)
            raise
        problems = [*(one.problem for one in fillings if one.problem), *written.problems]
        return self.book.succeed(started, request.version, written, problems)

    def _new(self, workspace: WorkspaceId, target_id: TargetId, record: DeliverableRecord) -> Delivery:
        now = self.book.clock.now()
        return Delivery(
            id=DeliveryId(self.new_id()),
            workspace=workspace,
            target_id=target_id,
            record_id=record.id,
            key=key_of(record),
            record_version=record.version,
            created_at=now,
            updated_at=now,
        )


def _lacks_row(delivery: Delivery) -> bool:
    """Tell whether a person may have a new row made, since the last attempt found none or could not tell."""
    return (delivery.error or "").partition(":")[0] in {RowGone.code, RunUnanswered.code}
