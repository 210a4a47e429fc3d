"""What the kernel says about processes, and what psutil says where there is no such kernel, is the same."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from counterfoil.jobs.infrastructure.guard import families
from tests.support.processes import alive
from tests.support.waiting import wait_until

MEGABYTES = 100
SCRIPT = f"import subprocess; held = b'x' * ({MEGABYTES} << 20); subprocess.run(['sleep', '600'])"


@pytest.fixture
def parent() -> Iterator[int]:
    """A process that holds memory and has a child."""
    with subprocess.Popen([sys.executable, "-c", SCRIPT]) as process:
        wait_until(lambda: len(families.family_of(process.pid)) == 2)
        yield process.pid
        families.kill(families.family_of(process.pid))


def test_a_family_is_a_process_and_what_it_has_started(parent: int) -> None:
    (child,) = families.children_of(parent)
    assert families.family_of(parent) == [parent, child]
    assert families._children_by_psutil(parent) == [child]
    assert parent in families.children_of(os.getpid())


def test_memory_is_what_all_of_a_family_hold(parent: int) -> None:
    family = families.family_of(parent)
    own, whole = families.memory_mb([parent], 0), families.memory_mb(family, float("inf"))
    assert MEGABYTES < own < whole < MEGABYTES + 100
    assert MEGABYTES < families.memory_mb(family, 0) <= whole, "what they share is counted once"
    assert abs(families._resident_by_psutil(parent) / 2**20 - own) < 5


def test_a_process_that_is_gone_has_no_family_and_holds_nothing(parent: int) -> None:
    family = families.family_of(parent)
    families.kill(family)
    wait_until(lambda: not any(map(alive, family)))
    assert families.family_of(parent) == [parent]
    assert families.memory_mb(family, 0) == 0
    assert families._children_by_psutil(1 << 22) == []
    assert families._resident_by_psutil(1 << 22) == 0
