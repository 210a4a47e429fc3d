"""From when on an attempt whose end is unknown makes no row any more, and where such a row holds its key."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.add_column("deliveries", sa.Column("settles_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("deliveries", sa.Column("key_property", sa.String(), nullable=True))
