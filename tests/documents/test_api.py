"""Documents over HTTP: each bad input has a clear answer with a stable code, and is never a 500."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from counterfoil.access.service import AccessService
from counterfoil.documents.api import UPLOAD_PATH, router
from counterfoil.documents.domain import Document, DocumentId, DocumentTooLarge
from counterfoil.documents.joining import JoinService
from counterfoil.documents.service import DocumentService
from counterfoil.foundation import problems
from counterfoil.foundation.body_limit import BodyLimit, RouteLimit
from counterfoil.foundation.database import Database
from counterfoil.foundation.ids import new_id
from tests.conftest import ACME, BIRCH
from tests.support import einvoices, files
from tests.support.access import WORKSPACE, access_to
from tests.support.clock import FixedClock
from tests.support.documents import LIMIT, NOTION, TARGET, NotedParts, NotedSteps, document_service, join_service

PICTURE = files.picture("PNG")
FRAMING = 64 << 10


@pytest.fixture
def steps() -> NotedSteps:
    return NotedSteps()


@pytest.fixture
def parts() -> NotedParts:
    return NotedParts()


@pytest.fixture
def client(
    database: Database, tmp_path: Path, clock: FixedClock, steps: NotedSteps, parts: NotedParts
) -> Iterator[TestClient]:
    app = FastAPI()
    documents = document_service(database, tmp_path / "data", clock, steps)
    app.state.services = {
        DocumentService: documents,
        JoinService: join_service(documents, parts),
        AccessService: access_to(ACME),
    }
    app.include_router(router, prefix="/api/v1")
    problems.install(app)
    upload = RouteLimit(path=f"/api/v1{UPLOAD_PATH}", max_bytes=LIMIT + FRAMING, error=DocumentTooLarge(LIMIT))
    app.add_middleware(BodyLimit, routes=[upload])
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def upload(client: TestClient, content: bytes, name: str = "taxi.png", **fields: str) -> Any:
    return client.post("/api/v1/receipts/upload", files={"file": (name, content)}, data=fields)


def uploaded(client: TestClient, content: bytes = PICTURE, name: str = "taxi.png") -> str:
    document_id: str = upload(client, content, name).json()["document_id"]
    return f"/api/v1/documents/{document_id}"


def test_an_upload_is_answered_with_its_job(client: TestClient, steps: NotedSteps) -> None:
    answer = upload(client, PICTURE, notion_database_id=NOTION)
    (document,) = steps.read
    body = answer.json()
    assert answer.status_code == 202
    assert set(body) == {"job_id", "status", "document_id", "same_as"}
    assert (body["status"], body["document_id"], body["same_as"]) == ("queued", str(document.id), None)
    assert document.target == TARGET
    assert upload(client, PICTURE).json()["same_as"] == str(document.id)


def test_a_document_tells_what_it_is(client: TestClient) -> None:
    document = uploaded(client)
    assert client.get(document).json() == {
        "id": document.rpartition("/")[2],
        "name": "taxi.png",
        "media_type": "image/png",
        "sha256": hashlib.sha256(PICTURE).hexdigest(),
        "size": len(PICTURE),
        "page_count": 1,
        "received_at": "2026-03-01T12:00:00Z",
        "joined_into": None,
    }


REFUSED = [
    pytest.param(b"", 422, "document_empty", id="empty"),
    pytest.param(b"x" * (LIMIT + 1), 413, "document_too_large", id="one byte too many"),
    pytest.param(b"x" * (LIMIT + FRAMING + 1), 413, "document_too_large", id="far too many bytes"),
    pytest.param(files.noisy_jpeg()[:5000], 422, "unreadable_document", id="truncated JPEG"),
    pytest.param(b"Total 12.50", 415, "unsupported_media_type", id="text"),
    pytest.param(files.archive(), 415, "unsupported_media_type", id="ZIP"),
    pytest.param(files.archive(**{"[Content_Types].xml": "<x/>"}), 415, "unsupported_media_type", id="office"),
    pytest.param(files.pdf() + files.archive(), 415, "media_type_mismatch", id="polyglot"),
    pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, "unsupported_media_type", id="SVG"),
    pytest.param(b"<?xml version='1.0'?><order/>", 415, "unsupported_media_type", id="XML"),
    pytest.param(b"<?xml version='1.0'?><Invoice>", 422, "damaged_xml", id="e-invoice cut off"),
    pytest.param(b"<!--\n--><!DOCTYPE Invoice SYSTEM 'x'><Invoice/>", 422, "forbidden_xml", id="e-invoice with a DTD"),
    pytest.param(files.png_header(50_000, 50_000), 422, "too_many_pixels", id="50 000 x 50 000"),
    pytest.param(files.encrypted_pdf(), 422, "encrypted_document", id="encrypted PDF"),
    pytest.param(files.pdf(6), 422, "too_many_pages", id="too many pages"),
]


@pytest.mark.parametrize("name", ["taxi.jpg", "taxi.pdf"])
@pytest.mark.parametrize(("content", "status", "code"), REFUSED)
def test_bad_input_is_refused_with_a_code_and_advice_whatever_its_name(
    client: TestClient, steps: NotedSteps, tmp_path: Path, content: bytes, status: int, code: str, name: str
) -> None:
    answer = upload(client, content, name)
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["status"]) == (status, code, status)
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["detail"]
    assert problem["advice"]
    assert (steps.read, list((tmp_path / "data").rglob("*.*"))) == ([], [])
    assert client.get("/api/v1/documents").json()["items"] == []


def test_a_file_of_exactly_the_limit_is_accepted(client: TestClient) -> None:
    content = PICTURE + bytes(LIMIT - len(PICTURE))
    assert upload(client, content).status_code == 202


def test_a_missing_field_is_named(client: TestClient) -> None:
    for answer in (
        client.post("/api/v1/receipts/upload", data={"notion_database_id": NOTION}),
        client.post("/api/v1/receipts/upload"),
        client.post("/api/v1/receipts/upload", json={"file": "x"}),
        client.post("/api/v1/receipts/upload", data={"file": "not a file"}, files={"other": b"x"}),
    ):
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (422, "validation_error")
        assert problem["errors"][0]["field"] == "body.file"


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"target_id": "nonsense"}, 422),
        ({"target_id": str(new_id())}, 404),
        ({"notion_database_id": "f" * 32}, 404),
        ({"notion_database_id": "a\x00b"}, 422),
        ({"notion_database_id": "f" * 2001}, 422),
    ],
)
def test_an_unknown_target_is_refused(client: TestClient, fields: dict[str, str], status: int) -> None:
    assert upload(client, PICTURE, **fields).status_code == status


def multipart(name: bytes) -> Any:
    """The body and headers of an upload whose file name goes out byte by byte."""
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="' + name + b'"\r\n\r\n'
    return {
        "content": head + PICTURE + b"\r\n--b--\r\n",
        "headers": {"content-type": "multipart/form-data; boundary=b"},
    }


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"../../etc/passwd", "passwd"),
        (b"C:\\\\temp\\\\taxi.png", "taxi.png"),
        (b"a" * 1000 + b".png", "a" * 196 + ".png"),
        ("\u202egnp.exe".encode(), "gnp.exe"),
        ("Café Zoë.png".encode(), "Café Zoë.png"),
        (b"\xff\xfe.png", "ÿþ.png"),
        (b"taxi%00.png", "taxi%00.png"),
        (b"CON", "CON"),
        (b"..", "document.png"),
        (b"   ", "document.png"),
    ],
)
def test_a_hostile_name_is_made_safe(client: TestClient, tmp_path: Path, name: bytes, shown: str) -> None:
    answer = client.post("/api/v1/receipts/upload", **multipart(name))
    assert answer.status_code == 202
    read = client.get(f"/api/v1/documents/{answer.json()['document_id']}").json()
    assert read["name"] == shown
    (path,) = (path for path in (tmp_path / "data").rglob("*") if path.is_file())
    assert path.name == read["sha256"]


@pytest.mark.parametrize("name", [b"taxi\x00.png", b"taxi\r\nX-Evil: 1\r\n.png", b"", b'taxi";x="'])
def test_a_name_that_breaks_the_form_is_no_fault_of_ours(client: TestClient, name: bytes) -> None:
    answer = client.post("/api/v1/receipts/upload", **multipart(name))
    assert answer.status_code in {202, 400, 422}


def test_the_bytes_come_back_as_an_attachment_that_no_browser_runs(client: TestClient) -> None:
    document = uploaded(client, name="Café;'.png")
    answer = client.get(f"{document}/file")
    assert answer.content == PICTURE
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-disposition"].startswith(f"attachment; filename*=utf-8''{quote('Café')}")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]


def test_a_page_is_a_picture_that_may_be_kept_forever(client: TestClient) -> None:
    page = f"{uploaded(client, files.pdf(2))}/pages/2.png"
    answer = client.get(page)
    assert (answer.status_code, answer.headers["content-type"], answer.content[:4]) == (200, "image/png", b"\x89PNG")
    assert "immutable" in answer.headers["cache-control"]
    again = client.get(page, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", answer.headers["etag"])
    assert client.get(page, headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize(
    ("page", "status", "code"),
    [
        ("0", 404, "page_not_found"),
        ("3", 404, "page_not_found"),
        ("9" * 30, 404, "page_not_found"),
        ("x", 422, "validation_error"),
    ],
)
def test_a_page_that_is_not_there_is_not_found(client: TestClient, page: str, status: int, code: str) -> None:
    answer = client.get(f"{uploaded(client, files.pdf(2))}/pages/{page}.png")
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_neighbour_finds_nothing(client: TestClient, steps: NotedSteps) -> None:
    document = uploaded(client)
    birch = {WORKSPACE: str(BIRCH)}
    for path in ("", "/file", "/pages/1.png"):
        answer = client.get(f"{document}{path}", headers=birch)
        assert (answer.status_code, answer.json()["code"]) == (404, "document_not_found")
    assert client.post(f"{document}/reprocess", headers=birch).status_code == 404
    assert client.get("/api/v1/documents", headers=birch).json()["items"] == []
    assert steps.read_again == []


def test_a_document_is_read_again(client: TestClient, steps: NotedSteps) -> None:
    answer = client.post(f"{uploaded(client)}/reprocess")
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    assert len(steps.read_again) == 1


def test_documents_are_joined_and_the_same_again_is_the_same(client: TestClient, steps: NotedSteps) -> None:
    pages = [uploaded(client, files.pdf(2)).rpartition("/")[2], uploaded(client).rpartition("/")[2]]
    key = {"Idempotency-Key": "hotel-march"}
    answer = client.post("/api/v1/documents/join", json={"document_ids": pages, "name": "hotel"}, headers=key)
    body = answer.json()
    assert (answer.status_code, body["status"], body["same_as"]) == (202, "queued", None)
    assert steps.read[-1].id == UUID(body["document_id"])
    joined = client.get(f"/api/v1/documents/{body['document_id']}").json()
    assert (joined["name"], joined["media_type"], joined["page_count"]) == ("hotel", "application/pdf", 3)
    assert [client.get(f"/api/v1/documents/{page}").json()["joined_into"] for page in pages] == [joined["id"]] * 2
    for headers in (key, {}):
        again = client.post("/api/v1/documents/join", json={"document_ids": pages}, headers=headers)
        assert (again.status_code, again.json()) == (202, body)
    assert len(steps.read) == 3


@pytest.mark.parametrize(
    ("case", "status", "code"),
    [
        ("a neighbour's", 404, "document_not_found"),
        ("one", 422, "validation_error"),
        ("twice", 422, "invalid_parts"),
        ("an e-invoice", 422, "part_is_einvoice"),
        ("accepted", 409, "part_accepted"),
        ("joined", 409, "document_joined"),
        ("another order", 409, "document_joined"),
        ("key of others", 409, "idempotency_key_reused"),
        ("another target", 409, "parts_for_different_targets"),
        ("too long a name", 422, "validation_error"),
    ],
)
def test_what_cannot_be_joined_is_refused_and_nothing_is_changed(
    client: TestClient, steps: NotedSteps, parts: NotedParts, case: str, status: int, code: str
) -> None:
    first, second, third, fourth = (uploaded(client).rpartition("/")[2] for _ in range(4))
    done = {"document_ids": [third, fourth]}
    key = {"Idempotency-Key": "taken"}
    joined = client.post("/api/v1/documents/join", json=done, headers=key).json()["document_id"]
    ids, headers, name = [first, second], {}, ""
    match case:
        case "a neighbour's":
            headers = {WORKSPACE: str(BIRCH)}
        case "one":
            ids = [first]
        case "twice":
            ids = [first, second, first]
        case "an e-invoice":
            ids[1] = uploaded(client, einvoices.ubl(), "invoice.xml").rpartition("/")[2]
        case "accepted":
            parts.refused = DocumentId(UUID(second))
        case "joined":
            ids[1] = third
        case "another order":
            ids = [fourth, third]
        case "key of others":
            headers = key
        case "another target":
            to_one, to_other = replace(steps.read[0], target=TARGET), replace(steps.read[0], target=new_id())
            ids = [str(added(client, one)) for one in (to_one, to_other)]
        case _:
            name = "x" * 300
    before = client.get("/api/v1/documents").json()
    answer = client.post("/api/v1/documents/join", json={"document_ids": ids, "name": name}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert client.get("/api/v1/documents").json() == before
    assert {whole for _, whole in parts.aside} == {UUID(joined)}


def added(client: TestClient, document: Document) -> DocumentId:
    """Add a document of the same bytes as another's."""
    documents: DocumentService = client.app.state.services[DocumentService]  # type: ignore[attr-defined]  # it is ours
    other = replace(document, id=DocumentId(new_id()))
    with documents.database.transaction(document.workspace) as tx:
        documents.store.add(tx, document.workspace, other)
    return other.id


