"""Finding the target that a hand-in names; documents ask this before there is anything to deliver."""

from dataclasses import dataclass
from uuid import UUID

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.clock import Clock
from counterfoil.foundation.database import Database
from counterfoil.foundation.ids import IdSource
from counterfoil.targets.domain import NOTION, Target, TargetId
from counterfoil.targets.errors import InvalidNotionId, TargetNotFound, TargetTaken
from counterfoil.targets.notion_address import notion_id
from counterfoil.targets.protocols import TargetStore


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetLookup:
    """Knows targets by their ids, and by what people call them elsewhere.

    With `connects`, a Notion database that nobody has connected becomes a target when it is named first: n8n looks at
    it, not we.
    """

    database: Database
    store: TargetStore
    clock: Clock
    new_id: IdSource
    connects: bool = False

    def resolve(
        self, workspace: WorkspaceId, target_id: UUID | None, notion_database_id: str | None
    ) -> TargetId | None:
        """Return the target that a hand-in names; None when it names none.

        Raises:
            InvalidNotionId: what it gives for a Notion database is none.
            TargetNotFound: it names one that is not there.
            TargetTaken: it names a database that is another workspace's.
        """
        if target_id is not None:
            return self._known(workspace, TargetId(target_id))
        if not notion_database_id:  # a form's empty field
            return None
        wanted = notion_id(notion_database_id)
        if wanted is None:
            raise InvalidNotionId(notion_database_id)
        with self.database.reading(workspace) as tx:
            for target in self.store.of_kind(tx, workspace, NOTION):
                if wanted in {target.settings.get("data_source_id"), target.settings.get("database_id")}:
                    return target.id
        if not self.connects:
            raise TargetNotFound("for the Notion database", notion_database_id)
        return self._connected(workspace, wanted)

    def _known(self, workspace: WorkspaceId, target_id: TargetId) -> TargetId:
        with self.database.reading(workspace) as tx:
            if self.store.get(tx, workspace, target_id) is None:
                raise TargetNotFound("with the id", target_id)
        return target_id

    def _connected(self, workspace: WorkspaceId, database_id: str) -> TargetId:
        target = Target(
            id=TargetId(self.new_id()),
            workspace=workspace,
            kind=NOTION,
            name=f"Notion {database_id[:8]}",
            settings={"database_id": database_id},
            place=f"{NOTION}:{database_id.replace('-', '')}",
            created_at=self.clock.now(),
        )
        assert target.place  # noqa: S101 - given above
        with self.database.reading() as tx:  # over all workspaces
            if self.store.is_elsewhere(tx, workspace, target.place):
                raise TargetTaken
        with self.database.transaction(workspace) as tx:
            self.store.hold_all(tx, workspace)
            for one in self.store.at(tx, workspace, target.place):  # somebody has named it at the same time
                return one.id
            self.store.add(tx, target)
        return target.id
