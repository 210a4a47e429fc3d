"""The commands about n8n, as a person types them."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from counterfoil.cli import app
from counterfoil.targets.n8n.workflow import Options, receipt_to_notion


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["n8n", *words], catch_exceptions=False)


def test_an_exported_workflow_is_in_order_and_the_next_steps_are_named(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    said = run("export", "--out", str(file), "--webhook-path", "books", "--callback-host", "backend.example")
    assert said.exit_code == 0
    assert json.loads(file.read_text()) == receipt_to_notion(
        Options(webhook_path="books", callback_host="backend.example")
    )
    assert "N8N_WEBHOOK_URL=https://YOUR-N8N/webhook/books" in said.output
    assert "allowed domains: backend.example" in said.output
    assert run("check", str(file)).exit_code == 0


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--notion-url", "api.notion.com"),
        ("--notion-url", "http://{{ 1 }}"),
        ("--callback-host", "https://books.example"),
        ("--webhook-path", "/receipts"),
    ],
)
def test_what_would_be_something_else_in_a_workflow_is_refused(tmp_path: Path, option: str, value: str) -> None:
    file = tmp_path / "mine.json"
    said = run("export", "--out", str(file), option, value)
    assert said.exit_code == 2
    assert option in said.output
    assert not file.exists()


def test_a_broken_workflow_is_an_exit_code_a_code_and_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "broken.json"
    file.write_text(json.dumps(receipt_to_notion(Options()) | {"active": True}))
    said = run("check", str(file))
    assert said.exit_code == 1
    assert "active It is switched on" in said.output
    assert [one["code"] for one in json.loads(run("check", str(file), "--json").stdout)] == ["active"]
