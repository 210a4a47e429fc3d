"""What the soak asks of the engine: jobs of every sort at an even pace, each known by its key until it is accepted."""

import heapq
import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final, TypeVar

from sqlalchemy import select, update

from benchmarks.soak import work
from benchmarks.soak.work import Told, asks
from counterfoil.access.domain import DEFAULT_WORKSPACE
from counterfoil.engine import Engine
from counterfoil.foundation.database import DatabaseUnavailable, Transaction
from counterfoil.jobs.domain import BatchId, JobId, Order
from counterfoil.jobs.errors import CallbackRefused, IllegalMove, KeyUsedOtherwise
from counterfoil.jobs.types import JobType

Answer = TypeVar("Answer")

PAUSE_SECONDS: Final = 0.25
KEYS: Final = 5
BATCH_LIMIT: Final = 2


@dataclass(slots=True, kw_only=True)
class Accepted:
    """A job that the engine has said yes to."""

    id: JobId
    sort: str
    number: int
    key: str
    scheduled_for: datetime | None = None
    parents: Sequence[JobId] = ()
    group: str | BatchId | None = None
    """The batch or concurrency key that it shares with others."""
    cancelled: bool | None = None
    """Whether it was cancelled at once; None if it was not, or only asked to end."""
    too_late: bool = False
    """It was final when it was to be cancelled."""


