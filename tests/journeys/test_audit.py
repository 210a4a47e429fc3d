"""Whatever is done through the API is in the audit log, and nothing of what was only listed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from counterfoil import bootstrap
from counterfoil.bootstrap import House
from tests.support.access import ROLE
from tests.support.house import Visitor, build, settings_for, visiting
from tests.support.waiting import wait_until


@pytest.fixture
def house(tmp_path: Path) -> House:
    return build(settings_for(tmp_path))


@pytest.fixture
def visitor(house: House) -> Iterator[Visitor]:
    with visiting(house) as visitor, bootstrap.working(house):
        yield visitor


def test_acts_looks_and_refusals_are_told_with_who_and_from_where_and_the_log_holds(
    visitor: Visitor, house: House
) -> None:
    handed_in = visitor.hand_in("invoice-text.pdf")
    document = handed_in["document_id"]
    visitor.get("/documents")
    visitor.get(f"/documents/{document}")
    visitor.status(f"/reviews/{document}")
    refused = visitor.http.post("/api/v1/targets", json={"kind": "ledger", "name": "More"}, headers={ROLE: "viewer"})
    assert refused.status_code == 403
    visitor.status("/documents/%00")
    wait_until(lambda: len(visitor.get("/audit")["items"]) >= 5)
    told = [(one["action"], one["subject"], one["details"]) for one in reversed(visitor.get("/audit")["items"])]
    assert told[:5] == [
        ("upload_receipt", None, {}),
        ("get_document", f"document_id={document}", {}),
        ("get_review", f"review_id={document}", {}),
        ("create_target", None, {"refused": True}),
        ("get_document", "document_id=", {}),
    ]
    assert {(one["actor"], one["address"]) for one in visitor.get("/audit")["items"]} == {("tester", "testclient")}
    assert visitor.neighbour.get("/audit")["items"] == []
    assert house.audit.verify(visitor.workspace) is None
