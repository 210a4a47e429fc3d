"""Processes, what they have started, and the memory that they hold.

On Linux the kernel is asked directly: it is done fifty times a second. Elsewhere psutil does it.
"""

import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_MEGABYTE = 1 << 20
_PAGE = os.sysconf("SC_PAGE_SIZE")
_KERNEL_LISTS_CHILDREN = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").exists()


def children_of(pid: int) -> list[int]:
    """Return the processes that this one, or the end of its parent, made its children; none if it is gone."""
    if not _KERNEL_LISTS_CHILDREN:
        return _children_by_psutil(pid)
    found: list[int] = []
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - a Path for each would cost more than the listing
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as listed:  # noqa: PTH123 - as above
                found += map(int, listed.read().split())
    return found


def family_of(pid: int) -> list[int]:
    """Return the process and all its descendants, parents first."""
    family = [pid]
    for one in family:
        family += children_of(one)
    return family


def memory_mb(family: list[int], enough: float) -> float:
    """Return the resident memory of the processes.

    Pages that they share are counted for each at first, which is cheap; if that makes more than `enough`, each page is
    shared out among all the processes that have it.
    """
    resident = sum(map(_resident, family)) / _MEGABYTE
    if resident <= enough or len(family) == 1:
        return resident
    return sum(map(_proportional, family)) / _MEGABYTE


def kill(pids: Iterable[int]) -> None:
    """End processes and their groups, whatever they do just now."""
    for pid in pids:
        for end in (os.kill, os.killpg):
            with suppress(ProcessLookupError, PermissionError):
                end(pid, signal.SIGKILL)


def _resident(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm", "rb") as pages:  # noqa: PTH123 - as above
            return int(pages.read().split()[1]) * _PAGE
    except OSError:
        return 0 if _KERNEL_LISTS_CHILDREN else _resident_by_psutil(pid)


def _proportional(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_bytes().splitlines():
            if line.startswith(b"Pss:"):
                return int(line.split()[1]) << 10
    except OSError:
        pass
    return _resident(pid)


def _children_by_psutil(pid: int) -> list[int]:
    import psutil  # too large for the supervisor where the kernel answers by itself

    with suppress(psutil.Error):
        return [child.pid for child in psutil.Process(pid).children()]
    return []


def _resident_by_psutil(pid: int) -> int:
    import psutil  # as above

    with suppress(psutil.Error):
        return int(psutil.Process(pid).memory_info().rss)
    return 0
