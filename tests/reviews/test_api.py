"""Reviews over HTTP: listed by priority, answered once, by those whose they are."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from fastapi.testclient import TestClient
from inline_snapshot import snapshot

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database
from counterfoil.foundation.ids import new_id
from counterfoil.records.domain import InvoiceData
from counterfoil.records.service import RecordService
from counterfoil.reviews.api import router
from counterfoil.reviews.domain import Review, ReviewId
from counterfoil.reviews.service import ReviewService
from tests.support.clock import FixedClock
from tests.support.receipts import BAKERY, a_document, sources_of
from tests.support.records import api_client, record_service, review_service

WRONG = replace(BAKERY, total=Decimal("17.00"))


@pytest.fixture
def reviews(database: Database, clock: FixedClock) -> ReviewService:
    return review_service(database, clock, record_service(database, clock))


@pytest.fixture
def client(reviews: ReviewService, workspace: WorkspaceId) -> TestClient:
    return api_client(workspace, router, services={ReviewService: reviews, RecordService: reviews.records})


def hand_in(reviews: ReviewService, workspace: WorkspaceId, data: InvoiceData = WRONG) -> Review:
    with reviews.database.transaction() as tx:
        record = reviews.records.draft(tx, workspace, a_document(), data, sources_of(data))
        return reviews.open(tx, workspace, record)


@pytest.fixture
def review(reviews: ReviewService, workspace: WorkspaceId) -> Review:
    return hand_in(reviews, workspace)


def post(client: TestClient, review: Review, verb: str, **body: Any) -> tuple[int, dict[str, Any]]:
    answer = client.post(f"/reviews/{review.id}/{verb}", json={"version": review.version, **body})
    return answer.status_code, answer.json()


def test_a_review_shows_its_question_and_its_record(client: TestClient, review: Review) -> None:
    shown = client.get(f"/reviews/{review.id}").json()
    assert shown["record"]["id"] == str(review.record_id)
    assert shown["record"]["data"]["total"] == "17.00"
    told = {name: shown[name] for name in ("status", "priority", "due_at", "decision", "version", "reasons")}
    assert told == snapshot(
        {
            "status": "open",
            "priority": 10,
            "due_at": "2026-03-03T12:00:00Z",
            "decision": None,
            "version": 1,
            "reasons": [
                {
                    "code": "sum_mismatch",
                    "paths": ["subtotal", "total", "taxes"],
                    "message": "Subtotal, taxes, tip and discount make 10.70 EUR, but the total says 17.00 EUR.",
                }
            ],
        }
    )


def test_reviews_are_listed_most_urgent_first(
    client: TestClient, reviews: ReviewService, workspace: WorkspaceId, review: Review
) -> None:
    empty, sure = hand_in(reviews, workspace, InvoiceData()), hand_in(reviews, workspace, BAKERY)
    first = client.get("/reviews", params={"status": "open", "limit": 1}).json()
    assert [item["id"] for item in first["items"]] == [str(empty.id)]
    rest = client.get(first["next"]).json()
    assert [item["id"] for item in rest["items"]] == [str(review.id)]
    assert first["items"][0]["priority"] > rest["items"][0]["priority"]
    closed = client.get("/reviews", params={"status": "closed"}).json()["items"]
    assert [(item["id"], item["decided_by"]) for item in closed] == [(str(sure.id), "rule")]


def test_a_review_is_approved_once(client: TestClient, review: Review) -> None:
    status, answer = post(client, review, "approve", note=" fine ")
    assert (status, answer["decision"], answer["decided_by"], answer["note"]) == (200, "approved", "person", "fine")
    status, answer = post(client, review, "approve")
    assert (status, answer["code"]) == (409, "review_closed")


def test_a_review_is_corrected_with_exact_values(client: TestClient, review: Review) -> None:
    changes = {"total": "10.70", "merchant.name": None, "line_items": [{"amount": "10.00", "quantity": 3}]}
    status, answer = post(client, review, "correct", changes=changes, approve=False)
    assert (status, answer["status"], answer["version"]) == (200, "open", 2)
    data = client.get(f"/reviews/{review.id}").json()["record"]["data"]
    assert (data["total"], data["merchant"]["name"]) == ("10.70", None)
    assert [(item["amount"], item["quantity"]) for item in data["line_items"]] == [("10.00", "3")]
    status, answer = post(client, replace(review, version=2), "correct", changes={"total": "10.71"})
    assert (status, answer["decision"]) == (200, "corrected")


@pytest.mark.parametrize(
    ("changes", "code", "told"),
    [
        ({"total": 10.7}, "invalid_field", "total: "),
        ({"total": "ten"}, "invalid_field", "total: "),
        ({"sum": "10"}, "invalid_field", "sum: "),
        ({"issue_date": "1.3.2026"}, "invalid_field", "issue_date: "),
        ({"line_items.9.amount": "1"}, "invalid_field", "line_items.9.amount: "),
        ({}, "validation_error", "body.changes: "),
    ],
)
def test_what_cannot_be_is_refused_by_name(
    client: TestClient, review: Review, changes: dict[str, Any], code: str, told: str
) -> None:
    status, answer = post(client, review, "correct", changes=changes)
    assert (status, answer["code"]) == (422, code)
    assert answer["detail"].startswith(told)


def test_a_rejection_says_why(client: TestClient, review: Review) -> None:
    assert post(client, review, "reject")[0] == 422
    assert post(client, review, "reject", note="  ")[0] == 422
    status, answer = post(client, review, "reject", note="private")
    assert (status, answer["decision"], answer["note"]) == (200, "rejected", "private")


def test_an_answer_to_what_changed_meanwhile_is_refused(client: TestClient, review: Review) -> None:
    status, answer = post(client, replace(review, version=7), "approve")
    assert (status, answer["code"]) == (409, "review_changed")


def test_what_is_not_there_or_a_neighbours_is_not_found(
    client: TestClient, review: Review, reviews: ReviewService, other_workspace: WorkspaceId
) -> None:
    neighbour = api_client(other_workspace, router, services={ReviewService: reviews})
    unknown = replace(review, id=ReviewId(new_id()))
    for who, which in ((client, unknown), (neighbour, review)):
        assert who.get(f"/reviews/{which.id}").json()["code"] == "review_not_found"
        assert post(who, which, "approve")[1]["code"] == "review_not_found"
        assert post(who, which, "correct", changes={"total": "1"})[1]["code"] == "review_not_found"
        assert post(who, which, "reject", note="no")[1]["code"] == "review_not_found"
    assert neighbour.get("/reviews").json()["items"] == []
