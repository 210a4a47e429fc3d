"""How fast the job engine is, beside the least that a queue in SQL has to do, on the same server in the same run.

python -m benchmarks.jobs [--quick] [--only ROW] [--database sqlite|postgresql] [--markdown FILE]
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from rich.progress import Progress

from benchmarks import machine, measuring, report
from benchmarks.contestants import Benched, Place
from benchmarks.crew import Crew
from benchmarks.engine import Counterfoil
from benchmarks.servers import Server, Sqlite, postgres
from benchmarks.work import no_ops
from benchmarks.yardstick import Yardstick

THREADS = 8
CREWS = (1, 2, 8, 32, 64)
CLAIM = 50
REMOVED = 1_000
TICKS_A_SECOND = 100
"""At 1 000 jobs a second ten share a commit: one caller alone could not commit so often."""

NOTES = (
    "Beside each figure of Counterfoil stand that of bare SQL (one table, batches of 50, no history) and their ratio.",
    "More is better for jobs/s, less is better for ms and MB.",
    "There are two worker processes unless the row says otherwise.",
    "The first drain counts from the first handler until all jobs are settled, the others until all have begun.",
    "Every drained job of Counterfoil leaves its attempt and a log line; after the first drain they are counted.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is done for each row."""

    seconds: float
    paced_seconds: float
    drained: int
    drained_by_crews: int
    crew_seconds: float
    finished: int
    waiting: int
    claims: int


FULL = Size(
    seconds=5,
    paced_seconds=10,
    drained=20_000,
    drained_by_crews=10_000,
    crew_seconds=60,
    finished=1_000_000,
    waiting=100_000,
    claims=500,
)
QUICK = Size(
    seconds=1,
    paced_seconds=3,
    drained=1_000,
    drained_by_crews=500,
    crew_seconds=10,
    finished=50_000,
    waiting=10_000,
    claims=50,
)
PATIENCE_SECONDS = 900


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value of one contestant."""

    label: str
    value: float
    unit: str


class RowsMissing(RuntimeError):
    """After a drain not everything was there that should have been."""

    def __init__(self, missing: Sequence[str]) -> None:
        super().__init__("After the drain there were " + ", ".join(missing) + ".")


Row: TypeAlias = Callable[[Benched, Place, Size], Iterator[Figure]]


def enqueue_one(contestant: Benched, _: Place, size: Size) -> Iterator[Figure]:
    """Enqueue one by one, each in a commit of its own."""
    rate, _total = measuring.enqueue_rate(contestant, size.seconds)
    yield Figure("enqueue one, one caller", rate, "jobs/s")


def enqueue_threads(contestant: Benched, _: Place, size: Size) -> Iterator[Figure]:
    """Do so from several threads at once."""
    rate, _total = measuring.enqueue_rate(contestant, size.seconds, THREADS)
    yield Figure(f"enqueue one, {THREADS} threads", rate, "jobs/s")


def enqueue_bulk(contestant: Benched, _: Place, size: Size) -> Iterator[Figure]:
    """Enqueue many in one commit."""
    rate = measuring.bulk_rate(contestant, no_ops(size.drained))
    yield Figure(f"enqueue bulk, {measuring.BULK} a commit", rate, "jobs/s")


def drain(contestant: Benched, place: Place, size: Size) -> Iterator[Figure]:
    """Drain jobs that write a line each, and count what they left."""
    measuring.bulk_rate(contestant, no_ops(size.drained, line=True))
    rate = measuring.drain_settled(contestant, place, size.drained, seconds=PATIENCE_SECONDS)
    if missing := contestant.missing(size.drained):
        raise RowsMissing(missing)
    yield Figure(f"drain {report.count(size.drained)} no-op jobs, each with a log line", rate, "jobs/s")


def latency_100(contestant: Benched, place: Place, size: Size) -> Iterator[Figure]:
    """Pace a hundred jobs a second."""
    yield from _latency(contestant, place, size, 100)


def latency_1000(contestant: Benched, place: Place, size: Size) -> Iterator[Figure]:
    """Pace a thousand jobs a second."""
    yield from _latency(contestant, place, size, 1_000)


def _latency(contestant: Benched, place: Place, size: Size, rate: int) -> Iterator[Figure]:
    with Crew(contestant, place, 2) as crew:
        measuring.warm_up(contestant, place, crew)
        found = measuring.start_latency(
            contestant, place, crew, rate=rate, seconds=size.paced_seconds, a_commit=max(1, rate // TICKS_A_SECOND)
        )
    for name, value in (("p50", found.p50), ("p95", found.p95), ("p99", found.p99)):
        yield Figure(f"start latency at {report.count(rate)} jobs/s, {name}", value, "ms")


def workers(contestant: Benched, place: Place, size: Size) -> Iterator[Figure]:
    """Drain with ever more workers."""
    for count in CREWS:
        # What an earlier crew left is drained as well: the rate is that of the crew all the same.
        measuring.bulk_rate(contestant, no_ops(size.drained_by_crews, line=True))
        found = measuring.drain(contestant, place, size.drained_by_crews, workers=count, seconds=size.crew_seconds)
        yield Figure(f"drain with {count} {'worker' if count == 1 else 'workers'}", found.rate, "jobs/s")


def memory(contestant: Benched, place: Place, size: Size) -> Iterator[Figure]:
    """Weigh the workers."""
    with Crew(contestant, place, 2) as crew:
        yield Figure("memory of a worker process, idle", measuring.idle_mb(contestant, place, crew), "MB")
    measuring.bulk_rate(contestant, no_ops(size.drained_by_crews, line=True))
    found = measuring.drain(contestant, place, size.drained_by_crews, seconds=size.crew_seconds)
    yield Figure("memory of a worker process, busy", found.busy_mb, "MB")


def claim(contestant: Benched, _: Place, size: Size) -> Iterator[Figure]:
    """Claim from a table that has become large."""
    contestant.fill(finished=size.finished, waiting=size.waiting)
    among = f"{report.count(size.finished)} finished and {report.count(size.waiting)} waiting"
    p95 = measuring.claim_p95_ms(contestant, claims=size.claims, limit=CLAIM)
    yield Figure(f"claim of {CLAIM} among {among}, p95", p95, "ms")
    with measuring.removing(contestant, REMOVED):
        p95 = measuring.claim_p95_ms(contestant, claims=size.claims, limit=CLAIM)
    yield Figure(f"the same while finished jobs are removed, {report.count(REMOVED)} a commit, p95", p95, "ms")


ROWS: Mapping[str, Row] = {
    "enqueue-one": enqueue_one,
    "enqueue-threads": enqueue_threads,
    "enqueue-bulk": enqueue_bulk,
    "drain": drain,
    "latency-100": latency_100,
    "latency-1000": latency_1000,
    "workers": workers,
    "memory": memory,
    "claim": claim,
}
SERVERS: Mapping[str, Callable[[], AbstractContextManager[Server]]] = {
    "postgresql": postgres,
    "sqlite": lambda: nullcontext(Sqlite()),
}
CONTESTANTS: Sequence[Callable[[Place], Benched]] = (Counterfoil, Yardstick)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What was asked for, and what it gave: figures by database and contestant, and what went wrong."""

    rows: Sequence[str]
    size: Size
    figures: dict[tuple[str, int], list[Figure]]
    wrong: list[str]

    def measure(self, database: str, server: Server, progress: Progress) -> None:
        """Measure every row on one server, ours and the yardstick in turn."""
        step = progress.add_task(server.version, total=len(self.rows) * len(CONTESTANTS))
        for name in self.rows:
            for which, make in enumerate(CONTESTANTS):
                for found in self._found(ROWS[name], make, server):
                    self.figures.setdefault((database, which), []).append(found)
                    said = f"{report.figure(found.value)} {found.unit}"
                    progress.console.print(f"{server.version}, {_name(which)}: {found.label}: {said}", highlight=False)
                progress.advance(step)

    def _found(self, row: Row, make: Callable[[Place], Benched], server: Server) -> Iterator[Figure]:
        with server.place() as place:
            contestant = make(place)
            contestant.prepare()
            try:
                yield from row(contestant, place, self.size)
            except RowsMissing as error:
                self.wrong.append(f"{server.version}: {error}")


