"""Commands about reading: read a file and say why, measure the reading against labelled documents."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from counterfoil import bootstrap
from counterfoil.access.domain import DEFAULT_WORKSPACE
from counterfoil.bootstrap import House
from counterfoil.cli.console import AsJson, err, out, print_json, progress_bars
from counterfoil.documents.domain import Sha256
from counterfoil.extraction.domain import Considered, Extraction, NoReader
from counterfoil.extraction.evaluation.predictions import Prediction
from counterfoil.extraction.evaluation.running import evaluate as evaluate_documents
from counterfoil.extraction.schemas import ExtractionRead
from counterfoil.foundation.files import digest_of
from counterfoil.foundation.logging import configure_logging
from counterfoil.foundation.settings import read_settings
from counterfoil.records.fields import label, values, written
from counterfoil.records.reasons import sentence

commands = typer.Typer()


@commands.command()
def read(
    file: Annotated[Path, typer.Argument(help="A picture, PDF or e-invoice.", exists=True, dir_okay=False)],
    explain: Annotated[
        bool, typer.Option("--explain", help="Show also what else was considered, and why not.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Read a file and show what it says; nothing is kept."""
    house = _readers()
    media_type = house.documents.decoder.inspect(file).media_type
    with err.status("Reading"), house.pages.open(file, media_type) as document:
        extraction = house.cascade.read(document, DEFAULT_WORKSPACE, Sha256(digest_of(file)))
    if extraction is None:
        raise NoReader(media_type)
    if as_json:
        print_json(ExtractionRead.of(None, extraction).model_dump(mode="json"))
        return
    out.print(_values(extraction, explain=explain))
    for reason in extraction.reasons:
        out.print(f"[yellow]![/] {escape(sentence(reason))}", highlight=False)


def _values(extraction: Extraction, *, explain: bool) -> Table:
    table = Table(box=None, header_style="bold", title=f"Read by {extraction.reader}", title_justify="left")
    for heading in ("field", "value", "sure", "page", "where it stands"):
        table.add_column(heading, overflow="fold")
    considered = _considered(extraction) if explain else {}
    if explain:
        table.add_column("what spoke for it")
    for path, value in values(extraction.data).items():
        source = extraction.sources[path]
        page, text = (str(source.evidence.page), source.evidence.text) if source.evidence else ("", "")
        table.add_row(label(path), escape(written(value)), f"{source.confidence:.0%}", page, escape(text))
        for one in considered.get(path, ()):
            mark = "✓" if one.taken else "✕"
            page, text = (str(one.evidence.page), one.evidence.text) if one.evidence else ("", "")
            table.add_row(mark, escape(one.value), "", page, escape(text), _why(one), style="dim")
    return table


def _considered(extraction: Extraction) -> Mapping[str, list[Considered]]:
    """Return by field what was considered, if there was more than one thing."""
    found: dict[str, list[Considered]] = {}
    for one in extraction.considered:
        found.setdefault(one.path, []).append(one)
    return {path: several for path, several in found.items() if len(several) > 1}


def _why(one: Considered) -> str:
    return f"words {one.words:.2f}" + (f", sums {one.sums:+.2f}" if one.sums else "")


def _readers() -> House:
    """Put the house together; its database is touched only where a model is asked, whose calls are written down."""
    settings = read_settings(log_level="ERROR")
    configure_logging(settings.log_format, settings.log_level)
    return bootstrap.build(settings) if settings.model else bootstrap.assemble(settings)


@commands.command()
def evaluate(
    truth: Annotated[Path, typer.Argument(help="Labelled documents, a JSON object a line.", exists=True)],
    predictions: Annotated[Path | None, typer.Option(help="Write what was read there, a JSON object a line.")] = None,
    subset: Annotated[bool, typer.Option("--subset", help='Only the rows with "quick": true.')] = False,
    as_json: AsJson = False,
) -> None:
    """Read labelled documents, and say how much of them was read right, how surely and how fast."""
    house = _readers()
    with progress_bars() as progress:
        bar = progress.add_task("Reading", total=None)

        def show(done: int, number: int, _: Prediction) -> None:
            progress.update(bar, completed=done, total=number)

        found, report = evaluate_documents(truth, house.cascade, house.pages, subset=subset, progress=show)
    if predictions:
        predictions.write_text("".join(f"{json.dumps(one.as_json())}\n" for one in found), encoding="utf-8")
    if as_json:
        print_json(report.as_json())
    else:
        _show_report(report.as_json())


def _show_report(report: Mapping[str, Any]) -> None:
    """Show a report of an evaluation: a line for each field, then what concerns all of them."""
    table = Table(box=None, header_style="bold")
    for heading in ("field", "n", "right", "precision", "F1", "similarity", "place right"):
        table.add_column(heading, justify="left" if heading == "field" else "right")
    for name, one in report["fields"].items():
        shares = (one["accuracy"], one["precision"], one["f1"], one["similarity"], one["box_hit"])
        table.add_row(name, str(one["n"]), *("" if share is None else f"{share:.1%}" for share in shares))
    out.print(table)
    lines = (
        ("documents with every field right", report["all_fields_right"], ".1%"),
        ("merchant, date, address and total, F1", report["entities"]["f1"], ".3f"),
        ("line items, F1", (report["line_items"] or {}).get("f1"), ".3f"),
        ("confidence, expected calibration error", (report["confidence"] or {}).get("ece"), ".3f"),
        ("values kept at 98 % precision", (report["confidence"] or {}).get("kept_at_98pct_precision"), ".1%"),
        ("seconds a document", (report["seconds"] or {}).get("mean"), ".2f"),
        ("processor seconds a page", (report["seconds"] or {}).get("cpu_per_page"), ".2f"),
        ("peak memory, MB", report["peak_memory_mb"], ".0f"),
        ("values missing", report["missing"], "d"),
        ("values wrong", report["wrong"], "d"),
        ("values wrong that nobody would be asked about", report["wrong_and_sure"], "d"),
    )
    for words, figure, form in lines:
        if figure is not None:
            out.print(f"{words}: {figure:{form}}", highlight=False)
    folds = ", ".join(f"{share:.1%}" for share in report["folds"])
    out.print(f"values right in each fifth of the documents: {folds}", highlight=False)
    if report["worst"]:
        out.print(_mistakes(report["worst"]))


def _mistakes(worst: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(box=None, header_style="bold", title="The surest mistakes", title_justify="left")
    for heading in ("file", "field", "said", "wanted", "sure"):
        table.add_column(heading, overflow="fold")
    for one in worst:
        said, wanted = escape(one["said"]), escape(one["wanted"])
        table.add_row(escape(one["file"]), one["name"], said, wanted, f"{one['confidence']:.0%}")
    return table
