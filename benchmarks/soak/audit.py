"""What must be true after a soak, whatever happened in it; whatever is not is told in a line."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, select

from benchmarks.soak.load import BATCH_LIMIT, Accepted
from benchmarks.soak.work import Told, asks, effects
from counterfoil.access.domain import DEFAULT_WORKSPACE
from counterfoil.engine import Engine
from counterfoil.foundation.database import table_of
from counterfoil.jobs.domain import DEATHS_TO_POISON, FINAL, BatchId, DeadReason, Ending, JobStatus
from counterfoil.jobs.infrastructure.tables import JobAttemptRow, JobLogRow, JobRow
from counterfoil.jobs.schedules.domain import Schedule, slot_key

DEAD: Final[Mapping[str, str]] = {
    "hopeless": "task_execution_failed",
    "refused": "soak_refused",
    "late": "task_timeout",
    "hungry": "task_memory_exceeded",
}
"""The sorts that shall become dead letters, and for what error."""
CLOCKS_DIFFER = timedelta(milliseconds=50)
MINUTE = timedelta(minutes=1)

JOBS, ATTEMPTS, LOGS = table_of(JobRow), table_of(JobAttemptRow), table_of(JobLogRow)


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """All rows that the soak left."""

    jobs: Mapping[UUID, Row[Any]]
    attempts: Mapping[UUID, Sequence[Row[Any]]]
    effects: Mapping[UUID, Sequence[str]]
    logged: frozenset[UUID]
    questions: int

    @classmethod
    def on(cls, engine: Engine) -> "Left":
        with engine.database.reading() as tx:
            jobs = tx.execute(select(JOBS)).all()
            attempts = defaultdict(list)
            for row in tx.execute(select(ATTEMPTS).order_by(ATTEMPTS.c.started_at)):
                attempts[row.job_id].append(row)
            done = defaultdict(list)
            for row in tx.execute(select(effects.c.key, effects.c.job_id)):
                done[row.job_id].append(row.key)
            logged = frozenset(tx.execute(select(LOGS.c.job_id).distinct()).scalars())
            questions = len(tx.execute(select(asks.c.token)).all())
        return cls(
            jobs={job.id: job for job in jobs}, attempts=attempts, effects=done, logged=logged, questions=questions
        )

    def ended(self, ending: Ending) -> int:
        """Return how many attempts ended so."""
        return sum(attempt.ending == ending for attempts in self.attempts.values() for attempt in attempts)

    @property
    def poisoned(self) -> int:
        """Return how many jobs were given up since one worker after the other was killed under them."""
        return sum(job.dead_reason == DeadReason.POISON for job in self.jobs.values())

    def start_seconds(self, accepted: Sequence[Accepted]) -> Sequence[float]:
        """Return how long each plain job waited for its first attempt, the shortest wait first."""
        plain = [one.id for one in accepted if one.sort == "light" and self.attempts.get(one.id)]
        return sorted((self.attempts[job][0].started_at - self.jobs[job].created_at).total_seconds() for job in plain)


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """Compares what was accepted with what is left."""

    engine: Engine
    accepted: Sequence[Accepted]
    schedules: Sequence[Schedule]
    """As they were made."""
    paused_at: datetime
    left: Left

    @property
    def slots(self) -> int:
        return sum(1 for schedule in self.schedules for _ in self._keys(schedule))

    def faults(self) -> Iterator[str]:
        """Tell what is wrong."""
        yield from self._lost_and_found()
        for one in self.accepted:
            if job := self.left.jobs.get(one.id):
                for fault in (*self._state(one, job), *self._history(job), *self._effects(job), *self._order(one, job)):
                    yield f"{one.sort} job {one.id} ({job.status}): {fault}"
        yield from self._slots()
        yield from self._crowds()
        yield from self._counters()

    def _lost_and_found(self) -> Iterator[str]:
        ids = {one.id for one in self.accepted}
        yield from (f"{one.sort} job {one.id} is lost" for one in self.accepted if one.id not in self.left.jobs)
        if len(ids) < len(self.accepted):
            yield f"{len(self.accepted) - len(ids)} jobs were accepted under the id of another"
        slots = {key for schedule in self.schedules for key in self._keys(schedule)}
        for job in self.left.jobs.values():
            if job.id not in ids and job.idempotency_key not in slots:
                yield f"job {job.id} ({job.idempotency_key}) was asked for by nobody"
        stray = self.left.effects.keys() - self.left.jobs.keys()
        yield from (f"an effect of job {job}, which is not there" for job in stray)

    def _state(self, one: Accepted, job: Row[Any]) -> Iterator[str]:
        """Tell if the job ended otherwise than its sort has to."""
        if job.dead_reason == DeadReason.POISON:
            lost = sum(attempt.ending == Ending.LOST for attempt in self.left.attempts[job.id])
            if lost < DEATHS_TO_POISON:
                yield f"poison, though only {lost} workers died with it"
        elif one.sort in DEAD:
            if job.status != JobStatus.DEAD_LETTER or job.error_code != DEAD[one.sort]:
                yield f"{job.error_code}, not a dead letter for {DEAD[one.sort]}"
        elif job.status != self._wanted(one, job):
            yield f"{job.error_code} {job.dead_reason}, and not {self._wanted(one, job)}"
        elif job.status == JobStatus.COMPLETED and job.result != {"number": one.number}:
            yield f"has the result {job.result}"

    def _wanted(self, one: Accepted, job: Row[Any]) -> JobStatus:
        if one.sort == "child":
            well = all(self.left.jobs[parent].status == JobStatus.COMPLETED for parent in one.parents)
            return JobStatus.COMPLETED if well else JobStatus.CANCELLED
        if one.sort != "cancelled":
            return JobStatus.COMPLETED
        if one.cancelled:
            return JobStatus.CANCELLED
        either = job.status in {JobStatus.CANCELLED, JobStatus.COMPLETED} and job.status in FINAL
        return JobStatus(job.status) if either else JobStatus.COMPLETED

    def _history(self, job: Row[Any]) -> Iterator[str]:
        """Tell if the attempts do not make sense."""
        attempts = self.left.attempts.get(job.id, ())
        endings = Counter(attempt.ending for attempt in attempts)
        if job.attempts > job.max_attempts:
            yield f"{job.attempts} of {job.max_attempts} attempts"
        if endings[Ending.LOST] != job.deaths:
            yield f"{job.deaths} deaths, but {endings[Ending.LOST]} lost attempts"
        once = int(job.status == JobStatus.COMPLETED and job.type != "handed_over")
        if endings[Ending.COMPLETED] != once:
            yield f"{endings[Ending.COMPLETED]} completed attempts"
        if once and attempts[-1].ending != Ending.COMPLETED:
            yield f"was begun again after it was completed, and {attempts[-1].ending}"
        if endings[Ending.FAILED] > job.max_attempts:
            yield f"{endings[Ending.FAILED]} failed attempts of {job.max_attempts}"
        for before, after in pairwise(attempts):
            if after.started_at < before.ended_at - CLOCKS_DIFFER:
                yield f"attempt {after.number} began before attempt {before.number} had ended"

    def _effects(self, job: Row[Any]) -> Iterator[str]:
        took_effect = job.status == JobStatus.COMPLETED and job.type != "handed_over"
        wanted = [Told.model_validate(job.payload).key] if took_effect else []
        if (found := self.left.effects.get(job.id, [])) != wanted:
            yield f"{len(found)} effects, not {len(wanted)}: {found[:3]}"
        if wanted and job.id not in self.left.logged:
            yield "its log line is lost"

    def _order(self, one: Accepted, job: Row[Any]) -> Iterator[str]:
        """Tell if it began before it was allowed to."""
        if not (attempts := self.left.attempts.get(one.id)):
            return
        began = attempts[0].started_at
        if one.scheduled_for and began < one.scheduled_for:
            yield f"began {one.scheduled_for - began} too early"
        for parent in one.parents:
            ended = self.left.jobs[parent].ended_at
            if ended is None or began < ended - CLOCKS_DIFFER:
                yield f"began before its parent {parent} had ended, in a job made at {job.created_at}"

    def _slots(self) -> Iterator[str]:
        """Tell which slots of the schedules have no job, or one that was not completed."""
        jobs = {job.idempotency_key: job for job in self.left.jobs.values()}
        for schedule in self.schedules:
            for key in self._keys(schedule):
                if key not in jobs:
                    yield f"{key} was not fired"
                    continue
                job = jobs[key]
                if job.status != JobStatus.COMPLETED and job.dead_reason != DeadReason.POISON:
                    yield f"the job of {key} is {job.status}"
                yield from (f"{key}: {fault}" for fault in (*self._history(job), *self._effects(job)))

    def _keys(self, schedule: Schedule) -> Iterator[str]:
        slot = schedule.next_run_at
        while slot and slot <= self.paused_at:
            yield slot_key(schedule.id, slot)
            slot += MINUTE

    def _crowds(self) -> Iterator[str]:
        """Tell where more ran at once than their batch or concurrency key allows."""
        groups = defaultdict(list)
        for one in self.accepted:
            if one.group:
                groups[one.group].append(one.id)
        for group, jobs in groups.items():
            allowed = 1 if isinstance(group, str) else BATCH_LIMIT
            if (most := self._at_once(jobs)) > allowed:
                yield f"{most} jobs of {group} ran at once, where {allowed} may"

    def _at_once(self, jobs: Sequence[UUID]) -> int:
        moments = []
        for job in jobs:
            for attempt in self.left.attempts.get(job, ()):
                moments += [(attempt.started_at, 1), (max(attempt.started_at, attempt.ended_at - CLOCKS_DIFFER), -1)]
        most = running = 0
        for _, step in sorted(moments):
            running += step
            most = max(most, running)
        return most

    def _counters(self) -> Iterator[str]:
        """Tell which counts of the engine differ from its rows."""
        shown = {JobStatus.DEAD_LETTER} | {status for status in JobStatus if not status.final}
        rows = Counter((job.queue, job.status) for job in self.left.jobs.values() if job.status in shown)
        counts = {key: count for key, count in self.engine.jobs.counts().items() if count}
        if counts != dict(rows):
            yield f"the engine counts {counts}, there are {dict(rows)}"
        batches: dict[BatchId, Counter[str]] = defaultdict(Counter)
        for job in self.left.jobs.values():
            if job.batch_id:
                batches[BatchId(job.batch_id)][job.status] += 1
        for batch, by_status in batches.items():
            counted = self.engine.batches.get(DEFAULT_WORKSPACE, batch).counts
            if {one: count for one, count in counted.items() if count} != dict(by_status):
                yield f"batch {batch} counts {counted}, there are {dict(by_status)}"
