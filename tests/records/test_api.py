"""Records as clients see them: exact, explained, and only their own."""

from dataclasses import replace
from datetime import time
from decimal import Decimal

import pytest
from fastapi.testclient import TestClient
from inline_snapshot import snapshot

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database
from counterfoil.foundation.ids import new_id
from counterfoil.records.api import router
from counterfoil.records.domain import AcceptedBy, FieldPath, Record
from counterfoil.records.service import RecordService
from tests.support.clock import FixedClock
from tests.support.receipts import BAKERY, a_document, sources_of
from tests.support.records import api_client, record_service

DOUBTFUL = replace(BAKERY, total=Decimal("17.00"), issue_time=time(9, 5))


@pytest.fixture
def records(database: Database, clock: FixedClock) -> RecordService:
    return record_service(database, clock)


@pytest.fixture
def client(records: RecordService, workspace: WorkspaceId) -> TestClient:
    return api_client(workspace, router, services={RecordService: records})


@pytest.fixture
def record(records: RecordService, workspace: WorkspaceId) -> Record:
    with records.database.transaction() as tx:
        drafted = records.draft(tx, workspace, a_document(), DOUBTFUL, sources_of(DOUBTFUL))
        changes = {FieldPath("merchant.address"): None, FieldPath("number"): "7", FieldPath("taxes.0.rate"): Decimal(7)}
        return records.correct(tx, workspace, drafted.id, changes, 1, by="person")


def test_a_record_shows_exact_data(client: TestClient, record: Record) -> None:
    data = client.get(f"/records/{record.id}").json()["data"]
    assert {name: value for name, value in data.items() if value is not None} == snapshot(
        {
            "kind": "receipt",
            "merchant": {"name": "Corner Bakery", "address": None, "tax_id": None, "phone": None},
            "buyer": {"name": None, "address": None, "tax_id": None, "phone": None},
            "number": "7",
            "issue_date": "2026-02-28",
            "issue_time": "09:05:00",
            "currency": "EUR",
            "subtotal": "10.00",
            "taxes": [{"rate": "7", "base": "10.00", "amount": "0.70"}],
            "total": "17.00",
            "line_items": [
                {
                    "description": "Rye bread",
                    "quantity": "2",
                    "unit": None,
                    "unit_price": None,
                    "tax_rate": None,
                    "amount": "6.00",
                },
                {
                    "description": "Rolls",
                    "quantity": "0.5",
                    "unit": "kg",
                    "unit_price": None,
                    "tax_rate": None,
                    "amount": "4.00",
                },
            ],
        }
    )


def test_a_record_shows_where_each_value_came_from(client: TestClient, record: Record) -> None:
    fields = {field["path"]: field for field in client.get(f"/records/{record.id}").json()["fields"]}
    assert fields["total"] == snapshot(
        {
            "path": "total",
            "label": "total",
            "value": "17.00",
            "reader": "layout",
            "version": "1",
            "confidence": 0.95,
            "evidence": {"page": 1, "box": [0.1, 0.2, 0.3, 0.25], "text": "as printed"},
            "locked": False,
        }
    )
    assert fields["number"] == snapshot(
        {
            "path": "number",
            "label": "number",
            "value": "7",
            "reader": "person",
            "version": "",
            "confidence": 1.0,
            "evidence": None,
            "locked": True,
        }
    )
    assert fields["merchant.address"] == snapshot(
        {
            "path": "merchant.address",
            "label": "merchant's address",
            "value": None,
            "reader": None,
            "version": None,
            "confidence": None,
            "evidence": None,
            "locked": True,
        }
    )
    assert fields["issue_time"]["value"] == "09:05:00"


def test_a_record_says_in_sentences_what_is_doubtful(client: TestClient, record: Record) -> None:
    assert client.get(f"/records/{record.id}").json()["reasons"] == snapshot(
        [
            {
                "code": "sum_mismatch",
                "paths": ["subtotal", "total", "taxes"],
                "message": "Subtotal, taxes, tip and discount make 10.70 EUR, but the total says 17.00 EUR.",
            }
        ]
    )


def test_records_are_listed_in_pages_by_status(
    client: TestClient, records: RecordService, workspace: WorkspaceId, record: Record
) -> None:
    with records.database.transaction() as tx:
        sure = records.draft(tx, workspace, a_document(), BAKERY, sources_of(BAKERY))
        records.accept(tx, workspace, sure.id, AcceptedBy.RULE)
    first = client.get("/records", params={"limit": 1}).json()
    assert [item["id"] for item in first["items"]] == [str(sure.id)]
    assert (first["items"][0]["total"], first["items"][0]["accepted_by"]) == ("10.70", "rule")
    rest = client.get(first["next"]).json()
    assert [item["id"] for item in rest["items"]] == [str(record.id)]
    assert rest["next"] is None
    drafts = client.get("/records", params={"status": "draft"}).json()
    assert [item["id"] for item in drafts["items"]] == [str(record.id)]


def test_a_records_history_is_listed_newest_first(client: TestClient, record: Record) -> None:
    changes = client.get(f"/records/{record.id}/changes").json()["items"]
    told = [(change["by"], change["path"], change["before"], change["after"]) for change in changes]
    assert ("person", "number", None, "7") in told[:3]
    assert ("layout 1", "total", None, "17.00") in told[3:]


@pytest.mark.parametrize("path", ["/records/{}", "/records/{}/changes"])
def test_what_is_not_there_or_a_neighbours_is_not_found(
    client: TestClient, record: Record, records: RecordService, other_workspace: WorkspaceId, path: str
) -> None:
    neighbour = api_client(other_workspace, router, services={RecordService: records})
    for answer in (client.get(path.format(new_id())), neighbour.get(path.format(record.id))):
        assert (answer.status_code, answer.json()["code"]) == (404, "record_not_found")
    assert neighbour.get("/records").json()["items"] == []


def test_a_wrong_status_or_cursor_is_refused(client: TestClient) -> None:
    assert client.get("/records", params={"status": "new"}).json()["code"] == "validation_error"
    assert client.get("/records", params={"cursor": "?"}).json()["code"] == "invalid_cursor"
