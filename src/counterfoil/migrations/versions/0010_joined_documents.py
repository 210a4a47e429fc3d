"""What documents were joined of, and into."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from counterfoil.migrations import walls

revision = "0010"
down_revision = "0009"

_JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
_KEYED = sa.text("idempotency_key IS NOT NULL")


def upgrade() -> None:
    op.add_column("documents", sa.Column("joined_into", sa.Uuid(), nullable=True))
    op.create_table(
        "document_joins",
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("parts", _JSON, nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("idempotency_key", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["document_id"], ["documents.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("document_id"),
    )
    op.create_index(
        "document_joins_once",
        "document_joins",
        ["workspace_id", "idempotency_key"],
        unique=True,
        sqlite_where=_KEYED,
        postgresql_where=_KEYED,
    )
    walls.enclose(op.get_bind(), ("document_joins",))
