"""Connecting tables as targets, naming them, and choosing the one that records go to when nobody names another."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import structlog

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.clock import Clock
from counterfoil.foundation.database import Database, Transaction
from counterfoil.foundation.ids import IdSource
from counterfoil.targets.domain import LEDGER, Target, TargetId
from counterfoil.targets.errors import TargetTaken
from counterfoil.targets.protocols import Connected, TargetStore
from counterfoil.targets.service import TargetService

log = structlog.get_logger()

DEFAULT_NAME = "Ledger"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionService:
    """Which targets a workspace has. `watch` has them checked from time to time."""

    database: Database
    store: TargetStore
    targets: TargetService
    watch: Callable[[WorkspaceId], None]
    clock: Clock
    new_id: IdSource

    def create(
        self, workspace: WorkspaceId, kind: str, name: str, settings: Mapping[str, str], *, is_default: bool = False
    ) -> Target:
        """Connect a table.

        Raises:
            InvalidTargetSettings, SeveralTables: the settings do not lead to one table.
            TargetTaken: it is another workspace's.
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

    def ensure_default(self, tx: Transaction, workspace: WorkspaceId) -> Target:
        """Return the target that records go to when nobody names one: a ledger, made on first use."""
        default = self.store.default(tx, workspace)
        if default is None:
            ledger = self._new(workspace, LEDGER, DEFAULT_NAME, Connected(settings={}, place=None))
            self.store.add(tx, replace(ledger, is_default=True))
            default = self.store.default(tx, workspace)  # somebody else's, if two came first
        assert default is not None  # noqa: S101 - added above, and targets are not removed
        return default

    def _choose(self, tx: Transaction, target: Target) -> None:
        """Make a target the default one; the workspace's targets must be held."""
        self.ensure_default(tx, target.workspace)  # whoever does so at the same time is waited for, or waits
        self.store.choose(tx, target)
        log.info("default_chosen", target_id=str(target.id))

    def _new(self, workspace: WorkspaceId, kind: str, name: str, connected: Connected) -> Target:
        return Target(
            id=TargetId(self.new_id()),
            workspace=workspace,
            kind=kind,
            name=name,
            settings=connected.settings,
            place=connected.place,
            created_at=self.clock.now(),
        )
