"""Walls between workspaces: on PostgreSQL, a walled transaction meets the rows of its own workspace only."""

from alembic import op

from counterfoil.migrations import walls

revision = "0005"
down_revision = "0001"

TABLES = (
    "deliveries",
    "documents",
    "extractions",
    "job_attempts",
    "job_logs",
    "job_steps",
    "jobs",
    "ledger_columns",
    "ledger_rows",
    "record_changes",
    "records",
    "reviews",
    "target_plans",
    "targets",
    "workspaces",
)


def upgrade() -> None:
    walls.enclose(op.get_bind(), TABLES)
