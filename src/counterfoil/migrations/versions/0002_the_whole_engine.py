"""The whole engine: batches, queues, edges, callbacks, and history without foreign keys."""

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"

_JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
_TO_RELEASE = "NOT ready AND status IN ('pending', 'failed')"
_TAKING = "(ready OR status IN ('processing', 'waiting'))"


def upgrade() -> None:
    _add_tables()
    _rebuild_history()
    _widen_jobs()
    _widen_workers()
    if op.get_bind().dialect.name == "postgresql":
        # Rows are written three times within a second and then never again: leave room on the page, and vacuum early.
        op.execute("ALTER TABLE jobs SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02)")
        op.execute("ALTER TABLE upkeep_turns SET UNLOGGED")  # what it says may be lost, and is written all day
        op.execute("ALTER TABLE workers SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02)")


def _add_tables() -> None:
    op.create_table(
        "queues",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("at_most", sa.Integer(), nullable=True),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "upkeep_turns",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "job_batches",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("at_most", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "job_callbacks",
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("lease", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("final", sa.Boolean(), nullable=False),
        sa.Column("answer", _JSON, nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "lease"),
        sa.UniqueConstraint("token_hash"),
    )
    op.create_table(
        "job_edges",
        sa.Column("parent_id", sa.Uuid(), nullable=False),
        sa.Column("child_id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["child_id"], ["jobs.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("parent_id", "child_id"),
    )
    op.create_index("job_edges_of_child", "job_edges", ["child_id"])


def _rebuild_history() -> None:
    """Make the tables of attempts, lines and steps anew, since SQLite cannot take a key away from one."""
    attempts: list[sa.Column[Any]] = [
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("lease", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("worker_id", sa.Uuid(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ending", sa.String(), nullable=False),
        sa.Column("error_code", sa.String(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("error_stack", sa.Text(), nullable=True),
    ]
    _make_anew("job_attempts", attempts, [sa.PrimaryKeyConstraint("job_id", "lease")])
    op.create_index("job_attempts_by_end", "job_attempts", ["ended_at"], postgresql_using="brin")
    logs: list[sa.Column[Any]] = [
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("level", sa.String(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("metadata", _JSON, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    ]
    _make_anew("job_logs", logs, [sa.PrimaryKeyConstraint("job_id", "id")])
    steps: list[sa.Column[Any]] = [
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("result", _JSON, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    ]
    keys = [
        sa.PrimaryKeyConstraint("job_id", "name", "version"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], ondelete="CASCADE"),
    ]
    _make_anew("job_steps", steps, keys, new={"version"})


def _make_anew(
    table: str, columns: Sequence[sa.Column[Any]], keys: Sequence[sa.Constraint], new: Collection[str] = ()
) -> None:
    old = f"{table}_old"
    op.rename_table(table, old)
    if op.get_bind().dialect.name == "postgresql":  # its constraints keep their names, which the new table needs
        op.execute(f"ALTER TABLE {old} DROP CONSTRAINT {table}_pkey")
    op.create_table(table, *columns, *keys)
    kept = ", ".join(column.name for column in columns if column.name not in new)
    op.execute(f"INSERT INTO {table} ({kept}) SELECT {kept} FROM {old}")  # noqa: S608 - names from above
    op.drop_table(old)


def _widen_jobs() -> None:
    for column in (
        sa.Column("retries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancel_requested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("request_hash", sa.String(), nullable=True),
        sa.Column("answer_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("despite_parents", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    ):
        op.add_column("jobs", column)
    op.execute(
        "UPDATE jobs SET ended_at = coalesce(completed_at, failed_at, created_at) "
        "WHERE status IN ('completed', 'cancelled', 'dead_letter')"
    )
    for index in ("jobs_taking_a_slot", "jobs_unfinished", "jobs_to_claim", "jobs_to_release"):
        op.drop_index(index, table_name="jobs")
    _add_partial("jobs_to_claim", ["queue", "claim_key"], "ready")
    _add_partial("jobs_deadly", ["queue"], "ready AND (deaths >= 2)")
    _add_partial("jobs_to_release", ["due_at"], f"{_TO_RELEASE} AND batch_id IS NULL")
    _add_partial("jobs_to_release_in_batch", ["batch_id", "due_at"], f"{_TO_RELEASE} AND batch_id IS NOT NULL")
    _add_partial("jobs_taking_a_key", ["workspace_id", "concurrency_key"], f"concurrency_key IS NOT NULL AND {_TAKING}")
    _add_partial("jobs_taking_a_place", ["batch_id"], f"batch_id IS NOT NULL AND {_TAKING}")
    _add_partial("jobs_of_batch", ["batch_id", "status"], "batch_id IS NOT NULL")
    _add_partial("jobs_to_stop", ["worker_id"], "status = 'processing' AND cancel_requested_at IS NOT NULL")
    _add_partial("jobs_blocked", ["queue"], "status = 'blocked'")
    _add_partial("jobs_waiting", ["answer_due_at"], "status = 'waiting'")
    _add_partial(
        "jobs_with_deadline", ["deadline"], "deadline IS NOT NULL AND status IN ('blocked', 'pending', 'failed')"
    )
    _add_partial("jobs_dead", ["workspace_id", "ended_at"], "status = 'dead_letter'")


def _widen_workers() -> None:
    op.add_column("workers", sa.Column("missing_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column("workers", sa.Column("lock_key", sa.BigInteger(), nullable=True))
    op.add_column("workers", sa.Column("lapse_seconds", sa.Double(), server_default=sa.text("60"), nullable=False))
    op.drop_index("workers_living", table_name="workers")
    _add_partial("workers_living", ["id"], "ended_at IS NULL", table="workers")


def _add_partial(name: str, columns: list[str], where: str, table: str = "jobs") -> None:
    op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