def _name(which: int) -> str:
    return (Counterfoil.name, Yardstick.name)[which]


def main() -> None:
    """Measure, print the table, and keep it."""
    given = _arguments()
    run = Run(rows=given.only or list(ROWS), size=QUICK if given.quick else FULL, figures={}, wrong=[])
    databases = given.database or list(SERVERS)
    versions = []
    load = machine.load()
    with report.progress() as progress:
        for database in databases:
            with SERVERS[database]() as server:
                versions.append(server.version)
                run.measure(database, server, progress)
    sheet = _sheet(run, databases, machine.facts(versions, load))
    report.show(sheet)
    report.save(sheet, given.markdown)
    sys.exit("\n".join(run.wrong) or None)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="less of everything, for a look in a few minutes")
    parser.add_argument(
        "--only", action="append", choices=ROWS, metavar="ROW", help=f"one of {', '.join(ROWS)}; repeat"
    )
    parser.add_argument("--database", action="append", choices=SERVERS, help="both by default")
    parser.add_argument("--markdown", type=Path, default=Path("data/benchmarks/jobs.md"), metavar="FILE")
    return parser.parse_args()


def _sheet(run: Run, databases: Sequence[str], facts: Sequence[str]) -> report.Sheet:
    found = {
        (database, which): {figure.label: figure for figure in figures}
        for (database, which), figures in run.figures.items()
    }
    columns = [f"{database}\n{what}" for database in databases for what in (Counterfoil.name, Yardstick.name, "ratio")]
    units = {label: figure.unit for figures in found.values() for label, figure in figures.items()}
    rows = [
        [
            label,
            units[label],
            *(cell for database in databases for cell in _cells(found[database, 0], found[database, 1], label)),
        ]
        for label in units
    ]
    return report.Sheet(
        title="Speed of the job engine", columns=["", "unit", *columns], rows=rows, notes=NOTES, facts=facts
    )


def _cells(ours: Mapping[str, Figure], bare: Mapping[str, Figure], label: str) -> Sequence[str]:
    written = [report.figure(one[label].value) if label in one else "failed" for one in (ours, bare)]
    both = label in ours and label in bare
    return [*written, report.ratio(ours[label].value, bare[label].value) if both else report.NOTHING]


if __name__ == "__main__":
    main()
