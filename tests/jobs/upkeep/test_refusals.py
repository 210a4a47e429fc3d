"""Upkeep that is refused at any of its statements has done a whole part of its work, and does the rest later."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import delete, event, func, select

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database, DatabaseUnavailable
from counterfoil.foundation.ids import new_id
from counterfoil.jobs.domain import JobStatus, Lease, WorkerId
from counterfoil.jobs.infrastructure.presence import BeatPresence
from counterfoil.jobs.infrastructure.tables import JobAttemptRow, JobEdgeRow, JobRow, WorkerRow
from counterfoil.jobs.upkeep.retention import Retention
from tests.support.engine import Engine
from tests.support.handlers import greet, light
from tests.support.jobs import make_job

GREET = light(greet)
DAY = timedelta(days=1)
NEVER = 10_000


@dataclass(eq=False)  # nor slots: SQLAlchemy keeps it in a loose set
class Refusal:
    """Refuses one statement by its number, from 1, as a server does that has worked at it for too long."""

    database: Database
    number: int
    met: int = field(default=0, init=False)

    def __call__(self, *_: object) -> None:
        self.met += 1
        if self.met == self.number:
            raise _busy() if self.database.is_sqlite else psycopg.errors.QueryCanceled("statement timeout")

    @contextmanager
    def at_work(self) -> Iterator["Refusal"]:
        names = ("do_execute", "do_execute_no_params", "do_executemany")
        for name in names:
            event.listen(self.database.engine, name, self)
        yield self
        for name in names:
            event.remove(self.database.engine, name, self)


def _busy() -> Exception:
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = sqlite3.SQLITE_BUSY
    return error


class NobodyTold:
    """Hears of clean-ups."""

    def cleaned_up(self, removed: int, seconds: float) -> None: ...

    def clean_up_failed(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Household:
    """An engine whose every duty has something to do."""

    engine: Engine
    presence: BeatPresence
    workspace: WorkspaceId

    @property
    def duties(self) -> Sequence[Callable[[], int]]:
        retention = Retention(
            database=self.engine.database,
            store=self.engine.upkeep_store,
            observer=NobodyTold(),
            keep_finished=DAY,
            keep_dead=30 * DAY,
            most_dead=100,
        )
        engine = self.engine
        rescue = engine.rescue(self.presence)
        return [rescue, engine.release, engine.lateness, engine.stragglers, retention.finished, retention.dead]

    def litter(self) -> None:
        """Leave something for each duty."""
        engine, workspace = self.engine, self.workspace
        worker = WorkerId(new_id())
        self.presence.register(worker, "host:1")
        with engine.database.transaction() as tx:
            now = tx.now()
            engine.store.add(tx, [make_job(workspace, due_at=now), make_job(workspace, due_at=now, deaths=2)])
            held = [*engine.leases.claim(tx, worker, Lease(new_id()), ["default"], 1)]
            held += engine.leases.claim(tx, worker, Lease(new_id()), ["default"], 1, alone=True)
            assert len(held) == 2
            over = {"ready": False, "ended_at": now - 60 * DAY}
            old = [make_job(workspace, status=one, **over) for one in (JobStatus.COMPLETED, JobStatus.DEAD_LETTER)]
            left = make_job(workspace, status=JobStatus.DEAD_LETTER, ready=False, ended_at=now)
            late = make_job(workspace, ready=False, deadline=now - DAY, due_at=now + DAY)
            engine.store.add(tx, [*old, late, left])
            parents = [held[1].id, late.id, left.id]
            children = [make_job(workspace, status=JobStatus.BLOCKED, ready=False) for _ in parents]
            engine.store.add(tx, children)
            for parent, child in zip(parents, children, strict=True):
                engine.store.link(tx, workspace, child.id, {parent})
        for key in ("one", "two"):
            engine.enqueue(workspace, GREET, concurrency_key=key)

    def tidy(self) -> None:
        """Do every duty as upkeep does, which goes on with the next when the database is away."""
        for duty in self.duties:
            with suppress(DatabaseUnavailable):
                duty()

    def state(self) -> tuple[Counter[str], Counter[str], int]:
        """Return the jobs by how they stand, the attempts by how they ended, and how often workers died with one."""
        with self.engine.database.reading() as tx:
            jobs = tx.execute(select(JobRow.status, JobRow.ready, JobRow.dead_reason)).all()
            endings = tx.execute(select(JobAttemptRow.ending)).scalars().all()
            deaths = tx.execute(select(func.sum(JobRow.deaths))).scalar_one()
        standing = Counter(f"{job.status} {job.ready} {job.dead_reason}" for job in jobs)
        return standing, Counter(map(str, endings)), int(deaths)

    def clear(self) -> None:
        with self.engine.database.transaction() as tx:
            for row in (JobAttemptRow, JobEdgeRow, JobRow, WorkerRow):
                tx.execute(delete(row))


@pytest.fixture
def household(database: Database, workspace: WorkspaceId, tmp_path: Path) -> Household:
    engine = Engine(database=database, folder=tmp_path)
    presence = BeatPresence(database, every=timedelta(0), lapse=timedelta(seconds=-1))
    return Household(engine, presence, workspace)


def test_upkeep_that_is_refused_at_each_statement_in_turn_does_the_same_in_the_end(household: Household) -> None:
    household.litter()
    with Refusal(household.engine.database, NEVER).at_work() as counted:
        household.tidy()
    household.tidy()
    well = household.state()
    assert well[1] == {"lost": 2}
    assert {status.rpartition(" ")[2] for status in well[0]} >= {"poison", "deadline_passed"}
    assert sum(number for status, number in well[0].items() if status.startswith("cancelled")) == 3
    assert counted.met > 30
    for number in range(1, counted.met + 1):
        household.clear()
        household.litter()
        with Refusal(household.engine.database, number).at_work() as refusal:
            household.tidy()
        assert refusal.met >= number
        for _ in range(2):
            household.tidy()
        assert household.state() == well, number
