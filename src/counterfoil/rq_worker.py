"""The RQ worker process: does the jobs whose ids come through RQ's queues, and upkeep.

    counterfoil worker                                                           WORKER_CONCURRENCY of them
    rq worker -c counterfoil.rq_worker -w counterfoil.rq_worker.Worker           one, by RQ's own command
    rq worker-pool -c counterfoil.rq_worker -w counterfoil.rq_worker.Worker -n 4

RQ's usual worker (`rq worker -c counterfoil.rq_worker -S json`) runs jobs as well, each in a process that it forks; but
it does no upkeep, and runs whatever it finds in Redis.
"""

import ctypes
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from redis import Redis
from rq.serializers import JSONSerializer
from rq.worker_pool import WorkerPool

from counterfoil import bootstrap
from counterfoil.foundation.logging import configure_logging
from counterfoil.foundation.settings import Settings, read_settings
from counterfoil.jobs import worker as engine
from counterfoil.jobs.hearing import Hearing
from counterfoil.jobs.infrastructure.rq import queue_names
from counterfoil.jobs.infrastructure.rq_workers import BellJob, BellQueue, BellWorker

# RQ's own command reads these two names, by -c.
REDIS_URL = read_settings().redis_url
QUEUES = queue_names(read_settings().queues)

_PR_SET_PDEATHSIG = 1


@contextmanager
def _life() -> Iterator[engine.Worker]:
    settings = read_settings()
    configure_logging(settings.log_format, settings.log_level)
    with bootstrap.in_service(settings) as worker:
        yield worker


@contextmanager
def _short_life() -> Iterator[engine.Worker]:
    """Be in service for one job, without upkeep."""
    settings = read_settings()
    configure_logging(settings.log_format, settings.log_level)
    worker = bootstrap.worker(bootstrap.assemble(settings))
    with worker.in_service():
        yield worker


class Worker(BellWorker):
    """The worker that RQ's own command is to use, by -w."""

    life = Hearing(_life)


def perform(job_id: str) -> None:
    """Do one job, in a process that RQ's usual worker has forked for it. Messages name this function."""
    alone = Hearing(_short_life)
    alone.hear(job_id)
    alone.end()


class PooledWorker(Worker):
    """One of several that a process has forked; it ends when that one is killed."""

    def work(self, *arguments: Any, **options: Any) -> bool:
        for number in (signal.SIGINT, signal.SIGTERM):  # until RQ sets its own; not those of the process that forked us
            signal.signal(number, signal.SIG_DFL)
        if sys.platform == "linux":
            ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        return super().work(*arguments, **options)


def run(settings: Settings) -> None:
    """Run as many workers as jobs may run at once, until SIGTERM or SIGINT; one that dies is started again."""
    pool = WorkerPool(
        queue_names(settings.queues),
        connection=Redis.from_url(settings.redis_url),
        num_workers=settings.worker_concurrency,
        worker_class=PooledWorker,
        serializer=JSONSerializer,
        job_class=BellJob,
        queue_class=BellQueue,
    )
    pool.start(logging_level="WARNING")  # the engine logs what becomes of jobs


if __name__ == "__main__":
    chosen = read_settings()
    configure_logging(chosen.log_format, chosen.log_level)
    run(chosen)
