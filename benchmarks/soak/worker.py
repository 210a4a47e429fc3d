"""A worker process of the soak, to be killed: `python -m benchmarks.soak.worker`, told by its environment."""

import os
import signal
import sys
from functools import partial

from benchmarks.soak.work import childs_runner, engine_of, runner_on
from counterfoil.foundation.database import DatabaseUnavailable
from counterfoil.foundation.logging import configure_logging
from counterfoil.foundation.settings import read_settings
from counterfoil.jobs.infrastructure.children import ChildPool


def main() -> None:
    """Work and do upkeep until SIGTERM."""
    settings = read_settings()
    configure_logging(settings.log_format, settings.log_level)
    engine = engine_of(settings)
    guard = ChildPool(partial(childs_runner, settings.database), preload=["benchmarks.soak.work"])
    try:
        worker = engine.worker(runner_on(engine.database), guard)
    except DatabaseUnavailable:  # whoever starts workers does so again
        sys.exit(os.EX_TEMPFAIL)
    signal.signal(signal.SIGTERM, lambda *_: worker.stop())
    with engine.upkept():
        worker.run()


if __name__ == "__main__":
    main()
