"""A worker that is killed in the middle of a reading: the document is finished by the next one, once."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from counterfoil.access.domain import DEFAULT_WORKSPACE
from counterfoil.bootstrap import House
from counterfoil.foundation.paging import Paging
from counterfoil.jobs.domain import Ending, JobStatus
from counterfoil.records.domain import record_id_of
from tests.support.house import SAMPLES, build, settings_for
from tests.support.waiting import wait_until


@pytest.fixture
def house(database_url: str, tmp_path: Path) -> Iterator[House]:
    house = build(settings_for(tmp_path, database_url=database_url))
    yield house
    house.database.close()


@contextmanager
def _worker(house: House) -> Iterator[psutil.Process]:
    """Run `counterfoil worker` as a process of its own."""
    url = house.database.engine.url.render_as_string(hide_password=False)
    environment = {
        **os.environ,
        "DATA_DIR": str(house.settings.data_dir),
        "DATABASE_URL": url,
        "WORKER_POLL_SECONDS": "0.1",
        "WORKER_BEAT_SECONDS": "0.3",
        "WORKER_LAPSE_SECONDS": "3",
        "LOG_LEVEL": "ERROR",
    }
    command = [str(Path(sys.executable).parent / "counterfoil"), "worker"]
    process = subprocess.Popen(command, env=environment)
    try:
        yield psutil.Process(process.pid)
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(timeout=60)


def test_the_next_worker_finishes_the_document_once(house: House) -> None:
    with (SAMPLES / "invoice-scanned.pdf").open("rb") as content:
        received = house.documents.receive(DEFAULT_WORKSPACE, "invoice-scanned.pdf", content)

    def status() -> JobStatus:
        return house.jobs.get(DEFAULT_WORKSPACE, received.job_id).status

    with _worker(house) as worker:
        wait_until(lambda: status() is JobStatus.PROCESSING, seconds=60)
        family = [worker, *worker.children(recursive=True)]
        worker.send_signal(signal.SIGKILL)
        wait_until(lambda: not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in family))
        assert status() is JobStatus.PROCESSING

    with _worker(house):
        wait_until(lambda: status() is JobStatus.COMPLETED and not house.jobs.has_work(), seconds=90)

    attempts = house.jobs.attempts(DEFAULT_WORKSPACE, received.job_id)
    assert [attempt.ending for attempt in attempts] == [Ending.LOST, Ending.COMPLETED]
    record = house.records.get(DEFAULT_WORKSPACE, record_id_of(received.document.id))
    assert record.version <= 2  # drafted once, and accepted if there was no doubt
    assert len(house.records.page(DEFAULT_WORKSPACE, Paging()).items) == 1
