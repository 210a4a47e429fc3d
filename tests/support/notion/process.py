"""The stand-in as a process of its own, for those who measure several processes at once.

It says on its first line where it listens and what it holds: one table of expenses, shared with one connection. It ends
with its input. `GET /stand-in/seen` gives the rows and the requests that came, without a token.
"""

import argparse
import json
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.request import urlopen

from tests.support.notion.faults import CUT_AFTER, CUT_BEFORE, CUT_WITHIN, Fault, late, status
from tests.support.notion.limits import Average
from tests.support.notion.server import Notion
from tests.support.notion.tables import Properties

EXPENSES: Properties = {
    "Name": "title",
    "Date": "date",
    "Merchant": "rich_text",
    "Total": {"number": {"format": "euro"}},
    "Tax": {"number": {"format": "euro"}},
    "Currency": {"select": {"options": ["EUR", "USD"]}},
    "Category": {"select": {"options": ["Food", "Travel", "Office"]}},
    "Receipt": "files",
    "Key": "rich_text",
}
_OPEN = tuple(status(number) for number in (500, 502, 503, 504))
FAULTS: Sequence[Fault] = (
    CUT_BEFORE,
    CUT_WITHIN,
    CUT_AFTER,
    *_OPEN,
    *(fault.done() for fault in _OPEN),
    *(status(number) for number in (409, 429, 529)),
    late(5),
    late(30),
)
"""What befalls requests by chance: of most of these, nobody who asked can tell what was done."""
TELLING = {409, 429, 529}
"""Statuses that say that nothing was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A stand-in in another process."""

    url: str
    token: str
    database_id: str
    source_id: str

    def rows(self) -> list[dict[str, Any]]:
        """Return what was written, as `Table.rows` does."""
        rows: list[dict[str, Any]] = self._seen()["rows"][self.source_id]
        return rows

    def requests(self) -> list[dict[str, Any]]:
        """Return `at` (of the monotonic clock), `method`, `path`, `status`, `token` and `befallen` of every request."""
        requests: list[dict[str, Any]] = self._seen()["requests"]
        return requests

    def words(self) -> dict[str, list[str]]:
        """Return the text of each block of every row, by the row's id."""
        words: dict[str, list[str]] = self._seen()["words"]
        return words

    def _seen(self) -> Any:
        with urlopen(f"{self.url}/stand-in/seen") as answer:
            return json.load(answer)


@contextmanager
def running(*arguments: str) -> Iterator[Running]:
    """Run a stand-in beside this process; the arguments are those of `main`."""
    command = [sys.executable, "-m", "tests.support.notion.process", *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield Running(**json.loads(process.stdout.readline()))
        process.communicate()


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until the input ends."""
    options = argparse.ArgumentParser()
    options.add_argument("--port", type=int, default=0)
    options.add_argument("--latency", type=float, default=0, help="seconds that every answer takes")
    options.add_argument("--per-second", type=float, help="requests on average; without it there is no limit")
    options.add_argument("--burst", type=int, default=10)
    options.add_argument("--slowest", type=float, help="seconds that an answer takes at most; by chance")
    options.add_argument("--share", type=float, default=0, help="of the requests that something befalls")
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args(arguments)
    rolls = random.Random(given.seed)
    limit = (lambda: Average(per_second=given.per_second, burst=given.burst)) if given.per_second else None
    slowest = given.latency if given.slowest is None else given.slowest
    with Notion(limit=limit, latency=lambda: rolls.uniform(given.latency, slowest)).serving(given.port) as notion:
        notion.faults.chance(given.share, *FAULTS, seed=given.seed)
        expenses = notion.database("Expenses", EXPENSES)
        said = Running(
            url=notion.url, token=notion.token, database_id=expenses.database_id, source_id=expenses.source_id
        )
        print(json.dumps({name: getattr(said, name) for name in said.__slots__}), flush=True)  # noqa: T201
        sys.stdin.read()


if __name__ == "__main__":
    main()
