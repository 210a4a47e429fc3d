"""What a person does about targets on the command line, with the real command and a Notion that stands in."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.command_line import Answer, CommandLine
from tests.support.notion.server import Notion
from tests.support.notion.tables import Properties, Table

EINVOICE = Path(__file__).parents[2] / "samples" / "invoice-facturx.pdf"
SAMPLE = Path(__file__).parents[2] / "samples" / "invoice-text.pdf"
COLUMNS = {"Merchant": "title", "Total": "number", "Mood": "rich_text"}


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody with a terminal and a Notion table."""

    line: CommandLine
    folder: Path
    notion: Notion
    table: Table

    def run(self, *words: str, columns: int = 160) -> Answer:
        return self.line.run(("targets", *words), {**self.environment, "COLUMNS": str(columns)})

    @property
    def environment(self) -> dict[str, str]:
        return {
            "DATA_DIR": str(self.folder),
            "NOTION_TOKEN": self.notion.token,
            "NOTION_URL": self.notion.url,
            "COLUMNS": "160",
        }

    def anywhere(self, *words: str, columns: int = 160) -> Answer:
        """Run a command that is not about targets."""
        return self.line.run(words, {**self.environment, "COLUMNS": str(columns), "DELIVER": "always"})

    def connected(self) -> str:
        answer = self.run("connect", "notion", self.table.url, "--name", "Expenses", "--json")
        assert answer.status == 0, answer.err
        return str(json.loads(answer.out)["id"])


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    with CommandLine.running(tmp_path_factory.mktemp("commands")) as line:
        yield line


@pytest.fixture
def person(line: CommandLine, tmp_path: Path) -> Iterator[Person]:
    with Notion(limit=None).serving() as notion:
        yield Person(line=line, folder=tmp_path, notion=notion, table=notion.database("Expenses", COLUMNS))


def test_a_table_is_connected_and_what_fills_it_is_shown(person: Person) -> None:
    answer = person.run("connect", "notion", person.table.url)
    assert answer.status == 0, answer.err
    assert "Connected" in answer.out
    assert "merchant.name" in answer.out
    assert "“Total” is English for the total." in answer.out
    assert "counterfoil targets key" in answer.err
    listed = person.run("list").out
    assert "notion" in listed
    assert "active" in listed


def test_what_is_connected_becomes_the_default_target_unless_it_is_not_to(person: Person) -> None:
    answer = person.run("connect", "notion", person.table.url)
    assert "It is the default target now" in answer.out
    other = person.notion.database("Travel", COLUMNS)
    answer = person.run("connect", "notion", other.url, "--name", "Travel", "--no-default")
    assert "counterfoil add --target" in answer.out
    listed = {one["name"]: one for one in json.loads(person.run("list", "--json").out)}
    assert [name for name, one in listed.items() if one["is_default"]] == ["Expenses"]
    assert "Travel" in person.run("default", listed["Travel"]["id"]).out
    [chosen] = (one for one in person.run("list").out.splitlines() if "✓ " in one.replace("✓ active", ""))
    assert "Travel" in chosen


def test_a_target_gets_another_name(person: Person) -> None:
    target = person.connected()
    assert "“Books”" in person.run("rename", target, "Books").out
    assert "Books" in person.run("list").out
    assert person.run("rename", target, " ").status == 2


def test_a_target_is_removed_and_a_table_is_connected_once(person: Person) -> None:
    target = person.connected()
    again = person.run("connect", "notion", person.table.url)
    assert again.status == 2
    assert target in again.err
    refused = person.run("remove", target)
    assert refused.status == 2
    assert "counterfoil targets default" in " ".join(refused.err.split())
    [ledger] = (one["id"] for one in json.loads(person.run("list", "--json").out) if one["kind"] == "ledger")
    person.run("default", ledger)
    assert "Removed" in person.run("remove", target).out
    assert target not in person.run("list").out


def test_a_document_goes_to_the_target_that_it_names_or_waits_for_it_and_says_so(person: Person) -> None:
    other = person.notion.database("Travel", COLUMNS)
    connected = person.run("connect", "notion", other.url, "--no-default", "--json")
    target = str(json.loads(connected.out)["id"])
    person.notion.unshare(other.database_id)
    added = person.anywhere("add", str(EINVOICE), "--target", target, "--wait")
    assert added.status == 0, added.err
    [waiting] = json.loads(person.anywhere("deliveries", "list", "--target", target, "--json").out)
    assert waiting["status"] == "waiting"
    assert f"counterfoil targets check {target}" in waiting["error"]
    [job] = json.loads(person.anywhere("jobs", "--type", "deliver", "--json").out)
    assert job["result"]["message"].startswith("It waits for its target: ")
    assert "It waits for its target" in " ".join(person.anywhere("job", job["id"]).out.split())
    person.notion.share(other.database_id)
    person.run("check", target)
    person.anywhere("add", str(EINVOICE), "--wait")  # works off what there is to do
    [page] = other.rows()
    listed = json.loads(person.anywhere("deliveries", "list", "--status", "delivered", "--json").out)
    [done] = (one for one in listed if one["id"] == waiting["id"])
    assert done["external_id"] == page["id"]
    shown = person.anywhere("deliveries", "list", "--target", target).out
    assert done["url"] in "".join(shown.split())
    assert "is there already" in person.anywhere("deliveries", "retry", waiting["id"]).out


