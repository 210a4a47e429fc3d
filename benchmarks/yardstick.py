"""The yardstick: the least that a queue in SQL has to do, claiming and settling 50 at a time on one bare table."""

import json
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import psycopg

from benchmarks.contestants import Place
from benchmarks.work import Work, do

BATCH = 50
PAUSE_SECONDS = 0.005

_POSTGRESQL = {
    "table": """
        CREATE TABLE work (id bigserial PRIMARY KEY, payload text NOT NULL, status text NOT NULL);
        CREATE INDEX work_ready ON work (id) WHERE status = 'ready'
    """,
    "add": "INSERT INTO work (payload, status) VALUES (%s, 'ready')",
    "add_many": "INSERT INTO work (payload, status) SELECT unnest(%s::text[]), 'ready'",
    "claim": """
        WITH pick AS MATERIALIZED (
            SELECT id FROM work WHERE status = 'ready' ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
        )
        UPDATE work SET status = 'taken' WHERE id IN (SELECT id FROM pick) RETURNING id, payload
    """,
    "settle": "UPDATE work SET status = 'done' WHERE id = ANY(%s)",
    "remove": "DELETE FROM work WHERE id IN (SELECT id FROM work WHERE status = 'done' ORDER BY id LIMIT %s)",
    "fill": "INSERT INTO work (payload, status) SELECT %s, %s FROM generate_series(1, %s)",
    "analyze": "ANALYZE work",
}
_SQLITE = {
    "table": """
        CREATE TABLE work (id INTEGER PRIMARY KEY, payload TEXT NOT NULL, status TEXT NOT NULL);
        CREATE INDEX work_ready ON work (id) WHERE status = 'ready'
    """,
    "add": "INSERT INTO work (payload, status) VALUES (?, 'ready')",
    "add_many": "INSERT INTO work (payload, status) SELECT value, 'ready' FROM json_each(?)",
    "claim": """
        UPDATE work SET status = 'taken' WHERE id IN (SELECT id FROM work WHERE status = 'ready' ORDER BY id LIMIT ?)
        RETURNING id, payload
    """,
    "settle": "UPDATE work SET status = 'done' WHERE id IN (SELECT value FROM json_each(?))",
    "remove": "DELETE FROM work WHERE id IN (SELECT id FROM work WHERE status = 'done' ORDER BY id LIMIT ?)",
    "fill": """
        WITH RECURSIVE series (payload, status, n, last) AS (
            SELECT ?, ?, 1, ? UNION ALL SELECT payload, status, n + 1, last FROM series WHERE n < last
        )
        INSERT INTO work (payload, status) SELECT payload, status FROM series
    """,
    "analyze": "ANALYZE work",
}


class Yardstick:
    """One table with id, payload and status; two commits for every 50 jobs; nothing is kept but the row."""

    name: ClassVar[str] = "bare SQL"
    settings: ClassVar[str] = "batches of 50, asks again after 5 ms"
    workers_a_process: ClassVar[int] = 1

    def __init__(self, place: Place) -> None:
        self._url = place.url
        self._lite = place.url.startswith("sqlite:///")
        self._sql: Mapping[str, str] = _SQLITE if self._lite else _POSTGRESQL
        self._threads = threading.local()

    def prepare(self) -> None:
        for statement in self._sql["table"].split(";"):
            with self._transaction() as connection:
                connection.execute(statement)

    def enqueue(self, work: Work) -> None:
        with self._transaction() as connection:
            connection.execute(self._sql["add"], (work.dump(),))

    def enqueue_many(self, works: Sequence[Work]) -> None:
        with self._transaction() as connection:
            connection.execute(self._sql["add_many"], (self._list([work.dump() for work in works]),))

    def work(self) -> None:
        """Claim, do and settle for ever; SIGTERM's default ends it."""
        while True:
            jobs = self._claimed(BATCH)
            for _, payload in jobs:
                work = Work.load(payload)
                do(work.number, work.seconds)
            if jobs:
                self._settle([number for number, _ in jobs])
            else:
                time.sleep(PAUSE_SECONDS)

    def settled(self) -> int:
        with self._transaction() as connection:
            found: int = connection.execute("SELECT count(*) FROM work WHERE status = 'done'").fetchone()[0]
        return found

    def missing(self, jobs: int) -> Sequence[str]:
        done = self.settled()
        return [] if done == jobs else [f"{done} of {jobs} rows done"]

    def fill(self, *, finished: int, waiting: int) -> None:
        with self._transaction() as connection:
            connection.execute(self._sql["fill"], (Work(number=0).dump(), "done", finished))
            connection.execute(self._sql["fill"], (Work(number=0).dump(), "ready", waiting))
        with self._transaction() as connection:
            connection.execute(self._sql["analyze"])

    def claim(self, limit: int) -> int:
        return len(self._claimed(limit))

    def remove(self, limit: int) -> int:
        with self._transaction() as connection:
            removed: int = connection.execute(self._sql["remove"], (limit,)).rowcount
        return removed

    def _claimed(self, limit: int) -> Sequence[tuple[int, str]]:
        with self._transaction() as connection:
            rows: Sequence[tuple[int, str]] = connection.execute(self._sql["claim"], (limit,)).fetchall()
        return rows

    def _settle(self, numbers: Sequence[int]) -> None:
        with self._transaction() as connection:
            connection.execute(self._sql["settle"], (self._list(numbers),))

    def _list(self, values: Sequence[Any]) -> Any:
        return json.dumps(values) if self._lite else list(values)

    @contextmanager
    def _transaction(self) -> Iterator[Any]:
        """Open a transaction on this thread's connection."""
        connection = self._connection()
        if self._lite:
            connection.execute("BEGIN IMMEDIATE")
        yield connection
        connection.commit()

    def _connection(self) -> Any:
        if not hasattr(self._threads, "connection"):
            self._threads.connection = self._connected()
        return self._threads.connection

    def _connected(self) -> Any:
        if not self._lite:
            return psycopg.connect(self._url)
        connection = sqlite3.connect(self._url.removeprefix("sqlite:///"), timeout=60, isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        return connection
