"""A worker process of the soak, to be killed: `python -m benchmarks.soak.worker`, told by its environment."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from benchmarks.soak.work import childs_runner, engine_of, runner_on
from counterfoil.engine import Engine
from counterfoil.foundation.database import DatabaseUnavailable
from counterfoil.foundation.logging import configure_logging
from counterfoil.foundation.settings import read_settings
from counterfoil.jobs.infrastructure.children import ChildPool
from counterfoil.jobs.worker import Worker


def main() -> None:
    """Work and do upkeep until SIGTERM."""
    engine, worker = _hired()
    signal.signal(signal.SIGTERM, lambda *_: worker.stop())
    with engine.upkept():
        worker.run()


@contextmanager
def in_service() -> Iterator[Worker]:
    """Have a worker that a broker tells what to do, and do upkeep, while the context lasts."""
    engine, worker = _hired()
    with engine.upkept(), worker.in_service():
        yield worker


def _hired() -> tuple[Engine, Worker]:
    settings = read_settings()
    configure_logging(settings.log_format, settings.log_level)
    engine = engine_of(settings)
    guard = ChildPool(partial(childs_runner, settings.database), preload=["benchmarks.soak.work"])
    try:
        return engine, engine.worker(runner_on(engine.database), guard)
    except DatabaseUnavailable:  # whoever starts workers does so again
        sys.exit(os.EX_TEMPFAIL)


if __name__ == "__main__":
    main()
