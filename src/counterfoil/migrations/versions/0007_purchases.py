"""By what records of the same purchase are found."""

from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"

_JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
_RECORDS = sa.table("records", sa.column("id", sa.Uuid()), sa.column("data", _JSON), sa.column("purchase_key"))
_AT_ONCE = 500


def upgrade() -> None:
    op.add_column("records", sa.Column("purchase_key", sa.String(), nullable=True))
    _fill()
    op.create_index("records_of_purchase", "records", ["workspace_id", "purchase_key"])


def _fill() -> None:
    connection = op.get_bind()
    rows = connection.execute(sa.select(_RECORDS.c.id, _RECORDS.c.data)).yield_per(_AT_ONCE)
    keys = [{"this": row.id, "key": key} for row in rows if (key := _key(row.data))]
    if keys:
        changed = (
            sa.update(_RECORDS).where(_RECORDS.c.id == sa.bindparam("this")).values(purchase_key=sa.bindparam("key"))
        )
        connection.execute(changed, keys)


def _key(data: dict[str, Any]) -> str | None:
    """Return what `records.purchases` returned when this was written."""
    total = Decimal(data.get("total") or 0)
    return f"{data['issue_date']} {abs(total).normalize():f}" if total and data.get("issue_date") else None
