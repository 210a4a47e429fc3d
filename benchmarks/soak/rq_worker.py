"""A worker of the soak for RQ: `rq worker -c benchmarks.soak.rq_worker -w benchmarks.soak.rq_worker.Worker`."""

from benchmarks.soak.worker import in_service
from counterfoil.foundation.settings import read_settings
from counterfoil.jobs.hearing import Hearing
from counterfoil.jobs.infrastructure.rq import queue_names
from counterfoil.jobs.infrastructure.rq_workers import BellWorker

REDIS_URL = read_settings().redis_url
QUEUES = queue_names(read_settings().queues)


class Worker(BellWorker):
    """Does the soak's jobs."""

    life = Hearing(in_service)
