"""Commands for the way through n8n: write the workflows that are imported there, and look workflows over."""

import re
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

import typer
from rich.markup import escape

from counterfoil.cli.console import AsJson, err, out, print_json
from counterfoil.foundation.errors import Conflict, InvalidInput
from counterfoil.foundation.settings import read_settings
from counterfoil.targets.n8n import workflow as shipped
from counterfoil.targets.n8n.lint import lint
from counterfoil.targets.n8n.mailbox import API_KEY, IMAP, hand_in_from_mailbox
from counterfoil.targets.n8n.nodes import written
from counterfoil.targets.n8n.workflow import CALLBACK_TOKEN, NOTION, OPENAI, WEBHOOK_KEY, Options

commands = typer.Typer(no_args_is_help=True, help="Write the workflows that n8n imports, and look workflows over.")
_DEFAULT = Options()
_WEBHOOK: Final = "/webhook/"
_ADDRESS: Final = re.compile(r"https?://[^\s{}]+")

Anyway = Annotated[bool, typer.Option("--force", help="Write over a file that is there.")]


class FileThere(Conflict):
    """A file would be written over that may hold somebody's work."""

    code = "file_there"
    advice = "Name another with --out, or say --force to write over it."

    def __init__(self, file: Path) -> None:
        super().__init__(f"There is a file {file} already.")


class FileNotWritten(InvalidInput):
    """A file of this machine that cannot be written."""

    code = "file_not_written"
    advice = "Check that its folder is there and that you may write in it, or name another with --out."

    def __init__(self, file: Path, reason: str) -> None:
        super().__init__(f"{file} cannot be written: {reason}.")


@commands.command()
def export(
    file: Annotated[Path, typer.Option("--out", help="Where to write it.")] = Path("receipt-to-notion.json"),
    notion_url: Annotated[
        str | None, typer.Option(help="Where Notion's API is.", show_default="NOTION_URL of the settings")
    ] = None,
    callback_host: Annotated[
        str | None,
        typer.Option(
            help="The host that Counterfoil is called back at: jobs that name another are refused. '' allows any.",
            show_default="that of PUBLIC_URL",
        ),
    ] = None,
    webhook_path: Annotated[
        str | None,
        typer.Option(help="The last part of the webhook's address.", show_default="that of N8N_WEBHOOK_URL, if set"),
    ] = None,
    model: Annotated[str, typer.Option(help="The model that is shown the picture.")] = _DEFAULT.model,
    force: Anyway = False,
) -> None:
    """Write the workflow that writes receipts to Notion, ready to import, and say what comes next."""
    settings = read_settings()
    options = Options(
        notion_url=settings.notion_url if notion_url is None else notion_url,
        callback_host=_host(settings.public_url) if callback_host is None else callback_host,
        webhook_path=_path(settings.n8n_webhook_url) if webhook_path is None else webhook_path,
        model=model,
    )
    _refuse_odd(options)
    _write(file, written(shipped.receipt_to_notion(options)), anyway=force)
    out.print(_next_steps(file, options, settings.public_url), highlight=False, soft_wrap=True)


@commands.command()
def export_mailbox(
    file: Annotated[Path, typer.Option("--out", help="Where to write it.")] = Path("hand-in-from-mailbox.json"),
    url: Annotated[
        str | None, typer.Option(help="Where n8n reaches Counterfoil.", show_default="PUBLIC_URL of the settings")
    ] = None,
    force: Anyway = False,
) -> None:
    """Write the workflow that hands in what comes to a mailbox, ready to import, and say what comes next."""
    there = read_settings().public_url if url is None else url
    if not _ADDRESS.fullmatch(there):
        raise typer.BadParameter("--url is an address, such as https://books.example.com.")
    _write(file, written(hand_in_from_mailbox(there)), anyway=force)
    out.print(_next_steps_of_mailbox(file, there), highlight=False, soft_wrap=True)


