"""Targets and their plans: showing what would be written, keeping what fills the columns, noticing when they change."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from uuid import UUID

import structlog

from counterfoil.access.domain import WorkspaceId
from counterfoil.documents.domain import Document, DocumentId
from counterfoil.foundation.clock import Clock
from counterfoil.foundation.database import Database, Transaction
from counterfoil.foundation.errors import CounterfoilError
from counterfoil.foundation.failpoints import failpoint
from counterfoil.foundation.paging import Page, Paging
from counterfoil.records.domain import InvoiceData, RecordId
from counterfoil.targets.domain import (
    Author,
    Entries,
    Plan,
    PlanProposal,
    Schema,
    Target,
    TargetId,
    TargetStatus,
    asked,
)
from counterfoil.targets.errors import (
    InvalidPlan,
    KeyPlaceMissing,
    PlanChanged,
    PlanNotFound,
    TargetNotFound,
    TargetUnusable,
    UnknownTargetKind,
)
from counterfoil.targets.expressions import Facts, paths_in
from counterfoil.targets.filling import Filling, fill
from counterfoil.targets.mapping import map_schema
from counterfoil.targets.model.mapper import Improved, ModelMapper
from counterfoil.targets.planning import (
    Drift,
    compare,
    decided,
    doubts,
    idle,
    is_open,
    key_property,
    problems,
    repaired,
    with_key,
)
from counterfoil.targets.protocols import (
    Adapters,
    DeliverableRecord,
    DeliveryStore,
    DocumentSource,
    NextStep,
    PlanStore,
    RecordSource,
    TargetAdapter,
    TargetStore,
)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanView:
    """A plan beside the table as it is now, with what a person has to decide before it is carried out."""

    plan: Plan
    schema: Schema
    drift: Drift
    doubts: tuple[str, ...]

    @property
    def entries(self) -> Entries:
        """What fills the columns as they are now."""
        return repaired(self.plan, self.schema)


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetService:
    """What the rest of the house may ask about targets.

    `next_step` makes deliveries that waited for a target. `mapper` helps with first plans and proposals, outside of any
    transaction; no delivery asks it or waits for it.
    """

    database: Database
    store: TargetStore
    plans: PlanStore
    deliveries: DeliveryStore
    adapters: Adapters
    records: RecordSource
    documents: DocumentSource
    next_step: NextStep
    clock: Clock
    public_url: str
    mapper: ModelMapper | None = None

    def get(self, workspace: WorkspaceId, target_id: TargetId) -> Target:
        with self.database.reading(workspace) as tx:
            return self.find(tx, workspace, target_id)

    def find(self, tx: Transaction, workspace: WorkspaceId, target_id: TargetId, *, lock: bool = False) -> Target:
        """Return a target as this transaction sees it, and keep others from changing it if `lock`."""
        target = self.store.get(tx, workspace, target_id, lock=lock)
        if target is None:
            raise TargetNotFound("with the id", target_id)
        return target

    def page(self, workspace: WorkspaceId, paging: Paging) -> Page[Target]:
        with self.database.reading(workspace) as tx:
            return self.store.page(tx, workspace, paging)

    def schema(self, workspace: WorkspaceId, target_id: TargetId) -> Schema:
        """Return the target's columns as they are now."""
        target = self.get(workspace, target_id)
        return self.adapter(target.kind).schema(target)

    def plan(self, workspace: WorkspaceId, target_id: TargetId, version: int | None = None) -> PlanView:
        """Return the target's plan, or an older version of it, and how the columns differ from it.

        The rules and the model make it on first use. A plan that is there is not made again: what deliveries write does
        not change because somebody looks.
        """
        target = self.get(workspace, target_id)
        schema = self.adapter(target.kind).schema(target)
        plan = self._first_plan(target, schema) if version is None else self._plan_of(target, version)
        return PlanView(
            plan=plan, schema=schema, drift=compare(plan.schema, schema), doubts=self._doubts(target, plan, schema)
        )

    def propose(self, workspace: WorkspaceId, target_id: TargetId) -> PlanProposal:
        """Return what the rules and the model would fill the columns with that nothing surely fills; it is not kept."""
        target = self.get(workspace, target_id)
        schema = self.adapter(target.kind).schema(target)
        with self.database.transaction(workspace) as tx:
            self.find(tx, workspace, target_id, lock=True)
            plan = self._plan(tx, target, schema)
        entries = repaired(plan, schema)
        sure = {one: entry for one, entry in entries.items() if not is_open(entries, one)}
        taken = {path for entry in sure.values() for path in paths_in(entry.expression)}
        rest = Schema(properties=tuple(one for one in schema.properties if one.id not in sure))
        improved = self._improved(target, schema, {**sure, **map_schema(rest, taken)})
        return PlanProposal(version=plan.version, schema=schema, entries=improved.entries, problem=improved.problem)

    def plan_ahead(self, target: Target) -> None:
        """Make the first plan while nobody waits for a row; without a model there is nothing to wait for later."""
        if self.mapper is None:
            return
        try:
            self._first_plan(target, self.adapter(target.kind).schema(target))
        except CounterfoilError as error:
            log.warning("plan_put_off", target_id=str(target.id), error=error.code)

    def planned(self, target: Target) -> Schema | None:
        """Return the columns that the newest plan was made for."""
        with self.database.reading(target.workspace) as tx:
            plan = self.plans.newest(tx, target.workspace, target.id)
        return plan.schema if plan else None

    def put_plan(self, workspace: WorkspaceId, target_id: TargetId, entries: Entries, version: int) -> Plan:
        """Keep a plan that a person made of `version`, and resume the target.

        Raises:
            PlanChanged: the newest plan is another version.
            InvalidPlan: it cannot be carried out on the columns as they are now.
        """
        target = self.get(workspace, target_id)
        schema = self.adapter(target.kind).schema(target)
        with self.database.transaction(workspace) as tx:
            target = self.find(tx, workspace, target_id, lock=True)
            before = self._plan(tx, target, schema)
            if before.version != version:
                raise PlanChanged(before.version)
            kept = decided(entries, schema, before)
            if wrong := (*problems(schema, kept, before.schema), *self._unkeyed(target, kept)) or idle(kept):
                raise InvalidPlan(wrong)
            plan = self._kept(tx, target, schema, kept, Author.PERSON, version + 1)
            self._resume(tx, target)
        return plan

    def check_all(self, workspace: WorkspaceId) -> Mapping[TargetId, TargetStatus | None]:
        """Check the tables elsewhere whose hour it is; None of one that cannot be looked at just now.

        One that is paused is checked whenever this is asked for.
        """
        with self.database.reading(workspace) as tx:
            targets = self.store.elsewhere(tx, workspace)
        return {one.id: self._checked(one) for one in targets if one.paused_because or self._is_its_hour(one)}

    def _is_its_hour(self, target: Target) -> bool:
        hours = self.adapter(target.kind).check_every_hours
        return self.clock.now().hour % hours == hours // 2

    def _checked(self, target: Target) -> TargetStatus | None:
        try:
            return self.check(target.workspace, target.id).status
        except CounterfoilError as error:
            log.warning("target_not_checked", target_id=str(target.id), code=error.code)
            return None

    def counts(self) -> Mapping[tuple[str, TargetStatus], int]:
        """Return how many targets there are, by kind and status, over all workspaces."""
        with self.database.reading() as tx:
            return self.store.counts(tx)

    def check(self, workspace: WorkspaceId, target_id: TargetId) -> Target:
        """Look at the table anew: pause the target if nothing can be delivered, resume it if all can."""
        target = self.get(workspace, target_id)
        try:
            schema = self.adapter(target.kind).schema(target)
        except TargetUnusable as error:
            with self.database.transaction(workspace) as tx:
                self.pause(tx, target, error)
        else:
            self._first_plan(target, schema)
            with self.database.transaction(workspace) as tx:
                self.ready_plan(tx, target, schema, anew=True)
        return self.get(workspace, target_id)

    def add_key_property(self, workspace: WorkspaceId, target_id: TargetId) -> Plan:
        """Give the table a text property for the deliveries' keys, if the plan has none, and let the plan fill it."""
        view = self.plan(workspace, target_id)
        if key_property(repaired(view.plan, view.schema)):
            return view.plan
        target = self.get(workspace, target_id)
        adapter = self.adapter(target.kind)
        place = adapter.add_key_property(target)
        schema = adapter.schema(target)
        with self.database.transaction(workspace) as tx:
            target = self.find(tx, workspace, target_id, lock=True)
            plan = self._plan(tx, target, schema)
            known, entries = schema, repaired(plan, schema)
            if doubts(plan, schema):  # which stay a person's to decide
                known, entries = Schema(properties=(*plan.schema.properties, schema.by_id[place])), plan.entries
            kept = self._kept(tx, target, known, with_key(entries, place), plan.made_by, plan.version + 1)
            self.ready_plan(tx, target, schema)
        return kept

    def pause(self, tx: Transaction, target: Target, error: TargetUnusable) -> Target:
        """Let deliveries wait because the table cannot be written to; it stays locked until `tx` ends."""
        reason = f"{error} Then: counterfoil targets check {target.id}"
        return self._pause(tx, self.find(tx, target.workspace, target.id, lock=True), reason, refused=True)

    def ready_plan(self, tx: Transaction, target: Target, schema: Schema, *, anew: bool = False) -> Plan | None:
        """Return the plan for a delivery, brought up to the columns where that is certain.

        Where it is not, the target is paused, and None is returned. A target to which a call was refused stays paused
        unless it is looked at `anew`: its columns do not show whether the next call would be. The target stays locked
        until `tx` ends, so that a delivery put to wait in it is seen by whoever resumes the target.
        """
        target = self.find(tx, target.workspace, target.id, lock=True)
        if target.refused and not anew:
            return None
        plan = self._plan(tx, target, schema)
        if reason := self._doubtful(target, plan, schema):
            self._pause(tx, target, reason)
            return None
        if plan.schema.version != schema.version:
            plan = self._kept(tx, target, schema, repaired(plan, schema), plan.made_by, plan.version + 1)
        self._resume(tx, target)
        return plan

    def preview(
        self, workspace: WorkspaceId, target_id: TargetId, record: RecordId | InvoiceData
    ) -> tuple[Filling, ...]:
        """Return what would be written of a record, or of given data, property by property."""
        view, target = self.plan(workspace, target_id), self.get(workspace, target_id)
        if isinstance(record, InvoiceData):
            return self.fill(target, view.schema, view.plan, record, self._sample_facts())
        found = self.records.get(workspace, record)
        facts = self.facts(found, self.documents.get(workspace, found.document_id))
        return self.fill(target, view.schema, view.plan, found.data, facts)

    def fill(self, target: Target, schema: Schema, plan: Plan, data: InvoiceData, facts: Facts) -> tuple[Filling, ...]:
        """Return what each property of a target gets; what relations point to is looked up there."""
        candidates = partial(self.adapter(target.kind).candidates, target)
        return fill(schema, repaired(plan, schema), data, facts, candidates)

    def facts(self, record: DeliverableRecord, document: Document) -> Facts:
        """Return what expressions may know beside a record's data."""
        return Facts(
            document_id=document.id,
            document_name=document.name,
            document_url=f"{self.public_url}/api/v1/documents/{document.id}/file",
            delivered_at=self.clock.now(),
            key=key_of(record),
        )

    def adapter(self, kind: str) -> TargetAdapter:
        """Return what speaks to targets of a kind."""
        if kind not in self.adapters:
            raise UnknownTargetKind(kind, self.adapters.keys())
        return self.adapters[kind]

    def _first_plan(self, target: Target, schema: Schema) -> Plan:
        """Return the newest plan, or make the first with the model's help.

        A delivery that comes meanwhile makes it by the rules alone, and others may ask at the same time: what the model
        proposes still takes the place of a first plan of the rules, as it was not there when the model was asked.
        """
        with self.database.reading(target.workspace) as tx:
            newest = self.plans.newest(tx, target.workspace, target.id)
        if newest:
            return newest
        first = self._improved(target, schema, map_schema(schema))
        failpoint("plan.proposed")
        with self.database.transaction(target.workspace) as tx:
            self.find(tx, target.workspace, target.id, lock=True)
            newest = self.plans.newest(tx, target.workspace, target.id)
            if newest is None:
                return self._kept(tx, target, schema, first.entries, first.made_by, 1)
            as_it_began = (newest.version, newest.made_by, newest.schema) == (1, Author.RULES, schema)
            if as_it_began and first.made_by is Author.MODEL:
                return self._kept(tx, target, schema, first.entries, first.made_by, 2)
            return newest

    def _improved(self, target: Target, schema: Schema, entries: Entries) -> Improved:
        if self.mapper is None:
            return Improved(entries=entries, problem="No model helped: MODEL is not set.")
        return self.mapper.improve(target.workspace, schema, entries)

    def _plan_of(self, target: Target, version: int) -> Plan:
        with self.database.reading(target.workspace) as tx:
            plan = self.plans.of_version(tx, target.workspace, target.id, version)
        if plan is None:
            raise PlanNotFound(version)
        return plan

    def _plan(self, tx: Transaction, target: Target, schema: Schema) -> Plan:
        """Return the newest plan, or make the first by the rules alone. The target must be locked."""
        newest = self.plans.newest(tx, target.workspace, target.id)
        return newest or self._kept(tx, target, schema, map_schema(schema), Author.RULES, 1)

    def _kept(
        self, tx: Transaction, target: Target, schema: Schema, entries: Entries, made_by: Author, version: int
    ) -> Plan:
        plan = Plan(
            target=target.id,
            version=version,
            schema=schema,
            entries=entries,
            made_by=made_by,
            made_at=self.clock.now(),
        )
        self.plans.add(tx, target.workspace, plan)
        log.info("plan_made", target_id=str(target.id), version=version, made_by=made_by.value)
        return plan

    def _doubts(self, target: Target, plan: Plan, schema: Schema) -> tuple[str, ...]:
        """Return what a person has to decide before a plan may write to a table as it is now; nothing if it may."""
        return (*doubts(plan, schema), *self._unkeyed(target, repaired(plan, schema)))

    def _unkeyed(self, target: Target, entries: Entries) -> tuple[str, ...]:
        """Return why a plan cannot keep rows from being written twice; nothing if it can."""
        keyed = key_property(entries) or not self.adapter(target.kind).needs_key_property
        return () if keyed else (str(KeyPlaceMissing(target.name)),)

    def _doubtful(self, target: Target, plan: Plan, schema: Schema) -> str:
        """Return why a person has to look at a plan before it is used, and how; nothing if nobody has to."""
        sentences: list[str] = []
        if doubtful := doubts(plan, schema):
            sentences += (*doubtful, f"Change the plan, and it goes on: counterfoil targets set {target.id} COLUMN …")
        if unkeyed := self._unkeyed(target, repaired(plan, schema)):
            sentences += (*unkeyed, f"To have it added: counterfoil targets key {target.id}")
        return " ".join(sentences)

    def _pause(self, tx: Transaction, target: Target, reason: str, *, refused: bool = False) -> Target:
        paused = replace(target, paused_because=reason, refused=refused)
        if paused != target:
            self.store.save(tx, paused)
            log.warning("target_paused", target_id=str(target.id), reason=reason)
        return paused

    def _resume(self, tx: Transaction, target: Target) -> None:
        """Let deliveries go on, those that waited first."""
        if target.paused_because is None:
            return
        self.store.save(tx, replace(target, paused_because=None, refused=False))
        for delivery in self.deliveries.waiting(tx, target.workspace, target.id):
            self.deliveries.save(tx, asked(delivery, delivery.record_version, self.clock.now()))
            self.next_step(tx, target.workspace, delivery.id)
        log.info("target_resumed", target_id=str(target.id))

    def _sample_facts(self) -> Facts:
        """Return facts for data that belongs to no document."""
        nothing = DocumentId(UUID(int=0))
        url = f"{self.public_url}/api/v1/documents/{nothing}/file"
        return Facts(
            document_id=nothing,
            document_name="example.pdf",
            document_url=url,
            delivered_at=self.clock.now(),
            key=str(nothing),
        )


def key_of(record: DeliverableRecord) -> str:
    """Return the key of a record's deliveries, which its row has and no other."""
    return str(record.id)
