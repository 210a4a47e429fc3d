"""Which targets are paused because a call was refused."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.add_column("targets", sa.Column("refused", sa.Boolean(), server_default=sa.false(), nullable=False))
