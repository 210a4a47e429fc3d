"""Whether the engine loses, doubles or leaves behind anything while its workers and its server are killed at random.

make soak MINUTES=30    or    python -m benchmarks.soak [--minutes N] [--workers N] [--database sqlite] [--seed N]
"""

import argparse
import secrets
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlalchemy import func, select

from benchmarks import machine, report
from benchmarks.soak.audit import JOBS, Audit, Left
from benchmarks.soak.crew import ROOT, Crew
from benchmarks.soak.harm import Harm
from benchmarks.soak.load import Load
from benchmarks.soak.page import Outcome, sheet
from benchmarks.soak.work import LIGHT, Told, engine_of, make_tables, settings_of
from counterfoil.access.domain import DEFAULT_WORKSPACE
from counterfoil.access.infrastructure.sql import SqlWorkspaceStore
from counterfoil.engine import Engine
from counterfoil.foundation.database import DatabaseUnavailable, table_of
from counterfoil.foundation.settings import Settings
from counterfoil.jobs.domain import FINAL
from counterfoil.jobs.infrastructure.tables import WorkerRow
from counterfoil.jobs.schedules.domain import MissedRuns, Schedule, Terms
from counterfoil.jobs.schedules.service import ScheduleService
from counterfoil.migrations import migrate
from tests.support.postgres import PostgresServer
from tests.support.redis import RedisServer

WORKERS = table_of(WorkerRow)
SHOW_SECONDS = 5
CONNECTIONS = "1000"
SCHEDULES = 3
PROGRAMS = Path(sys.executable).parent
_RQ, _CELERY = "benchmarks.soak.rq_worker", "benchmarks.soak.celery_app"
COMMANDS: Mapping[str, Sequence[str]] = {
    "local": (sys.executable, "-m", "benchmarks.soak.worker"),
    "rq": (f"{PROGRAMS / 'rq'}", "worker", "-c", _RQ, "-w", f"{_RQ}.Worker"),
    "celery": (f"{PROGRAMS / 'celery'}", "-A", _CELERY, "worker", "--without-gossip", "--without-mingle"),
}
"""What starts a worker process, by QUEUE; for every other than `local` there is a Redis, which is emptied at times."""
MOST_SHOWN = 50
GROWTH, GROWTH_MB = 1.2, 16
"""What a worker may hold at the end of what it held when a third of the time was over."""


