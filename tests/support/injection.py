"""Faults of a store or a database by chance or by order, which come again when the same seed is given."""

import inspect
import os
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import Enum, auto
from types import SimpleNamespace
from typing import Any, TypeVar, cast
from uuid import UUID

from counterfoil.foundation.database import Database, DatabaseUnavailable, Transaction

S = TypeVar("S")


class Fault(Enum):
    """What the caller meets instead of an answer."""

    UNAVAILABLE = auto()  # it was not done
    TIMEOUT = auto()  # it was begun, and taken back
    EXECUTE_AND_TIMEOUT = auto()  # it was done, and the caller hears that it was not


class Faults:
    """Decides which calls fail: those that are ordered by name and number from 1, and others at a rate.

    Chance depends on the seed and on the call alone, not on which thread comes first.
    """

    def __init__(
        self, *, rate: float = 0, at: Mapping[tuple[str, int], Fault] | None = None, seed: int | None = None
    ) -> None:
        self.seed = seed if seed is not None else int(os.environ.get("FAULT_SEED", random.randrange(2**32)))
        self.met: list[tuple[str, int, Fault]] = []
        self._rate = rate
        self._at = dict(at or {})
        self._calls: Counter[str] = Counter()
        self._turn = threading.Lock()
        print(f"FAULT_SEED={self.seed}")  # noqa: T201 - shown when the test fails

    def next(self, name: str) -> Fault | None:
        """Return what this call meets."""
        with self._turn:
            self._calls[name] += 1
            number = self._calls[name]
            fault = self._at.get((name, number)) or self._by_chance(name, number)
            if fault is not None:
                self.met.append((name, number, fault))
            return fault

    def calls(self, name: str) -> int:
        """Return how many calls of this name there have been."""
        return self._calls[name]

    def _by_chance(self, name: str, number: int) -> Fault | None:
        chance = random.Random(f"{self.seed} {name} {number}")
        return chance.choice(list(Fault)) if chance.random() < self._rate else None


def inject(store: S, faults: Faults) -> S:
    """Return a store with the methods of this one, some of whose calls fail.

    A method takes part in its caller's transaction, which the error undoes with all that the store did in it; to have
    something done and denied, make a `FaultyDatabase`.
    """
    methods = {
        name: _failing(getattr(store, name), name, faults)
        for name, _ in inspect.getmembers(type(store), inspect.isfunction)
        if not name.startswith("_")
    }
    return cast("S", SimpleNamespace(**methods))


def _failing(method: Callable[..., Any], name: str, faults: Faults) -> Callable[..., Any]:
    def call(*args: Any, **options: Any) -> Any:
        fault = faults.next(name)
        if fault is Fault.UNAVAILABLE:
            raise DatabaseUnavailable
        answer = method(*args, **options)
        if fault is not None:
            raise DatabaseUnavailable
        return answer

    return call


class FaultyDatabase(Database):
    """A database some of whose transactions fail; they are called `writing` and `reading`."""

    def __init__(self, url: str, faults: Faults, **options: Any) -> None:
        super().__init__(url, **options)
        self.faults = faults

    @contextmanager
    def _session(self, workspace: UUID | None, *, writing: bool) -> Iterator[Transaction]:
        fault = self.faults.next("writing" if writing else "reading")
        if fault is Fault.UNAVAILABLE:
            raise DatabaseUnavailable
        with super()._session(workspace, writing=writing) as tx:
            yield tx
            if fault is Fault.TIMEOUT:
                raise DatabaseUnavailable
        if fault is Fault.EXECUTE_AND_TIMEOUT:
            raise DatabaseUnavailable
