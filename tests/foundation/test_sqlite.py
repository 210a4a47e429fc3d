"""A SQLite file survives the end of who writes it at any moment, and is refused where it is damaged or out of place."""

import hashlib
import random
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from sqlalchemy import select

from counterfoil.access.infrastructure.sql import WorkspaceRow
from counterfoil.foundation import sqlite
from counterfoil.foundation.database import Database
from counterfoil.foundation.sqlite import DatabaseDamaged, DatabaseMisplaced, refuse_a_network
from tests.conftest import prepare
from tests.support.house import build, settings_for
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]
PAGE = 4096
NEVER = 0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database with its tables, and nobody at it."""
    path = tmp_path / "a" / "counterfoil.db"
    database = Database(f"sqlite:///{path}")
    prepare(database)
    database.close()
    return path


@dataclass(slots=True, kw_only=True)
class Writer:
    """A process that writes into a database, and what it has said."""

    process: "subprocess.Popen[bytes]"
    said: Path

    def kept(self) -> int:
        """Return of how many pairs it was said that they are kept."""
        return self.said.read_text().count("\n")

    def stop(self) -> None:
        """Stop it wherever it is."""
        self.process.send_signal(signal.SIGSTOP)
        wait_until(lambda: psutil.Process(self.process.pid).status() == psutil.STATUS_STOPPED)


@contextmanager
def writing(path: Path, *, checkpoint_pages: int) -> Iterator[Writer]:
    """Have a process write, which moves its log into the file whenever that has so many pages."""
    said = path.with_suffix(".said")
    command = [sys.executable, "-m", "tests.support.writing_process", f"sqlite:///{path}", str(checkpoint_pages)]
    with said.open("wb") as output, subprocess.Popen(command, cwd=ROOT, stdout=output) as process:
        writer = Writer(process=process, said=said)
        try:
            wait_until(lambda: writer.kept() > 20)
            yield writer
        finally:
            process.kill()


def log_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def pairs(path: Path) -> int:
    """Return how many pairs are there, all of them whole and none left out."""
    database = Database(f"sqlite:///{path}")
    database.inspect()
    with database.reading() as tx:
        names = tx.execute(select(WorkspaceRow.name).where(WorkspaceRow.name.like("pair %"))).scalars().all()
    database.close()
    assert Counter(names) == {f"pair {number}": 2 for number in range(len(names) // 2)}
    return len(names) // 2


def test_the_log_that_a_killed_process_left_is_taken_in(path: Path) -> None:
    with writing(path, checkpoint_pages=10_000) as writer:
        writer.process.kill()
        writer.process.wait(10)
        kept = writer.kept()
    assert log_of(path).stat().st_size > 0
    assert kept <= pairs(path) <= kept + 1


def test_the_files_as_they_are_at_any_moment_hold_all_that_was_said_to_be_kept(path: Path, tmp_path: Path) -> None:
    """What a machine that lost its power would find: they are copied while the writer is stopped wherever it was."""
    chance = random.Random(1)
    with writing(path, checkpoint_pages=10) as writer:
        for number in range(10):
            wanted = writer.kept() + chance.randrange(1, 30)
            wait_until(lambda wanted=wanted: writer.kept() >= wanted)  # type: ignore[misc]  # its own one
            writer.stop()
            kept = writer.kept()
            copy = tmp_path / f"copy {number}" / path.name
            shutil.copytree(path.parent, copy.parent, ignore=shutil.ignore_patterns("*-shm"))
            writer.process.send_signal(signal.SIGCONT)
            assert kept <= pairs(copy) <= kept + 1


def test_a_log_whose_end_did_not_reach_the_disk_counts_up_to_the_last_commit_that_did(
    path: Path, tmp_path: Path
) -> None:
    chance = random.Random(2)
    with writing(path, checkpoint_pages=NEVER) as writer:
        writer.process.kill()
        writer.process.wait(10)
        kept = writer.kept()
    whole = log_of(path).read_bytes()
    found = []
    for number in range(12):
        copy = tmp_path / f"copy {number}" / path.name
        copy.parent.mkdir()
        shutil.copy(path, copy)
        end = chance.randrange(len(whole))
        torn = whole[:end] + (chance.randbytes(len(whole) - end) if number % 2 else b"")
        log_of(copy).write_bytes(torn)
        found.append(pairs(copy))
    assert all(number <= kept + 1 for number in found)
    assert max(found) > 0


def test_a_log_that_was_deleted_takes_the_latest_with_it_and_no_more(path: Path) -> None:
    """There is no help against that; but what was in the file before is whole."""
    with writing(path, checkpoint_pages=NEVER) as writer:
        writer.process.kill()
        writer.process.wait(10)
    log_of(path).unlink()
    assert pairs(path) == 0
    with writing(path, checkpoint_pages=NEVER) as writer:
        kept = writer.kept()
    assert pairs(path) >= kept


def _spoil(path: Path, pages: Sequence[int]) -> str:
    """Overwrite some pages, counted from 0; return what tells the file from any other."""
    with path.open("r+b") as file:
        for page in pages:
            file.seek(page * PAGE)
            file.write(random.Random(page).randbytes(PAGE))
    return _likeness(path)


def _likeness(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("first", [0, 3])
def test_a_damaged_file_is_refused_before_anything_is_written(tmp_path: Path, first: int) -> None:
    path = tmp_path / "counterfoil.db"
    settings = settings_for(tmp_path, database_url=f"sqlite:///{path}")
    build(settings).database.close()
    spoilt = _spoil(path, range(first, path.stat().st_size // PAGE, 5))
    with pytest.raises(DatabaseDamaged):
        build(settings)
    assert _likeness(path) == spoilt


def test_damage_that_is_met_later_is_called_so_and_nothing_is_written(path: Path) -> None:
    database = Database(f"sqlite:///{path}")
    database.inspect()
    database.close()  # and with it what it remembers of the file
    spoilt = _spoil(path, range(1, path.stat().st_size // PAGE))
    with pytest.raises(DatabaseDamaged), database.transaction() as tx:
        tx.execute(select(WorkspaceRow)).all()
    database.close()
    assert _likeness(path) == spoilt


def test_a_look_at_a_large_file_ends_in_time(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With small numbers in the place of large ones."""
    monkeypatch.setattr(sqlite, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(sqlite, "_STEPS_BETWEEN_LOOKS", 1)
    database = Database(f"sqlite:///{path}")
    database.inspect()
    with database.transaction() as tx:
        assert len(tx.execute(select(WorkspaceRow)).all()) == 2
    database.close()


def test_a_place_where_processes_can_share_no_log_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite's way to lock by a file beside it stands in for a network's file system, which has no better one."""
    monkeypatch.chdir(tmp_path)  # where the folder of a name like this one is made
    database = Database(f"sqlite:///file:{tmp_path / 'a.db'}?vfs=unix-dotfile&uri=true")
    with pytest.raises(DatabaseMisplaced):
        database.ping()
    database.close()


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs"])
def test_a_networks_file_system_is_refused_by_name(tmp_path: Path, kind: str) -> None:
    mounts = [
        SimpleNamespace(mountpoint="/", fstype="ext4"),
        SimpleNamespace(mountpoint=str(tmp_path / "far"), fstype=kind),
        SimpleNamespace(mountpoint=str(tmp_path / "far" / "near"), fstype="xfs"),
    ]
    refuse_a_network(tmp_path / "far away", mounts)
    refuse_a_network(tmp_path / "far" / "near" / "data", mounts)
    refuse_a_network(tmp_path, [])
    with pytest.raises(DatabaseMisplaced) as refused:
        refuse_a_network(tmp_path / "far" / "data", mounts)
    assert kind in str(refused.value)
