"""Many rows come back as they were, whatever they have in common."""

from dataclasses import replace
from pathlib import Path

import pytest

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database
from counterfoil.jobs.domain import Json
from counterfoil.jobs.infrastructure.bulk import MANY, Columns
from tests.support.engine import Engine
from tests.support.jobs import make_job


@pytest.mark.parametrize("number", [1, MANY - 1, MANY, 3 * MANY])
def test_jobs_come_back_as_they_were_however_many_there_are(
    database: Database, tmp_path: Path, workspace: WorkspaceId, number: int
) -> None:
    engine = Engine(database=database, folder=tmp_path)
    payloads: list[Json] = [{"n": 1}, {"n": True}, {"n": 1.5}, {"n": None}, {}]
    jobs = [
        replace(make_job(workspace), payload=payloads[turn % len(payloads)], description=f"{turn % 2} é'\"{{}}")
        for turn in range(number)
    ]
    with engine.database.transaction() as tx:
        engine.store.add(tx, jobs)
    with engine.database.reading() as tx:
        kept = {job.id: engine.store.get(tx, workspace, job.id) for job in jobs}
    assert [kept[job.id] for job in jobs] == jobs
    assert [repr(kept[job.id].payload) for job in jobs if kept[job.id]] == [repr(job.payload) for job in jobs]  # type: ignore[union-attr]  # just tested


def test_what_all_rows_share_travels_once_but_never_json() -> None:
    rows = [{"id": turn, "queue": "default", "payload": {}} for turn in range(MANY)]
    assert Columns.of(rows) == Columns(own=("id", "payload"), shared=("queue",))
    assert Columns.of(rows[1:]) == Columns(own=("id", "queue", "payload"))