@dataclass(slots=True, kw_only=True)
class Load:
    """Makes jobs, cancels some of them, and answers those that ask."""

    engine: Engine
    over: threading.Event
    answering: threading.Event
    """Set when no more answers are wanted."""
    a_minute: int
    seed: int
    faults: list[str]
    counts: Counter[str] = field(default_factory=Counter)
    accepted: list[Accepted] = field(default_factory=list)
    _chance: Random = field(init=False)
    _numbers: Iterator[int] = field(default_factory=itertools.count, init=False)
    _unwanted: list[tuple[float, int, Accepted]] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self._chance = Random(f"{self.seed} load")  # noqa: S311 - no secret

    def make(self) -> None:
        """Keep to the pace until it is over; what an outage held up is made up for."""
        sorts = self._sorts()
        began = time.monotonic()
        while not self.over.wait(PAUSE_SECONDS):
            wanted = (time.monotonic() - began) * self.a_minute / 60
            while len(self.accepted) < wanted and not self.over.is_set():
                self._chance.choices(list(sorts), list(sorts.values()))[0]()
                self._cancel_due()
        while self._unwanted:
            self._cancel_due()
            time.sleep(PAUSE_SECONDS)

    def answer(self) -> None:
        """Answer who asks, some of them twice."""
        chance = Random(f"{self.seed} answers")  # noqa: S311 - no secret
        while not self.answering.wait(PAUSE_SECONDS):
            for token, number in self._persist(self._open_questions):
                for _ in range(chance.choice((1, 1, 2))):
                    self._answer(token, number)
                self._persist(lambda token=token: self._mark_answered(token))  # type: ignore[misc]  # a default

    def _sorts(self) -> dict[Callable[[], object], int]:
        """Return what is made, and how often."""
        return {
            self._light: 40,
            lambda: self._one("guarded", work.GUARDED, self._short(0.2)): 8,
            lambda: self._one("flaky", work.FLAKY, failures=self._chance.randint(1, 3)): 6,
            lambda: self._one("hopeless", work.HOPELESS): 3,
            lambda: self._one("refused", work.REFUSED): 3,
            lambda: self._one("late", work.LATE): 1,
            lambda: self._one("hungry", work.HUNGRY): 1,
            lambda: self._one("asking", work.ASKING): 6,
            lambda: self._one("handed_over", work.HANDED_OVER): 4,
            self._family: 3,
            self._batch: 2,
            self._keyed: 8,
            self._delayed: 8,
            self._cancelled: 8,
            self._repeated: 6,
        }

    def _light(self) -> None:
        self._one("light", work.LIGHT, self._short(0.1))

    def _keyed(self) -> None:
        key = f"key {self._chance.randrange(KEYS)}"
        self._one("keyed", work.LIGHT, self._short(0.05), order=Order(concurrency_key=key)).group = key

    def _delayed(self) -> None:
        at = self._persist(self._now) + timedelta(seconds=self._chance.uniform(1, 20))
        self._one("delayed", work.LIGHT, order=Order(scheduled_for=at)).scheduled_for = at

    def _cancelled(self) -> None:
        """Make a job, and have it cancelled a while later: before, while or after it is done."""
        one = self._one("cancelled", work.LINGERING, self._short(4))
        heapq.heappush(self._unwanted, (time.monotonic() + self._chance.uniform(0, 6), one.number, one))

    def _family(self) -> None:
        """Make some parents and a child that waits for all of them."""
        parents = [self._one("parent", work.LIGHT, self._short(0.3)).id for _ in range(self._chance.randint(2, 4))]
        self._one("child", work.LIGHT, order=Order(after=parents)).parents = parents

    def _batch(self) -> None:
        """Make a batch of which few run at once; all of it in one transaction."""
        told = [self._told(self._short(0.2)) for _ in range(self._chance.randint(3, 8))]

        def enqueue() -> tuple[BatchId, Sequence[JobId]]:
            with self.engine.database.transaction(DEFAULT_WORKSPACE) as tx:
                batch = self.engine.batches.start(tx, DEFAULT_WORKSPACE, at_most=BATCH_LIMIT)
                made = [self._enqueue(tx, work.LIGHT, one, Order(batch=batch)) for one in told]
            return batch, made

        _, made = self._persist(enqueue)
        # Not the batch that was made last: a repetition returns the jobs of the first, and leaves an empty one behind.
        batch = self._persist(lambda: self.engine.jobs.get(DEFAULT_WORKSPACE, made[0])).batch_id
        for one, job in zip(told, made, strict=True):
            self._accept("batch", one, job).group = batch

    def _repeated(self) -> None:
        """Ask for the same several times, and for something else by the same name."""
        told = self._told(0)
        first, *others = [self._made(work.LIGHT, told) for _ in range(self._chance.randint(2, 4))]
        if any(other != first for other in others):
            self.faults.append(f"request {told.number} was repeated and made several jobs")
        try:
            self._made(work.LIGHT, told.model_copy(update={"seconds": 1.0}))
            self.faults.append(f"the key of request {told.number} was taken for another request")
        except KeyUsedOtherwise:
            self.counts["repetitions"] += len(others)
        self._accept("repeated", told, first)

    def _one(
        self, sort: str, job_type: JobType[Told], seconds: float = 0, *, failures: int = 0, order: Order | None = None
    ) -> Accepted:
        told = self._told(seconds, failures)
        return self._accept(sort, told, self._made(job_type, told, order or Order()))

    def _made(self, job_type: JobType[Told], told: Told, order: Order = Order()) -> JobId:  # noqa: B008 - frozen
        def enqueue() -> JobId:
            with self.engine.database.transaction(DEFAULT_WORKSPACE) as tx:
                return self._enqueue(tx, job_type, told, order)

        return self._persist(enqueue)

    def _enqueue(self, tx: Transaction, job_type: JobType[Told], told: Told, order: Order) -> JobId:
        asked: dict[str, Any] = {name: getattr(order, name) for name in Order.__slots__}
        order = Order(**(asked | {"idempotency_key": told.key}))
        return self.engine.jobs.enqueue(tx, DEFAULT_WORKSPACE, job_type, told, order)

    def _accept(self, sort: str, told: Told, job: JobId) -> Accepted:
        one = Accepted(id=job, sort=sort, number=told.number, key=told.key)
        self.accepted.append(one)
        return one

    def _told(self, seconds: float, failures: int = 0) -> Told:
        return Told(number=next(self._numbers), seconds=seconds, failures=failures)

    def _short(self, most: float) -> float:
        return self._chance.uniform(0, most)

    def _now(self) -> datetime:
        with self.engine.database.reading() as tx:
            return tx.now()

    def _cancel_due(self) -> None:
        while self._unwanted and self._unwanted[0][0] < time.monotonic():
            _, _, one = heapq.heappop(self._unwanted)
            try:
                after = self._persist(lambda job=one.id: self.engine.changes.cancel(DEFAULT_WORKSPACE, job))  # type: ignore[misc]
                one.cancelled = after.status.final or None
                self.counts["cancellations"] += 1
            except IllegalMove:  # also when a commit before went through whose answer was lost
                one.too_late = True

    def _open_questions(self) -> Sequence[tuple[str, int]]:
        with self.engine.database.reading() as tx:
            rows = tx.execute(select(asks.c.token, asks.c.number).where(~asks.c.answered)).all()
        return [(row.token, row.number) for row in rows]

    def _answer(self, token: str, number: int) -> None:
        try:
            self._persist(lambda: self.engine.changes.answer(token, {"number": number}))
            self.counts["answers"] += 1
        except CallbackRefused:  # the attempt that asked is lost; its successor asks again
            self.counts["answers too late"] += 1

    def _mark_answered(self, token: str) -> None:
        with self.engine.database.transaction() as tx:
            tx.execute(update(asks).where(asks.c.token == token).values(answered=True))

    def _persist(self, act: Callable[[], Answer]) -> Answer:
        """Try until the database answers, as every caller has to."""
        while True:
            try:
                return act()
            except DatabaseUnavailable:
                self.counts["calls repeated"] += 1
                time.sleep(PAUSE_SECONDS)
