"""The measures have the promised names, and asking for them never fails."""

import asyncio
from contextlib import suppress

from prometheus_client import generate_latest

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
