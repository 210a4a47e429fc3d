"""Whose turn it is to do upkeep."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import select, update

from counterfoil.foundation.database import Database
from counterfoil.jobs.infrastructure.tables import UpkeepTurnRow
from counterfoil.jobs.infrastructure.turns import EveryTurn, SharedTurns
from counterfoil.jobs.protocols import Turns
from tests.support.clock import FixedClock, TimedDatabase

NEVER_OVER, MINUTE, OVER_AT_ONCE = timedelta(hours=1), timedelta(minutes=1), timedelta(0)
PACE = timedelta(seconds=100)


def turns_of(database: Database) -> Turns:
    return EveryTurn() if database.is_sqlite else SharedTurns(database)


def take_long_ago(database: Database, name: str, before: timedelta) -> None:
    """Have the turn been taken so long ago."""
    with database.transaction() as tx:
        tx.execute(update(UpkeepTurnRow).where(UpkeepTurnRow.name == name).values(taken_at=tx.now() - before))


def test_who_comes_first_has_the_turn(database: Database) -> None:
    assert turns_of(database).mine("tidying", NEVER_OVER)


def test_who_comes_second_has_it_only_where_everybody_has(database: Database) -> None:
    assert turns_of(database).mine("tidying", NEVER_OVER)
    assert turns_of(database).mine("tidying", NEVER_OVER) is database.is_sqlite
    assert turns_of(database).mine("sweeping", NEVER_OVER)


def test_a_turn_that_is_over_is_taken_by_the_next(database: Database) -> None:
    assert turns_of(database).mine("tidying", OVER_AT_ONCE)
    assert turns_of(database).mine("tidying", OVER_AT_ONCE)


def test_who_comes_a_little_early_has_the_turn_and_much_too_early_not(database: Database) -> None:
    """Or a process that looks a moment before its time would make the pace twice as slow."""
    turns = turns_of(database)
    assert turns.mine("tidying", PACE)
    take_long_ago(database, "tidying", PACE * 0.5)
    assert turns.mine("tidying", PACE) is database.is_sqlite
    take_long_ago(database, "tidying", PACE * 0.9)
    assert turns.mine("tidying", PACE)
    assert turns.mine("tidying", PACE) is database.is_sqlite


def test_of_many_who_come_when_a_turn_is_over_one_has_it(database: Database) -> None:
    assert turns_of(database).mine("tidying", PACE)
    take_long_ago(database, "tidying", PACE)
    together = Barrier(8)

    def come(_: int) -> bool:
        together.wait(60)
        return turns_of(database).mine("tidying", PACE)

    with ThreadPoolExecutor(8) as processes:
        assert sum(processes.map(come, range(8))) == (8 if database.is_sqlite else 1)


@pytest.mark.parametrize("name", ["tidying", "every 0:00:00.500000"])
def test_on_sqlite_nobody_writes_whose_turn_it_is(database: Database, name: str) -> None:
    turns_of(database).mine(name, PACE)
    with database.reading() as tx:
        written = tx.execute(select(UpkeepTurnRow.name)).scalars().all()
    assert written == ([] if database.is_sqlite else [name])


def test_a_turn_that_was_taken_before_the_clock_was_set_back_lasts_no_longer_than_others(
    database: Database, clock: FixedClock
) -> None:
    timed = TimedDatabase(database.url, clock)
    assert turns_of(timed).mine("tidying", MINUTE)
    clock.pass_by(timedelta(hours=-1))
    assert turns_of(timed).mine("tidying", MINUTE)
    assert turns_of(timed).mine("tidying", MINUTE) is database.is_sqlite
    timed.close()
