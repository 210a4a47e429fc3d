"""A PostgreSQL server that is restarted, ends connections, falls silent or is away costs workers time, and no job."""

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import func, select

from counterfoil.access.domain import WorkspaceId
from counterfoil.access.service import AccessService
from counterfoil.foundation import problems
from counterfoil.foundation.database import Database, DatabaseUnavailable
from counterfoil.foundation.ids import new_id
from counterfoil.jobs.api import router
from counterfoil.jobs.changes import JobChanges
from counterfoil.jobs.domain import Ending, JobStatus, Lease, WorkerId
from counterfoil.jobs.infrastructure.session import SessionLock
from counterfoil.jobs.infrastructure.tables import JobAttemptRow, JobRow
from counterfoil.jobs.moves import Completed
from counterfoil.jobs.protocols import settlement_of
from counterfoil.jobs.service import JobService
from tests.conftest import ACME, prepare
from tests.support import handlers
from tests.support.access import access_to
from tests.support.clock import skew_clocks
from tests.support.engine import Engine, NoGuard
from tests.support.handlers import Note, guarded, light
from tests.support.postgres import PostgresServer
from tests.support.postgres_wire import PostgresProxy
from tests.support.waiting import wait_until

LONGER_THAN_A_RECOVERY = timedelta(seconds=60)

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def server(pytestconfig: pytest.Config) -> Iterator[PostgresServer]:
    """A server of this module's own, for what is done to it."""
    with PostgresServer.running(pytestconfig.getoption("postgres")) as server:
        yield server


@pytest.fixture
def near(server: PostgresServer) -> Iterator[Database]:
    """The database without anything between."""
    with server.database() as url:
        database = Database(url)
        prepare(database)
        yield database
        database.close()


@pytest.fixture
def proxy(server: PostgresServer) -> Iterator[PostgresProxy]:
    with PostgresProxy(server) as proxy:
        yield proxy


@pytest.fixture
def far(near: Database, proxy: PostgresProxy) -> Iterator[Database]:
    """The same database behind the proxy, for whom two seconds are a long time to connect."""
    database = Database(proxy.url(near.url, connect_timeout="2"))
    yield database
    database.close()


def engine_on(database: Database, folder: Path) -> Engine:
    return Engine(database=database, folder=folder, guard=NoGuard(), concurrency=4, lock_grace=LONGER_THAN_A_RECOVERY)


class Load:
    """Hands in jobs until it is told to stop, and remembers which were accepted."""

    def __init__(self, engine: Engine, workspace: WorkspaceId) -> None:
        self._engine = engine
        self._workspace = workspace
        self._enough = threading.Event()
        self.accepted: list[object] = []
        self.refused = 0

    def __enter__(self) -> "Load":
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._enough.is_set():
            try:
                self.accepted.append(self._engine.enqueue(self._workspace, light(handlers.greet)))
            except DatabaseUnavailable:
                self.refused += 1
            time.sleep(0.01)

    def await_more(self, number: int = 10) -> None:
        """Return once so many more jobs were accepted."""
        before = len(self.accepted)
        wait_until(lambda: len(self.accepted) >= before + number)


def assert_all_are_done_and_none_was_freed(near: Database, load: Load) -> None:
    jobs, attempts = JobRow, JobAttemptRow

    def unfinished() -> int:
        with near.reading() as tx:
            return int(tx.execute(select(func.count()).where(jobs.status != "completed")).scalar_one())

    wait_until(lambda: unfinished() == 0)
    with near.reading() as tx:
        done = set(tx.execute(select(jobs.id)).scalars())
        completed = tx.execute(select(func.count()).where(attempts.ending == Ending.COMPLETED)).scalar_one()
        lost = tx.execute(select(func.count()).where(attempts.ending == Ending.LOST)).scalar_one()
    assert set(load.accepted) <= done
    assert completed == len(done)
    assert lost == 0


@pytest.mark.parametrize("how", ["fast", "immediate", "killed"])
def test_a_server_that_is_restarted_under_load_loses_no_job_and_frees_none_of_a_living_worker(
    server: PostgresServer, near: Database, workspace: WorkspaceId, tmp_path: Path, how: str
) -> None:
    engine = engine_on(near, tmp_path)
    with engine.working() as worker:
        with Load(engine, workspace) as load:
            load.await_more()
            name = worker.id
            if how == "killed":
                server.kill()
            else:
                server.stop("fast" if how == "fast" else "immediate")
            server.start()
            load.await_more()
        assert_all_are_done_and_none_was_freed(near, load)
        assert worker.id == name


@pytest.mark.parametrize("how", ["stopped", "paused"])
def test_a_job_outlives_an_absence_of_the_server_that_is_longer_than_any_grace(
    server: PostgresServer,
    near: Database,
    workspace: WorkspaceId,
    other_workspace: WorkspaceId,
    tmp_path: Path,
    how: str,
) -> None:
    """Nobody was heard meanwhile, nobody holds a lock afterwards; but nobody has died."""
    grace = timedelta(seconds=4)
    engine = Engine(database=near, folder=tmp_path, lapse=grace, lock_grace=grace)
    begun = [tmp_path / "ours", tmp_path / "theirs"]
    jobs = [
        engine.enqueue(owner, guarded(handlers.wait_for_a_file), str(path))
        for owner, path in zip((workspace, other_workspace), begun, strict=True)
    ]
    with engine.working() as worker:
        wait_until(lambda: all(path.exists() for path in begun))
        name = worker.id
        leave, come_back = (server.pause, server.resume) if how == "paused" else (server.stop, server.start)
        leave()
        time.sleep(1.5 * grace.total_seconds())
        come_back()
        time.sleep(3 * grace.total_seconds())  # long enough for whoever would take the worker for dead
        for path in begun:
            path.with_suffix(".go").touch()
        done = [engine.await_status(owner, job) for owner, job in zip((workspace, other_workspace), jobs, strict=True)]
        assert worker.id == name
    assert [(job.status, job.attempts, job.deaths) for job in done] == [(JobStatus.COMPLETED, 1, 0)] * 2


