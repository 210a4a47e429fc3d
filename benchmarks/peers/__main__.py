"""How fast other job queues do the same work, beside Counterfoil and the yardstick, on one machine in one run.

make bench-peers    or    .venv-peers/bin/python -m benchmarks.peers [--quick] [--only NAME] [--recovery SECONDS]
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rich.progress import Progress

from benchmarks import machine, report
from benchmarks.contestants import Place, contestant_at
from benchmarks.crew import ROOT
from benchmarks.measuring import Recovered
from benchmarks.peers.one import RATE, RECOVERY, RECOVERY_JOB_SECONDS, RECOVERY_JOBS, SPEED, Options, Speed
from benchmarks.servers import Server, Sqlite, postgres, redis_server
from benchmarks.yardstick import Yardstick

ENTRANTS = {
    "yardstick": ("benchmarks.yardstick:Yardstick", "postgresql"),
    "counterfoil": ("benchmarks.engine:Counterfoil", "postgresql"),
    "pgqueuer": ("benchmarks.peers.pgqueuer:PgQueuerPeer", "postgresql"),
    "oban": ("benchmarks.peers.oban:ObanPeer", "postgresql"),
    "procrastinate": ("benchmarks.peers.procrastinate:ProcrastinatePeer", "postgresql"),
    "dbos": ("benchmarks.peers.dbos:DbosPeer", "postgresql"),
    "celery": ("benchmarks.peers.celery:CeleryPeer", "redis"),
    "rq": ("benchmarks.peers.rq:RqPeer", "redis"),
    "rq-simple": ("benchmarks.peers.rq:RqSimplePeer", "redis"),
    "yardstick-sqlite": ("benchmarks.yardstick:Yardstick", "sqlite"),
    "counterfoil-sqlite": ("benchmarks.engine:Counterfoil", "sqlite"),
}
PATIENCE_SECONDS = 180
FULL = Options(jobs=5_000, seconds=10, drain_seconds=10, recovery_seconds=0)
QUICK = Options(jobs=500, seconds=3, drain_seconds=10, recovery_seconds=0)

COLUMNS = (
    "",
    "enqueue one/s",
    "bulk/s",
    "drain/s",
    "by yardstick",
    "start p50 ms",
    "p95",
    "p99",
    "MB idle",
    "MB busy",
    "load",
)
RECOVERY_COLUMNS = ("running when killed", "ran again", "after s", "unfinished")
NOTES = (
    "Two workers each, on the same servers: PostgreSQL as it comes, durable; Redis with its log synced each second.",
    "Handlers do nothing. Drain: jobs begun a second, from the first to the last, in {drain_seconds:.0f} s at most.",
    "By yardstick: that rate by the rate of bare SQL, of that on PostgreSQL for those on Redis.",
    "Start: from commit to handler, at {rate} jobs/s for {seconds:.0f} s.",
    "MB: resident memory of a worker, children included. Load: the machine's load average as the row began.",
)
RECOVERY_NOTE = (
    "Recovery: {jobs} jobs of {each:.0f} s; all workers killed in their midst and started again at once; then a wait "
    "of {wait:.0f} s at most."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the table."""

    name: str
    settings: str
    server: str
    speed: Speed | None = None
    recovered: Recovered | None = None


def main() -> None:
    """Measure one after the other, print the table, and keep it."""
    given = _arguments()
    size = QUICK if given.quick else FULL
    options = Options(**(asdict(size) | {"recovery_seconds": given.recovery}))
    load = machine.load()
    with ExitStack() as stack:
        progress = stack.enter_context(report.progress())
        servers: dict[str, Server] = {
            "postgresql": stack.enter_context(postgres()),
            "redis": stack.enter_context(redis_server()),
            "sqlite": Sqlite(),
        }
        entries = _measured(given.only or list(ENTRANTS), servers, options, progress)
        facts = machine.facts([server.version for server in servers.values()], load)
    sheet = _sheet(entries, options, facts)
    report.show(sheet)
    report.save(sheet, given.markdown)
    sys.exit(0 if all(entry.speed for entry in entries) else "Not all could be measured; the reasons stand above.")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="less of everything, to see that it runs")
    parser.add_argument(
        "--only", action="append", choices=ENTRANTS, metavar="NAME", help=f"one of {', '.join(ENTRANTS)}"
    )
    parser.add_argument(
        "--recovery",
        type=float,
        default=0,
        metavar="SECONDS",
        help="also kill all workers, and wait so long for the rest",
    )
    parser.add_argument("--markdown", type=Path, default=Path("data/benchmarks/peers.md"), metavar="FILE")
    return parser.parse_args()


