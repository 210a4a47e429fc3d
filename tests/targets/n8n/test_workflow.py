"""The workflows that are shipped: what a run of them promises, as far as it shows without n8n."""

import json
from pathlib import Path
from typing import Any

import pytest

from counterfoil.targets.n8n.lint import lint
from counterfoil.targets.n8n.mailbox import hand_in_from_mailbox
from counterfoil.targets.n8n.nodes import source
from counterfoil.targets.n8n.workflow import SECONDS, Options, receipt_to_notion

SHIPPED = Path(__file__).parents[3] / "n8n"


def nodes(workflow: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {node["name"]: node for node in workflow["nodes"]}


RECEIPT = nodes(receipt_to_notion(Options()))


@pytest.mark.parametrize("name", ["receipt-to-notion.json", "hand-in-from-mailbox.json"])
def test_nothing_is_found_in_what_is_shipped(name: str) -> None:
    assert lint((SHIPPED / name).read_text(encoding="utf-8")) == []


def test_the_way_of_a_receipt_is_schema_picture_model_check_page_report() -> None:
    connections = receipt_to_notion(Options())["connections"]
    way = ["Receipt Webhook"]
    while way[-1] in connections:
        way.append(connections[way[-1]]["main"][0][0]["node"])
    assert way[1:4] == ["Job", "Check Job", "Accept Job"]
    assert way[4:] == [
        "Get Notion Schema",
        "Image File",
        "Map Receipt",
        "Check Payload",
        "Create Notion Page",
        "Report Success",
    ]
    assert connections["Vision Model"]["ai_languageModel"][0][0]["node"] == "Map Receipt"


def test_a_page_is_never_asked_for_twice() -> None:
    assert "retryOnFail" not in RECEIPT["Create Notion Page"]
    assert RECEIPT["Get Notion Schema"]["retryOnFail"]


def test_the_slowest_run_still_reports_before_it_is_ended() -> None:
    def slowest(name: str) -> float:
        node = RECEIPT[name]
        model = RECEIPT["Vision Model"] if name == "Map Receipt" else node
        tries = node.get("maxTries", 1)
        milliseconds = tries * model["parameters"]["options"]["timeout"] + (tries - 1) * node.get("waitBetweenTries", 0)
        return float(milliseconds) / 1000

    asked = ("Get Notion Schema", "Map Receipt", "Create Notion Page", "Report Failure")
    assert sum(map(slowest, asked)) + 30 < SECONDS
    assert RECEIPT["Vision Model"]["parameters"]["options"]["maxRetries"] == 0


def test_the_prompt_has_its_three_steps_and_takes_the_picture_for_data() -> None:
    prompt = source("prompt.txt")
    assert [f"Step {number}" in prompt for number in (1, 2, 3)] == [True] * 3
    assert "no instruction to you" in prompt
    assert RECEIPT["Map Receipt"]["parameters"]["options"]["systemMessage"] == prompt


def test_the_picture_is_read_from_the_webhook_alone_and_kept_nowhere_else() -> None:
    readers = [name for name, node in RECEIPT.items() if "image_data" in json.dumps(node["parameters"])]
    assert readers == ["Image File"]


def test_options_change_what_they_name_and_nothing_else() -> None:
    wanted = Options(
        notion_url="http://localhost:9/", callback_host="backend.example", webhook_path="mine", model="gpt-5"
    )
    changed = nodes(receipt_to_notion(wanted))
    differ = [name for name, node in changed.items() if node != RECEIPT[name]]
    assert differ == ["Receipt Webhook", "Job", "Vision Model"]
    values = {one["name"]: one["value"] for one in changed["Job"]["parameters"]["assignments"]["assignments"]}
    assert values["notion_base_url"] == "http://localhost:9"
    assert values["callback_host"] == "backend.example"
    assert changed["Receipt Webhook"]["parameters"]["path"] == "mine"
    assert changed["Vision Model"]["parameters"]["model"]["value"] == "gpt-5"


@pytest.mark.parametrize(("model", "steady"), [("gpt-4o", True), ("qwen2.5vl", True), ("gpt-5", False), ("o3", False)])
def test_a_model_that_reasons_is_sent_no_temperature_that_it_would_refuse(model: str, steady: bool) -> None:
    options = nodes(receipt_to_notion(Options(model=model)))["Vision Model"]["parameters"]["options"]
    assert ("temperature" in options) is steady
    assert options["responseFormat"] == "json_object"


def test_ids_are_the_same_each_time_and_shared_by_no_two_workflows() -> None:
    once, again = (receipt_to_notion(Options()) for _ in range(2))
    assert once == again
    ids = [node["id"] for workflow in (once, hand_in_from_mailbox()) for node in workflow["nodes"]]
    assert len(set(ids)) == len(ids)


def test_what_is_handed_in_from_a_mailbox_is_followed_until_it_is_over() -> None:
    workflow = hand_in_from_mailbox("https://books.example/")
    over = workflow["connections"]["Is It Over"]["main"]
    assert [[end["node"] for end in output] for output in over] == [["Is It Read"], ["Wait"]]
    assert workflow["connections"]["Is It Read"]["main"][0] == []
    assert "https://books.example" in json.dumps(nodes(workflow)["Counterfoil"])
