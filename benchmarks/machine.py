"""What the figures were measured on."""

import os
import platform
import statistics
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path


def load() -> str:
    """Say how busy the machine is: to be asked before anything is measured."""
    return " ".join(f"{load:.2f}" for load in os.getloadavg())


def facts(versions: Iterable[str], load_before: str) -> Sequence[str]:
    """Say what a reader needs to compare the figures with others."""
    return [
        f"{_processor()}, {os.cpu_count()} cores",
        f"a write synced to disk in {_sync_ms():.2f} ms (median)",
        f"{platform.python_implementation()} {platform.python_version()} on {platform.system()} {platform.machine()}",
        *versions,
        f"load average before: {load_before}",
    ]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def _sync_ms() -> float:
    """Time the sync that every durable commit waits for."""
    with tempfile.TemporaryFile() as file:
        return statistics.median(_one_sync_ms(file.fileno()) for _ in range(101))


def _one_sync_ms(handle: int) -> float:
    os.write(handle, b"\0" * 4096)
    began = time.perf_counter()
    os.fsync(handle)
    return (time.perf_counter() - began) * 1_000
