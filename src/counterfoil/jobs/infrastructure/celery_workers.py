"""Celery's application around the engine's workers: one for the life of each process that Celery forks.

The process that forks them has no worker and no database, so that no connection and no lock is ever inherited.
"""

import logging
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from queue import Empty
from typing import Any

import structlog
from celery import Celery, signals
from kombu.transport import redis as kombu_redis
from kombu.transport import virtual
from redis.exceptions import RedisError

from counterfoil.foundation.logging import configure_logging
from counterfoil.foundation.settings import Settings
from counterfoil.jobs.hearing import Hearing
from counterfoil.jobs.infrastructure.celery import PERFORM, configure

log = structlog.get_logger()


def application(settings: Settings, hearing: Hearing) -> Celery:
    """Return the application whose one task is to do a job."""
    app = Celery("counterfoil")
    configure(app, settings)
    app.conf.broker_transport = f"{__name__}:SteadyTransport"

    @app.task(name=PERFORM, max_retries=0, ignore_result=True)  # type: ignore[untyped-decorator]  # it has no types
    def perform(job_id: object) -> None:
        hearing.hear(job_id)

    def begin(**_: Any) -> None:
        hearing.begin()
        signal.signal(signal.SIGUSR2, lambda *_: hearing.stop())

    def set_up_logging(**_: Any) -> None:
        configure_logging(settings.log_format, settings.log_level)
        for noisy in ("celery.worker.strategy", "celery.app.trace"):  # the engine logs what becomes of jobs
            logging.getLogger(noisy).setLevel(logging.WARNING)

    signals.setup_logging.connect(set_up_logging, weak=False)
    signals.worker_init.connect(_tell_processes_of_a_shutdown, weak=False)
    signals.worker_process_init.connect(begin, weak=False)
    signals.worker_process_shutdown.connect(lambda **_: hearing.end(), weak=False)
    return app


def _tell_processes_of_a_shutdown(sender: Any, **_: Any) -> None:
    """Have the grace begin where jobs run: Celery itself would wait for them as long as they take."""

    def tell(**_: Any) -> None:
        for process in sender.pool.info.get("processes", ()):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGUSR2)

    signals.worker_shutting_down.connect(tell, weak=False)


class SteadyQoS(kombu_redis.QoS):  # type: ignore[misc]  # it has no types
    """Counts what may be fetched, and counts right when Redis was away as a message was acknowledged.

    Celery's own would take the message for one that is still at work, and fetch no other in its place, ever.
    """

    def ack(self, delivery_tag: str) -> None:
        """Count the message as done, in Redis if that can be."""
        try:
            super().ack(delivery_tag)
        except RedisError as error:
            log.warning("redis_unavailable", error=repr(error))
            virtual.QoS.ack(self, delivery_tag)


class SteadyChannel(kombu_redis.Channel):  # type: ignore[misc]  # it has no types
    """A channel that throws away what is no message; Celery's own would end the worker."""

    QoS = SteadyQoS

    def _brpop_read(self, **options: Any) -> Any:
        return _past_what_is_broken(super()._brpop_read, **options)

    def _get(self, *arguments: Any, **options: Any) -> Any:
        return _past_what_is_broken(super()._get, *arguments, **options)


class SteadyTransport(kombu_redis.Transport):  # type: ignore[misc]  # it has no types
    """Redis, read with such channels."""

    Channel = SteadyChannel


def _past_what_is_broken(read: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    try:
        return read(*arguments, **options)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        log.warning("bell_refused", reason="no message", error=repr(error))
        raise Empty from None
