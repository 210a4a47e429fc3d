"""How fast accepted records become pages in Notion, at the rate that it allows, while requests go wrong; then an audit.

python -m benchmarks.notion [--quick] [--records N] [--plan key|marks] [--files] [--database sqlite|postgresql]
                            [--workers N] [--faults SHARE] [--seed N] [--markdown FILE]

Records are drafted and accepted by the house's own services, with documents that were received but not read. The worker
processes are those of `counterfoil worker`, as they come; Notion is the stand-in of the tests, in a process of its own.
"""

import argparse
import math
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

import httpx2
from PIL import Image
from sqlalchemy import text

from benchmarks import machine, report
from benchmarks.contestants import Place
from benchmarks.jobs import SERVERS
from counterfoil import bootstrap
from counterfoil.access.domain import DEFAULT_WORKSPACE
from counterfoil.bootstrap import House
from counterfoil.documents.domain import Document
from counterfoil.foundation.database import Transaction
from counterfoil.foundation.errors import CounterfoilError
from counterfoil.foundation.ids import new_id
from counterfoil.foundation.settings import read_settings
from counterfoil.jobs.domain import JobId
from counterfoil.records.domain import AcceptedBy, InvoiceData, Kind, Party
from counterfoil.targets.domain import TargetId
from counterfoil.targets.infrastructure.notion.adapter import KEY_NAME
from counterfoil.targets.infrastructure.notion.body import MARKER
from tests.support.notion.limits import densest
from tests.support.notion.process import TELLING, Running, running

PER_SECOND: Final = 3
BURST: Final = 10
"""Of Notion; we begin three calls at once at most."""
FASTEST, SLOWEST = 0.1, 0.3
PATIENCE_SECONDS: Final = 3_600
LOOK_SECONDS: Final = 0.5
WORK: Final = (sys.executable, "-c", "from counterfoil.cli import main; main()", "worker")
DEAD: Final = "SELECT count(*) FROM jobs WHERE status = 'dead_letter'"
DELIVERED: Final = "SELECT count(*) FROM deliveries WHERE status = 'delivered'"
ENDINGS: Final = """
    SELECT ending, count(*) AS number FROM job_attempts JOIN jobs ON jobs.id = job_attempts.job_id
    WHERE jobs.type = 'deliver' GROUP BY ending ORDER BY ending
"""
FIRST_DAY: Final = date(2026, 1, 1)
NOTES: Final = (
    f"Notion's stand-in takes {PER_SECOND} requests a second, {BURST} at once; it answers in {FASTEST} to {SLOWEST} s.",
    "Needed are a request for each page, or three with a file, and one for each that something befell;",
    "and to look for the page, one for each of these of which nobody can tell whether it made one.",
    f"The least time is that of the needed requests at {PER_SECOND} a second.",
    "Time runs from the first request to the last page that is known; what is left at the end are deliveries in doubt.",
)


Known: TypeAlias = Sequence[tuple[float, int]]
"""How many pages were known at which times of the monotonic clock."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a run left, in Notion and in the database."""

    rows: Sequence[Mapping[str, Any]]
    words: Mapping[str, Sequence[str]]
    requests: Sequence[Mapping[str, Any]]
    endings: Mapping[str, int]
    """How often attempts to deliver ended how."""
    known: Known
    dead: int

    @property
    def befallen(self) -> int:
        return sum(1 for one in self.requests if one["befallen"])

    @property
    def doubts(self) -> Sequence[float]:
        """When, from the first request on, one for a page ended so that nobody could tell whether it was made."""
        writes = [one for one in self.requests if one["befallen"] and one["path"].endswith("/pages")]
        return [one["at"] - self.begun for one in writes if one["status"] not in TELLING]

    @property
    def begun(self) -> float:
        return float(min(one["at"] for one in self.requests))

    @property
    def refused(self) -> int:
        return sum(
            1 for one in self.requests if one["status"] == httpx2.codes.TOO_MANY_REQUESTS and not one["befallen"]
        )

    def seconds_until(self, count: int) -> float:
        """Return when so many pages were known, from the first request on."""
        return next((at - self.begun for at, number in self.known if number >= count), math.inf)


