"""How Alembic runs our migrations: on the connection and in the transaction it is given."""

from typing import Any, Literal

from alembic import context
from sqlalchemy import JSON

from counterfoil.foundation.database import Row, UtcDateTime


def _written(kind: str, item: Any, _context: object) -> str | Literal[False]:
    """Write column types in a form that still means the same when the code has moved on."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, JSON):
        return 'sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")'
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Row.metadata,
    render_item=_written,
    compare_type=True,
)
context.run_migrations()
