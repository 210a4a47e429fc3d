"""Routes that stream what happens to jobs, as server-sent events; the only asynchronous ones."""

import asyncio
import time
from collections.abc import AsyncIterable, Iterator
from datetime import UTC, datetime
from typing import Annotated, assert_never
from uuid import UUID

from fastapi import APIRouter, Depends, Header
from fastapi.sse import EventSourceResponse, ServerSentEvent

from counterfoil.access.api import may
from counterfoil.access.domain import Permission, WorkspaceId
from counterfoil.foundation.problems import problems
from counterfoil.foundation.routing import provided
from counterfoil.jobs.api import JobIdInPath
from counterfoil.jobs.domain import JobId
from counterfoil.jobs.events.domain import Event, Gone, Moved, Progressed, Said
from counterfoil.jobs.events.schemas import GoneRead, MovedRead, ProgressedRead
from counterfoil.jobs.events.service import SLACK, Watch
from counterfoil.jobs.events.streams import Stream
from counterfoil.jobs.schemas import LogLineRead

router = APIRouter(tags=["events"])

ToRead = Annotated[WorkspaceId, may(Permission.JOBS_READ)]
Watching = Annotated[Watch, Depends(provided(Watch))]
LastLine = Annotated[
    UUID | None,
    Header(
        alias="Last-Event-ID",
        description="The last line that was heard; browsers send it when they come back.",
        examples=["019c1d5e-0000-7000-8000-000000000000"],
    ),
]
LastTime = Annotated[
    int | None,
    Header(
        alias="Last-Event-ID",
        ge=0,
        lt=2**42,
        description="Until when was heard, in milliseconds; browsers send it when they come back.",
        examples=[1772366400000],
    ),
]


async def running_loop() -> asyncio.AbstractEventLoop:
    """Return the loop that sends the events."""
    return asyncio.get_running_loop()


Loop = Annotated[asyncio.AbstractEventLoop, Depends(running_loop)]


def watched_job(
    watch: Watching, workspace: ToRead, job: JobIdInPath, loop: Loop, last: LastLine = None
) -> Iterator[Stream]:
    """Watch a job until the client has gone."""
    with watch.job(workspace, JobId(job), loop, after=last) as stream:
        yield stream


def watched_workspace(watch: Watching, workspace: ToRead, loop: Loop, last: LastTime = None) -> Iterator[Stream]:
    """Watch a workspace until the client has gone."""
    since = None if last is None else datetime.fromtimestamp(last / 1_000, UTC) - SLACK
    with watch.workspace(workspace, loop, since=since) as stream:
        yield stream


@router.get("/jobs/{job_id}/events", response_class=EventSourceResponse, responses=problems(404, 422, 503))
async def stream_job_events(stream: Annotated[Stream, Depends(watched_job)]) -> AsyncIterable[ServerSentEvent]:
    """Stream what happens to a job: `status`, `progress`, `log`, and `end` when it is over."""
    async for event in stream.events():
        yield _sent(event)
        if isinstance(event, Gone) or (isinstance(event, Moved) and event.glance.status.final):
            yield _end(event)
            return


@router.get("/events", response_class=EventSourceResponse, responses=problems(422, 503))
async def stream_events(stream: Annotated[Stream, Depends(watched_workspace)]) -> AsyncIterable[ServerSentEvent]:
    """Stream what happens to the workspace's jobs: `status`, `progress` and `removed`."""
    async for event in stream.events():
        yield _sent(event, id=str(int(time.time() * 1_000)))


def _sent(event: Event, id: str | None = None) -> ServerSentEvent:  # noqa: A002 - as the event calls it
    match event:
        case Moved():
            return ServerSentEvent(event="status", data=MovedRead.of(event.glance), id=id)
        case Progressed():
            return ServerSentEvent(event="progress", data=ProgressedRead.of_job(event.job, event.progress), id=id)
        case Said():
            return ServerSentEvent(event="log", data=LogLineRead.of(event.line), id=str(event.line.id))
        case Gone():
            return ServerSentEvent(event="removed", data=GoneRead(job_id=event.job), id=id)
        case _:
            assert_never(event)


def _end(event: Moved | Gone) -> ServerSentEvent:
    data = MovedRead.of(event.glance) if isinstance(event, Moved) else GoneRead(job_id=event.job)
    return ServerSentEvent(event="end", data=data)
