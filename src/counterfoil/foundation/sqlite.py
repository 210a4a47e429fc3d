"""How a SQLite file is held: on a disk of this machine, with its log beside it, and not at all when it is damaged."""

import sqlite3
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import psutil
import structlog
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError

from counterfoil.foundation.errors import CounterfoilError
from counterfoil.foundation.files import make_folder

LOOK_SECONDS = 1.0
"""How long a start may be held up by a look at the file: about a gigabyte of it, if it is in memory."""
_STEPS_BETWEEN_LOOKS = 100_000
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
# Processes on several machines would each keep an index of the log of their own, and overwrite what the others wrote.
_OF_A_NETWORK = {
    *("afpfs", "afs", "beegfs", "ceph", "cifs", "davfs", "gfs2", "glusterfs", "lustre", "nfs", "nfs3", "nfs4", "ocfs2"),
    *("smb2", "smb3", "smbfs", "webdav", "fuse.ceph", "fuse.glusterfs", "fuse.rclone", "fuse.sshfs"),
}

log = structlog.get_logger()


class DatabaseDamaged(CounterfoilError):
    """The file of the database is damaged."""

    code = "database_damaged"
    advice = (
        "Stop every process and keep a copy of the file and of what lies beside it under its name. Then restore the "
        "last back-up, or save what can be read with `sqlite3 FILE .recover`. Check the disk."
    )

    def __init__(self, found: str) -> None:
        super().__init__(f"The file of the database is damaged: {found}.")


class DatabaseMisplaced(CounterfoilError):
    """The file of the database lies where several machines could write it, or where it cannot have a log."""

    code = "database_misplaced"
    advice = "Put DATA_DIR on a disk of this machine, or use PostgreSQL."

    def __init__(self, path: str, kind: str) -> None:
        super().__init__(f"A SQLite database cannot be kept at {path}: {kind}.")


class Mount(Protocol):
    """Where a file system begins, and of what kind it is."""

    @property
    def mountpoint(self) -> str: ...

    @property
    def fstype(self) -> str: ...


def hold_safely(engine: Engine) -> None:
    """Make the engine open connections with a log, and begin every transaction as its kind.

    Raises:
        DatabaseMisplaced: the file is not on a disk of this machine.
    """
    name = engine.url.database
    if name and name != ":memory:":
        folder = Path(name).parent
        make_folder(folder)
        refuse_a_network(folder, psutil.disk_partitions(all=True))
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)


def refuse_a_network(folder: Path, mounts: Iterable[Mount]) -> None:
    """Return if none of these mounts makes the folder one of a network."""
    there = folder.resolve()
    above = [mount for mount in mounts if there.is_relative_to(mount.mountpoint)]
    kind = max(above, key=lambda mount: len(mount.mountpoint)).fstype if above else ""
    if kind.lower() in _OF_A_NETWORK:
        raise DatabaseMisplaced(str(folder), f"{kind} is a network's file system")


def look_over(connection: Connection) -> None:
    """Return if no damage is seen in the time there is; the rest of a large file is read when it is needed.

    Raises:
        DatabaseDamaged: there is some. Nothing has been written.
    """
    bare = connection.connection.driver_connection
    assert isinstance(bare, sqlite3.Connection)  # noqa: S101 - true of every connection to SQLite
    over = time.monotonic() + LOOK_SECONDS
    bare.set_progress_handler(lambda: time.monotonic() > over, _STEPS_BETWEEN_LOOKS)
    try:
        found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
    except DBAPIError as error:
        if getattr(error.orig, "sqlite_errorcode", None) != sqlite3.SQLITE_INTERRUPT:
            raise
        log.info("database_looked_over_in_part", seconds=LOOK_SECONDS)
    else:
        if found != "ok":
            raise DatabaseDamaged(" ".join(str(found).split()))
    finally:
        bare.set_progress_handler(None, 0)


def damage(error: DBAPIError) -> DatabaseDamaged | None:
    """Return what to raise in the place of an error that comes from a damaged file."""
    code = getattr(error.orig, "sqlite_errorcode", None) or 0
    return DatabaseDamaged(str(error.orig)) if code & 0xFF in _DAMAGE else None


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves, below
    (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
    if mode not in {"wal", "memory"}:  # what SQLite does where it can share no memory with other processes
        raise DatabaseMisplaced("this place", f"it can have no log there, only a journal of the mode {mode}")
    for pragma in ("synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    writing = connection.get_execution_options().get("writing", True)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
