"""RQ on Redis, as it comes and without the fork for each job."""

import logging
from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar

from redis import Redis
from rq import Queue, Retry, SimpleWorker, Worker

from benchmarks.contestants import Place
from benchmarks.work import Work

TASK = "benchmarks.work.do"
RETRY = Retry(max=3)


class RqPeer:
    """The default worker: a process is forked for each job."""

    name: ClassVar[str] = "RQ 3.0"
    settings: ClassVar[str] = "Worker (a fork a job), JSON, Retry(max=3), no results; Redis"
    workers_a_process: ClassVar[int] = 1
    kind: ClassVar[type[Any]] = Worker

    def __init__(self, place: Place) -> None:
        self._url = place.url

    @cached_property
    def _redis(self) -> Any:
        return Redis.from_url(self._url)

    @cached_property
    def _queue(self) -> Any:
        return Queue("bench", connection=self._redis, serializer="json")

    def prepare(self) -> None:
        """Do nothing: Redis needs no tables."""

    def enqueue(self, work: Work) -> None:
        self._queue.enqueue(TASK, args=(work.number, work.seconds), result_ttl=0, retry=RETRY)

    def enqueue_many(self, works: Sequence[Work]) -> None:
        prepared = [
            Queue.prepare_data(TASK, args=(work.number, work.seconds), result_ttl=0, retry=RETRY) for work in works
        ]
        self._queue.enqueue_many(prepared)

    def work(self) -> None:
        logging.getLogger("rq.worker").setLevel(logging.WARNING)
        worker = self.kind([self._queue], connection=self._redis, serializer="json", log_job_description=False)
        worker.work(logging_level="WARNING")


class RqSimplePeer(RqPeer):
    """Jobs in the worker's own process, which none of them may take down."""

    name: ClassVar[str] = "RQ 3.0, SimpleWorker"
    settings: ClassVar[str] = "SimpleWorker, JSON, Retry(max=3), no results; Redis"
    kind: ClassVar[type[Any]] = SimpleWorker
