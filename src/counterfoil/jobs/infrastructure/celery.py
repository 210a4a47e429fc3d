"""Bells through Celery on Redis: a queue of Celery's for each of ours; a message is a job's id and nothing else."""

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from celery import Celery
from kombu import Queue
from kombu.exceptions import KombuError, OperationalError
from kombu.transport import redis as kombu_redis
from redis.exceptions import RedisError

from counterfoil.foundation.settings import Settings
from counterfoil.jobs.domain import Call
from counterfoil.jobs.errors import RedisUnavailable
from counterfoil.jobs.infrastructure.brokers import PATIENCE_SECONDS, Band, Sender, connect, lost, ping

PERFORM = "counterfoil.perform"
BIRTH_SECONDS = 120.0
"""A process builds a house before it says that it is up; Celery's four seconds would start it over and over."""
PREFIX = "counterfoil:"
PRIORITIES: Mapping[Band, int] = {Band.CRITICAL: 0, Band.HIGH: 3, Band.MEDIUM: 6, Band.LOW: 9}
"""On Redis the most urgent is 0."""
VISIBILITY_SECONDS = 24 * 3_600
"""When Celery hands a message out again that nobody has acknowledged: long after upkeep has rung again."""


def configure(app: Celery, settings: Settings) -> None:
    """Set up an application of Celery's, for who rings and for who hears."""
    app.conf.update(
        broker_url=settings.redis_url,
        broker_transport_options={
            "global_keyprefix": PREFIX,
            "priority_steps": sorted(PRIORITIES.values()),
            "queue_order_strategy": "priority",
            "visibility_timeout": VISIBILITY_SECONDS,
            "socket_connect_timeout": PATIENCE_SECONDS,
            "socket_timeout": 30,
            "socket_keepalive": True,
            "health_check_interval": 15,
        },
        broker_connection_retry=True,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        accept_content=["json"],
        task_serializer="json",
        task_queues=[Queue(name, routing_key=name) for name in settings.queues],
        task_default_queue=settings.queues[0],
        task_create_missing_queues=True,
        task_ignore_result=True,
        task_store_errors_even_if_ignored=False,
        task_acks_late=True,  # with prefetch 1, so that priorities count among what waits
        task_reject_on_worker_lost=False,  # upkeep rings again
        worker_prefetch_multiplier=1,
        worker_concurrency=settings.worker_concurrency,
        worker_proc_alive_timeout=BIRTH_SECONDS,
        worker_enable_remote_control=False,  # no orders from Redis
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_hijack_root_logger=False,
    )


class CeleryDispatcher:
    """Rings through Celery. Its own retries, results and time limits are off, for the engine has better ones."""

    def __init__(self, settings: Settings) -> None:
        self._redis = connect(settings.redis_url)
        self._app = Celery("counterfoil", set_as_current=False)
        configure(self._app, settings)
        # A worker waits for Redis as long as it takes; who rings does not.
        self._app.conf.broker_transport_options |= {"max_retries": 1, "interval_start": 0, "interval_step": 0}
        self._app.conf.broker_transport_options |= {"socket_timeout": PATIENCE_SECONDS}
        self._sender = Sender(self._send)

    def ring(self, calls: Sequence[Call]) -> None:
        """Have these calls sent; who waits for the commit does not wait for Redis."""
        self._sender.put(calls)

    def _send(self, calls: Sequence[Call]) -> None:
        try:
            with self._app.producer_pool.acquire(block=True, timeout=PATIENCE_SECONDS) as producer:
                for call in calls:
                    self._send_one(producer, call)
        except (OperationalError, KombuError, RedisError, OSError) as error:
            raise RedisUnavailable from error

    def _send_one(self, producer: Any, call: Call) -> None:
        self._app.send_task(
            PERFORM,
            args=[str(call.job)],
            task_id=str(call.job),
            queue=call.queue,
            priority=PRIORITIES[Band.of(call.priority)],
            producer=producer,
            ignore_result=True,
            retry=False,
        )

    def lost(self, calls: Sequence[Call]) -> Sequence[Call]:
        lists = defaultdict(list)
        for call in calls:
            lists[list_of(call)].append(call)
        return lost(self._redis, lists, _ids)

    def ping(self) -> None:
        ping(self._redis)


def list_of(call: Call) -> str:
    """Return the list in Redis where a call's message waits."""
    priority = PRIORITIES[Band.of(call.priority)]
    return f"{PREFIX}{call.queue}" + (f"{kombu_redis.Channel.sep}{priority}" if priority else "")


def _ids(message: bytes) -> Collection[str]:
    try:
        return [str(json.loads(message)["headers"]["id"])]
    except (ValueError, KeyError, TypeError, RecursionError):
        return []
