"""Who watches what, and the one thread of a process that looks for all of them.

It looks every half second while anybody watches, with a few statements however many do, and tells each stream what has
changed in what it watches. What changed between two looks and back again, nobody is told.
"""

import asyncio
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database, DatabaseUnavailable, Transaction
from counterfoil.foundation.ids import NO_ID, first_id
from counterfoil.jobs.domain import JobId, LogLine
from counterfoil.jobs.events.domain import Event, Glance, Gone, Said, TooManyStreams, changes
from counterfoil.jobs.events.protocols import EventStore
from counterfoil.jobs.events.streams import Stream

LOOK_EVERY: Final = timedelta(milliseconds=500)
SLACK: Final = timedelta(seconds=10)
"""How much later than its time a line or an attempt may be seen: it is written after it happened, by another clock."""
LONGEST_AWAY: Final = timedelta(hours=1)
MOST_STREAMS: Final = 500
MOST_KNOWN: Final = 5_000

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """What somebody who comes to watch knows already: a line of the job, or all until a time."""

    after: UUID | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """A line, and whether those who watched before were told it."""

    workspace: WorkspaceId
    line: LogLine
    told: bool


@dataclass(slots=True, kw_only=True)
class _Known:
    """What was seen at the last look."""

    glances: dict[JobId, Glance] = field(default_factory=dict)
    lines: dict[JobId, set[UUID]] = field(default_factory=dict)
    """The ids of the lines that were told lately."""