def main() -> None:
    """Measure, audit, print the table, and keep it."""
    given = _arguments()
    count = given.records or (60 if given.quick else 1_000)
    load = machine.load()
    with SERVERS[given.database]() as server, server.place() as place, _stand_in(given) as notion:
        house, records = _prepared(place, notion, given, count)
        before = len(notion.requests())
        with _workers(place, notion, given.workers):
            known = _awaited(house, count)
        found = _found(house, notion, known, before)
        version = server.version
    wrong = _audit(found, records, given)
    sheet = report.Sheet(
        title="Records on their way to Notion",
        columns=("", "", "unit"),
        rows=_figures(found, count, given),
        notes=(f"{count} records, {given.workers} worker processes; {_named(given)}.", *NOTES, *wrong),
        facts=machine.facts([version], load),
    )
    report.show(sheet)
    report.save(sheet, given.markdown)
    sys.exit("\n".join(wrong) or None)


@contextmanager
def _stand_in(given: argparse.Namespace) -> Iterator[Running]:
    limit = ("--per-second", str(PER_SECOND), "--burst", str(BURST))
    latency = ("--latency", str(FASTEST), "--slowest", str(SLOWEST))
    with running(*limit, *latency, "--share", str(given.faults), "--seed", str(given.seed)) as notion:
        yield notion


def _prepared(
    place: Place, notion: Running, given: argparse.Namespace, count: int
) -> tuple[House, Mapping[str, InvoiceData]]:
    """Connect the table, and accept so many records that go there; return their data by their ids."""
    house = bootstrap.build(read_settings(_env_file=None, **_settings(place, notion)))
    settings = {"data_source_id": notion.source_id}
    target = _insist(lambda: house.connections.create(DEFAULT_WORKSPACE, "notion", "Expenses", settings))
    _insist(lambda: house.targets.plan(DEFAULT_WORKSPACE, target.id))
    if given.plan == "key":
        _insist(lambda: house.targets.add_key_property(DEFAULT_WORKSPACE, target.id))
    return house, dict(_accepted(house, target.id, number, files=given.files) for number in range(count))


def _settings(place: Place, notion: Running) -> dict[str, Any]:
    return {
        "database_url": place.url,
        "data_dir": place.folder,
        "notion_token": notion.token,
        "notion_url": notion.url,
        "log_level": "ERROR",
    }


def _insist(action: Callable[[], T]) -> T:
    """Do what a person would do again: something may befall these requests as well."""
    while True:
        try:
            return action()
        except CounterfoilError:
            time.sleep(1)