def _measured(
    names: Sequence[str], servers: dict[str, Server], options: Options, progress: Progress
) -> Sequence[Entry]:
    entries = []
    step = progress.add_task("peers", total=len(names))
    for name in names:
        progress.update(step, description=name)
        path, server = ENTRANTS[name]
        entries.append(_entry(path, servers[server], options, progress))
        progress.advance(step)
    return entries


def _entry(path: str, server: Server, options: Options, progress: Progress) -> Entry:
    contestant = contestant_at(path, Place(url="", folder=Path()))
    entry = Entry(name=contestant.name, settings=contestant.settings, server=server.version)
    if told := _answer(SPEED, path, server, options, progress):
        entry = replace(entry, speed=Speed(**told))
    if options.recovery_seconds and (told := _answer(RECOVERY, path, server, options, progress)):
        entry = replace(entry, recovered=Recovered(**told))
    return entry


def _answer(what: str, path: str, server: Server, options: Options, progress: Progress) -> dict[str, Any] | None:
    """Measure on a place of its own; say why when that cannot be done, and go on with the others."""
    with server.place() as place:
        log = place.folder / "measuring.log"
        try:
            _run(what, path, place, options, log)
        except subprocess.SubprocessError as error:
            said = f"{error}\n{log.read_text(errors='replace')[-3_000:]}"
            told = None
        else:
            said = (place.folder / "result.json").read_text()
            told = json.loads(said)
    progress.console.print(f"{path} on {server.version}: {said}", highlight=False, markup=False, soft_wrap=True)
    return told


def _run(what: str, path: str, place: Place, options: Options, log: Path) -> None:
    told = [what, path, place.url, str(place.folder), json.dumps(asdict(options))]
    with log.open("wb") as output:
        subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-m", "benchmarks.peers.one", *told],
            cwd=ROOT,
            stdout=output,
            stderr=output,
            check=True,
            timeout=PATIENCE_SECONDS + options.recovery_seconds,
        )


def _sheet(entries: Sequence[Entry], options: Options, facts: Sequence[str]) -> report.Sheet:
    yardsticks = {one.server: one.speed.drain for one in entries if one.name == Yardstick.name and one.speed}
    columns = (*COLUMNS, *(RECOVERY_COLUMNS if options.recovery_seconds else ()))
    rows = [_row(entry, yardsticks, len(columns)) for entry in entries]
    notes = [one.format(drain_seconds=options.drain_seconds, rate=RATE, seconds=options.seconds) for one in NOTES]
    if options.recovery_seconds:
        told = RECOVERY_NOTE.format(jobs=RECOVERY_JOBS, each=RECOVERY_JOB_SECONDS, wait=options.recovery_seconds)
        notes.append(told)
    notes += [f"{entry.name} on {entry.server}: {entry.settings}" for entry in entries]
    return report.Sheet(
        title="Job queues for Python, side by side", columns=columns, rows=rows, notes=notes, facts=facts
    )


def _row(entry: Entry, yardsticks: dict[str, float], columns: int) -> Sequence[str]:
    name = f"{entry.name}, {entry.server.split()[0]}"
    found = entry.speed
    if found is None:
        return [name, "failed", *[""] * (columns - 2)]
    postgres_yardstick = next((rate for server, rate in yardsticks.items() if server.startswith("PostgreSQL")), 0.0)
    cells = [
        name,
        *map(report.figure, (found.enqueue, found.bulk, found.drain)),
        report.ratio(found.drain, yardsticks.get(entry.server, postgres_yardstick)),
        *map(report.figure, (found.p50, found.p95, found.p99, found.idle_mb, found.busy_mb, found.load)),
    ]
    if columns > len(COLUMNS):
        cells += _recovery(entry.recovered)
    return cells


def _recovery(one: Recovered | None) -> Sequence[str]:
    if one is None:
        return [report.NOTHING] * len(RECOVERY_COLUMNS)
    after = "never" if one.after_seconds is None else report.figure(one.after_seconds)
    return [str(one.running), str(one.again), after, str(one.unfinished)]


if __name__ == "__main__":
    main()
