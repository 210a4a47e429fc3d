"""What all commands share: the consoles, the tables, the house."""

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from counterfoil import bootstrap
from counterfoil.bootstrap import House
from counterfoil.foundation.logging import configure_logging
from counterfoil.foundation.paging import MAX_LIMIT
from counterfoil.foundation.settings import read_settings
from counterfoil.jobs.domain import JobStatus

WAITING = "[dim]○[/]"
SIGNS = {
    JobStatus.COMPLETED: "[green]✓[/]",
    JobStatus.DEAD_LETTER: "[red]✕[/]",
    JobStatus.CANCELLED: "[dim]⊘[/]",
    JobStatus.FAILED: "[yellow]↻[/]",
    JobStatus.PROCESSING: "[blue]●[/]",
}

out = Console()
err = Console(stderr=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
_WHOLE = {"date", "total", "since", "kind"}
"""Headings of columns that are no use in pieces."""

Limit = Annotated[int, typer.Option(min=1, max=MAX_LIMIT, help="How many at most.")]


def house() -> House:
    """Build the house for a command, which says itself what there is to say: only errors are logged."""
    settings = read_settings(log_level="ERROR")
    configure_logging(settings.log_format, settings.log_level)
    return bootstrap.build(settings)


def table(*headings: str) -> Table:
    """Return a table whose rows begin with an id, whole, since that is what the next command or request wants."""
    table = Table(box=None, header_style="bold")
    table.add_column("id", no_wrap=True, min_width=36)
    for heading in headings:
        table.add_column(heading, overflow="fold", no_wrap=heading in _WHOLE)
    return table


def print_table(table: Table, nothing: str) -> None:
    """Show the rows, or on the other stream that there are none."""
    if table.row_count:
        out.print(table)
    else:
        err.print(nothing, highlight=False)


def print_json(content: object) -> None:
    """Show something as a script reads it."""
    out.print_json(json.dumps(content))


def progress_bars() -> Progress:
    """Return bars on the other stream, gone when they are full."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=err, transient=True)