def _accepted(house: House, target: TargetId, number: int, *, files: bool) -> tuple[str, InvoiceData]:
    """Receive a document, and accept a record of it as if it had been read."""
    picture = BytesIO()
    colour = (number % 256, number // 256, 0)
    Image.new("RGB", (8, 8), colour).save(picture, "PNG" if files else "BMP")  # Notion takes no BMP
    picture.seek(0)
    documents = replace(house.documents, next_step=_unread)
    name = f"receipt-{number}.{'png' if files else 'bmp'}"
    document = documents.receive(DEFAULT_WORKSPACE, name, picture, target_id=target).document
    data = _data(number)
    with house.database.transaction(DEFAULT_WORKSPACE) as tx:
        record = house.records.draft(tx, DEFAULT_WORKSPACE, document.id, data, {})
        house.records.accept(tx, DEFAULT_WORKSPACE, record.id, AcceptedBy.PERSON)
    return str(record.id), data


def _unread(tx: Transaction, document: Document) -> JobId:  # noqa: ARG001 - a next step, which is not taken
    return JobId(new_id())


def _data(number: int) -> InvoiceData:
    return InvoiceData(
        kind=Kind.RECEIPT,
        merchant=Party(name=f"Merchant {number}"),
        issue_date=FIRST_DAY + timedelta(days=number % 365),
        currency="EUR",
        total=Decimal(number + 1) + Decimal("0.25"),
    )


@contextmanager
def _workers(place: Place, notion: Running, number: int) -> Iterator[None]:
    given = {name.upper(): str(value) for name, value in _settings(place, notion).items()}
    with (place.folder / "workers.log").open("wb") as log:
        crew = [
            subprocess.Popen(WORK, env=os.environ | given, stdout=log, stderr=log)  # noqa: S603 - our own program
            for _ in range(number)
        ]
    try:
        yield
    finally:
        for one in crew:
            one.terminate()
        for one in crew:
            one.wait()


def _awaited(house: House, count: int) -> Known:
    """Return how many pages were known at which times, once it is all of them or some will never be."""
    known: list[tuple[float, int]] = [(time.monotonic(), 0)]
    over = time.monotonic() + PATIENCE_SECONDS
    while known[-1][1] < count and time.monotonic() < over and not _counted(house, DEAD):
        time.sleep(LOOK_SECONDS)
        known.append((time.monotonic(), _counted(house, DELIVERED)))
    return known


def _counted(house: House, query: str) -> int:
    with house.database.reading() as tx:
        return int(tx.execute(text(query)).scalar_one())


def _found(house: House, notion: Running, known: Known, before: int) -> Found:
    with house.database.reading() as tx:
        endings = {str(row.ending): int(row.number) for row in tx.execute(text(ENDINGS))}
    return Found(
        rows=notion.rows(),
        words=notion.words(),
        requests=notion.requests()[before:],
        endings=endings,
        known=known,
        dead=_counted(house, DEAD),
    )


def _audit(found: Found, records: Mapping[str, InvoiceData], given: argparse.Namespace) -> Sequence[str]:
    """Return what is not as it should be."""
    return list(_complaints(found, records, given))


def _complaints(found: Found, records: Mapping[str, InvoiceData], given: argparse.Namespace) -> Iterator[str]:
    keys = Counter(_key(row, found, given.plan) for row in found.rows)
    if twice := [key for key, times in keys.items() if times > 1]:
        yield f"{len(twice)} records have more than one page"
    if missing := records.keys() - keys.keys():
        yield f"{len(missing)} records have no page"
    if strange := keys.keys() - records.keys():
        yield f"{len(strange)} pages are no record's"
    wrong = [row for row in found.rows if not _says(row, records.get(_key(row, found, given.plan)))]
    if wrong:
        yield f"{len(wrong)} pages have other values than their records, the first {wrong[0]}"
    if found.dead:
        yield f"{found.dead} jobs are dead letters"
    if found.refused:
        yield f"{found.refused} requests came above the rate"


def _key(row: Mapping[str, Any], found: Found, plan: str) -> str:
    if plan == "key":
        return str(row[KEY_NAME])
    marks = [words for words in found.words[row["id"]] if words.startswith(MARKER)]
    return marks[0].removeprefix(MARKER).strip() if len(marks) == 1 else f"{len(marks)} marks"


def _says(row: Mapping[str, Any], data: InvoiceData | None) -> bool:
    if data is None:
        return False
    shown = (row["Total"], (row["Date"] or {}).get("start"), row["Merchant"])
    return shown == (float(data.total or 0), str(data.issue_date), data.merchant.name)


def _figures(found: Found, count: int, given: argparse.Namespace) -> Sequence[Sequence[str]]:
    needed = count * (3 if given.files else 1) + found.befallen + len(found.doubts)
    least, took = needed / PER_SECOND, found.seconds_until(count)
    nearly = found.seconds_until(count * 99 // 100)
    rows = [
        ("pages", report.count(len(found.rows)), ""),
        ("requests that were needed", report.count(needed), ""),
        ("requests that were made", report.count(len(found.requests)), ""),
        ("of these befallen by something", report.count(found.befallen), ""),
        ("of these writes in doubt afterwards", report.count(len(found.doubts)), ""),
        ("of these above the rate", report.count(found.refused), ""),
        ("the least time for what was needed", report.figure(least), "s"),
        ("time until 99 % of the pages were known", report.figure(nearly), "s"),
        ("the last write in doubt", report.figure(max(found.doubts, default=0)), "s"),
        ("time until all were", report.figure(took), "s"),
        ("time in all beside the least", report.ratio(took, least), ""),
    ]
    arrivals = [one["at"] for one in found.requests]
    rows += [
        (f"most requests within {seconds} s, of {allowed} allowed", report.count(densest(arrivals, seconds)), "")
        for seconds in (1, 10, 60)
        for allowed in [PER_SECOND * seconds + BURST]
    ]
    return [*rows, *((f"attempts {ending}", report.count(number), "") for ending, number in found.endings.items())]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="60 records, for a look in a minute or three")
    parser.add_argument("--records", type=int, metavar="N", help="1000 by default")
    parser.add_argument("--plan", choices=("key", "marks"), default="key", help="how pages are known again")
    parser.add_argument("--files", action="store_true", help="with a file that Notion takes: three requests a record")
    parser.add_argument("--database", choices=SERVERS, default="sqlite")
    parser.add_argument("--workers", type=int, default=4, metavar="N", help="worker processes")
    parser.add_argument("--faults", type=float, default=0.03, metavar="SHARE", help="of the requests that go wrong")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument("--markdown", type=Path, default=Path("data/benchmarks/notion.md"), metavar="FILE")
    return parser.parse_args()


def _named(given: argparse.Namespace) -> str:
    plan = "a property holds the key" if given.plan == "key" else "pages are known by their marks"
    return (
        f"{plan}; {'a file' if given.files else 'no file'} with each; something befalls {given.faults:.0%} of requests"
    )


if __name__ == "__main__":
    main()
