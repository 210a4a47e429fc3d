"""DBOS: each job a durable workflow in PostgreSQL."""

import os
import signal
from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar

import sqlalchemy as sa
from dbos import DBOS, DBOSClient

from benchmarks.contestants import Place
from benchmarks.crew import WORKER_NUMBER
from benchmarks.work import Work, do

QUEUE = "bench"
VERSION = "1"
POLL_SECONDS = 0.05
AT_ONCE = 50


class DbosPeer:
    """Asks twenty times a second instead of once, as it does not listen for enqueued workflows."""

    name: ClassVar[str] = "DBOS 3.4"
    settings: ClassVar[str] = f"polling_interval_sec={POLL_SECONDS}, worker_concurrency={AT_ONCE}"
    workers_a_process: ClassVar[int] = 1

    def __init__(self, place: Place) -> None:
        self._url = place.url.replace("postgresql://", "postgresql+psycopg://")

    @cached_property
    def _engine(self) -> sa.Engine:
        return sa.create_engine(self._url)

    @cached_property
    def _client(self) -> Any:
        return DBOSClient(system_database_engine=self._engine)

    def prepare(self) -> None:
        self._launch("preparing")
        DBOS.destroy()

    def enqueue(self, work: Work) -> None:
        self._client.enqueue(_options(), work.number, work.seconds)

    def enqueue_many(self, works: Sequence[Work]) -> None:
        """Enqueue in one transaction: the nearest that there is to bulk."""
        with self._engine.begin() as connection:
            for work in works:
                self._client.enqueue_in_transaction(connection, _options(), work.number, work.seconds)

    def work(self) -> None:
        # A name that stays the same when the worker is started again: it recovers what bears its own.
        self._launch(os.environ[WORKER_NUMBER])
        signal.pause()

    def _launch(self, executor: str) -> None:
        config: Any = {
            "name": "bench",
            "system_database_url": self._url,
            "application_version": VERSION,
            "executor_id": executor,
            "log_level": "WARNING",
        }
        DBOS(config=config)
        DBOS.workflow(name="no_op")(do)
        DBOS.launch()
        DBOS.register_queue(QUEUE, polling_interval_sec=POLL_SECONDS, worker_concurrency=AT_ONCE)


def _options() -> Any:
    return {"queue_name": QUEUE, "workflow_name": "no_op", "app_version": VERSION, "application_name": "bench"}
