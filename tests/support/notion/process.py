"""The stand-in as a process of its own, for those who measure several processes at once.

It says on its first line where it listens and what it holds: one table of expenses, shared with one connection. It ends
with its input. `GET /stand-in/seen` gives the rows and the requests that came, without a token.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.request import urlopen

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
        """Return `at`, `method`, `path`, `status` and `token` of every request; `at` is of the monotonic clock."""
        requests: list[dict[str, Any]] = self._seen()["requests"]
        return requests

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
    given = options.parse_args(arguments)
    limit = (lambda: Average(per_second=given.per_second, burst=given.burst)) if given.per_second else None
    with Notion(limit=limit, latency=given.latency).serving(given.port) as notion:
        expenses = notion.database("Expenses", EXPENSES)
        said = Running(
            url=notion.url, token=notion.token, database_id=expenses.database_id, source_id=expenses.source_id
        )
        print(json.dumps({name: getattr(said, name) for name in said.__slots__}), flush=True)  # noqa: T201
        sys.stdin.read()


if __name__ == "__main__":
    main()
