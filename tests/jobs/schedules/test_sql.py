"""How the database goes about what the engine asks at every tick."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import event, text

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database
from counterfoil.jobs.schedules.infrastructure.sql import SqlScheduleStore
from tests.support.schedules import make_schedule

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def test_what_is_not_due_costs_a_tick_nothing(database: Database, workspace: WorkspaceId) -> None:
    later = [make_schedule(workspace, next_run_at=NOW + timedelta(minutes=number)) for number in range(1, 1000)]
    paused = [make_schedule(workspace, next_run_at=None) for _ in range(500)]
    with database.transaction() as tx:
        for schedule in [*later, *paused]:
            SqlScheduleStore().add(tx, schedule)
        tx.execute(text("ANALYZE"))
    found = plan_of_due(database)
    assert "schedules_due" in found, found
    assert "Seq Scan" not in found, found


def plan_of_due(database: Database) -> str:
    """Return how the database looks for what is due."""
    statements: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        statements.append((statement, parameters))

    event.listen(database.engine, "before_cursor_execute", note)
    with database.reading() as tx:
        assert SqlScheduleStore().due(tx, NOW, 100) == []
    event.remove(database.engine, "before_cursor_execute", note)
    statement, parameters = statements[-1]  # on SQLite, the one before it begins the transaction
    with database.reading() as tx:
        explain = "EXPLAIN QUERY PLAN " if tx.dialect == "sqlite" else "EXPLAIN "
        return "\n".join(str(row[-1]) for row in tx.connection.exec_driver_sql(explain + statement, parameters))
