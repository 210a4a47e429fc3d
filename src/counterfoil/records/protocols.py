"""What the records' service and the pipeline need from outside: rows, files, and what happens next."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Transaction
from counterfoil.foundation.paging import Page, Paging
from counterfoil.records.domain import Change, Record, RecordId, RecordStatus

RecordStep: TypeAlias = Callable[[Transaction, Record], None]
"""What follows something that happened to a record, in the same transaction."""


class RecordStore(Protocol):
    """Keeps records and the history of their values."""

    def add(self, tx: Transaction, record: Record) -> None: ...

    def save(self, tx: Transaction, record: Record) -> None:
        """Replace a record that `hold` returned."""
        ...

    def find(self, tx: Transaction, workspace: WorkspaceId, record_id: RecordId) -> Record | None: ...

    def hold(self, tx: Transaction, workspace: WorkspaceId, record_id: RecordId) -> Record | None:
        """Find a record and keep others from changing it until the transaction ends."""
        ...

    def page(
        self, tx: Transaction, workspace: WorkspaceId, paging: Paging, status: RecordStatus | None
    ) -> Page[Record]:
        """Return a part of the workspace's records, newest first."""
        ...

    def with_purchase_key(self, tx: Transaction, workspace: WorkspaceId, key: str) -> Sequence[Record]:
        """Return the records with this key, the first ones first; of very many, some.

        Whoever asks for the same key waits until this transaction ends, so that of two one sees the other.
        """
        ...

    def add_changes(self, tx: Transaction, changes: Sequence[Change]) -> None: ...

    def changes(self, tx: Transaction, workspace: WorkspaceId, record_id: RecordId, paging: Paging) -> Page[Change]:
        """Return a part of a record's history, newest first."""
        ...


class RecordArchive(Protocol):
    """Keeps each record as files, for programs that read no database."""

    def write(self, record: Record) -> None:
        """Put the record in place of what was written of it before; an older version than that is left out."""
        ...
