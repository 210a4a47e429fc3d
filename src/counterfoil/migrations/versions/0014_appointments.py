"""Until when those whom a rate limit refused are told to come back."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.add_column("rate_limits", sa.Column("appointed", sa.BigInteger(), server_default="0", nullable=False))
