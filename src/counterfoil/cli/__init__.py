"""The command line: hand in documents, look at records, run the processes."""

import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any, BinaryIO
from uuid import UUID

import typer
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from counterfoil import bootstrap
from counterfoil.access.domain import DEFAULT_WORKSPACE
from counterfoil.bootstrap import House
from counterfoil.cli.audit import commands as audit_commands
from counterfoil.cli.console import (
    SIGNS,
    WAITING,
    AsJson,
    Limit,
    err,
    house,
    out,
    print_json,
    print_table,
    progress_bars,
    table,
)
from counterfoil.cli.deliveries import commands as delivery_commands
from counterfoil.cli.jobs import commands as job_commands
from counterfoil.cli.keys import commands as key_commands
from counterfoil.cli.n8n import commands as n8n_commands
from counterfoil.cli.reading import commands as reading_commands
from counterfoil.cli.samples import commands as sample_commands
from counterfoil.cli.targets import commands as target_commands
from counterfoil.cli.users import commands as user_commands
from counterfoil.documents.domain import Document, InvalidParts
from counterfoil.documents.hand_ins import BatchDetail, FileToHandIn, HandIn, HandInStatus, Refusal
from counterfoil.foundation.errors import CounterfoilError, InvalidInput
from counterfoil.foundation.paging import Paging
from counterfoil.foundation.settings import read_settings
from counterfoil.jobs.domain import Job, JobId, JobStatus
from counterfoil.records.schemas import RecordSummary

LOOK_EVERY_SECONDS = 0.2
WIDE = 110
"""Columns of a terminal from which a record fits into a line, with its id."""

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Turns receipts and invoices into records, and never loses one.",
)
app.add_typer(audit_commands, name="audit")
app.add_typer(delivery_commands, name="deliveries")
app.add_typer(job_commands)
app.add_typer(key_commands, name="keys")
app.add_typer(n8n_commands, name="n8n")
app.add_typer(reading_commands)
app.add_typer(sample_commands)
app.add_typer(target_commands, name="targets")
app.add_typer(user_commands, name="user")


def main() -> None:
    """Run a command; what goes wrong on purpose is said in two lines, not in a traceback."""
    try:
        app()
    except CounterfoilError as error:
        err.print(f"[red]{escape(str(error))}[/]\n{escape(error.advice)}", highlight=False, soft_wrap=True)
        sys.exit(2)


class FileUnreadable(InvalidInput):
    """A file of this machine that cannot be opened."""

    code = "file_unreadable"
    advice = "Check that it is still there and that you may read it."

    def __init__(self, reason: str) -> None:
        super().__init__(f"The file could not be opened: {reason}.")