def test_a_part_is_not_read_again_by_itself(client: TestClient, steps: NotedSteps) -> None:
    pages = [uploaded(client), uploaded(client)]
    client.post("/api/v1/documents/join", json={"document_ids": [page.rpartition("/")[2] for page in pages]})
    answer = client.post(f"{pages[0]}/reprocess")
    assert (answer.status_code, answer.json()["code"], steps.read_again) == (409, "document_joined", [])


def test_documents_are_listed_page_by_page(client: TestClient) -> None:
    names = ["a.png", "b.png", "c.png"]
    for name in names:
        uploaded(client, name=name)
    first = client.get("/api/v1/documents", params={"limit": 2}).json()
    rest = client.get(first["next"]).json()
    assert [item["name"] for item in first["items"] + rest["items"]] == names[::-1]
    assert rest["next"] is None
    same = client.get("/api/v1/documents", params={"sha256": first["items"][0]["sha256"]}).json()
    assert len(same["items"]) == 3
    assert client.get("/api/v1/documents", params={"sha256": "x"}).status_code == 422


def test_bytes_that_are_gone_are_said_to_be(client: TestClient, tmp_path: Path) -> None:
    document = uploaded(client)
    for path in (tmp_path / "data" / "documents").rglob("*"):
        if path.is_file():
            path.unlink()
    for path_of in ("/file", "/pages/1.png"):
        answer = client.get(f"{document}{path_of}")
        assert (answer.status_code, answer.json()["code"]) == (404, "document_bytes_missing")


def test_every_field_of_the_api_is_described(client: TestClient) -> None:
    api = client.get("/openapi.json").json()
    for name in ("DocumentRead", "JoinCreate", "UploadRead", "ReprocessRead"):
        for field in api["components"]["schemas"][name]["properties"].values():
            assert field["description"]
    for path in api["paths"].values():
        for operation in path.values():
            assert operation["description"].endswith(".")
            assert all(parameter["description"] for parameter in operation.get("parameters", []))
    answers = api["paths"]["/api/v1/receipts/upload"]["post"]["responses"]
    assert {"202", "404", "413", "415", "422"} <= set(answers)
