"""The tables of all rooms keep the same rules."""

import re
from pathlib import Path

import counterfoil
from counterfoil import bootstrap
from counterfoil.foundation.database import Row

OF_NO_CLIENT = {"workspaces", "workers", "queues", "upkeep_turns"}
OF_PEOPLE = {
    "users",
    "passwords",
    "sessions",
    "tickets",
    "login_failures",
    "known_devices",
}  # who may belong to several workspaces
HISTORY = {"job_attempts", "job_logs"}  # written with every job: a key would cost more than the row


def test_every_row_of_a_client_carries_its_workspace_and_goes_with_it() -> None:
    assert bootstrap.ROUTERS  # names every room, and so every table
    tables = [table for table in Row.metadata.tables.values() if table.name not in OF_NO_CLIENT | OF_PEOPLE]
    assert len(tables) > 10
    for table in tables:
        column = table.columns["workspace_id"]
        assert not column.nullable, table.name
        if table.name in HISTORY:
            continue
        assert [(key.target_fullname, key.ondelete) for key in column.foreign_keys] == [("workspaces.id", "CASCADE")]


def test_a_key_to_another_table_names_its_type() -> None:
    """One without has none until that table is imported: SQLite is given a UUID, and cannot keep it."""
    sources = [path for folder in counterfoil.__path__ for path in Path(folder).glob("**/infrastructure/*.py")]
    assert len(sources) > 10
    assert [path.name for path in sources if re.search(r"mapped_column\(\s*ForeignKey\(", path.read_text())] == []