@app.command()
def add(
    paths: Annotated[list[Path], typer.Argument(help="Files, ZIP archives, and folders to search.", exists=True)],
    target: Annotated[
        UUID | None, typer.Option(help="The target that they go to; else it is the default one.", metavar="ID")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Read them now, and show what became of them.")] = False,
    as_json: AsJson = False,
) -> None:
    """Hand in documents as a batch. A worker reads them; with --wait, this command brings its own."""
    built = house()
    files = list(_files(paths))
    with progress_bars() as progress:
        batches = _hand_in(built, files, target, progress)
        handed_in = [outcome.hand_in for batch in batches for outcome in batch.outcomes]
        jobs = _await(built, [one.job_id for one in handed_in if one.job_id], progress) if wait else {}
    _show_hand_ins(handed_in, jobs, as_json=as_json)
    if not files:
        err.print("There are no files there.")
    elif not as_json:
        _sum_up(batches, handed_in, wait=wait)
    dead = any(job.status is not JobStatus.COMPLETED for job in jobs.values())
    if dead or any(one.error for one in handed_in):
        raise typer.Exit(1)


@app.command()
def join(
    paths: Annotated[list[Path], typer.Argument(help="The files, in the order of the pages.", exists=True)],
    name: Annotated[str, typer.Option(help="What the document is called.")] = "",
    wait: Annotated[bool, typer.Option("--wait", help="Read it now, and show what became of it.")] = False,
    as_json: AsJson = False,
) -> None:
    """Hand in files that are the pages of one receipt or invoice, as one document."""
    built = house()
    files = list(_files(paths))
    with progress_bars() as progress:
        one = _hand_in_joined(built, files, name, progress)
        jobs = _await(built, [one.job_id], progress) if wait and one.job_id else {}
    _show_hand_ins([one], jobs, as_json=as_json)
    if not as_json and not one.error:
        err.print(f"{len(files)} files handed in as one document.", highlight=False)
        _say_who_reads(wait=wait)
    if one.error or any(job.status is not JobStatus.COMPLETED for job in jobs.values()):
        raise typer.Exit(1)


@app.command()
def records(limit: Limit = 20, as_json: AsJson = False) -> None:
    """Show the records, newest first."""
    page = house().records.page(DEFAULT_WORKSPACE, Paging(limit=limit))
    shown = [RecordSummary.of(record) for record in page.items]
    if as_json:
        print_json([one.model_dump(mode="json") for one in shown])
        return
    print_table(_table_of(shown), "No records yet. Hand in a document: counterfoil add FILE --wait")


@app.command()
def worker() -> None:
    """Run jobs until stopped; what runs then is finished first."""
    from counterfoil import worker as process  # only this command needs it

    process.run(read_settings())


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on; 0 takes a free one.", min=0, max=65535)] = 8000,
) -> None:
    """Run the API and a worker in one process."""
    from counterfoil import main as process  # only this command needs it

    process.serve(read_settings(), host=host, port=port)


