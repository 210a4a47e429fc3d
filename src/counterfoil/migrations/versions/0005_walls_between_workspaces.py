"""Walls between workspaces: on PostgreSQL, a walled transaction meets the rows of its own workspace only."""

from alembic import op

from counterfoil.migrations import walls

revision = "0005"
down_revision = "0004"

TABLES = (
    "breakers",
    "deliveries",
    "documents",
    "extractions",
    "job_attempts",
    "job_batches",
    "job_callbacks",
    "job_edges",
    "job_logs",
    "job_steps",
    "jobs",
    "ledger_columns",
    "ledger_rows",
    "rate_limits",
    "record_changes",
    "records",
    "reviews",
    "schedules",
    "target_plans",
    "targets",
    "workspaces",
)


def upgrade() -> None:
    walls.enclose(op.get_bind(), TABLES)
