"""Each rule, by a workflow that breaks it and no other."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from counterfoil.targets.n8n.lint import GENERAL, OF_JOBS, Flow, lint
from counterfoil.targets.n8n.mailbox import hand_in_from_mailbox
from counterfoil.targets.n8n.workflow import Options, receipt_to_notion

Json = dict[str, Any]
Change = Callable[[Json, Callable[[str], Json]], object]


def changed(change: Change) -> Json:
    """Return the shipped workflow as a change leaves it, which gets it and its nodes by name."""
    workflow: Json = json.loads(json.dumps(receipt_to_notion(Options())))
    nodes = {node["name"]: node for node in workflow["nodes"]}
    change(workflow, nodes.__getitem__)
    return workflow


def found(change: Change) -> set[str]:
    return {finding.code for finding in lint(json.dumps(changed(change)))}


def put(value: Json, *path: str | int, to: object) -> None:
    """Change what lies at a path."""
    *way, last = path
    inner: Any = value
    for step in way:
        inner = inner[step]
    inner[last] = to


def swap(node: Json, parameter: str, old: str, new: str) -> None:
    """Change a text of a node."""
    text = node["parameters"][parameter]
    assert old in text
    node["parameters"][parameter] = text.replace(old, new)


def code(node: Json, new: str) -> None:
    node["parameters"]["jsCode"] += f"\n{new}"


BROKEN: dict[str, list[Change]] = {
    "name_twice": [lambda w, node: w["nodes"].append({**node("Set It Up"), "id": "another"})],
    "id_twice": [lambda w, node: put(node("Image File"), "id", to=node("Job")["id"])],
    "connection_to_nothing": [
        lambda w, node: put(w, "connections", "Job", "main", 0, 0, "node", to="Nobody"),
        lambda w, node: put(w, "connections", "Nobody", to={"main": [[]]}),
    ],
    "unknown_node": [
        lambda w, node: code(node("Check Payload"), "$('Nobody').first()"),
        lambda w, node: swap(node("Map Receipt"), "text", "$('Job')", '$("Jobs")'),
    ],
    "unknown_kind": [
        lambda w, node: put(node("Vision Model"), "typeVersion", to=1.3),
        lambda w, node: put(node("Image File"), "type", to="n8n-nodes-base.executeCommand"),
    ],
    "environment_read": [
        lambda w, node: code(node("Check Job"), "return $env.NOTION_URL"),
        lambda w, node: swap(node("Get Notion Schema"), "url", "$('Job').first().json.notion_base_url", "$vars.notion"),
    ],
    "expression_cut": [lambda w, node: swap(node("Accept Job"), "responseBody", "$execution.id }", "{ id: {a: 1}} }")],
    "secret_inside": [
        lambda w, node: code(node("Check Job"), "const key = 'ntn_0123456789abcdef'"),
        lambda w, node: put(node("Set It Up"), "parameters", "content", to="The key is sk-0123456789abcdef."),
        lambda w, node: swap(node("Create Notion Page"), "jsonBody", "$json.page", "'Bearer abcdefgh12345'"),
        lambda w, node: node("Get Notion Schema")["parameters"]["headerParameters"]["parameters"].append(
            {"name": "Authorization", "value": "={{ 1 }}"}
        ),
    ],
    "data_pinned": [lambda w, node: put(w, "pinData", to={"Receipt Webhook": [{"json": {}}]})],
    "credential_inside": [lambda w, node: put(node("Vision Model"), "credentials", "openAiApi", "data", to={})],
    "active": [lambda w, node: put(w, "active", to=True), lambda w, node: w.pop("active")],
    "no_timeout": [
        lambda w, node: w["settings"].pop("executionTimeout"),
        lambda w, node: put(w, "settings", "executionTimeout", to=-1),
    ],
    "webhook_not_post": [lambda w, node: put(node("Receipt Webhook"), "parameters", "httpMethod", to="GET")],
    "webhook_open": [
        lambda w, node: put(node("Receipt Webhook"), "parameters", "authentication", to="none"),
        lambda w, node: put(node("Receipt Webhook"), "credentials", to={}),
    ],
    "notion_version_missing": [
        lambda w, node: put(node("Get Notion Schema"), "parameters", "headerParameters", "parameters", to=[]),
    ],
    "notion_version_replaced": [
        lambda w, node: node("Create Notion Page")["parameters"]["options"].pop("lowercaseHeaders"),
    ],
    "database_unescaped": [lambda w, node: swap(node("Get Notion Schema"), "url", "encodeURIComponent", "String")],
    "failure_unreported": [
        lambda w, node: node("Image File").pop("onError"),
        lambda w, node: put(node("Check Payload"), "onError", to="continueRegularOutput"),
        lambda w, node: put(w, "connections", "Map Receipt", "main", 1, to=[]),
        lambda w, node: put(w, "connections", "Create Notion Page", "main", 1, 0, "node", to="Mark Run Failed"),
    ],
    "callback_credential": [
        lambda w, node: put(node("Report Failure"), "credentials", to={}),
        lambda w, node: put(node("Report Success"), "credentials", "httpHeaderAuth", "id", to="another"),
        lambda w, node: put(node("Receipt Webhook"), "credentials", to=node("Report Success")["credentials"]),
    ],
    "whole_item_sent": [
        lambda w, node: swap(
            node("Report Failure"), "jsonBody", "String($json.error ||", "JSON.stringify($json.error ||"
        ),
        lambda w, node: swap(node("Report Failure"), "jsonBody", "$json.error?.message", "$json.error?.options"),
        lambda w, node: swap(node("Report Success"), "jsonBody", "$json.url", "$json"),
        lambda w, node: swap(node("Report Success"), "jsonBody", "$json.url", "$input.first()"),
    ],
    "no_marker": [lambda w, node: swap(node("Check Payload"), "jsCode", "Counterfoil ${job.job_id}", "Counterfoil")],
}
CASES = [(expected, change) for expected, changes in BROKEN.items() for change in changes]


@pytest.mark.parametrize(("expected", "change"), CASES, ids=[expected for expected, _ in CASES])
def test_what_is_broken_is_found_and_nothing_else_is(expected: str, change: Change) -> None:
    assert found(change) == {expected}


def without(*names: str) -> Change:
    def change(workflow: Json, _: object) -> None:
        workflow["nodes"] = [node for node in workflow["nodes"] if node["name"] not in names]

    return change


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Receipt Webhook", "webhooks"),
        ("Report Success", "reports"),
        ("Create Notion Page", "connection_to_nothing"),
    ],
)
def test_a_node_that_is_missing_is_missed(name: str, expected: str) -> None:
    assert expected in found(without(name))


def test_a_workflow_that_answers_nobody_and_asks_no_notion_says_so() -> None:
    assert {"not_accepted", "no_notion"} <= found(
        without("Accept Job", "Refuse Job", "Get Notion Schema", "Create Notion Page")
    )


def test_no_rule_is_without_a_workflow_that_breaks_it() -> None:
    flows = [Flow(changed(change)) for _, change in CASES]
    assert [rule.__name__ for rule in (*GENERAL, *OF_JOBS) if not any(list(rule(flow)) for flow in flows)] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{", "not_json"),
        ("[]", "not_a_workflow"),
        ('{"nodes": [], "connections": {}}', "not_a_workflow"),
        ('{"nodes": [{"name": "a"}], "connections": {}}', "not_a_workflow"),
        ('{"nodes": [{"name": "a", "type": "b", "parameters": {}}], "connections": {"a": 1}}', "not_a_workflow"),
    ],
)
def test_what_is_no_workflow_is_one_finding(text: str, expected: str) -> None:
    assert [finding.code for finding in lint(text)] == [expected]


def test_a_workflow_without_jobs_is_held_to_the_general_rules_only() -> None:
    workflow = hand_in_from_mailbox()
    assert lint(json.dumps(workflow)) == []
    workflow["active"] = True
    assert [finding.code for finding in lint(json.dumps(workflow))] == ["active"]


def test_a_finding_names_the_node_in_a_sentence() -> None:
    workflow = receipt_to_notion(Options())
    for node in workflow["nodes"]:
        node.pop("onError", None)
    sentences = [finding.sentence for finding in lint(json.dumps(workflow))]
    assert sentences
    assert any("Check Payload" in sentence for sentence in sentences)
    assert all(sentence.endswith(".") for sentence in sentences)
