"""RQ's worker around the engine's: it takes bells only, and no orders from whoever can write into Redis.

RQ's own worker runs whatever function a message names, unpickles what it is given, follows callbacks and addresses
that a message brings along, and obeys commands. This one takes a job's id from a queue, and builds the message anew.

It does not fork for each job either: guarded jobs have child processes of the engine's, which are warm.
"""

import json
import time
import zlib
from collections.abc import Iterable
from contextlib import suppress
from contextvars import ContextVar
from types import FrameType
from typing import Any, ClassVar
from uuid import uuid4

import structlog
from redis import Redis
from redis.exceptions import RedisError, ResponseError
from rq import Queue, SimpleWorker
from rq.exceptions import DequeueTimeout, StopRequested
from rq.job import Job
from rq.serializers import JSONSerializer

from counterfoil.jobs.domain import JobId
from counterfoil.jobs.hearing import Hearing, job_named
from counterfoil.jobs.infrastructure.rq import PERFORM, options

LONGEST_MESSAGE = 1_000
BUSY_TTL_SECONDS = 3_600
PAUSE_SECONDS = 1.0
LISTEN_SECONDS = 3

hearing: ContextVar[Hearing | None] = ContextVar("hearing", default=None)
"""That of this process, for messages, which RQ makes and performs."""

log = structlog.get_logger()


class BellJob(Job):
    """What RQ keeps of a bell. What else somebody may have written into Redis, such as callbacks, is not followed."""

    success_callback = failure_callback = stopped_callback = None  # properties of RQ's

    def perform(self) -> None:
        """Do the job, without asking the message what is to be called."""
        if ours := hearing.get():
            ours.hear(self.id)

    def send_webhooks(self, *_: object, **__: object) -> None:
        """Send none."""


class BellQueue(Queue):
    """A queue whose messages are looked at before anything is done about them."""

    job_class = BellJob

    @classmethod
    def dequeue_any(  # type: ignore[override]  # RQ hands over more than we need
        cls, queues: Iterable[Queue], timeout: int | None, connection: "Redis", **_: object
    ) -> "tuple[Job, Queue] | None":
        """Take the next message from the first queue that has one, and throw away what is no bell of ours."""
        keys = [queue.key for queue in queues]
        while True:
            popped = connection.blpop(keys, timeout) if timeout else _pop(connection, keys)
            if popped is None:
                if timeout:
                    raise DequeueTimeout(timeout, keys)
                return None
            key, entry = (_text(part) for part in popped)
            if job := _bell(connection, key, entry):
                return job, cls.from_queue_key(key, connection=connection, serializer=JSONSerializer)


def _pop(connection: "Redis", keys: Iterable[str]) -> tuple[str, bytes | str] | None:
    found = ((key, connection.lpop(key)) for key in keys)
    return next(((key, entry) for key, entry in found if isinstance(entry, bytes | str)), None)


def _text(part: bytes | str) -> str:
    return part.decode(errors="replace") if isinstance(part, bytes) else part


def _bell(connection: "Redis", key: str, entry: str) -> BellJob | None:
    """Return a message of our own making in the place of the one found; None if that one is not as ours are."""
    job = job_named(entry)
    if job is None:
        log.warning("bell_refused", queue=key, reason="no job's id")
        return None
    packed = _packed(connection, job)
    if packed is None:
        # It was rung twice, and heard. To go through all of RQ's ways for nothing takes seconds where Redis is slow;
        # should the job be waiting after all, upkeep rings again.
        log.info("bell_in_vain", job_id=str(job))
        return None
    if not _is_ours(packed, job):
        log.warning("bell_refused", queue=key, job_id=str(job), reason="another call than ours")
        connection.delete(BellJob.key_for(str(job)))
        return None
    made = BellJob.create(
        PERFORM,
        args=[str(job)],
        id=str(job),
        connection=connection,
        serializer=JSONSerializer,
        origin=key.removeprefix(Queue.redis_queue_namespace_prefix),
        **options(str(job)),
    )
    assert isinstance(made, BellJob)  # noqa: S101 - a class makes its own
    return made


def _packed(connection: "Redis", job: JobId) -> bytes | None:
    """Return a message as it is kept, or None if it is gone; what is no message is an empty one."""
    try:
        packed = connection.hget(BellJob.key_for(str(job)), "data")
    except ResponseError:
        return b""
    return packed if isinstance(packed, bytes | None) else b""


def _is_ours(packed: bytes, job: JobId) -> bool:
    """Tell whether the message says to perform this job. Nothing is imported, run or unpickled for it."""
    try:
        said = json.loads(zlib.decompressobj().decompress(packed, LONGEST_MESSAGE))
    except (zlib.error, ValueError, RecursionError):
        return False
    return bool(said == [PERFORM, None, [str(job)], {}])


class BellWorker(SimpleWorker):
    """RQ's worker, without all that others could tell it. `life` is given by the process that it is for."""

    life: ClassVar[Hearing]
    max_connection_wait_time = 5.0
    log_result_lifespan = False

    def __init__(self, queues: Any, *arguments: Any, **options: Any) -> None:
        names = [queue if isinstance(queue, str) else queue.name for queue in queues]
        own = {"serializer": JSONSerializer, "job_class": BellJob, "queue_class": BellQueue}
        super().__init__(names, *arguments, **(options | own))

    @property
    def dequeue_timeout(self) -> int:
        """Listen for so many seconds at a time: redis-py gives a connection up that says nothing for five."""
        return LISTEN_SECONDS

    def work(self, *arguments: Any, **options: Any) -> bool:
        """Serve the queues until a signal comes. RQ's scheduler is not started: the engine has its own."""
        self.life.begin()
        hearing.set(self.life)
        with suppress(StopRequested):
            while not self._work_for_once(*arguments, **(options | {"with_scheduler": False})):
                time.sleep(PAUSE_SECONDS)
                self.name = uuid4().hex  # the old one may still be taken by what Redis knows of us
        self.life.end()
        return True

    def _work_for_once(self, *arguments: Any, **options: Any) -> bool:
        """Serve as RQ's worker does, which ends when Redis is away at a bad moment; return if the end was wanted."""
        try:
            super().work(*arguments, **options)
        except RedisError as error:
            log.warning("redis_unavailable", error=repr(error))
        wanted = options.get("burst") or options.get("max_jobs") or options.get("max_idle_time")
        return bool(wanted or self._shutdown_requested_date)

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """Let the job that runs finish within the grace; then it goes back."""
        self.life.stop()
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]

    def run_maintenance_tasks(self) -> None:
        """Tidy up what RQ keeps. What is not in order there is no reason to end."""
        try:
            super().run_maintenance_tasks()  # type: ignore[no-untyped-call]
        except RedisError:
            raise
        except Exception as error:  # noqa: BLE001 - anything may have been written there
            log.warning("rq_untidy", error=repr(error))

    def subscribe(self) -> None:
        """Hear no commands: jobs are cancelled, and workers stopped, elsewhere."""

    def get_heartbeat_ttl(self, job: Job, working_time: float = 0.0) -> int:  # noqa: ARG002 - RQ's signature
        """Be shown as living during a long job: nothing beats for RQ while it runs."""
        return BUSY_TTL_SECONDS
