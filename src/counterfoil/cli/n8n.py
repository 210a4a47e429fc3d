"""Commands for the way through n8n: write the workflow that is imported there, and look a workflow over."""

import re
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from counterfoil.cli.console import AsJson, err, out, print_json
from counterfoil.targets.n8n import workflow as shipped
from counterfoil.targets.n8n.lint import lint
from counterfoil.targets.n8n.nodes import written
from counterfoil.targets.n8n.workflow import CALLBACK_TOKEN, NOTION, OPENAI, WEBHOOK_KEY, Options

commands = typer.Typer(no_args_is_help=True, help="Write the workflow that n8n imports, and look workflows over.")
_DEFAULT = Options()


@commands.command()
def export(
    file: Annotated[Path, typer.Option("--out", help="Where to write it.")] = Path("receipt-to-notion.json"),
    notion_url: Annotated[str, typer.Option(help="Where Notion's API is.")] = _DEFAULT.notion_url,
    callback_host: Annotated[
        str, typer.Option(help="The host that Counterfoil is called back at: jobs that name another are refused.")
    ] = _DEFAULT.callback_host,
    webhook_path: Annotated[str, typer.Option(help="The last part of the webhook's address.")] = _DEFAULT.webhook_path,
    model: Annotated[str, typer.Option(help="The model that is shown the picture.")] = _DEFAULT.model,
) -> None:
    """Write the workflow that writes receipts to Notion, ready to import, and say what comes next."""
    _refuse_odd(notion_url, callback_host, webhook_path)
    options = Options(notion_url=notion_url, callback_host=callback_host, webhook_path=webhook_path, model=model)
    file.write_text(written(shipped.receipt_to_notion(options)), encoding="utf-8")
    out.print(_next_steps(file, options), highlight=False, soft_wrap=True)


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


def _refuse_odd(notion_url: str, callback_host: str, webhook_path: str) -> None:
    """Refuse what would be something else in the workflow, such as an expression."""
    if not re.fullmatch(r"https?://[^\s{}]+", notion_url):
        raise typer.BadParameter("--notion-url is an address, such as https://api.notion.com.")
    if not re.fullmatch(r"[\w.-]*|\[[0-9a-fA-F:.]+\]", callback_host):
        raise typer.BadParameter("--callback-host is a host alone, such as books.example.com.")
    if not re.fullmatch(r"[\w-]+(/[\w-]+)*", webhook_path):
        raise typer.BadParameter("--webhook-path is made of letters, digits, - and _.")


def _next_steps(file: Path, options: Options) -> str:
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
  PUBLIC_URL=where n8n reaches Counterfoil"""
