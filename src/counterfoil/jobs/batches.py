"""Batches: jobs that are asked for together, of which at most so many run at once."""

from collections.abc import Sequence
from dataclasses import dataclass

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database, Transaction
from counterfoil.foundation.ids import IdSource
from counterfoil.jobs.changes import JobChanges
from counterfoil.jobs.domain import Batch, BatchId, Job
from counterfoil.jobs.errors import BatchNotFound
from counterfoil.jobs.plain import plain_text
from counterfoil.jobs.protocols import JobFilter, JobStore


@dataclass(frozen=True, slots=True, kw_only=True)
class JobBatches:
    """Starts batches, tells how far they are, and cancels what is left of them."""

    database: Database
    store: JobStore
    changes: JobChanges
    new_id: IdSource

    def start(
        self, tx: Transaction, workspace: WorkspaceId, *, description: str = "", at_most: int | None = None
    ) -> BatchId:
        """Make a batch in the caller's transaction; jobs are put into it by their order."""
        batch = Batch(
            id=BatchId(self.new_id()),
            workspace=workspace,
            description=plain_text(description),
            at_most=at_most,
            created_at=tx.now(),
        )
        self.store.add_batch(tx, batch)
        return batch.id

    def get(self, workspace: WorkspaceId, batch: BatchId) -> Batch:
        """Return a batch with how many of its jobs stand where.

        Raises:
            BatchNotFound: this workspace has no such batch.
        """
        with self.database.reading(workspace) as tx:
            found = self.store.batch(tx, workspace, batch)
        if found is None:
            raise BatchNotFound(batch)
        return found

    def jobs(self, workspace: WorkspaceId, batch: BatchId) -> Sequence[Job]:
        """Return the jobs of a batch, first to last."""
        with self.database.reading(workspace) as tx:
            return self.store.of_batch(tx, workspace, batch)

    def cancel(self, workspace: WorkspaceId, batch: BatchId) -> Batch:
        """Cancel what is not finished, and return what has become of the batch."""
        self.get(workspace, batch)
        with self.database.transaction(workspace) as tx:
            self.store.cancel_batch(tx, workspace, batch, tx.now())
        self.changes.cancel_many(workspace, JobFilter(batch=batch))
        return self.get(workspace, batch)
