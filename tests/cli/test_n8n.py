"""The commands about n8n, as a person types them."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from counterfoil.cli import app
from counterfoil.cli.n8n import FileNotWritten, FileThere
from counterfoil.targets.n8n.mailbox import hand_in_from_mailbox
from counterfoil.targets.n8n.workflow import Options, receipt_to_notion


def run(*words: str, **settings: str) -> Result:
    return CliRunner().invoke(app, ["n8n", *words], env=settings, catch_exceptions=False)


def test_an_exported_workflow_is_in_order_and_the_next_steps_are_named(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    said = run("export", "--out", str(file), "--webhook-path", "books", "--callback-host", "backend.example")
    assert said.exit_code == 0
    assert json.loads(file.read_text()) == receipt_to_notion(
        Options(webhook_path="books", callback_host="backend.example")
    )
    assert "N8N_WEBHOOK_URL=https://YOUR-N8N/webhook/books" in said.output
    assert "allowed domains: backend.example" in said.output
    assert "NOTION_TOKEN=" in said.output
    assert "N8N_DEADLINE_SECONDS=" in said.output
    assert run("check", str(file)).exit_code == 0


def test_what_no_flag_says_the_settings_say(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    settings = {
        "PUBLIC_URL": "https://books.example:8443/x",
        "NOTION_URL": "http://gateway.example",
        "N8N_WEBHOOK_URL": "https://n8n.example/webhook/books/receipts",
    }
    said = run("export", "--out", str(file), **settings)
    assert said.exit_code == 0
    assert json.loads(file.read_text()) == receipt_to_notion(
        Options(notion_url="http://gateway.example", callback_host="books.example", webhook_path="books/receipts")
    )
    assert "it is https://books.example:8443/x" in said.output
    run("export", "--out", str(file), "--callback-host", "", "--force", **settings)
    assert json.loads(file.read_text()) == receipt_to_notion(
        Options(notion_url="http://gateway.example", webhook_path="books/receipts")
    )


@pytest.mark.parametrize(
    ("url", "host"),
    [("http://[::1]:8000", "[::1]"), ("http://127.0.0.1:8000", "127.0.0.1"), ("http://A.example", "a.example")],
)
def test_the_host_that_is_called_back_is_written_as_the_workflow_compares_it(
    tmp_path: Path, url: str, host: str
) -> None:
    file = tmp_path / "mine.json"
    assert run("export", "--out", str(file), PUBLIC_URL=url).exit_code == 0
    assert json.loads(file.read_text()) == receipt_to_notion(Options(callback_host=host))


def test_the_workflow_of_a_mailbox_is_exported_with_ones_own_address(tmp_path: Path) -> None:
    file = tmp_path / "mailbox.json"
    said = run("export-mailbox", "--out", str(file), PUBLIC_URL="https://books.example")
    assert said.exit_code == 0
    assert json.loads(file.read_text()) == hand_in_from_mailbox("https://books.example")
    assert "Mailbox of receipts" in said.output
    assert run("export-mailbox", "--out", str(file), "--url", "http://10.0.0.5:8000", "--force").exit_code == 0
    assert json.loads(file.read_text()) == hand_in_from_mailbox("http://10.0.0.5:8000")
    odd = run("export-mailbox", "--out", str(file), "--url", "{{ 1 }}", "--force")
    assert (odd.exit_code, "--url" in odd.output) == (2, True)


@pytest.mark.parametrize("command", ["export", "export-mailbox"])
def test_a_file_that_is_there_is_kept_unless_a_person_says_otherwise(tmp_path: Path, command: str) -> None:
    file = tmp_path / "mine.json"
    file.write_text("mine")
    with pytest.raises(FileThere):
        run(command, "--out", str(file))
    assert file.read_text() == "mine"
    assert run(command, "--out", str(file), "--force").exit_code == 0
    assert json.loads(file.read_text())["nodes"]


def test_a_folder_that_is_not_there_is_an_error_with_advice(tmp_path: Path) -> None:
    for force in ((), ("--force",)):
        with pytest.raises(FileNotWritten, match="No such file or directory"):
            run("export", "--out", str(tmp_path / "nowhere" / "x.json"), *force)


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
