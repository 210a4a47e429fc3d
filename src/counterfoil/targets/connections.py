"""Connecting tables as targets, naming and removing them, and choosing the one that records go to by default."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import structlog

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.clock import Clock
from counterfoil.foundation.database import Database, Transaction
from counterfoil.foundation.ids import IdSource
from counterfoil.foundation.paging import Paging
from counterfoil.targets.domain import LEDGER, Delivery, DeliveryId, Target, TargetId, is_same_table, moved
from counterfoil.targets.errors import (
    AttemptUnderWay,
    DeliveriesUnfinished,
    LedgerNotEmpty,
    TargetExists,
    TargetIsDefault,
    TargetNotFound,
    TargetTaken,
)
from counterfoil.targets.protocols import Connected, DeliveryStore, LedgerStore, NextStep, PlanStore, TargetStore
from counterfoil.targets.service import TargetService

log = structlog.get_logger()

LONGEST_NAME: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionService:
    """Which targets a workspace has.

    `watch` has them checked from time to time; `next_step` makes deliveries that moved to another target.
    """

    database: Database
    store: TargetStore
    plans: PlanStore
    deliveries: DeliveryStore
    ledgers: LedgerStore
    targets: TargetService
    next_step: NextStep
    watch: Callable[[WorkspaceId], None]
    clock: Clock
    new_id: IdSource

    def create(
        self,
        workspace: WorkspaceId,
        kind: str,
        name: str | None,
        settings: Mapping[str, str],
        *,
        is_default: bool = False,
    ) -> Target:
        """Connect a table; without a name it is called as it is where it is.

        Raises:
            InvalidTargetSettings, SeveralTables: the settings do not lead to one table.
            TargetTaken: it is another workspace's.
            TargetExists: it is a target of this workspace already.
        """
        connected = self.targets.adapter(kind).connect(workspace, settings)
        target = self._new(workspace, kind, name, connected)
        with self.database.reading() as tx:  # over all workspaces
            if target.place and self.store.is_elsewhere(tx, workspace, target.place):
                raise TargetTaken
        if target.place:
            self.watch(workspace)
        with self.database.transaction(workspace) as tx:
            self.store.hold_all(tx, workspace)
            self._refuse_second(tx, target)
            self.store.add(tx, target)
            if is_default:
                self._choose(tx, target)
        log.info("target_created", target_id=str(target.id), kind=kind)
        self.targets.plan_ahead(target)
        return replace(target, is_default=is_default)

    def change(
        self, workspace: WorkspaceId, target_id: TargetId, *, name: str | None = None, is_default: bool = False
    ) -> Target:
        """Give a target another name, or make it the default one in the place of the one that is."""
        with self.database.transaction(workspace) as tx:
            self.store.hold_all(tx, workspace)
            target = self.targets.find(tx, workspace, target_id, lock=True)
            if name:
                self.store.save(tx, replace(target, name=name))
            if is_default:
                self._choose(tx, target)
            return self.targets.find(tx, workspace, target_id)

    def remove(self, workspace: WorkspaceId, target_id: TargetId, *, move: bool = False) -> None:
        """Forget a target, its plans and its deliveries; rows in its table stay. What is not finished moves, if asked.

        Raises:
            TargetIsDefault, LedgerNotEmpty: it has to stay.
            DeliveriesUnfinished: records are on their way there, and are not to `move` to the default target.
            AttemptUnderWay: they cannot move yet.
        """
        with self.database.transaction(workspace) as tx:
            target = self._ending(tx, workspace, target_id)
            self.deliveries.remove_finished(tx, target)
            unfinished = self.deliveries.remaining(tx, target)
            if unfinished and not move:
                raise DeliveriesUnfinished(target, len(unfinished))
            self._move(tx, target, unfinished)
            self.plans.remove(tx, target)
            self.ledgers.remove_columns(tx, target)
            self.store.remove(tx, target)
        log.info("target_removed", target_id=str(target.id), kind=target.kind, moved=len(unfinished))

    def hold_default(self, tx: Transaction, workspace: WorkspaceId) -> TargetId:
        """Return the default target, which is not removed before `tx` ends."""
        while True:
            default = self.ensure_default(tx, workspace).id
            if self.store.hold(tx, workspace, default):  # else another was chosen, and this one removed
                return default

    def ensure_default(self, tx: Transaction, workspace: WorkspaceId) -> Target:
        """Return the target that records go to when nobody names one: a ledger, made on first use."""
        default = self.store.default(tx, workspace)
        if default is None:
            ledger = self._new(workspace, LEDGER, None, Connected(settings={}, place=None))
            self.store.add(tx, replace(ledger, is_default=True))
            default = self.store.default(tx, workspace)  # somebody else's, if two came first
        assert default is not None  # noqa: S101 - added above, and the default target is not removed
        return default

    def _choose(self, tx: Transaction, target: Target) -> None:
        """Make a target the default one; the workspace's targets must be held."""
        self.ensure_default(tx, target.workspace)  # whoever does so at the same time is waited for, or waits
        self.store.choose(tx, target)
        log.info("default_chosen", target_id=str(target.id))

    def _refuse_second(self, tx: Transaction, target: Target) -> None:
        if target.place is None:
            return
        for one in self.store.at(tx, target.workspace, target.place):
            if is_same_table(one, target):
                raise TargetExists(one)

    def _ending(self, tx: Transaction, workspace: WorkspaceId, target_id: TargetId) -> Target:
        """Return a target that may be removed; it can be neither chosen nor delivered to until `tx` ends."""
        self.store.hold_all(tx, workspace)
        target = self.store.hold_alone(tx, workspace, target_id)
        if target is None:
            raise TargetNotFound("with the id", target_id)
        if target.is_default:
            raise TargetIsDefault(target)
        if self.ledgers.rows(tx, workspace, target_id, Paging(limit=1)).items:
            raise LedgerNotEmpty(target)
        return target

    def _move(self, tx: Transaction, target: Target, unfinished: Sequence[Delivery]) -> None:
        """Have the default target get what this one has not got; what has a delivery there already needs none."""
        now = self.clock.now()
        open_until = [one.doubt.settles_at for one in unfinished if one.doubt and one.doubt.settles_at > now]
        if open_until:
            raise AttemptUnderWay(target, max(open_until))
        default = self.ensure_default(tx, target.workspace)
        for delivery in unfinished:
            self.deliveries.remove(tx, delivery)
            instead = moved(delivery, DeliveryId(self.new_id()), default.id, now)
            if self.deliveries.add(tx, instead):
                self.next_step(tx, target.workspace, instead.id)

    def _new(self, workspace: WorkspaceId, kind: str, name: str | None, connected: Connected) -> Target:
        return Target(
            id=TargetId(self.new_id()),
            workspace=workspace,
            kind=kind,
            name=(name or connected.title or kind.capitalize())[:LONGEST_NAME],
            settings=connected.settings,
            place=connected.place,
            created_at=self.clock.now(),
        )