@commands.command()
def check(
    file: Annotated[Path, typer.Argument(help="A workflow, as n8n exports it.", exists=True, dir_okay=False)],
    as_json: AsJson = False,
) -> None:
    """Look a workflow over: what could not run, would never report, or might give a token away."""
    findings = lint(file.read_text(encoding="utf-8", errors="replace"))
    if as_json:
        print_json([{"code": one.code, "sentence": one.sentence} for one in findings])
    elif not findings:
        out.print("Nothing found.")
    else:
        for one in findings:
            out.print(f"[red]{escape(one.code)}[/] {escape(one.sentence)}", highlight=False, soft_wrap=True)
        err.print(f"{len(findings)} found.", highlight=False)
    if findings:
        raise typer.Exit(1)


def _write(file: Path, content: str, *, anyway: bool) -> None:
    try:
        with file.open("w" if anyway else "x", encoding="utf-8") as writing:
            writing.write(content)
    except FileExistsError:
        raise FileThere(file) from None
    except OSError as error:
        raise FileNotWritten(file, error.strerror or str(error)) from None


def _host(url: str) -> str:
    """Return the host of an address, as the workflow compares it."""
    host = urlsplit(url).hostname or ""
    return f"[{host}]" if ":" in host else host


def _path(webhook_url: str) -> str:
    """Return the last part of the webhook's address, if it is set and n8n's own form."""
    return urlsplit(webhook_url).path.partition(_WEBHOOK)[2].strip("/") or _DEFAULT.webhook_path


def _refuse_odd(options: Options) -> None:
    """Refuse what would be something else in the workflow, such as an expression."""
    if not _ADDRESS.fullmatch(options.notion_url):
        raise typer.BadParameter("--notion-url is an address, such as https://api.notion.com.")
    if not re.fullmatch(r"[\w.-]*|\[[0-9a-fA-F:.]+\]", options.callback_host):
        raise typer.BadParameter("--callback-host is a host alone, such as books.example.com.")
    if not re.fullmatch(r"[\w-]+(/[\w-]+)*", options.webhook_path):
        raise typer.BadParameter("--webhook-path is made of letters, digits, - and _.")


def _next_steps(file: Path, options: Options, public_url: str) -> str:
    """Return what a person does with the file, in order."""
    allowed = options.callback_host or "the host of PUBLIC_URL"
    return f"""{escape(str(file))} is written. What comes next, in n8n:
  1. Import it: Workflows, Import from File.
  2. Create the credentials that its nodes name:
     {WEBHOOK_KEY.name}: Header Auth, name X-N8N-Api-Key, a long random value
     {CALLBACK_TOKEN.name}: Header Auth, name X-Callback-Token, another one; allowed domains: {escape(allowed)}
     {NOTION.name}: Notion API, with the token of an integration that the database is shared with
     {OPENAI.name}: OpenAI, with its key, or the address of a server that speaks like it
  3. Publish it.
And in the settings of Counterfoil:
  WORKFLOW=n8n
  N8N_WEBHOOK_URL=https://YOUR-N8N/webhook/{escape(options.webhook_path)}
  N8N_API_KEY=the value of the webhook key
  CALLBACK_SECRET_TOKEN=the value of the callback token
  PUBLIC_URL=where n8n reaches Counterfoil; it is {escape(public_url)}
  N8N_DEADLINE_SECONDS=600, or more: how long a run may take before its page is looked for
  NOTION_TOKEN=that of the integration: not needed, but pages whose callback was lost are found by it, and corrected"""


def _next_steps_of_mailbox(file: Path, url: str) -> str:
    """Return what a person does with the file, in order."""
    return f"""{escape(str(file))} is written. What comes next, in n8n:
  1. Import it: Workflows, Import from File.
  2. Create the credentials that its nodes name:
     {IMAP.name}: IMAP
     {API_KEY.name}: Header Auth, name Authorization, value Bearer …; if your Counterfoil asks for none, choose None
     under Authentication of its nodes Hand In and Look
  3. Publish it.
It hands in at {escape(url)}, which n8n has to reach. To change that, change url in the node Counterfoil."""