@dataclass(slots=True, kw_only=True)
class Soak:
    """One soak, from the first job to the audit."""

    engine: Engine
    crew: Crew
    load: Load
    harm: Harm
    calm: threading.Event
    """Set when no more jobs are made, and nothing is hurt any more."""
    seconds: float
    patience: float
    server: PostgresServer | None
    hurt_server: Callable[[Harm, PostgresServer], None]
    redis: RedisServer | None
    faults: list[str]
    memory: list[float] = field(default_factory=list)
    _began: float = field(default_factory=time.monotonic)

    def run(self) -> Outcome:
        """Soak, let everything come to its end, and look at what is left."""
        schedules = [self._schedules.create(DEFAULT_WORKSPACE, _terms(number)) for number in range(SCHEDULES)]
        self.crew.start()
        self._wait(self.patience, self._gathered, [])
        with ThreadPoolExecutor() as threads:
            makes = [threads.submit(act) for act in self._acts()]
            answers = threads.submit(self.load.answer)
            try:
                self._wait(self.seconds, lambda: False, [*makes, answers])
                self.calm.set()
                self._wait(self.patience, lambda: all(make.done() for make in makes), [*makes, answers])
                paused_at = self._pause(schedules)
                drained = self._drain(answers)
            finally:
                self.calm.set()
                self.load.answering.set()
        self.crew.end()
        self.faults += [f"process {one.pid} is left over: {' '.join(one.cmdline())}" for one in self.crew.orphans()]
        left = Left.on(self.engine)
        audit = Audit(
            engine=self.engine,
            accepted=self.load.accepted,
            schedules=schedules,
            paused_at=paused_at,
            left=left,
        )
        self.faults += [*audit.faults(), *self._growth()]
        return Outcome(
            faults=self.faults,
            accepted=self.load.accepted,
            left=left,
            slots=audit.slots,
            counts=self.load.counts + self.crew.counts + self.harm.counts,
            memory=self.memory,
            drained_seconds=drained,
        )

    @property
    def _schedules(self) -> ScheduleService:
        return next(service for service in self.engine.services if isinstance(service, ScheduleService))

    def _acts(self) -> Iterator[Callable[[], None]]:
        yield self.load.make
        yield self.harm.hurt_workers
        if server := self.server:
            yield lambda: self.hurt_server(self.harm, server)
        if redis := self.redis:
            yield lambda: self.harm.flush(redis)

    def _wait(self, seconds: float, done: Callable[[], bool], threads: Sequence[Future[None]]) -> bool:
        """Show how it goes until it is done or the time is over, or something in a thread went wrong."""
        over = time.monotonic() + seconds
        shown = 0.0
        while not done() and time.monotonic() < over:
            for thread in threads:
                if thread.done():
                    thread.result()
            if time.monotonic() - shown > SHOW_SECONDS:
                shown = time.monotonic()
                self._show()
            time.sleep(0.2)
        return done()

    def _gathered(self) -> bool:
        """Tell whether everybody is at work; an outage meanwhile would have those that are not yet start over."""
        with self.engine.database.reading() as tx:
            living = select(func.count()).select_from(WORKERS).where(WORKERS.c.ended_at.is_(None))
            return int(tx.execute(living).scalar_one()) >= self.crew.size

    def _show(self) -> None:
        self.memory.append(self.crew.spared_mb())
        done = self._settled()
        restarts = sum(self.harm.counts.values())
        hurt = " ".join(f"{count} {name}" for name, count in sorted(self.crew.counts.items()))
        line = f"{time.monotonic() - self._began:5.0f} s  {len(self.load.accepted)} accepted  "
        line += f"{'?' if done is None else done} done  {hurt or 'nobody hurt'}  {restarts} restarts  "
        sys.stderr.write(f"{line}{self.memory[-1]:.0f} MB a worker  {len(self.faults)} faults\n")

    def _settled(self) -> int | None:
        try:
            with self.engine.database.reading() as tx:
                settled = select(func.count()).select_from(JOBS).where(JOBS.c.status.in_(FINAL))
                return int(tx.execute(settled).scalar_one())
        except DatabaseUnavailable:
            return None

    def _pause(self, schedules: Sequence[Schedule]) -> datetime:
        """Pause the schedules in the midst of a minute whose slots have been fired; return when."""
        over = time.monotonic() + self.patience
        while True:
            self.crew.mend()
            found = [self._schedules.get(DEFAULT_WORKSPACE, schedule.id) for schedule in schedules]
            with self.engine.database.reading() as tx:
                now = tx.now()
            if all(one.next_run_at and one.next_run_at > now for one in found) and now.second < 55:
                return self._paused(found, now)
            if time.monotonic() > over:
                self.faults.append("slots of schedules that are due are not fired")
                return self._paused(found, now)
            time.sleep(0.5)

    def _paused(self, found: Sequence[Schedule], now: datetime) -> datetime:
        for one in found:
            self._schedules.change(DEFAULT_WORKSPACE, one.id, lambda terms: terms, enabled=False)
            if one.left_out:
                self.faults.append(f"schedule {one.id} left out {one.left_out} slots")
        return now

    def _drain(self, answers: Future[None]) -> float:
        """Wait until every job is final, and return for how long."""
        began = time.monotonic()

        def done() -> bool:
            self.crew.mend()
            with self.engine.database.reading() as tx:
                return tx.execute(select(JOBS.c.id).where(JOBS.c.status.not_in(FINAL)).limit(1)).first() is None

        if not self._wait(self.patience, done, [answers]):
            self.faults.append(f"not every job is final {self.patience:.0f} s after the last was accepted")
        return time.monotonic() - began

    def _growth(self) -> Iterator[str]:
        third = len(self.memory) // 3
        if not third:
            return
        early, late = max(self.memory[third : 2 * third]), max(self.memory[2 * third :])
        if late > early * GROWTH + GROWTH_MB:
            yield f"the workers that are never ended grew from {early:.0f} to {late:.0f} MB"


def _terms(number: int) -> Terms:
    return Terms(
        name=f"soak {number}",
        cron="* * * * *",
        time_zone="UTC",
        job_type=LIGHT.name,
        payload=Told(number=-1 - number).model_dump(),
        missed_runs=MissedRuns.ALL,
    )