def test_connections_that_the_server_ends_one_by_one_cost_no_job(
    near: Database, server: PostgresServer, workspace: WorkspaceId, tmp_path: Path
) -> None:
    """Those of the claim, the settler, the heart, the session with its bell, upkeep, and whoever hands in."""
    engine = engine_on(near, tmp_path)
    backends = f"SELECT pid FROM pg_stat_activity WHERE datname = '{near.engine.url.database}'"
    ended = 0
    with engine.working() as worker:
        with Load(engine, workspace) as load:
            load.await_more()
            name = worker.id
            for _ in range(3):
                for pid in server.administer(backends):
                    ended += len(server.administer(f"SELECT pg_terminate_backend({pid})"))
                load.await_more()
        assert ended >= 6
        assert_all_are_done_and_none_was_freed(near, load)
        assert worker.id == name


def test_a_session_on_a_wire_that_fell_silent_is_given_up_within_seconds_and_taken_again(
    near: Database, proxy: PostgresProxy
) -> None:
    """Else the worker would believe in a lock that the server has freed long ago."""
    rang = threading.Event()
    session = SessionLock(proxy.url(near.url), rang.set)
    session.take()
    (link,) = proxy.links
    link.swallowing = True
    begun = time.monotonic()
    wait_until(lambda: session.tenure is None, seconds=15)
    assert time.monotonic() - begun < 10
    rang.clear()
    proxy.cut(lambda one: one is link)  # as the server does when it notices; only then is the lock free
    wait_until(lambda: session.tenure == 2)
    assert rang.wait(5)
    session.close()


def test_workers_on_a_wire_that_fell_silent_go_on_when_it_speaks_again(
    near: Database, far: Database, proxy: PostgresProxy, workspace: WorkspaceId, tmp_path: Path
) -> None:
    engine = engine_on(far, tmp_path)
    with engine.working():
        with Load(engine_on(near, tmp_path), workspace) as load:
            load.await_more()
            with proxy.swallowing():
                load.await_more(200)
            load.await_more()
        assert_all_are_done_and_none_was_freed(near, load)


def test_while_the_database_is_away_work_is_refused_at_once_and_afterwards_everything_goes_on(
    near: Database, far: Database, proxy: PostgresProxy, workspace: WorkspaceId, tmp_path: Path
) -> None:
    engine = engine_on(far, tmp_path)
    app = FastAPI()
    app.include_router(router)
    problems.install(app)
    entrance = access_to(ACME)
    app.state.services = {JobService: engine.jobs, JobChanges: engine.changes, AccessService: entrance}
    client = TestClient(app)
    with engine.working():
        with Load(engine, workspace) as load:
            load.await_more()
            with proxy.refusing():
                begun = time.monotonic()
                answer = client.get("/jobs")
                assert time.monotonic() - begun < 2
                assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
                assert int(answer.headers["Retry-After"]) >= 1
                tried = proxy.seen
                time.sleep(3)
                by_engine = proxy.seen - tried - load.refused
                assert load.refused > 0
                assert by_engine < 200  # four threads that waited for nothing would try thousands of times
            load.await_more()
        assert_all_are_done_and_none_was_freed(near, load)


def test_claims_stay_quick_while_a_transaction_elsewhere_stays_open(
    near: Database, workspace: WorkspaceId, tmp_path: Path
) -> None:
    """It keeps every version of every row since it began; a claim must not have to pass them."""
    engine = engine_on(near, tmp_path)
    took = []
    with psycopg.connect(near.url) as elsewhere:
        elsewhere.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        elsewhere.execute("SELECT count(*) FROM jobs")
        for _ in range(40):
            with near.transaction() as tx:
                engine.jobs.enqueue_many(tx, workspace, light(handlers.greet), [Note()] * 100)
            for _ in range(5):
                begun = time.perf_counter()
                with near.transaction() as tx:
                    claimed = engine.leases.claim(tx, WorkerId(new_id()), Lease(new_id()), ["default"], 20)
                took.append(time.perf_counter() - begun)
                with near.transaction() as tx:
                    now = tx.now()
                    done = Completed(result=None)
                    engine.leases.settle(tx, [settlement_of(job, done, now) for job in claimed])
    assert sorted(took)[int(len(took) * 0.95)] < 0.1


@pytest.mark.parametrize("minutes", [-10, 10])
def test_a_process_whose_clock_is_wrong_works_by_the_databases(
    near: Database, workspace: WorkspaceId, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, minutes: int
) -> None:
    """What is due, tried again and over, the database's clock alone decides."""
    skew_clocks(monkeypatch, timedelta(minutes=minutes))
    engine = engine_on(near, tmp_path)
    with near.reading() as tx:
        began = tx.now()
    job = engine.enqueue(workspace, light(handlers.fail_once))
    with engine.working():
        done = engine.await_status(workspace, job)
    with near.reading() as tx:
        over = tx.now()
    times = [done.created_at, done.failed_at, done.started_at, done.completed_at, done.ended_at]
    assert all(moment and began <= moment <= over for moment in times)
    assert times == sorted(times, key=lambda moment: moment or began)
    assert done.attempts == 2
