"""PgQueuer: jobs in PostgreSQL through asyncpg, rows deleted and logged in batches."""

import asyncio
from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar

import asyncpg
import uvloop
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.queries import Queries

from benchmarks.contestants import Place
from benchmarks.work import Work, do_async

ENTRYPOINT = "no_op"
BATCH = 50


class PgQueuerPeer:
    """Its own benchmark takes batches of this order, asyncpg and uvloop."""

    name: ClassVar[str] = "PgQueuer 1.6"
    settings: ClassVar[str] = f"asyncpg, uvloop, batch_size={BATCH}"
    workers_a_process: ClassVar[int] = 1

    def __init__(self, place: Place) -> None:
        self._url = place.url

    @cached_property
    def _loop(self) -> asyncio.Runner:
        return asyncio.Runner(loop_factory=uvloop.new_event_loop)

    @cached_property
    def _queries(self) -> Any:
        return Queries(AsyncpgDriver(self._loop.run(asyncpg.connect(self._url))))

    def prepare(self) -> None:
        self._loop.run(self._queries.install())

    def enqueue(self, work: Work) -> None:
        self._loop.run(self._queries.enqueue(ENTRYPOINT, work.dump().encode()))

    def enqueue_many(self, works: Sequence[Work]) -> None:
        payloads = [work.dump().encode() for work in works]
        self._loop.run(self._queries.enqueue([ENTRYPOINT] * len(works), payloads, [0] * len(works)))

    def work(self) -> None:
        uvloop.run(self._serve())

    async def _serve(self) -> None:
        queuer = PgQueuer(AsyncpgDriver(await asyncpg.connect(self._url)))
        queuer.entrypoint(ENTRYPOINT)(handle)
        await queuer.run(batch_size=BATCH)


async def handle(job: Any) -> None:
    """Do what the payload says."""
    work = Work.load(job.payload)
    await do_async(work.number, work.seconds)