@contextmanager
def _prepared(given: argparse.Namespace) -> Iterator[Soak]:
    """Start the servers, make the tables and put a soak together; end whatever is left of it afterwards."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soak-", ignore_cleanup_errors=True)))
        server = redis = None
        url = f"sqlite:///{folder / 'jobs.db'}"
        if given.database == "postgresql":
            server = stack.enter_context(PostgresServer.running(max_connections=CONNECTIONS))
            url = stack.enter_context(server.database())
        # Workers are started all the time: what they import is to be compiled once, whatever we were told ourselves.
        environment = settings_of(folder, url) | {"QUEUE": given.queue, "PYTHONDONTWRITEBYTECODE": ""}
        if given.queue != "local":
            redis = stack.enter_context(RedisServer.running())
            environment |= {"REDIS_URL": redis.url, "WORKER_CONCURRENCY": "1"}  # these do a job at a time
        engine = engine_of(Settings(**{name.lower(): value for name, value in environment.items()}))
        stack.callback(engine.database.close)
        migrate(engine.database)
        make_tables(engine.database)
        with engine.database.transaction() as tx:
            SqlWorkspaceStore().ensure_default(tx)
        calm, faults = threading.Event(), list[str]()
        given.log.parent.mkdir(parents=True, exist_ok=True)
        given.log.unlink(missing_ok=True)
        crew = Crew(
            command=COMMANDS[given.queue],
            environment=environment,
            size=given.workers,
            log=given.log,
            faults=faults,
            checkouts=(ROOT, given.older) if given.older else (ROOT,),
        )
        stack.callback(crew.kill)
        yield Soak(
            engine=engine,
            crew=crew,
            load=Load(
                engine=engine,
                over=calm,
                answering=threading.Event(),
                a_minute=given.a_minute,
                seed=given.seed,
                faults=faults,
            ),
            harm=Harm(crew=crew, over=calm, counts=Counter(), every=given.every, seed=given.seed),
            calm=calm,
            seconds=given.minutes * 60,
            patience=given.patience,
            server=server,
            hurt_server=_harm_of_server(given, url),
            redis=redis,
            faults=faults,
        )


def _harm_of_server(given: argparse.Namespace, url: str) -> Callable[[Harm, PostgresServer], None]:
    if given.away:
        return lambda harm, server: harm.stay_away(server, given.away)
    if given.open:
        return lambda harm, _: harm.hold_open(url, given.open)
    return Harm.restart


def main() -> None:
    """Soak, print what came of it, keep it as a page, and fail if anything is wrong."""
    given = _arguments()
    sys.stderr.write(f"seed {given.seed}\n")
    load = machine.load()
    with _prepared(given) as soak:
        outcome = soak.run()
    asked = f"{given.minutes:g} min, {given.workers} workers, one hurt every {given.every:g} s, "
    asked += f"{given.database}, seed {given.seed}"
    asked += ", every second one of an earlier version" if given.older else ""
    page = sheet(outcome, given.queue, asked, machine.facts([], load))
    report.show(page)
    if given.report:
        report.save(page, given.report)
    if outcome.faults:
        shown = "\n".join(outcome.faults[:MOST_SHOWN])
        sys.exit(f"{len(outcome.faults)} faults with seed {given.seed}; the workers' log is {given.log}\n{shown}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30, help="how long jobs are made and harm is done")
    parser.add_argument("--workers", type=int, default=50, help="worker processes; a tenth of them is never killed")
    # To start a worker takes seconds of a processor; what is killed more often leaves none for the jobs.
    parser.add_argument("--every", type=float, default=3, metavar="SECONDS", help="how often a worker is hurt")
    parser.add_argument("--a-minute", type=int, default=1_200, metavar="JOBS", help="at least so many jobs a minute")
    parser.add_argument("--patience", type=float, default=300, metavar="SECONDS", help="until all jobs must be final")
    parser.add_argument("--database", choices=("postgresql", "sqlite"), default="postgresql")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--away", type=float, metavar="SECONDS", help="no restarts, but one absence of PostgreSQL")
    instead.add_argument("--open", type=float, metavar="SECONDS", help="no restarts, but a transaction left open")
    parser.add_argument("--queue", choices=COMMANDS, default="local")
    parser.add_argument(
        "--older", type=Path, metavar="FOLDER", help="a checkout of an earlier version, which every second worker runs"
    )
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32), help="repeats a soak's dice")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the figures as a page of Markdown")
    parser.add_argument("--log", type=Path, default=Path("data/benchmarks/soak.log"), metavar="FILE")
    return parser.parse_args()


if __name__ == "__main__":
    main()
