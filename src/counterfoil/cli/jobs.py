"""Commands for whoever runs the engine: look at jobs, cancel and retry them, decide about queues and dead letters."""

import time
from datetime import datetime
from typing import Annotated
from uuid import UUID

import typer
from rich.markup import escape

from counterfoil.access.domain import DEFAULT_WORKSPACE
from counterfoil.bootstrap import House
from counterfoil.cli.console import SIGNS, WAITING, AsJson, Limit, err, house, out, print_json, print_table, table
from counterfoil.foundation.paging import MAX_LIMIT, Paging
from counterfoil.jobs.dead_letters.schemas import DeadLetterRead
from counterfoil.jobs.domain import Job, JobDetail, JobId, JobStatus, LogLine
from counterfoil.jobs.overview.schemas import QueueRead
from counterfoil.jobs.protocols import JobFilter, LineFilter
from counterfoil.jobs.schemas import JobDetailRead, JobRead
from counterfoil.jobs.timeline import timeline

LOOK_EVERY_SECONDS = 0.5

commands = typer.Typer()

Status = Annotated[JobStatus | None, typer.Option(help="Only those that stand there.")]
Type = Annotated[str | None, typer.Option("--type", help="Only those of this type.")]
Queue = Annotated[str | None, typer.Option(help="Only those of this queue.")]
ErrorCode = Annotated[str | None, typer.Option("--error", help="Only those that failed with this code.")]
Words = Annotated[str | None, typer.Option("--find", help="Only those with these words in description or error.")]
JobKey = Annotated[UUID, typer.Argument(help="The job's id.", metavar="ID")]


@commands.command()
def jobs(
    limit: Limit = 20,
    status: Status = None,
    type_: Type = None,
    queue: Queue = None,
    error: ErrorCode = None,
    find: Words = None,
    as_json: AsJson = False,
) -> None:
    """Show the jobs, newest first."""
    wanted = JobFilter(status=status, type=type_, queue=queue, error_code=error, containing=find)
    page = house().jobs.page(DEFAULT_WORKSPACE, Paging(limit=limit), wanted)
    if as_json:
        print_json([JobRead.of(job).model_dump(mode="json") for job in page.items])
        return
    rows = table("status", "since", "what")
    for job in page.items:
        rows.add_row(str(job.id), _status(job), _time(job.created_at), escape(_what(job)))
    print_table(rows, "No jobs yet.")


