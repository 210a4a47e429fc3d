"""Whose turn it is to do upkeep: one process's on PostgreSQL, everybody's on SQLite."""

from datetime import timedelta

from sqlalchemy import or_
from sqlalchemy.dialects.postgresql import insert

from counterfoil.foundation.database import Database, table_of
from counterfoil.jobs.infrastructure.tables import UpkeepTurnRow

TURNS = table_of(UpkeepTurnRow)


class EveryTurn:
    """Lets everybody do upkeep: to look costs a process on SQLite less than to write whose turn it is."""

    def mine(self, name: str, every: timedelta) -> bool:  # noqa: ARG002 - nobody is asked
        return True


class SharedTurns:
    """Lets one process a time do upkeep, by the database's clock, so that a hundred are no more work than one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def mine(self, name: str, every: timedelta) -> bool:
        """Take the turn if nobody has had it for so long."""
        with self._database.transaction() as tx:
            now = tx.now()
            first = insert(TURNS).values(name=name, taken_at=now)
            # A little less than the whole time, or whoever comes just too early would make it twice as long.
            ended = TURNS.c.taken_at <= now - every * 0.8
            # Where the clock was set back, a turn that was taken before would last until it is that late again.
            over = or_(ended, TURNS.c.taken_at > now + every)
            taken = first.on_conflict_do_update(index_elements=["name"], set_={"taken_at": now}, where=over)
            # Not by the row count, which SQLAlchemy does not keep for every INSERT.
            return tx.execute(taken.returning(TURNS.c.name)).first() is not None
