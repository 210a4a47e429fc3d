"""By what documents that show the same are found."""

import sqlalchemy as sa
from alembic import op

from counterfoil.migrations import walls

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "extraction_marks",
        sa.Column("extraction_id", sa.Uuid(), nullable=False),
        sa.Column("mark", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["extraction_id"], ["extractions.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("extraction_id", "mark"),
    )
    op.create_index("extraction_marks_of_workspace", "extraction_marks", ["workspace_id", "mark"])
    walls.enclose(op.get_bind(), ("extraction_marks",))
