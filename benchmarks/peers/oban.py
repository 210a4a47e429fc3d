"""Oban for Python: jobs in PostgreSQL through psycopg, kept after they are done."""

import asyncio
import signal
from collections.abc import Sequence
from dataclasses import asdict
from functools import cached_property
from typing import Any, ClassVar

import uvloop
from oban import Oban, schema, worker

from benchmarks.contestants import Place
from benchmarks.work import Work, do_async

LIMIT = 50


class NoOp:
    """What the workers do."""

    async def process(self, job: Any) -> None:
        await do_async(job.args["number"], job.args["seconds"])


worker(queue="default")(NoOp)


class ObanPeer:
    """Run as its command line does it, with uvloop."""

    name: ClassVar[str] = "Oban 0.7"
    settings: ClassVar[str] = f"queue limit {LIMIT}, uvloop"
    workers_a_process: ClassVar[int] = 1

    def __init__(self, place: Place) -> None:
        self._url = place.url

    @cached_property
    def _loop(self) -> asyncio.Runner:
        return asyncio.Runner(loop_factory=uvloop.new_event_loop)

    @cached_property
    def _pool(self) -> Any:
        return self._loop.run(Oban.create_pool(self._url))

    @cached_property
    def _oban(self) -> Any:
        return Oban(pool=self._pool)

    def prepare(self) -> None:
        self._loop.run(schema.install(self._pool))

    def enqueue(self, work: Work) -> None:
        self._loop.run(self._oban.enqueue(_job(work)))

    def enqueue_many(self, works: Sequence[Work]) -> None:
        self._loop.run(self._oban.enqueue_many([_job(work) for work in works]))

    def work(self) -> None:
        uvloop.run(self._serve())

    async def _serve(self) -> None:
        stopped = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
        pool = await Oban.create_pool(self._url)
        async with Oban(pool=pool, queues={"default": LIMIT}):
            await stopped.wait()


def _job(work: Work) -> Any:
    return NoOp.new(asdict(work))  # type: ignore[attr-defined]  # the decorator adds it
