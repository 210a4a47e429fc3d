"""Which table a target is, so that no two workspaces connect the same."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column("targets", sa.Column("place", sa.String(), nullable=True))
    op.create_index("ix_targets_place", "targets", ["place"])
