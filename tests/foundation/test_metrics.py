"""The measures have the promised names, and asking for them never fails."""

import asyncio
from contextlib import suppress

from prometheus_client import generate_latest

from counterfoil.foundation.database import DatabaseUnavailable
from counterfoil.foundation.metrics import Metrics, QueueCollector


def _shown(metrics: Metrics) -> str:
    return generate_latest(metrics.registry).decode()


def test_the_queues_are_counted_when_somebody_looks() -> None:
    metrics = Metrics()
    counts = {("default", "pending"): 3, ("default", "dead_letter"): 2}
    metrics.registry.register(QueueCollector(lambda: counts))
    assert 'counterfoil_task_queue_size{queue="default",status="pending"} 3.0' in _shown(metrics)
    counts["low_priority", "dead_letter"] = 1
    assert "counterfoil_dlq_size 3.0" in _shown(metrics)


def test_what_else_is_measured_shows_while_the_database_is_away() -> None:
    def counts() -> dict[tuple[str, str], int]:
        raise DatabaseUnavailable

    metrics = Metrics()
    metrics.registry.register(QueueCollector(counts))
    shown = _shown(metrics)
    assert "counterfoil_system_cpu_usage_percent " in shown
    assert "counterfoil_task_queue_size" not in shown


def test_the_names_are_those_that_were_promised() -> None:
    metrics = Metrics()
    metrics.registry.register(QueueCollector(dict))
    shown = _shown(metrics)
    names = (
        "task_queue_size",
        "task_processing_rate_total",
        "task_error_rate_total",
        "task_processing_duration_seconds",
        "dlq_size",
        "rate_limit_exceeded_total",
        "circuit_breaker_trips_total",
        "documents_processed_total",
        "processing_duration_seconds",
        "extraction_confidence",
        "http_requests_total",
        "http_request_duration_seconds",
    )
    assert [name for name in names if f"# TYPE counterfoil_{name} " not in shown] == []


def test_the_machine_is_measured() -> None:
    shown = _shown(Metrics())
    for name in ("system_cpu_usage_percent", "system_memory_usage_bytes", "system_event_loop_lag_seconds"):
        assert f"counterfoil_{name} " in shown


def test_a_loop_that_was_held_up_shows_its_lag() -> None:
    metrics = Metrics()
    naps: list[float] = []

    async def watch() -> None:
        async def nap(seconds: float) -> None:
            naps.append(seconds)
            if len(naps) > 1:
                raise asyncio.CancelledError

        times = iter([10.0, 11.5, 20.0])
        await metrics.watch_event_loop(nap=nap, clock=lambda: next(times))

    with suppress(asyncio.CancelledError):
        asyncio.run(watch())
    assert "counterfoil_system_event_loop_lag_seconds 0.5" in _shown(metrics)
