"""Calls of the model: what was asked, what it cost, and the answers that are kept."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from counterfoil.migrations import walls

revision = "0009"
down_revision = "0008"

_JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "model_calls",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("prompt_version", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("fault", sa.String(), nullable=True),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost_nanodollars", sa.BigInteger(), nullable=False),
        sa.Column("answer", _JSON, nullable=True),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("model_calls_of_workspace", "model_calls", ["workspace_id", "id"])
    op.create_index("model_calls_about", "model_calls", ["workspace_id", "sha256"])
    op.create_index("model_calls_by_day", "model_calls", ["workspace_id", "begun_at"])
    walls.enclose(op.get_bind(), ("model_calls",))
