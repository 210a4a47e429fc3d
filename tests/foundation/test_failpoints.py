"""A process fails where a test says, and nowhere else."""

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select

import counterfoil
from counterfoil.access.infrastructure.sql import WorkspaceRow
from counterfoil.foundation.database import Database
from counterfoil.foundation.failpoints import NAMES, InjectedFault, UnknownFailpoint, armed, failpoint
from counterfoil.foundation.ids import new_id

WRITE = """
import sys
from datetime import UTC, datetime
from sqlalchemy import insert
from counterfoil.access.infrastructure.sql import WorkspaceRow
from counterfoil.foundation.database import Database
from counterfoil.foundation.ids import new_id

with Database(sys.argv[1]).transaction() as tx:
    tx.execute(insert(WorkspaceRow), {"id": new_id(), "name": "Written", "created_at": datetime.now(UTC)})
"""


def write_elsewhere(url: str, failpoints: str) -> int:
    """Write a row in another process; return how it ended."""
    environment = os.environ | {"FAILPOINTS": failpoints}
    command = [sys.executable, "-W", "ignore", "-c", WRITE, url]
    return subprocess.run(command, env=environment, check=False, capture_output=True, timeout=60).returncode


def written(database: Database) -> int:
    with database.reading() as tx:
        count = select(func.count()).select_from(WorkspaceRow).where(WorkspaceRow.name == "Written")
        return int(tx.execute(count).scalar_one())


def test_nothing_happens_where_nothing_is_asked_for() -> None:
    with armed("transaction.begun=raise"):
        failpoint("transaction.committed")
    failpoint("transaction.begun")


def test_a_fault_comes_at_each_visit_or_at_the_one_that_is_named() -> None:
    with armed("transaction.begun=raise"):
        for _ in range(2):
            with pytest.raises(InjectedFault):
                failpoint("transaction.begun")
    with armed(" transaction.committed=sleep:0 , transaction.begun=raise*3"):
        failpoint("transaction.begun")
        failpoint("transaction.begun")
        with pytest.raises(InjectedFault):
            failpoint("transaction.begun")
        failpoint("transaction.begun")


def test_a_fault_may_come_by_chance() -> None:
    with armed("transaction.begun=raise%0"):
        for _ in range(100):
            failpoint("transaction.begun")
    with armed("transaction.begun=raise%100"), pytest.raises(InjectedFault):
        failpoint("transaction.begun")


def test_a_pause_lasts_as_long_as_it_says() -> None:
    begun = time.monotonic()
    with armed("transaction.begun=sleep:0.2"):
        failpoint("transaction.begun")
    assert time.monotonic() - begun >= 0.2


@pytest.mark.parametrize(
    "wanted", ["nowhere=raise", "transaction.begun", "transaction.begun=explode", "transaction.begun=raise*0"]
)
def test_a_place_or_an_action_that_there_is_not_is_refused(wanted: str, database_url: str) -> None:
    with pytest.raises(UnknownFailpoint), armed(wanted):
        pass
    assert write_elsewhere(database_url, wanted) == 1


def test_a_process_dies_before_its_commit_or_after_it(database: Database) -> None:
    assert write_elsewhere(database.url, "transaction.committing=kill") == -signal.SIGKILL
    assert written(database) == 0
    assert write_elsewhere(database.url, "transaction.committed=exit") == 70
    assert written(database) == 1


def test_a_process_stops_and_goes_on_when_it_is_told_to(database: Database) -> None:
    environment = os.environ | {"FAILPOINTS": "transaction.committing=stop"}
    command = [sys.executable, "-W", "ignore", "-c", WRITE, database.url]
    with subprocess.Popen(command, env=environment) as process:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        assert written(database) == 0
        process.send_signal(signal.SIGCONT)
        assert process.wait(timeout=60) == 0
    assert written(database) == 1


def test_a_fault_before_the_commit_writes_nothing_and_one_after_it_rings_nobody(database: Database) -> None:
    rang: list[str] = []

    def write() -> None:
        with database.transaction() as tx:
            tx.execute(insert(WorkspaceRow), {"id": new_id(), "name": "Written", "created_at": datetime.now(UTC)})
            tx.after_commit(lambda: rang.append("rang"))

    for place, rows in (("begun", 0), ("committing", 0), ("committed", 1)):
        with armed(f"transaction.{place}=raise"), pytest.raises(InjectedFault):
            write()
        assert written(database) == rows
    assert rang == []


def test_every_place_is_in_the_list_once_and_in_the_code_once() -> None:
    sources = [path.read_text() for folder in counterfoil.__path__ for path in Path(folder).rglob("*.py")]
    found = Counter(name for source in sources for name in re.findall(r'failpoint\("([^"]+)"\)', source))
    assert found == Counter(NAMES)
