"""From when on an attempt whose end is unknown makes no row any more."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.add_column("deliveries", sa.Column("settles_at", sa.DateTime(timezone=True), nullable=True))
