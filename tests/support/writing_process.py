"""A process that writes rows in pairs, and says which are kept: `writing_process URL CHECKPOINT_PAGES`."""

import sys
from datetime import UTC, datetime
from itertools import count

from sqlalchemy import insert, text

from counterfoil.access.infrastructure.sql import WorkspaceRow
from counterfoil.foundation.database import Database
from counterfoil.foundation.ids import new_id


def main() -> None:
    url, pages = sys.argv[1:]
    database = Database(url, pool_size=1, max_overflow=0)
    with database.reading() as tx:
        tx.execute(text(f"PRAGMA wal_autocheckpoint = {int(pages)}"))
    for number in count():
        with database.transaction() as tx:
            for _ in range(2):
                row = {"id": new_id(), "name": f"pair {number}", "created_at": datetime.now(UTC)}
                tx.execute(insert(WorkspaceRow), row)
        print(number, flush=True)  # noqa: T201 - it says so to who started it


if __name__ == "__main__":
    main()
