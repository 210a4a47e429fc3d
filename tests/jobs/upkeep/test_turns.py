"""Whose turn it is to do upkeep."""

from datetime import timedelta

from counterfoil.foundation.database import Database
from counterfoil.jobs.infrastructure.turns import EveryTurn, SharedTurns
from counterfoil.jobs.protocols import Turns

NEVER_OVER, OVER_AT_ONCE = timedelta(hours=1), timedelta(0)


def turns_of(database: Database) -> Turns:
    return EveryTurn() if database.is_sqlite else SharedTurns(database)


def test_who_comes_first_has_the_turn(database: Database) -> None:
    assert turns_of(database).mine("tidying", NEVER_OVER)


def test_who_comes_second_has_it_only_where_everybody_has(database: Database) -> None:
    assert turns_of(database).mine("tidying", NEVER_OVER)
    assert turns_of(database).mine("tidying", NEVER_OVER) is database.is_sqlite
    assert turns_of(database).mine("sweeping", NEVER_OVER)


def test_a_turn_that_is_over_is_taken_by_the_next(database: Database) -> None:
    assert turns_of(database).mine("tidying", OVER_AT_ONCE)
    assert turns_of(database).mine("tidying", OVER_AT_ONCE)
