"""Procrastinate: jobs in PostgreSQL through psycopg and stored procedures."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar

from procrastinate import App, PsycopgConnector, SyncPsycopgConnector

from benchmarks.contestants import Place
from benchmarks.work import Work, do_async

CONCURRENCY = 30


class ProcrastinatePeer:
    """Runs jobs concurrently within a worker, as its documentation has it; jobs stay in the table, as by default."""

    name: ClassVar[str] = "Procrastinate 3.10"
    settings: ClassVar[str] = f"concurrency={CONCURRENCY}, async jobs"
    workers_a_process: ClassVar[int] = 1

    def __init__(self, place: Place) -> None:
        self._url = place.url

    @cached_property
    def _app(self) -> Any:
        return _with_task(App(connector=SyncPsycopgConnector(conninfo=self._url))).open()

    def prepare(self) -> None:
        self._app.schema_manager.apply_schema()

    def enqueue(self, work: Work) -> None:
        self._app.tasks["no_op"].defer(number=work.number, seconds=work.seconds)

    def enqueue_many(self, works: Sequence[Work]) -> None:
        told = ({"number": work.number, "seconds": work.seconds} for work in works)
        self._app.tasks["no_op"].batch_defer(*told)

    def work(self) -> None:
        _with_task(App(connector=PsycopgConnector(conninfo=self._url))).run_worker(concurrency=CONCURRENCY)


def _with_task(app: Any) -> Any:
    app.task(name="no_op")(do_async)
    return app
