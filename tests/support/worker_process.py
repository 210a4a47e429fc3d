"""A worker process by itself, to be killed: `python -m tests.support.worker_process URL FOLDER`."""

import sys
from datetime import timedelta
from pathlib import Path

# The table that every row points to: without it this process does not know the whole schema.
import counterfoil.access.infrastructure.sql  # noqa: F401 - for its table alone
from counterfoil.foundation.database import Database
from tests.support.jobs import Engine


def main() -> None:
    url, folder = sys.argv[1:]
    engine = Engine(
        database=Database(url),
        folder=Path(folder),
        concurrency=3,
        lapse=timedelta(seconds=2),
        beat_every=timedelta(milliseconds=300),
    )
    worker = engine.worker()
    engine.upkeep(worker.presence).start()
    worker.run()


if __name__ == "__main__":
    main()
