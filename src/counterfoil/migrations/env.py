"""How Alembic runs our migrations: on the connection and in the transaction it is given."""

from alembic import context

from counterfoil.foundation.database import Row

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Row.metadata,
    render_as_batch=True,
    compare_type=True,
)
context.run_migrations()
