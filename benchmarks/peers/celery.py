"""Celery on Redis."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar

from celery import Celery

from benchmarks.contestants import Place
from benchmarks.work import Work, do

PREFETCH = 64


class CeleryPeer:
    """Acknowledges late, so that like the others it loses no job with its worker; many short jobs are prefetched."""

    name: ClassVar[str] = "Celery 5.7"
    settings: ClassVar[str] = f"prefork of 2, acks_late, prefetch {PREFETCH}, no results, no gossip; Redis"
    workers_a_process: ClassVar[int] = 2

    def __init__(self, place: Place) -> None:
        self._url = place.url.replace("unix://", "redis+socket://")

    @cached_property
    def _app(self) -> Any:
        app = Celery("bench", broker=self._url)
        app.conf.update(
            task_acks_late=True,
            task_reject_on_worker_lost=True,
            task_ignore_result=True,
            worker_prefetch_multiplier=PREFETCH,
            broker_connection_retry_on_startup=True,
        )
        app.task(name="no_op")(do)
        return app

    def prepare(self) -> None:
        """Do nothing: Redis needs no tables."""

    def enqueue(self, work: Work) -> None:
        self._app.tasks["no_op"].apply_async((work.number, work.seconds))

    def enqueue_many(self, works: Sequence[Work]) -> None:
        """Send one by one over one producer: it has no bulk."""
        with self._app.producer_pool.acquire(block=True) as producer:
            for work in works:
                self._app.tasks["no_op"].apply_async((work.number, work.seconds), producer=producer)

    def work(self) -> None:
        options = ["--pool=prefork", "--concurrency=2", "--loglevel=WARNING", "--without-gossip", "--without-mingle"]
        self._app.worker_main(["worker", *options])
