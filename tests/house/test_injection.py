"""What injects faults does as it says, and the same again with the same seed."""

from typing import Protocol

import pytest
from sqlalchemy import func, select

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database, DatabaseUnavailable
from counterfoil.jobs.infrastructure.sql import SqlJobStore
from counterfoil.jobs.infrastructure.tables import JobRow
from counterfoil.jobs.protocols import JobStore
from tests.support.injection import Fault, Faults, FaultyDatabase, inject
from tests.support.jobs import make_job


class Counter(Protocol):
    def count(self) -> int: ...


class Counting:
    """Counts its calls."""

    def __init__(self) -> None:
        self.number = 0

    def count(self) -> int:
        self.number += 1
        return self.number


def run(rate: float, seed: int) -> list[tuple[str, int, Fault]]:
    faults = Faults(rate=rate, seed=seed)
    counter: Counter = inject(Counting(), faults)
    for _ in range(200):
        try:
            counter.count()
        except DatabaseUnavailable:
            continue
    return faults.met


def test_the_same_seed_gives_the_same_faults_and_another_gives_others() -> None:
    assert run(0.1, seed=7) == run(0.1, seed=7) != run(0.1, seed=8)
    assert {fault for _, _, fault in run(0.5, seed=7)} == set(Fault)
    assert run(0, seed=7) == []


def test_a_seed_is_said_and_can_be_given_from_outside(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = f"FAULT_SEED={Faults().seed}\n"
    assert capsys.readouterr().out == said
    monkeypatch.setenv("FAULT_SEED", "7")
    assert Faults().seed == 7


def test_a_call_that_is_named_fails_in_the_way_that_is_named() -> None:
    inner = Counting()
    faults = Faults(at={("count", 2): Fault.UNAVAILABLE, ("count", 3): Fault.EXECUTE_AND_TIMEOUT})
    counter: Counter = inject(inner, faults)
    assert counter.count() == 1
    for calls_that_happened in (1, 2):
        with pytest.raises(DatabaseUnavailable):
            counter.count()
        assert inner.number == calls_that_happened
    assert counter.count() == 3
    assert faults.calls("count") == 4


def test_a_store_of_jobs_keeps_its_type_and_its_failing_calls_are_undone(
    database: Database, workspace: WorkspaceId
) -> None:
    store: JobStore = inject(SqlJobStore(), Faults(at={("add", 1): Fault.EXECUTE_AND_TIMEOUT}))
    job = make_job(workspace)
    with pytest.raises(DatabaseUnavailable), database.transaction() as tx:
        store.add(tx, [job])
    with database.transaction() as tx:
        assert store.get(tx, workspace, job.id) is None
        store.add(tx, [job])
    with database.reading() as tx:
        assert store.get(tx, workspace, job.id) is not None


@pytest.mark.parametrize(
    ("fault", "rows"), [(Fault.UNAVAILABLE, 0), (Fault.TIMEOUT, 0), (Fault.EXECUTE_AND_TIMEOUT, 1)]
)
def test_a_transaction_fails_before_its_commit_or_after_it(
    database: Database, workspace: WorkspaceId, fault: Fault, rows: int
) -> None:
    faulty = FaultyDatabase(database.url, Faults(at={("writing", 1): fault}))
    rang: list[str] = []

    def add() -> None:
        with faulty.transaction() as tx:
            SqlJobStore().add(tx, [make_job(workspace)])
            tx.after_commit(lambda: rang.append("rang"))

    with pytest.raises(DatabaseUnavailable):
        add()
    rows = 1 if fault is Fault.EXECUTE_AND_TIMEOUT else 0
    with faulty.reading() as tx:
        assert tx.execute(select(func.count()).select_from(JobRow)).scalar_one() == rows
    assert rang == []
    faulty.close()
