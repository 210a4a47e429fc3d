"""Bells through RQ: a queue of RQ's for each of ours and band of priority; a message is a job's id and nothing else."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from redis.exceptions import RedisError
from rq import Queue
from rq.serializers import JSONSerializer

from counterfoil.jobs.domain import Call
from counterfoil.jobs.errors import RedisUnavailable
from counterfoil.jobs.infrastructure.brokers import Band, Sender, connect, lost, ping

PERFORM = "counterfoil.rq_worker.perform"
KEEP_FAILED_SECONDS = 86_400


def queue_names(queues: Iterable[str]) -> list[str]:
    """Return the RQ queues for ours, in the order in which a worker has to serve them."""
    ours = list(queues)
    return [f"{queue}.{band}" for band in Band for queue in ours]


def queue_name(call: Call) -> str:
    """Return the RQ queue that a call belongs to."""
    return f"{call.queue}.{Band.of(call.priority)}"


class RqDispatcher:
    """Rings through RQ. Its own retries and time limits are off, for the engine has better ones."""

    def __init__(self, url: str) -> None:
        self._redis = connect(url)
        self._sender = Sender(self._send)

    def ring(self, calls: Sequence[Call]) -> None:
        """Have these calls sent; who waits for the commit does not wait for Redis."""
        self._sender.put(calls)

    def _send(self, calls: Sequence[Call]) -> None:
        try:
            with self._redis.pipeline() as pipeline:
                for name, some in _by_queue(calls).items():
                    queue = Queue(name, connection=self._redis, serializer=JSONSerializer)
                    queue.enqueue_many([_message(call) for call in some], pipeline=pipeline)
                pipeline.execute()
        except RedisError as error:
            raise RedisUnavailable from error

    def lost(self, calls: Sequence[Call]) -> Sequence[Call]:
        lists = {f"{Queue.redis_queue_namespace_prefix}{name}": some for name, some in _by_queue(calls).items()}
        return lost(self._redis, lists, lambda entry: [entry.decode(errors="replace")])

    def ping(self) -> None:
        ping(self._redis)


def _by_queue(calls: Sequence[Call]) -> Mapping[str, Sequence[Call]]:
    found = defaultdict(list)
    for call in calls:
        found[queue_name(call)].append(call)
    return found


def _message(call: Call) -> Any:
    job = str(call.job)
    return Queue.prepare_data(PERFORM, args=[job], job_id=job, **options(job))


def options(job: str) -> Mapping[str, Any]:
    """Return how RQ is to treat a message: with no time limit, no result, no retry."""
    return {"description": f"job {job}", "timeout": -1, "result_ttl": 0, "failure_ttl": KEEP_FAILED_SECONDS}
