"""A clock that tells the time it was set to, and a database that goes by it."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, tzinfo
from uuid import UUID

import pytest
from sqlalchemy import ColumnElement, Connection, literal

from counterfoil.foundation.database import Database, Transaction, UtcDateTime


class FixedClock:
    """Stands still until it is moved."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment

    def pass_by(self, duration: timedelta) -> None:
        self.moment += duration


class RunningClock(FixedClock):
    """Goes on from where it was set, and can be moved."""

    def __init__(self, moment: datetime) -> None:
        super().__init__(moment)
        self._began = time.monotonic()

    def now(self) -> datetime:
        return self.moment + timedelta(seconds=time.monotonic() - self._began)


class TimedTransaction(Transaction):
    """A transaction in which it is as late as the clock says."""

    def __init__(self, connection: Connection, clock: FixedClock) -> None:
        super().__init__(connection)
        self._clock = clock

    def clock(self) -> ColumnElement[datetime]:
        return literal(self._clock.now(), UtcDateTime())

    def now(self) -> datetime:
        return self._clock.now()


class TimedDatabase(Database):
    """A real database, in which only the time is the test's."""

    def __init__(self, url: str, time: FixedClock) -> None:
        super().__init__(url)
        self.time = time

    @contextmanager
    def _session(self, workspace: UUID | None, *, writing: bool) -> Iterator[Transaction]:
        with super()._session(workspace, writing=writing) as tx:
            yield TimedTransaction(tx.connection, self.time)


def skew_clocks(monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    """Let all of the house's modules read the time wrongly for a test."""

    class Skewed(datetime):
        """A time whose now is another one."""

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]  # the plain class is wanted back
            return datetime.now(tz) + by

    for name, module in list(sys.modules.items()):
        if name.startswith("counterfoil.") and getattr(module, "datetime", None) is datetime:
            monkeypatch.setattr(module, "datetime", Skewed)
