"""Bytes are kept whole or not at all, the same ones once."""

import errno
import hashlib
import os
import resource
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import BytesIO, RawIOBase
from pathlib import Path

import pytest

from counterfoil.access.domain import WorkspaceId
from counterfoil.documents.domain import BytesMissing, DocumentTooLarge, Sha256, StorageFull, StorageUnavailable
from counterfoil.documents.infrastructure.bytes import STALE_AFTER, FileBytes
from tests.support.clock import FixedClock

LIMIT = 1000
CONTENT = b"bytes of a receipt"
DIGEST = Sha256(hashlib.sha256(CONTENT).hexdigest())


@pytest.fixture
def store(tmp_path: Path) -> FileBytes:
    return FileBytes(folder=tmp_path)


def kept_files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_bytes_are_counted_and_hashed_on_their_way_in(store: FileBytes) -> None:
    with store.incoming(BytesIO(CONTENT), LIMIT) as incoming:
        assert (incoming.size, incoming.sha256) == (len(CONTENT), DIGEST)
        assert incoming.path.read_bytes() == CONTENT
    assert kept_files(store.folder) == []


def test_exactly_the_limit_comes_in_and_one_byte_more_does_not(store: FileBytes) -> None:
    with store.incoming(BytesIO(b"x" * LIMIT), LIMIT) as incoming:
        assert incoming.size == LIMIT
    with pytest.raises(DocumentTooLarge), store.incoming(BytesIO(b"x" * (LIMIT + 1)), LIMIT):
        pass
    assert kept_files(store.folder) == []


def test_an_error_leaves_nothing_behind(store: FileBytes) -> None:
    with pytest.raises(ZeroDivisionError), store.incoming(BytesIO(CONTENT), LIMIT):
        raise ZeroDivisionError
    assert kept_files(store.folder) == []


def test_kept_bytes_are_found_by_their_hash_in_their_workspace_only(
    store: FileBytes, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    with store.incoming(BytesIO(CONTENT), LIMIT) as incoming:
        store.keep(workspace, incoming)
    assert store.path(workspace, DIGEST).read_bytes() == CONTENT
    with pytest.raises(BytesMissing):
        store.path(other_workspace, DIGEST)
    assert kept_files(store.folder) == [store.path(workspace, DIGEST)]


def test_the_same_bytes_at_the_same_moment_are_kept_once(store: FileBytes, workspace: WorkspaceId) -> None:
    def keep(_: int) -> None:
        with store.incoming(BytesIO(CONTENT), LIMIT) as incoming:
            store.keep(workspace, incoming)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(keep, range(32)))
    assert kept_files(store.folder) == [store.path(workspace, DIGEST)]


class FullDisk(RawIOBase):
    """Content whose arrival meets an error of the file system."""

    def __init__(self, number: int) -> None:
        self.number = number

    def read(self, size: int = -1) -> bytes:
        raise OSError(self.number, os.strerror(self.number))


@pytest.mark.parametrize(
    ("number", "error", "code"),
    [
        (errno.ENOSPC, StorageFull, "storage_full"),
        (errno.EDQUOT, StorageFull, "storage_full"),
        (errno.EROFS, StorageUnavailable, "storage_unavailable"),
        (errno.EIO, StorageUnavailable, "storage_unavailable"),
    ],
)
def test_what_the_disk_refuses_is_said_and_leaves_nothing(
    store: FileBytes, number: int, error: type[StorageUnavailable], code: str
) -> None:
    with pytest.raises(error) as raised, store.incoming(FullDisk(number), LIMIT):  # type: ignore[arg-type]  # only read
        pass
    assert (raised.value.code, raised.value.status, raised.value.retry) == (code, 503, True)
    assert kept_files(store.folder) == []


def test_a_disk_that_is_full_half_way_leaves_nothing(tmp_path: Path) -> None:
    """A limit on the size of files stands in for the disk: the write fails in the middle."""
    script = (
        "import sys; from io import BytesIO; from pathlib import Path\n"
        "from counterfoil.documents.infrastructure.bytes import FileBytes\n"
        "with FileBytes(folder=Path(sys.argv[1])).incoming(BytesIO(b'x' * 3_000_000), 10**7): pass\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        check=False,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, 1_500_000)),
    )
    assert "StorageFull" in ended.stderr
    assert kept_files(tmp_path) == []


def test_what_interrupted_hand_ins_left_is_swept_once_it_is_old(store: FileBytes, clock: FixedClock) -> None:
    assert store.sweep(clock.now()) == 0
    folder = store.folder / "incoming"
    folder.mkdir()
    moment = clock.now().timestamp()
    for name, age in (("old", 7200), ("young", 60)):
        (folder / name).write_bytes(CONTENT)
        os.utime(folder / name, (moment - age, moment - age))
    assert store.sweep(clock.now()) == 1
    assert [path.name for path in folder.iterdir()] == ["young"]
    clock.pass_by(STALE_AFTER + timedelta(minutes=1))
    assert store.sweep(clock.now()) == 1


def test_a_process_killed_in_the_middle_leaves_only_what_is_swept(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys; from io import BytesIO; from pathlib import Path\n"
        "from counterfoil.documents.infrastructure.bytes import FileBytes\n"
        "with FileBytes(folder=Path(sys.argv[1])).incoming(BytesIO(b'x'), 10): os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert [path.parent.name for path in kept_files(tmp_path)] == ["incoming"]


def test_a_page_is_drawn_once(store: FileBytes, workspace: WorkspaceId) -> None:
    drawn: list[int] = []

    def draw() -> bytes:
        drawn.append(1)
        return b"picture"

    paths = {store.picture(workspace, DIGEST, 1, draw) for _ in range(2)}
    assert [path.read_bytes() for path in paths] == [b"picture"]
    assert drawn == [1]
    assert store.picture(workspace, DIGEST, 2, draw) not in paths