@commands.command()
def job(
    job_id: JobKey,
    follow: Annotated[bool, typer.Option("--follow", help="Go on until it is over.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show a job: where it stands, what happened to it, and what it said."""
    built = house()
    detail = built.jobs.detail(DEFAULT_WORKSPACE, JobId(job_id))
    if as_json:
        print_json(JobDetailRead.of_detail(detail).model_dump(mode="json"))
        return
    _show(detail)
    last = _show_lines(built, JobId(job_id), None)
    while follow and not detail.job.status.final:
        time.sleep(LOOK_EVERY_SECONDS)
        detail = built.jobs.detail(DEFAULT_WORKSPACE, JobId(job_id))
        last = _show_lines(built, JobId(job_id), last)
    if follow:
        out.print(f"{_status(detail.job)} {escape(_what(detail.job))}", highlight=False)


@commands.command()
def cancel(job_id: JobKey) -> None:
    """Cancel a job: at once, or while it runs as soon as its handler looks up."""
    cancelled = house().engine.changes.cancel(DEFAULT_WORKSPACE, JobId(job_id))
    out.print("Cancelled." if cancelled.status.final else "It will be, as soon as its handler looks up.")


@commands.command()
def retry(
    job_id: Annotated[UUID | None, typer.Argument(help="The dead letter's id.", metavar="[ID]")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All dead letters that match.")] = False,
    type_: Type = None,
    error: ErrorCode = None,
) -> None:
    """Try a dead letter again, or all of them."""
    if (job_id is None) is not everything:
        raise typer.BadParameter("Name a job, or say --all.")
    changes = house().engine.changes
    if job_id:
        changes.retry(DEFAULT_WORKSPACE, JobId(job_id))
        out.print("It is tried again.")
        return
    number = changes.retry_many(DEFAULT_WORKSPACE, JobFilter(type=type_, error_code=error))
    out.print(f"{number} are tried again.", highlight=False)


@commands.command()
def queues(
    pause: Annotated[str | None, typer.Option(help="Let no job of this queue begin.", metavar="NAME")] = None,
    resume: Annotated[str | None, typer.Option(help="Let them begin again.", metavar="NAME")] = None,
    limit: Annotated[
        str | None, typer.Option(help="Let so many run at once; NAME= lifts the limit.", metavar="NAME=N")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the queues, after deciding about one if asked to."""
    engine = house().engine
    if pause:
        engine.queues.pause(pause)
    if resume:
        engine.queues.resume(resume)
    if limit:
        engine.queues.limit(*_limit(limit))
    shown = engine.overview.queues(DEFAULT_WORKSPACE)
    if as_json:
        print_json([QueueRead.of(queue).model_dump(mode="json") for queue in shown])
        return
    for queue in shown:
        most = "any number" if queue.at_most is None else str(queue.at_most)
        paused = " [yellow]paused[/]" if queue.paused_at else ""
        words = f"{queue.depth} waiting, {queue.processing} of {most} running{paused}"
        out.print(f"{escape(queue.name)}: {words}", highlight=False)
    if not shown:
        err.print("No queue has jobs or limits.")


@commands.command()
def dlq(
    limit: Limit = 20, type_: Type = None, error: ErrorCode = None, find: Words = None, as_json: AsJson = False
) -> None:
    """Show the dead letters, newest first, after how many there are of each error."""
    letters = house().engine.dead_letters
    wanted = JobFilter(type=type_, error_code=error, containing=find)
    page = letters.page(DEFAULT_WORKSPACE, Paging(limit=limit), wanted)
    if as_json:
        print_json([DeadLetterRead.of(one).model_dump(mode="json") for one in page.items])
        return
    for group in letters.groups(DEFAULT_WORKSPACE, wanted):
        out.print(f"{group.number} of {escape(group.type)}: {escape(group.error_code or '-')}", highlight=False)
    rows = table("died", "what")
    for one in page.items:
        rows.add_row(str(one.id), _time(one.ended_at or one.created_at), escape(_what(one)))
    print_table(rows, "No dead letters.")


def _limit(words: str) -> tuple[str, int | None]:
    name, _, number = words.partition("=")
    if not name or not (number == "" or (number.isdecimal() and 1 <= int(number) <= 100_000)):
        raise typer.BadParameter("Say NAME=N, with N from 1.")
    return name, int(number) if number else None


def _show(detail: JobDetail) -> None:
    out.print(f"{_status(detail.job)} {escape(detail.job.type)}: {escape(_what(detail.job))}", highlight=False)
    for moment in timeline(detail.job, detail.attempts):
        attempt = f" (attempt {moment.attempt})" if moment.attempt else ""
        out.print(f"  {_time(moment.at, seconds=True)}  {moment.what}{attempt}", highlight=False)


def _show_lines(built: House, job_id: JobId, last: UUID | None) -> UUID | None:
    """Show the lines that came after the last one, and return which is the last now."""
    while True:
        paging = Paging(limit=MAX_LIMIT, after=last)
        page = built.jobs.logs(DEFAULT_WORKSPACE, job_id, paging, LineFilter(oldest_first=True))
        for line in page.items:
            _show_line(line)
            last = line.id
        if page.next_after is None:
            return last


def _show_line(line: LogLine) -> None:
    facts = " ".join(f"{name}={value}" for name, value in line.metadata.items())
    words = escape(f"{line.message} {facts}".strip())
    out.print(f"  {_time(line.created_at, seconds=True)}  {line.level:5}  {words}", highlight=False)


def _status(one: Job) -> str:
    return f"{SIGNS.get(one.status, WAITING)} {one.status}"


def _time(at: datetime, *, seconds: bool = False) -> str:
    return f"{at.astimezone():%m-%d %H:%M:%S}" if seconds else f"{at.astimezone():%m-%d %H:%M}"


def _what(job: Job) -> str:
    """Say what a job is about, what came of it, and what went wrong so far unless that is past."""
    if job.failure is None or job.status is JobStatus.COMPLETED:
        said = (job.result or {}).get("message")
        return f"{job.description} ({said})" if said else job.description
    return f"{job.description} (attempt {job.attempts} of {job.max_attempts}: {job.failure.message})"