def test_a_target_that_is_not_there_cannot_be_named(person: Person) -> None:
    answer = person.anywhere("add", str(EINVOICE), "--target", "01950000-0000-7000-8000-000000000001")
    assert answer.status == 2
    assert "no target" in answer.err
    assert person.anywhere("deliveries", "list").err.startswith("No deliveries")


def test_keys_get_a_column_on_request(person: Person) -> None:
    target = person.connected()
    assert "“Counterfoil ID”" in person.run("key", target).out
    plan = json.loads(person.run("plan", target, "--json").out)
    assert {"kind": "field", "path": "delivery.key"} in [one["expression"] for one in plan["entries"]]


def test_a_check_says_what_is_wrong_and_when_it_is_right_again(person: Person) -> None:
    target = person.connected()
    person.notion.unshare(person.table.database_id)
    paused = person.run("check", target)
    assert paused.status == 1
    assert "Connections" in paused.out
    person.notion.share(person.table.database_id)
    assert "active" in person.run("check", target).out


def test_what_cannot_be_connected_is_said_with_advice(person: Person) -> None:
    for words, sentence in (
        (("notion", "nowhere"), "link"),
        (("paper", "x"), "no kind of target"),
        (("notion", person.table.url, "--set", "colour"), "NAME=VALUE"),
    ):
        answer = person.run("connect", *words)
        assert answer.status == 2
        assert sentence in answer.err


def test_a_column_is_filled_with_what_is_typed(person: Person) -> None:
    target = person.connected()
    answer = person.run("set", target, "mood", "{merchant.name} {number}")
    assert answer.status == 0, answer.err
    assert "✓ Mood: - → {merchant.name} {number}" in answer.out
    assert f"counterfoil targets preview {target} RECORD" in answer.err
    mood = person.table.id_of("Mood")
    assert "Mood: {merchant.name} {number} → =Paid" in person.run("set", target, mood, "=Paid").out
    assert "=Paid" in person.run("plan", target).out
    assert "Mood: =Paid → -" in person.run("set", target, "Mood", "-").out
    plan = json.loads(person.run("plan", target, "--json").out)
    assert (plan["version"], plan["made_by"]) == (4, "person")
    reasons = {one["property_name"]: one["reason"] for one in plan["entries"]}
    assert (reasons["Mood"], reasons["Total"]) == ("A person decided so.", "“Total” is English for the total.")


def test_a_column_or_a_value_that_there_is_not_is_answered_with_those_that_there_are(person: Person) -> None:
    target = person.connected()
    for words, sentences in (
        (("Totals", "total"), ("did you mean “Total”?", "“Merchant”")),
        (("Total", "totl"), ("Did you mean total?", "merchant.name", "=totl")),
        (("Mood", "{merchant.name"), ("has a brace too many or too few",)),
        (("Total", "merchant.phone"), ("is nothing that a number can hold",)),
    ):
        answer = person.run("set", target, *words)
        assert answer.status == 2
        assert [one for one in sentences if one not in answer.err] == []
    assert json.loads(person.run("plan", target, "--json").out)["version"] == 1


def test_a_preview_shows_values_as_people_read_them_in_80_columns(person: Person) -> None:
    accounts = person.notion.database("Accounts", {"Name": "title"})
    accounts.insert("Office")
    account = {"relation": {"data_source_id": accounts.source_id, "type": "single_property", "single_property": {}}}
    columns: Properties = {
        **COLUMNS,
        "Bought": "date",
        "Scan": "files",
        "Paid": "checkbox",
        "Account": account,
    }
    table = person.notion.database("More", columns)
    target = str(json.loads(person.run("connect", "notion", table.url, "--json").out)["id"])
    person.anywhere("add", str(SAMPLE), "--wait")
    (record,) = json.loads(person.anywhere("records", "--json").out)
    assert person.run("set", target, "Account", "=office").status == 0
    changed = person.run("set", target, "Paid", "=true")
    assert f"counterfoil targets preview {target} {record['id']}" in changed.err
    shown = person.run("preview", target, record["id"], columns=80).out
    lines = {line.split()[0]: line for line in shown.splitlines()[1:] if line[:2].strip()}
    assert record["issue_date"] in lines["Bought"]
    assert record["total"] in lines["Total"]
    assert SAMPLE.name in lines["Scan"]
    assert "yes" in lines["Paid"]
    assert "Office" in lines["Account"]
    listed = person.anywhere("records", columns=80).out
    for whole in (record["id"], record["issue_date"], f"{record['total']} {record['currency']}", record["merchant"]):
        assert whole in listed


def test_a_column_that_is_gone_is_said_when_the_plan_is_changed(person: Person) -> None:
    target = person.connected()
    person.run("plan", target)
    person.table.remove("Mood")
    answer = person.run("set", target, "Total", "subtotal")
    assert answer.status == 0, answer.err
    assert "“Mood” is gone." in answer.err
