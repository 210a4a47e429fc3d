"""Targets, plans, ledger rows and deliveries over HTTP."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from inline_snapshot import snapshot

from counterfoil.access.domain import WorkspaceId
from counterfoil.access.service import AccessService
from counterfoil.foundation import problems
from counterfoil.foundation.database import Database
from counterfoil.foundation.ids import new_id
from counterfoil.targets.api import router
from counterfoil.targets.connections import ConnectionService
from counterfoil.targets.deliveries import DeliveryService
from counterfoil.targets.domain import PropertyType
from counterfoil.targets.ledger import LedgerService
from counterfoil.targets.service import TargetService
from tests.conftest import ACME
from tests.support.access import WORKSPACE, access_to
from tests.support.clock import FixedClock
from tests.support.targets import RemoteTable, TargetsHouse, build, column, schema


@pytest.fixture
def house(database: Database, clock: FixedClock) -> TargetsHouse:
    return build(database, clock, RemoteTable(columns=schema(column("Name", PropertyType.TITLE))))


@pytest.fixture
def client(house: TargetsHouse) -> Iterator[TestClient]:
    app = FastAPI()
    app.include_router(router, prefix="/api/v1")
    problems.install(app)
    app.state.services = {
        AccessService: access_to(ACME),
        TargetService: house.targets,
        ConnectionService: house.connections,
        DeliveryService: house.deliveries,
        LedgerService: house.ledgers,
    }
    with TestClient(app, base_url="http://testserver/api/v1") as client:
        yield client


@pytest.fixture
def ledger(house: TargetsHouse, workspace: WorkspaceId) -> str:
    return f"targets/{house.default(workspace).id}"


def plan_body(plan: Mapping[str, Any]) -> dict[str, Any]:
    """Return a plan as it was read, ready to be put."""
    entries = [{"property_id": one["property_id"], "expression": one["expression"]} for one in plan["entries"]]
    return {"version": plan["version"], "entries": entries}


def test_a_ledger_is_made_and_read(client: TestClient) -> None:
    made = client.post("targets", json={"kind": "ledger", "name": "Office"})
    assert made.status_code == 201
    target = made.json()
    assert client.get(f"targets/{target['id']}").json() == target
    assert client.get("targets").json() == {"items": [target], "next": None}
    assert {**target, "id": ""} == snapshot(
        {
            "id": "",
            "kind": "ledger",
            "name": "Office",
            "settings": {},
            "is_default": False,
            "status": "active",
            "paused_because": None,
            "created_at": "2026-03-01T12:00:00Z",
        }
    )


def test_a_target_is_renamed_and_made_the_default_one(client: TestClient, ledger: str) -> None:
    made = client.post("targets", json={"kind": "ledger", "name": "Office", "is_default": True}).json()
    assert (made["is_default"], client.get(ledger).json()["is_default"]) == (True, False)
    renamed = client.patch(ledger, json={"name": "Home", "is_default": True}).json()
    assert (renamed["name"], renamed["is_default"]) == ("Home", True)
    assert client.get(ledger).json() == renamed
    assert client.patch(ledger, json={}).json() == renamed
    assert [one["is_default"] for one in client.get("targets").json()["items"]] == [False, True]


def test_a_target_is_removed(client: TestClient, ledger: str) -> None:
    refused = client.delete(ledger)
    assert (refused.status_code, refused.json()["code"]) == (409, "target_is_default")
    made = client.post("targets", json={"kind": "ledger"}).json()
    assert client.delete(f"targets/{made['id']}?move=true").status_code == 204
    assert client.get(f"targets/{made['id']}").status_code == 404
    assert client.delete(f"targets/{made['id']}").status_code == 404


def test_no_default_cannot_be_chosen(client: TestClient, ledger: str) -> None:
    for body in ({"is_default": False}, {"name": ""}, {"place": "x"}):
        assert client.patch(ledger, json=body).status_code == 422
    assert client.patch(f"targets/{new_id()}", json={"name": "A"}).status_code == 404
    assert client.get(ledger).json()["is_default"] is True


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"kind": "spreadsheet", "name": "A"}, "unknown_target_kind"),
        ({"kind": "ledger", "name": "A", "settings": {"a": "b"}}, "invalid_target_settings"),
        ({"kind": "ledger", "name": "A\0"}, "validation_error"),
        ({"kind": "ledger", "name": " "}, "validation_error"),
        ({"kind": "ledger", "name": "A", "nmae": "B"}, "validation_error"),
        ({"name": "A"}, "validation_error"),
    ],
)
def test_a_target_that_cannot_be_made_is_refused_with_a_code(
    client: TestClient, body: dict[str, Any], code: str
) -> None:
    answer = client.post("targets", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert client.get("targets").json()["items"] == []


def test_columns_are_changed_over_the_version_that_was_read(client: TestClient, ledger: str) -> None:
    read = client.get(f"{ledger}/schema").json()
    kept = [{key: one[key] for key in ("id", "name", "type", "options", "open_options")} for one in read["properties"]]
    body = {"schema_version": read["version"], "columns": [*kept, {"name": "Project", "type": "text"}]}
    put = client.put(f"{ledger}/columns", json=body)
    assert put.status_code == 200
    assert put.json()["properties"][-1] == {
        "id": put.json()["properties"][-1]["id"],
        "name": "Project",
        "type": "text",
        "options": [],
        "open_options": False,
        "required": False,
        "read_only": False,
        "related": None,
        "percent": False,
    }
    assert client.get(f"{ledger}/schema").json() == put.json()
    again = client.put(f"{ledger}/columns", json=body)
    assert (again.status_code, again.json()["code"]) == (409, "schema_changed")


def test_columns_that_make_no_sense_are_told(client: TestClient, ledger: str) -> None:
    version = client.get(f"{ledger}/schema").json()["version"]
    body = {"schema_version": version, "columns": [{"name": "Total", "type": "number"}]}
    answer = client.put(f"{ledger}/columns", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_columns")


def test_the_plan_is_read_changed_and_put_back(client: TestClient, ledger: str) -> None:
    plan = client.get(f"{ledger}/plan").json()
    assert plan["entries"][2] == snapshot(
        {
            "property_id": "total",
            "property_name": "Total",
            "expression": {"kind": "field", "path": "total"},
            "reason": "“Total” is English for the total.",
            "score": 1.0,
            "unknown_option": "add",
        }
    )
    body = plan_body(plan)
    body["entries"][0]["expression"] = {"kind": "format", "template": "{merchant.name} {number}"}
    body["entries"][1]["expression"] = {"kind": "constant", "value": "2026-01-01"}
    body["entries"][2]["expression"] = {"kind": "nothing"}
    put = client.put(f"{ledger}/plan", json=body)
    assert (put.status_code, put.json()["made_by"], put.json()["drift"]) == (200, "person", [])
    assert client.get(f"{ledger}/plan").json() == put.json()
    assert client.get(f"{ledger}/plan", params={"version": 1}).json() == plan
    unknown = client.get(f"{ledger}/plan", params={"version": 3})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "plan_not_found")
    again = client.put(f"{ledger}/plan", json=body)
    assert (again.status_code, again.json()["code"]) == (409, "plan_changed")


def test_a_plan_is_put_back_byte_for_byte_and_nothing_changes(client: TestClient, ledger: str) -> None:
    read = client.get(f"{ledger}/plan")
    put = client.put(f"{ledger}/plan", content=read.content, headers={"content-type": "application/json"})
    assert put.status_code == 200, put.text
    assert put.json()["entries"] == read.json()["entries"]
    assert (put.json()["version"], put.json()["made_by"]) == (2, "person")


def test_a_proposal_is_put_byte_for_byte(client: TestClient, ledger: str) -> None:
    proposed = client.post(f"{ledger}/plan/propose")
    put = client.put(f"{ledger}/plan", content=proposed.content, headers={"content-type": "application/json"})
    assert put.status_code == 200, put.text
    assert put.json()["entries"] == proposed.json()["entries"]


def test_of_a_changed_plan_only_what_was_changed_is_a_persons_word(client: TestClient, ledger: str) -> None:
    plan = client.get(f"{ledger}/plan").json()
    plan["entries"][0]["expression"] = {"kind": "format", "template": "{merchant.name} {number}"}
    plan["entries"][1]["score"] = 0.1
    left_out = plan["entries"].pop()
    put = client.put(f"{ledger}/plan", json=plan).json()["entries"]
    assert (put[0]["reason"], put[0]["score"]) == ("A person decided so.", 1.0)
    assert put[1]["score"] == 1.0
    assert put[1:-1] == [plan["entries"][1] | {"score": 1.0}, *plan["entries"][2:]]
    assert put[-1]["property_id"] == left_out["property_id"]
    assert (put[-1]["expression"], put[-1]["reason"]) == (
        {"kind": "nothing"},
        "The plan that a person made leaves it out.",
    )


@pytest.mark.parametrize("where", ["plan", "entry"])
def test_a_key_that_no_plan_has_is_still_refused(client: TestClient, ledger: str, where: str) -> None:
    plan = client.get(f"{ledger}/plan").json()
    (plan if where == "plan" else plan["entries"][0])["nmae"] = "x"
    answer = client.put(f"{ledger}/plan", json=plan)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_error")


def test_a_plan_that_fills_nothing_is_refused(client: TestClient, ledger: str) -> None:
    answer = client.put(f"{ledger}/plan", json={"version": 1, "entries": []})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_plan")
    assert answer.json()["detail"] == "It fills no column; let it fill one at least."


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ({"property_id": "total", "expression": {"kind": "field", "path": "sum"}}, "invalid_plan"),
        ({"property_id": "nowhere", "expression": {"kind": "nothing"}}, "invalid_plan"),
        ({"property_id": "total", "expression": {"kind": "python", "code": "1"}}, "validation_error"),
        ({"property_id": "total", "expression": {"kind": "constant", "value": "\0"}}, "validation_error"),
        ({"property_id": "merchant", "expression": {"kind": "nothing"}}, "validation_error"),
    ],
    ids=["unknown path", "unknown property", "unknown kind", "NUL", "named twice"],
)
def test_a_plan_that_cannot_be_carried_out_is_refused(
    client: TestClient, ledger: str, entry: dict[str, Any], code: str
) -> None:
    merchant = {"property_id": "merchant", "expression": {"kind": "nothing"}}
    answer = client.put(f"{ledger}/plan", json={"version": 1, "entries": [merchant, entry]})
    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_drift_and_doubts_are_shown_with_the_plan(client: TestClient, ledger: str) -> None:
    client.get(f"{ledger}/plan")
    version = client.get(f"{ledger}/schema").json()["version"]
    columns = [{"id": "merchant", "name": "Shop", "type": "title"}]
    client.put(f"{ledger}/columns", json={"schema_version": version, "columns": columns})
    plan = client.get(f"{ledger}/plan").json()
    assert plan["drift"][:2] == ["“Merchant” is called “Shop” now.", "“Date” is gone."]
    assert plan["doubts"][0] == "“Date” is gone."


def test_a_preview_of_data_shows_values_problems_and_reasons(client: TestClient, ledger: str) -> None:
    data = {"merchant": {"name": "Corner Bakery"}, "total": "12.30", "kind": "receipt", "issue_date": "2026-02-28"}
    answer = client.post(f"{ledger}/preview", json={"data": data})
    assert answer.status_code == 200
    shown = {one["property_id"]: one for one in answer.json()["properties"]}
    assert (shown["total"]["value"], shown["date"]["value"], shown["kind"]["value"]) == (
        "12.30",
        "2026-02-28",
        "Receipt",
    )
    assert shown["tip"] == snapshot(
        {
            "property_id": "tip",
            "property_name": "Tip",
            "type": "number",
            "value": None,
            "names": [],
            "problem": None,
            "expression": {"kind": "field", "path": "tip"},
            "reason": "“Tip” is English for the tip.",
        }
    )


def test_a_preview_of_absurd_amounts_is_a_problem_not_a_failure(client: TestClient, ledger: str) -> None:
    data = {"total": "1e999999999", "taxes": [{"amount": "1e999999999"}, {"amount": "1"}]}
    shown = {
        one["property_id"]: one for one in client.post(f"{ledger}/preview", json={"data": data}).json()["properties"]
    }
    assert shown["total"]["problem"] == "Total: “1E+999999999” is no amount that can be kept exactly."
    assert shown["tax"]["value"] is None


def test_a_preview_of_a_record_or_of_data_but_not_of_both(
    client: TestClient, house: TargetsHouse, workspace: WorkspaceId, ledger: str
) -> None:
    record = str(house.records.add(workspace).id)
    assert client.post(f"{ledger}/preview", json={"record_id": record}).status_code == 200
    assert client.post(f"{ledger}/preview", json={"record_id": str(new_id())}).status_code == 404
    for body in ({}, {"record_id": record, "data": {}}):
        assert client.post(f"{ledger}/preview", json=body).json()["code"] == "validation_error"


def test_rows_are_listed_by_column_name_and_followed_from_page_to_page(
    client: TestClient, house: TargetsHouse, workspace: WorkspaceId, ledger: str
) -> None:
    for _ in range(3):
        house.deliver(workspace, house.records.add(workspace))
    first = client.get(f"{ledger}/rows", params={"limit": 2}).json()
    second = client.get(f"http://testserver{first['next']}").json()
    assert (len(first["items"]), len(second["items"]), second["next"]) == (2, 1, None)
    row = first["items"][0]
    assert (row["values"]["Merchant"], row["values"]["Total"], row["values"]["Tip"]) == ("Corner Bakery", "12.30", None)
    assert list(row["values"])[:3] == ["Merchant", "Date", "Total"]
    assert client.get(f"{ledger}/rows/{row['id']}").json() == row


def test_a_delivery_leads_to_its_row(
    client: TestClient, house: TargetsHouse, workspace: WorkspaceId, ledger: str
) -> None:
    record = house.records.add(workspace)
    delivery_id = house.deliver(workspace, record)
    delivery = client.get(f"deliveries/{delivery_id}").json()
    assert (delivery["status"], delivery["delivered_version"], delivery["problems"]) == ("delivered", 1, [])
    assert delivery["url"].endswith(f"/api/v1/{ledger}/rows/{delivery['external_id']}")
    assert client.get("deliveries", params={"record_id": str(record.id)}).json()["items"] == [delivery]
    assert client.get("deliveries", params={"record_id": str(new_id())}).json()["items"] == []


def test_a_table_elsewhere_has_no_rows_here(client: TestClient, house: TargetsHouse, workspace: WorkspaceId) -> None:
    remote = house.connections.create(workspace, "remote", "Elsewhere", {})
    answer = client.get(f"targets/{remote.id}/rows")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_a_ledger")


def test_a_neighbour_finds_nothing_behind_any_route(
    client: TestClient,
    house: TargetsHouse,
    workspace: WorkspaceId,
    other_workspace: WorkspaceId,
    ledger: str,
) -> None:
    delivery_id = house.deliver(workspace, house.records.add(workspace))
    row = client.get(f"{ledger}/rows").json()["items"][0]["id"]
    client.headers[WORKSPACE] = str(other_workspace)
    for path in ("", "/schema", "/plan", "/rows", f"/rows/{row}"):
        answer = client.get(f"{ledger}{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "target_not_found")
    assert client.get(f"deliveries/{delivery_id}").json()["code"] == "delivery_not_found"
    assert client.get("deliveries").json()["items"] == client.get("targets").json()["items"] == []


def test_every_field_of_the_api_is_described(client: TestClient) -> None:
    schemas = client.get("http://testserver/openapi.json").json()["components"]["schemas"]
    ours = {name: one for name, one in schemas.items() if name.endswith(("Read", "Put", "Create", "Expression"))}
    assert len(ours) > 10
    bare = [
        f"{name}.{field}"
        for name, one in ours.items()
        for field, about in one["properties"].items()
        if not about.get("description")
    ]
    assert bare == []
