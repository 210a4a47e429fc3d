"""One watcher's stream of events, from the thread that looks to the loop that sends."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from counterfoil.access.domain import WorkspaceId
from counterfoil.jobs.domain import JobId
from counterfoil.jobs.events.domain import Event, Gone, Moved, Progressed, Said

MOST_UNREAD = 1_000


@dataclass(slots=True, kw_only=True, eq=False)
class Stream:
    """What somebody watches: one job, or all of a workspace. Whoever reads too slowly has to come back."""

    workspace: WorkspaceId
    job: JobId | None
    loop: asyncio.AbstractEventLoop
    _events: asyncio.Queue[Event | None] = field(default_factory=lambda: asyncio.Queue(MOST_UNREAD + 1))

    def wants(self, workspace: WorkspaceId, event: Event) -> bool:
        """Tell whether this is for whom the stream is."""
        if workspace != self.workspace:
            return False
        return not isinstance(event, Said) if self.job is None else _job_of(event) == self.job

    def put(self, events: Iterable[Event]) -> None:
        """Hand events over, from any thread."""
        self._hand_over(tuple(events))

    def close(self) -> None:
        """Let the stream end after what it holds, from any thread."""
        self._hand_over((None,))

    async def events(self) -> AsyncIterator[Event]:
        """Yield what happens until the stream is closed."""
        while (event := await self._events.get()) is not None:
            yield event

    def _hand_over(self, events: Sequence[Event | None]) -> None:
        with suppress(RuntimeError):  # the loop has ended, and with it whoever read
            self.loop.call_soon_threadsafe(self._put_all, events)

    def _put_all(self, events: Sequence[Event | None]) -> None:
        for event in events:
            if self._events.qsize() < MOST_UNREAD:
                self._events.put_nowait(event)
            elif not self._events.full():
                self._events.put_nowait(None)


def _job_of(event: Event) -> JobId:
    match event:
        case Moved():
            return event.glance.job
        case Said():
            return event.line.job
        case Progressed() | Gone():
            return event.job
