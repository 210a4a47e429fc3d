"""What each call of the model was made for, now that it is asked about more than documents."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.add_column("model_calls", sa.Column("purpose", sa.String(), nullable=False, server_default="reading"))