@dataclass(slots=True, kw_only=True)
class Watch:
    """Opens streams, and keeps those who watch informed."""

    database: Database
    store: EventStore
    exists: Callable[[WorkspaceId, JobId], object]
    """Raises JobNotFound for what is not the workspace's."""
    most: int = MOST_STREAMS
    _streams: list[Stream] = field(default_factory=list, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _changed: threading.Event = field(default_factory=threading.Event, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)
    _new: dict[Stream, Arrival] = field(default_factory=dict, init=False)

    @contextmanager
    def job(
        self, workspace: WorkspaceId, job: JobId, loop: asyncio.AbstractEventLoop, after: UUID | None = None
    ) -> Iterator[Stream]:
        """Watch a job: first how it stands and what it has said, since a line if one is named, then what comes.

        Raises:
            JobNotFound: this workspace has no such job.
            TooManyStreams: as many watch as this process can serve.
        """
        self.exists(workspace, job)
        with self._open(Stream(workspace=workspace, job=job, loop=loop), Arrival(after=after)) as stream:
            yield stream

    @contextmanager
    def workspace(
        self, workspace: WorkspaceId, loop: asyncio.AbstractEventLoop, since: datetime | None = None
    ) -> Iterator[Stream]:
        """Watch the jobs of a workspace: first those that are being processed or have moved since, then all that move.

        Raises:
            TooManyStreams: as many watch as this process can serve.
        """
        with self._open(Stream(workspace=workspace, job=None, loop=loop), Arrival(since=since)) as stream:
            yield stream

    def close(self) -> None:
        """End all streams, so that the process can."""
        with self._lock:
            for stream in self._streams:
                stream.close()

    @contextmanager
    def _open(self, stream: Stream, arrival: Arrival) -> Iterator[Stream]:
        with self._lock:
            if len(self._streams) >= self.most:
                raise TooManyStreams(self.most)
            self._streams.append(stream)
            self._new[stream] = arrival
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
                self._thread.start()
        self._changed.set()
        try:
            yield stream
        finally:
            with self._lock:
                self._streams.remove(stream)
            self._changed.set()

    def _run(self) -> None:
        known = _Known()
        while True:
            with self._lock:
                if not self._streams:
                    self._thread = None
                    return
                streams, fresh, self._new = list(self._streams), self._new, {}
            try:
                self._look(known, streams, fresh)
            except DatabaseUnavailable:
                log.warning("jobs_not_watched")
                with self._lock:
                    self._new = fresh | self._new
            except Exception:
                log.exception("watch_failed")  # whoever watches is let go, and comes back
                self.close()
                known = _Known()
            self._changed.wait(LOOK_EVERY.total_seconds())
            self._changed.clear()

    def _look(self, known: _Known, streams: Sequence[Stream], fresh: Mapping[Stream, Arrival]) -> None:
        """Tell what has changed since the last look to those who watched then, and how things stand to the others."""
        with self.database.reading() as tx:
            now = tx.now()
            jobs = {stream.job for stream in streams if stream.job}
            stirring = self._stirring(tx, now, streams, fresh)
            old = known.glances
            glances = {one.job: one for one in self.store.glances(tx, jobs | stirring | set(old))}
            lines = self._lines(tx, known, now, jobs, fresh)
        told = _told(old, glances, lines)
        for stream in streams:
            if stream in fresh:
                stream.put(_standing(stream, glances, lines, fresh[stream]))
            else:
                stream.put([event for workspace, event in told if stream.wants(workspace, event)])
        known.glances = _worth_knowing(glances, streams, jobs | stirring)

    def _stirring(
        self,
        tx: Transaction,
        now: datetime,
        streams: Sequence[Stream],
        fresh: Mapping[Stream, Arrival],
    ) -> set[JobId]:
        wide = {stream.workspace for stream in streams if stream.job is None}
        missed = [max(one.since, now - LONGEST_AWAY) for one in fresh.values() if one.since]
        return set(self.store.stirring(tx, wide, min([now - SLACK, *missed])))

    def _lines(
        self,
        tx: Transaction,
        known: _Known,
        now: datetime,
        jobs: Collection[JobId],
        fresh: Mapping[Stream, Arrival],
    ) -> Sequence[_Line]:
        """Return lines of the jobs that are watched, with what else was told lately for those who have just come."""
        recent = first_id(now - SLACK)
        known.lines = {job: known.lines.get(job, set()) for job in jobs}
        starts = {job: min(recent, max(seen, default=NO_ID)) for job, seen in known.lines.items()}
        for stream, arrival in fresh.items():
            if stream.job:
                starts[stream.job] = min(starts[stream.job], arrival.after or NO_ID)
        lines = [
            _Line(workspace=workspace, line=line, told=line.id in known.lines[line.job])
            for workspace, line in self.store.lines(tx, starts)
        ]
        for one in lines:
            known.lines[one.line.job].add(one.line.id)
        for seen in known.lines.values():
            latest = max(seen, default=NO_ID)
            seen.intersection_update({one for one in seen if one >= min(recent, latest)})
        return lines


def _told(
    old: Mapping[JobId, Glance], glances: Mapping[JobId, Glance], lines: Iterable[_Line]
) -> Sequence[tuple[WorkspaceId, Event]]:
    """Return what has changed: lines before moves, so that the last of a job's lines comes before its end."""
    said: list[tuple[WorkspaceId, Event]] = [(one.workspace, Said(line=one.line)) for one in lines if not one.told]
    moved = [(one.workspace, event) for one in glances.values() for event in changes(old.get(one.job), one)]
    gone = [(one.workspace, Gone(job=job)) for job, one in old.items() if job not in glances]
    return [*said, *moved, *gone]


def _standing(
    stream: Stream, glances: Mapping[JobId, Glance], lines: Iterable[_Line], arrival: Arrival
) -> Sequence[Event]:
    """Return how things stand, for somebody who has just come."""
    new = (one for one in lines if one.line.id > (arrival.after or NO_ID))
    said: list[tuple[WorkspaceId, Event]] = [(one.workspace, Said(line=one.line)) for one in new]
    stand = [(one.workspace, event) for one in glances.values() for event in changes(None, one)]
    there = stream.job is None or stream.job in glances
    found: list[Event] = [event for workspace, event in (*said, *stand) if stream.wants(workspace, event)]
    return found if there or stream.job is None else [*found, Gone(job=stream.job)]


def _worth_knowing(
    glances: Mapping[JobId, Glance], streams: Sequence[Stream], moving: Collection[JobId]
) -> dict[JobId, Glance]:
    """Return what the next look is compared with: what is watched or moves, and what may yet move."""
    wide = {stream.workspace for stream in streams if stream.job is None}
    kept = [one for one in glances.values() if one.job in moving or (one.workspace in wide and not one.status.final)]
    return {one.job: one for one in sorted(kept, key=lambda one: one.job)[-MOST_KNOWN:]}
