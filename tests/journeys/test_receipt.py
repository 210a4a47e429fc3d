"""A receipt's whole way, over the real API, queue, worker, reader, mapping and ledger."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
import pytest
from PIL import Image

from counterfoil import bootstrap
from counterfoil.bootstrap import House
from tests.support import einvoices
from tests.support.house import SAMPLES, Visitor, build, settings_for, visiting
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return build(settings_for(tmp_path_factory.mktemp("data")))


@pytest.fixture(scope="module")
def visitor(house: House) -> Iterator[Visitor]:
    """Somebody who uses the API while a worker works."""
    with visiting(house) as visitor, bootstrap.working(house):
        yield visitor


def _field(record: dict[str, Any], path: str) -> dict[str, Any]:
    return next(field for field in record["fields"] if field["path"] == path)


def test_a_picture_becomes_a_record_whose_every_value_shows_where_it_stands(visitor: Visitor) -> None:
    record = visitor.read("card-slip.png")
    data = record["data"]
    assert (data["total"], data["currency"], data["tip"], data["subtotal"]) == ("94.25", "USD", "14.00", "73.75")
    assert data["issue_date"] == "2026-06-18"
    assert [item["amount"] for item in data["line_items"]] == ["24.00", "19.50", "14.50", "8.75", "7.00"]
    for field in record["fields"]:
        assert 0 < field["confidence"] <= 1
        assert field["reader"] == "layout"
    evidence = _field(record, "total")["evidence"]
    assert evidence["page"] == 1
    assert "94.25" in evidence["text"]
    left, top, right, bottom = evidence["box"]
    assert 0 <= left < right <= 1
    assert 0.6 < top < bottom < 0.75


def test_the_words_and_pages_behind_a_record_can_be_looked_at(visitor: Visitor) -> None:
    handed_in = visitor.hand_in("invoice-text.pdf")
    visitor.ended(handed_in["job_id"])
    extraction = visitor.get(f"/documents/{handed_in['document_id']}/extraction")
    assert extraction["pages"][0]["origin"] == "text_layer"
    assert len(extraction["pages"][0]["words"]) > 50
    assert visitor.status(f"/documents/{handed_in['document_id']}/pages/1.png") == 200
    logs = visitor.get(f"/jobs/{handed_in['job_id']}/logs")["items"]
    assert any(line["message"] == "Document read" for line in logs)


def test_an_approved_record_becomes_one_row_and_a_corrected_one_changes_it(visitor: Visitor, house: House) -> None:
    record = visitor.read("invoice-facturx.pdf")
    review = visitor.review_of(record)
    if review["status"] == "open":
        visitor.post(f"/reviews/{review['id']}/approve", {"version": review["version"]})
    wait_until(lambda: any(row["key"] == record["id"] for row in visitor.ledger_rows()))
    (row,) = [row for row in visitor.ledger_rows() if row["key"] == record["id"]]
    assert row["values"]["Total"] == record["data"]["total"] == "4114.42"
    assert row["values"]["Currency"] == "EUR"

    files = house.settings.data_dir / "records"
    wait_until(lambda: any(files.rglob(f"{record['id']}.parquet")))
    table = ds.dataset(files, partitioning="hive").to_table()
    totals = dict(zip(table["record_id"].to_pylist(), table["total"].to_pylist(), strict=True))
    assert format(totals[record["id"]].normalize(), "f") == "4114.42"


def test_an_e_invoice_is_accepted_without_a_question_and_can_be_looked_at(visitor: Visitor) -> None:
    handed_in = visitor.hand_in_bytes("invoice.xml", einvoices.ubl())
    record = visitor.record_of(handed_in)
    assert {field["reader"] for field in record["fields"]} == {"einvoice"}
    assert (record["status"], record["accepted_by"], record["reasons"]) == ("accepted", "rule", [])
    assert (record["data"]["total"], record["data"]["due_date"]) == ("32.13", "2026-04-04")
    assert "32.13" in _field(record, "total")["evidence"]["text"]
    assert visitor.status(f"/documents/{handed_in['document_id']}/pages/1.png") == 200
    wait_until(lambda: any(row["key"] == record["id"] for row in visitor.ledger_rows()))


def test_a_record_that_no_one_was_asked_about_is_corrected_and_its_row_follows(visitor: Visitor) -> None:
    handed_in = visitor.hand_in_bytes(
        "another.xml", einvoices.ubl().replace(b"Light", b"Pencil").replace(b"R-77", b"R-78")
    )
    record = visitor.record_of(handed_in)
    assert record["accepted_by"] == "rule"

    def shown() -> list[str]:
        return [row["values"]["Merchant"] for row in visitor.ledger_rows() if row["key"] == record["id"]]

    wait_until(lambda: len(shown()) == 1)
    review = visitor.post("/reviews", {"record_id": record["id"]})
    changes = {"merchant.name": "Somebody Else"}
    visitor.post(f"/reviews/{review['id']}/correct", {"version": review["version"], "changes": changes})
    wait_until(lambda: shown() == ["Somebody Else"])


def test_of_a_factur_x_the_xml_is_read_and_the_page_shows_where(visitor: Visitor) -> None:
    record = visitor.read("invoice-facturx.pdf")
    assert {reason["code"] for reason in record["reasons"]} <= {"duplicate"}
    total = _field(record, "total")
    assert (total["reader"], total["confidence"]) == ("einvoice", 1)
    assert "4.114,42" in total["evidence"]["text"]


def test_what_a_person_set_survives_a_new_reading(visitor: Visitor) -> None:
    record = visitor.read("receipt-two-sides.tiff")
    review = visitor.review_of(record)
    assert review["status"] == "open"
    answer = {"version": review["version"], "changes": {"merchant.name": "El Yunque"}, "approve": True}
    visitor.post(f"/reviews/{review['id']}/correct", answer)
    wait_until(lambda: any(row["key"] == record["id"] for row in visitor.ledger_rows()))

    job = visitor.ended(visitor.post(f"/documents/{record['document_id']}/reprocess")["job_id"])
    assert job["status"] == "completed"
    again = visitor.get(f"/records/{record['id']}")
    assert again["data"]["merchant"]["name"] == "El Yunque"
    assert _field(again, "merchant.name")["locked"]
    changes = visitor.get(f"/records/{record['id']}/changes")["items"]
    assert any(one["path"] == "merchant.name" and one["after"] == "El Yunque" for one in changes)


def test_the_same_bytes_are_read_once_and_each_hand_in_gets_its_review(visitor: Visitor) -> None:
    first, second = visitor.hand_in("invoice-scanned.pdf"), visitor.hand_in("invoice-scanned.pdf")
    jobs = [visitor.ended(one["job_id"]) for one in (first, second)]
    extractions = {visitor.get(f"/documents/{one['document_id']}/extraction")["id"] for one in (first, second)}
    assert len(extractions) == 1
    assert second["same_as"] == first["document_id"]
    assert len({job["result"]["review_id"] for job in jobs}) == 2
    again = visitor.get(f"/records/{jobs[1]['result']['record_id']}")
    assert "duplicate" in {reason["code"] for reason in again["reasons"]}


def test_a_second_photograph_of_a_receipt_is_a_reason_that_names_the_first(visitor: Visitor, tmp_path: Path) -> None:
    visitor.read("receipt-photo.jpg")
    with Image.open(SAMPLES / "receipt-photo.jpg") as photo:
        tilted = photo.rotate(2, expand=True, fillcolor=(90, 80, 70))
    tilted.save(tmp_path / "second.jpg", quality=60)
    record = visitor.record_of(visitor.hand_in_bytes("second.jpg", (tmp_path / "second.jpg").read_bytes()))
    (reason,) = (reason for reason in record["reasons"] if reason["code"] == "looks_alike")
    assert "receipt-photo.jpg" in reason["message"]
    assert "same_purchase" not in {reason["code"] for reason in record["reasons"]}


def test_a_page_with_nothing_on_it_is_a_record_with_empty_fields_and_a_review(visitor: Visitor, tmp_path: Path) -> None:
    blank = tmp_path / "blank.png"
    Image.new("RGB", (600, 900), "white").save(blank)
    with blank.open("rb") as content:
        answer = visitor.http.post("/api/v1/receipts/upload", files={"file": ("blank.png", content)}).json()
    job = visitor.ended(answer["job_id"])
    record = visitor.get(f"/records/{job['result']['record_id']}")
    assert (job["status"], record["fields"]) == ("completed", [])
    assert "nothing_readable" in {reason["code"] for reason in record["reasons"]}
    assert visitor.review_of(record)["status"] == "open"


def test_nothing_of_a_workspace_is_seen_from_the_next(visitor: Visitor) -> None:
    record = visitor.read("card-slip.png")
    review = visitor.review_of(record)
    (ledger,) = visitor.get("/targets")["items"]
    jobs = visitor.get("/jobs", limit=1)["items"]
    document = f"/documents/{record['document_id']}"
    for path in (
        document,
        f"{document}/file",
        f"{document}/pages/1.png",
        f"{document}/extraction",
        f"/records/{record['id']}",
        f"/records/{record['id']}/changes",
        f"/reviews/{review['id']}",
        f"/jobs/{jobs[0]['id']}",
        f"/jobs/{jobs[0]['id']}/logs",
        f"/targets/{ledger['id']}",
        f"/targets/{ledger['id']}/rows",
    ):
        assert (path, visitor.status(path), visitor.neighbour.status(path)) == (path, 200, 404)
    for path in ("/documents", "/records", "/reviews", "/jobs", "/targets", "/deliveries"):
        assert visitor.neighbour.get(path)["items"] == []


def test_the_measures_count_what_was_read(visitor: Visitor) -> None:
    visitor.read("card-slip.png")
    shown = visitor.http.get("/metrics").text
    assert 'counterfoil_documents_processed_total{status="completed"}' in shown
    assert "counterfoil_extraction_confidence_bucket" in shown
    assert 'route="/receipts/upload",status="202"' in shown


def test_the_service_says_that_it_is_well(visitor: Visitor) -> None:
    assert visitor.http.get("/").json() == {"message": "Service is running."}
    assert visitor.http.get("/health").json() == {"status": "ok"}
    assert visitor.http.get("/health/db").json() == {"status": "ok"}
