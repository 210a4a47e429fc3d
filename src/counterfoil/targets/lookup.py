"""Finding the target that a hand-in names; documents ask this before there is anything to deliver."""

from dataclasses import dataclass
from uuid import UUID

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Transaction
from counterfoil.targets.domain import NOTION, InvalidNotionId, TargetId, TargetNotFound
from counterfoil.targets.notion_address import notion_id
from counterfoil.targets.protocols import TargetStore


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetLookup:
    """Knows targets by their ids, and by what people call them elsewhere."""

    store: TargetStore

    def resolve(
        self, tx: Transaction, workspace: WorkspaceId, target_id: UUID | None, notion_database_id: str | None
    ) -> TargetId | None:
        """Return the target that a hand-in names; None when it names none.

        Raises:
            InvalidNotionId: what it gives for a Notion database is none.
            TargetNotFound: it names one that is not there.
        """
        if target_id is not None:
            return self._known(tx, workspace, TargetId(target_id))
        if notion_database_id is None:
            return None
        wanted = notion_id(notion_database_id)
        if wanted is None:
            raise InvalidNotionId(notion_database_id)
        for target in self.store.of_kind(tx, workspace, NOTION):
            if wanted in {target.settings.get("data_source_id"), target.settings.get("database_id")}:
                return target.id
        raise TargetNotFound("for the Notion database", notion_database_id)

    def _known(self, tx: Transaction, workspace: WorkspaceId, target_id: TargetId) -> TargetId:
        if self.store.get(tx, workspace, target_id) is None:
            raise TargetNotFound("with the id", target_id)
        return target_id
