"""A worker process by itself, to be killed: `worker_process URL FOLDER [CONCURRENCY [GRACE]]`."""

import signal
import sys
from datetime import timedelta
from pathlib import Path

# The table that every row points to: without it this process does not know the whole schema.
import counterfoil.access.infrastructure.sql  # noqa: F401 - for its table alone
from counterfoil.foundation.database import Database
from tests.support.engine import Engine


def main() -> None:
    url, folder, concurrency, grace, *_ = [*sys.argv[1:], *("3", "30")[len(sys.argv) - 3 :]]
    engine = Engine(
        database=Database(url),
        folder=Path(folder),
        concurrency=int(concurrency),
        grace=timedelta(seconds=float(grace)),
        lapse=timedelta(seconds=2),
        beat_every=timedelta(milliseconds=300),
    )
    worker = engine.worker()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.stop())
    engine.upkeep(worker.presence).start()
    worker.run()


if __name__ == "__main__":
    main()
