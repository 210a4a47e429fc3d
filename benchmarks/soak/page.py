"""What came of a soak, as people read it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks import report
from benchmarks.soak.audit import Left
from benchmarks.soak.load import Accepted
from counterfoil.jobs.domain import Ending, JobStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was accepted, what happened, what is left, and what is wrong with it."""

    faults: Sequence[str]
    accepted: Sequence[Accepted]
    left: Left
    slots: int
    counts: Mapping[str, int]
    memory: Sequence[float]
    drained_seconds: float


def sheet(outcome: Outcome, queue: str, asked: str, facts: Sequence[str]) -> report.Sheet:
    """Return the table of sorts and how they ended, with what happened meanwhile."""
    shown = (JobStatus.COMPLETED, JobStatus.CANCELLED, JobStatus.DEAD_LETTER)
    return report.Sheet(
        title=f"A soak of the job engine, QUEUE={queue}",
        columns=("sort", "accepted", *(status.replace("_", " ") for status in shown), "attempts", "lost with a worker"),
        rows=[_row(sort, outcome, shown) for sort in sorted({one.sort for one in outcome.accepted})],
        notes=_notes(outcome),
        facts=(asked, *facts),
    )


def _row(sort: str, outcome: Outcome, shown: Sequence[JobStatus]) -> Sequence[str]:
    ids = [one.id for one in outcome.accepted if one.sort == sort]
    statuses = Counter(outcome.left.jobs[one].status for one in ids if one in outcome.left.jobs)
    endings = Counter(attempt.ending for one in ids for attempt in outcome.left.attempts.get(one, ()))
    cells = (len(ids), *(statuses[status] for status in shown), endings.total(), endings[Ending.LOST])
    return (sort, *map(report.count, cells))


def _notes(outcome: Outcome) -> Sequence[str]:
    left = outcome.left
    waits = left.start_seconds(outcome.accepted)
    happened = ", ".join(f"{report.count(count)} {name}" for name, count in sorted(outcome.counts.items()))
    completed = sum(job.status == JobStatus.COMPLETED for job in left.jobs.values())
    half, most, last = outcome.memory[len(outcome.memory) // 2], max(outcome.memory), outcome.memory[-1]
    aged = f"{half:.0f} half-way, {most:.0f} at most, {last:.0f} at last"
    effects = report.count(sum(map(len, left.effects.values())))
    lost, returned = report.count(left.ended(Ending.LOST)), report.count(left.ended(Ending.RETURNED))
    started = f"{_at(waits, 0.5)} s (median), {_at(waits, 0.95)} s (p95), {_at(waits, 1)} s (longest)"
    return [
        f"faults found by the audit: {len(outcome.faults)}",
        f"jobs accepted: {report.count(len(outcome.accepted))}, and {outcome.slots} by schedules",
        f"jobs completed: {report.count(completed)}, with {effects} effects",
        f"happened meanwhile: {happened}",
        f"attempts lost with their worker: {lost}, given back by one that ended: {returned}",
        f"jobs given up as poison, after three workers were lost with each: {left.poisoned}",
        f"light jobs began after {started}",
        f"every job was final {outcome.drained_seconds:.0f} s after the harm ended",
        f"MB that a worker which is never ended holds, with its supervisor: {aged}",
    ]


def _at(ordered: Sequence[float], share: float) -> str:
    return report.figure(ordered[round(share * (len(ordered) - 1))]) if ordered else report.NOTHING
