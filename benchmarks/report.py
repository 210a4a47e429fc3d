"""Figures as people read them, on a terminal and in Markdown."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

WIDTH_OF_A_FILE = 200
NOTHING = "\N{EN DASH}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A table with what has to be known to read it."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str]
    facts: Sequence[str]


def progress() -> Progress:
    """Return what shows on the error stream how far the program is."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=Console(stderr=True))


def show(sheet: Sheet) -> None:
    """Print the sheet."""
    out = Console(highlight=False)
    if not out.is_terminal:
        out.width = WIDTH_OF_A_FILE
    table = Table(*sheet.columns, title=sheet.title, title_justify="left")
    for column in table.columns[1:]:
        column.justify = "right"
    for row in sheet.rows:
        table.add_row(*row)
    out.print(table)
    for line in (*sheet.notes, *sheet.facts):
        out.print(f"· {line}", markup=False)


def save(sheet: Sheet, file: Path) -> None:
    """Write the sheet as a page of Markdown."""
    lines = [
        f"# {sheet.title}",
        "",
        *(f"- {note}" for note in (*sheet.facts, *sheet.notes)),
        "",
        _line(sheet.columns),
        _line(["---", *["--:" for _ in sheet.columns[1:]]]),
        *(_line(row) for row in sheet.rows),
        "",
    ]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines), encoding="utf-8")


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", ": ") for cell in cells) + " |"


def figure(value: float) -> str:
    """Write a figure with about three digits, thousands set apart."""
    if not math.isfinite(value):
        return "never"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}".replace(",", "\N{NO-BREAK SPACE}")


def count(value: int) -> str:
    """Write a whole number, thousands set apart."""
    return f"{value:,}".replace(",", "\N{NO-BREAK SPACE}")


def ratio(ours: float, theirs: float) -> str:
    """Write how many times theirs ours is."""
    if not theirs or not math.isfinite(ours / theirs):
        return NOTHING
    times = ours / theirs
    digits = 3 if times < 0.1 else 2 if times < 10 else 0
    return f"{times:.{digits}f}\N{MULTIPLICATION SIGN}"
