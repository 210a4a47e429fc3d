"""The command that draws samples."""

from pathlib import Path
from typing import Annotated

import typer

from counterfoil.cli.console import out, progress_bars
from counterfoil.samples.kinds import Form, Kind

commands = typer.Typer()


@commands.command()
def samples(
    folder: Annotated[Path, typer.Argument(help="A new folder for them.", metavar="OUT")],
    count: Annotated[int, typer.Option(min=1, help="How many.")] = 100,
    seed: Annotated[int, typer.Option(help="The same seed gives the same samples.")] = 1,
    kinds: Annotated[list[Kind] | None, typer.Option(help="Only this kind; may be said several times.")] = None,
    forms: Annotated[list[Form] | None, typer.Option(help="Only in this form; may be said several times.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over what lies in the folder.")] = False,
) -> None:
    """Draw receipts and invoices of invented firms, with the truth about them, for tests and measurements."""
    from counterfoil.samples.drawing import TRUTH, draw, write  # only this command needs what it draws with

    drawings = draw(count, seed, kinds=kinds or list(Kind), forms=forms or list(Form))
    with progress_bars() as progress:
        bar = progress.add_task("Drawing", total=count)
        write(folder, drawings, force=force, progress=lambda _: progress.advance(bar))
    out.print(f"{count} samples. To measure the reading: counterfoil evaluate {folder / TRUTH}", highlight=False)