def _table_of(records: Sequence[RecordSummary]) -> Table:
    """Return records as a table; where there is no room for the ids beside the rest, they stand under the merchants."""
    narrow = out.width < WIDE
    rows = Table(box=None, header_style="bold", padding=(0, 1, 0, 0)) if narrow else table()
    for heading in ("date", "merchant", "total", "status", "questions"):
        least = 36 if narrow and heading == "merchant" else None
        rows.add_column(heading, overflow="fold", no_wrap=heading in {"date", "total", "status"}, min_width=least)
    for one in records:
        total = f"{one.total} {one.currency or ''}".rstrip() if one.total is not None else None
        merchant = f"{one.merchant or '-'}\n{one.id}" if narrow else one.merchant
        row = (one.issue_date, merchant, total, one.status, ", ".join(one.reasons))
        cells = [escape(str(cell)) if cell is not None else "-" for cell in row]
        rows.add_row(*cells if narrow else (str(one.id), *cells))
    return rows


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield files as named, and those in folders, except hidden ones, by name."""
    for path in paths:
        if path.is_dir():
            yield from (file for file in sorted(path.rglob("*")) if file.is_file() and not file.name.startswith("."))
        else:
            yield path


def _hand_in(house: House, paths: Sequence[Path], target: UUID | None, progress: Progress) -> Sequence[BatchDetail]:
    """Hand in files in as few batches as take them."""
    most = house.settings.max_batch_files
    bar = progress.add_task("Handing in", total=len(paths))

    def advance(_: HandIn) -> None:
        progress.advance(bar)

    return [
        house.batches.receive(
            DEFAULT_WORKSPACE,
            _to_hand_in(paths[start : start + most]),
            target_id=target,
            on_hand_in=advance,
        )
        for start in range(0, len(paths), most)
    ]


def _hand_in_joined(house: House, paths: Sequence[Path], name: str, progress: Progress) -> HandIn:
    """Hand in files as one document; of a file that is refused, say so, and hand in none."""
    bar = progress.add_task("Handing in", total=len(paths))
    admitted: list[Document] = []

    def advance(part: Document) -> None:
        admitted.append(part)
        progress.advance(bar)

    try:
        received = house.joins.receive(DEFAULT_WORKSPACE, _to_hand_in(paths), name=name, on_part=advance)
    except CounterfoilError as error:
        if error.retry or isinstance(error, InvalidParts) or len(admitted) == len(paths):  # no fault of one file
            raise
        refused = str(paths[len(admitted)])
        return HandIn(position=0, name=refused, status=HandInStatus.REFUSED, error=Refusal.of(error))
    return HandIn(
        position=0,
        name=received.document.name,
        status=HandInStatus.DUPLICATE if received.same_as else HandInStatus.ACCEPTED,
        document_id=received.document.id,
        job_id=received.job_id,
        same_as=received.same_as,
    )


def _to_hand_in(paths: Iterable[Path]) -> Sequence[FileToHandIn]:
    return [FileToHandIn(name=str(path), open=partial(_opened, path)) for path in paths]


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        content = path.open("rb")
    except OSError as error:
        raise FileUnreadable(error.strerror or str(error)) from error
    with content:
        yield content


def _await(house: House, wanted: Sequence[JobId], progress: Progress) -> dict[JobId, Job]:
    """Work until every job that was handed in has ended, and with them what they led to."""
    ended: dict[JobId, Job] = {}
    bar = progress.add_task("Reading", total=len(wanted))
    with house.engine.upkept(), bootstrap.working(house):
        while len(ended) < len(wanted) or house.jobs.has_work():
            for job_id in wanted:
                if job_id not in ended and (job := house.jobs.get(DEFAULT_WORKSPACE, job_id)).status.final:
                    ended[job_id] = job
            progress.update(bar, completed=len(ended))
            time.sleep(LOOK_EVERY_SECONDS)
    return ended


def _sum_up(batches: Sequence[BatchDetail], handed_in: Sequence[HandIn], *, wait: bool) -> None:
    found = Counter(one.status for one in handed_in)
    taken = found[HandInStatus.ACCEPTED] + found[HandInStatus.DUPLICATE]
    words = [f"{taken} handed in"]
    if duplicates := found[HandInStatus.DUPLICATE]:
        words.append(f"{duplicates} of them not for the first time")
    if refused := found[HandInStatus.REFUSED]:
        words.append(f"{refused} refused")
    batch_ids = ", ".join(str(batch.view.batch.id) for batch in batches)
    err.print(f"{', '.join(words)}. Batch: {batch_ids}", highlight=False)
    if taken:
        _say_who_reads(wait=wait)


def _say_who_reads(*, wait: bool) -> None:
    if not wait:
        err.print("The next worker reads them: counterfoil serve, counterfoil worker, or --wait.", highlight=False)


def _show_hand_ins(handed_in: Sequence[HandIn], jobs: Mapping[JobId, Job], *, as_json: bool) -> None:
    pairs = [(one, jobs.get(one.job_id) if one.job_id else None) for one in handed_in]
    if as_json:
        print_json([_hand_in_json(one, job) for one, job in pairs])
        return
    for one, job in pairs:
        out.print(f"{_sign(one, job)} {escape(one.name)}: {escape(_words(one, job))}", highlight=False)


def _sign(one: HandIn, job: Job | None) -> str:
    if one.error:
        return SIGNS[JobStatus.DEAD_LETTER]
    return SIGNS.get(job.status, WAITING) if job else WAITING


def _words(one: HandIn, job: Job | None) -> str:
    if one.error:
        return one.error.message
    known = "; its bytes were handed in before" if one.same_as else ""
    if job is None:
        return f"handed in; job {one.job_id}{known}"
    return (str(job.result["message"]) if job.result else job.failure.message if job.failure else job.status) + known


def _hand_in_json(one: HandIn, job: Job | None) -> dict[str, Any]:
    return {
        "file": one.name,
        "handed_in": one.status,
        "document_id": str(one.document_id) if one.document_id else None,
        "job_id": str(one.job_id) if one.job_id else None,
        "status": job.status if job else None,
        "result": job.result if job else None,
        "error": one.error.message if one.error else job.failure.message if job and job.failure else None,
    }
