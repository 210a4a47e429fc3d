"""What Prometheus can ask of a process: the names of the requirements, with its suffixes and our prefix."""

import asyncio
import time
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any

import psutil
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from counterfoil.foundation.errors import ServiceUnavailable

log = structlog.get_logger()

LAG_EVERY_SECONDS = 1.0
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900)


class Metrics:
    """The measures of one process, on a registry of its own. Labels are bounded: none holds what a client sent."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        r = self.registry
        self.requests = Counter(
            "counterfoil_http_requests", "Answered requests", ["method", "route", "status"], registry=r
        )
        self.request_seconds = Histogram(
            "counterfoil_http_request_duration_seconds",
            "From request to answer",
            ["route"],
            buckets=_SECONDS,
            registry=r,
        )
        self.auth_failures = Counter(
            "counterfoil_auth_failures", "Proofs of who asks that were refused", ["method"], registry=r
        )
        self.processed = Counter(
            "counterfoil_task_processing_rate", "Ended attempts at jobs", ["type", "ending"], registry=r
        )
        self.failed = Counter("counterfoil_task_error_rate", "Failed attempts at jobs", ["type"], registry=r)
        self.attempt_seconds = Histogram(
            "counterfoil_task_processing_duration_seconds",
            "One attempt at a job",
            ["type"],
            buckets=_SECONDS,
            registry=r,
        )
        self.dlq_cleaned = Counter("counterfoil_dlq_tasks_cleaned", "Dead letters removed by age or number", registry=r)
        self.dlq_cleanup_seconds = Histogram(
            "counterfoil_dlq_cleanup_duration_seconds", "One clean-up of dead letters", buckets=_SECONDS, registry=r
        )
        self.dlq_cleanup_success = Counter("counterfoil_dlq_cleanup_success", "Clean-ups that went well", registry=r)
        self.dlq_cleanup_failure = Counter("counterfoil_dlq_cleanup_failure", "Clean-ups that failed", registry=r)
        self.rate_limit_exceeded = Counter(
            "counterfoil_rate_limit_exceeded",
            "Calls to outside services put off by a rate limit",
            ["service"],
            registry=r,
        )
        self.breaker_trips = Counter(
            "counterfoil_circuit_breaker_trips", "Breakers that opened", ["service"], registry=r
        )
        self.documents = Counter("counterfoil_documents_processed", "Documents read", ["status"], registry=r)
        self.reading_seconds = Histogram(
            "counterfoil_processing_duration_seconds", "Reading a document", buckets=_SECONDS, registry=r
        )
        self.confidence = Histogram(
            "counterfoil_extraction_confidence",
            "The mean confidence of a document's values",
            buckets=[step / 10 for step in range(1, 11)],
            registry=r,
        )
        self.event_loop_lag = Gauge(
            "counterfoil_system_event_loop_lag_seconds", "How late the event loop runs", registry=r
        )
        r.register(_System())

    async def watch_event_loop(
        self,
        *,
        nap: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Measure how late the loop wakes us; run this as a task for as long as the process serves."""
        while True:
            before = clock()
            await nap(LAG_EVERY_SECONDS)
            self.event_loop_lag.set(max(0.0, clock() - before - LAG_EVERY_SECONDS))


class _System(Collector):
    """The machine's processor and memory, asked when somebody looks."""

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "counterfoil_system_cpu_usage_percent", "Processor use of this machine", psutil.cpu_percent()
        )
        yield GaugeMetricFamily(
            "counterfoil_system_memory_usage_bytes", "Memory in use on this machine", psutil.virtual_memory().used
        )


class _DatabaseCollector(Collector):
    """Measures what the database tells when somebody looks; left out while it does not answer."""

    def describe(self) -> Iterable[Metric]:
        """Name nothing beforehand, so that registering does not ask the database."""
        return []

    def collect(self) -> Iterable[Metric]:
        try:
            return list(self.ask())
        except ServiceUnavailable as error:
            log.warning("not_measured", collector=type(self).__name__, error=str(error))
            return []

    @abstractmethod
    def ask(self) -> Iterator[Metric]: ...


class QueueCollector(_DatabaseCollector):
    """The queues' sizes."""

    def __init__(self, counts: Callable[[], Mapping[tuple[str, Any], int]]) -> None:
        """Take a function that counts jobs by queue and status."""
        self._counts = counts

    def ask(self) -> Iterator[Metric]:
        size = GaugeMetricFamily(
            "counterfoil_task_queue_size", "Unfinished jobs and dead letters", labels=["queue", "status"]
        )
        dead = 0
        for (queue, status), count in self._counts().items():
            size.add_metric([queue, status], count)
            dead += count if status == "dead_letter" else 0
        yield size
        yield GaugeMetricFamily("counterfoil_dlq_size", "Dead letters", dead)
        yield GaugeMetricFamily("counterfoil_dlq_tasks_remaining", "Dead letters that no clean-up has removed", dead)


class TargetCollector(_DatabaseCollector):
    """How many targets there are, and how many of them are paused."""

    def __init__(self, counts: Callable[[], Mapping[tuple[str, Any], int]]) -> None:
        """Take a function that counts targets by kind and status."""
        self._counts = counts

    def ask(self) -> Iterator[Metric]:
        targets = GaugeMetricFamily("counterfoil_targets", "Tables that are delivered to", labels=["kind", "status"])
        for (kind, status), count in self._counts().items():
            targets.add_metric([kind, status], count)
        yield targets


class TransactionCollector(_DatabaseCollector):
    """For how long the oldest transaction has been open."""

    def __init__(self, oldest: Callable[[], timedelta]) -> None:
        self._oldest = oldest

    def ask(self) -> Iterator[Metric]:
        seconds = self._oldest().total_seconds()
        yield GaugeMetricFamily(
            "counterfoil_database_oldest_transaction_seconds", "For how long a transaction has been open", seconds
        )
