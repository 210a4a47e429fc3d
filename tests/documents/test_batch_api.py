"""Batches over HTTP: each file has its own answer, and what is wrong as a whole has a code."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import select

from counterfoil.access.domain import WorkspaceId
from counterfoil.access.service import AccessService
from counterfoil.documents.batch_api import BATCHES_PATH, router
from counterfoil.documents.batches import BatchService
from counterfoil.documents.domain import DocumentId
from counterfoil.documents.hand_ins import BatchTooLarge
from counterfoil.documents.infrastructure.sql import DocumentRow
from counterfoil.foundation import problems
from counterfoil.foundation.body_limit import BodyLimit, RouteLimit
from counterfoil.foundation.database import Database
from counterfoil.foundation.forms import FormLimits
from counterfoil.foundation.ids import new_id
from counterfoil.jobs.domain import JobStatus
from tests.conftest import ACME, BIRCH
from tests.support import files
from tests.support.access import WORKSPACE, access_to
from tests.support.archives import Entry, pack
from tests.support.batches import PlayedEngine, batch_service
from tests.support.clock import FixedClock
from tests.support.documents import NOTION

PATH = f"/api/v1{BATCHES_PATH}"
RED, GREEN = (files.picture("PNG", colour=colour) for colour in ("red", "green"))
MAX_BYTES = 500_000
STRANGER = {WORKSPACE: str(BIRCH)}


@pytest.fixture
def engine() -> PlayedEngine:
    return PlayedEngine()


@pytest.fixture
def client(database: Database, tmp_path: Path, clock: FixedClock, engine: PlayedEngine) -> Iterator[TestClient]:
    app = FastAPI()
    folder = tmp_path / "data"
    app.state.services = {
        BatchService: batch_service(database, folder, clock, engine, max_files=5),
        AccessService: access_to(ACME),
        FormLimits: FormLimits(folder=folder / "incoming", max_parts=5),
    }
    app.include_router(router, prefix="/api/v1")
    problems.install(app)
    limit = RouteLimit(path=PATH, max_bytes=MAX_BYTES, error=BatchTooLarge(MAX_BYTES))
    app.add_middleware(BodyLimit, routes=[limit], default=1000)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def post(client: TestClient, *sent: tuple[str, bytes], key: str | None = None, **form: Any) -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    return client.post(PATH, files=[("files", one) for one in sent], data=form, headers=headers)


def test_every_file_is_answered_for(client: TestClient, engine: PlayedEngine) -> None:
    packed = pack(Entry("a/green.png", GREEN), Entry("../x", b"x"))
    answer = post(client, ("red.png", RED), ("march.zip", packed), ("red again.png", RED))
    body = answer.json()
    assert (answer.status_code, set(body)) == (202, {"batch_id", "status", "files"})
    red, green, outside, again = body["files"]
    assert (red["name"], red["status"], red["error"]) == ("red.png", "accepted", None)
    assert (green["name"], green["status"]) == ("march.zip/a/green.png", "accepted")
    assert (outside["name"], outside["status"], outside["document_id"]) == ("march.zip/x", "refused", None)
    assert outside["error"]["code"] == "archive_entry_outside"
    assert outside["error"]["message"].endswith(".")
    assert (again["status"], again["same_as"]) == ("duplicate", red["document_id"])
    assert {one["job_id"] for one in (red, green, again)} == {str(job) for job in engine.made}


def test_a_batch_is_followed_to_its_end(client: TestClient, engine: PlayedEngine) -> None:
    batch = post(client, ("red.png", RED), ("bad", b"bad"), description="March").json()["batch_id"]
    found = client.get(f"{PATH}/{batch}").json()
    progress = {"total": 2, "processed": 1, "failed": 1, "percentage": 50, "message": "1 of 2 done, 1 of them in vain"}
    assert (found["status"], found["description"], found["broken_off"]) == ("running", "March", False)
    assert found["progress"] == progress
    (job,), record = engine.made, str(new_id())
    engine.moves(job, JobStatus.COMPLETED, result={"record_id": record, "message": "Read without a doubt."})
    found = client.get(f"{PATH}/{batch}").json()
    assert (found["status"], found["progress"]["percentage"]) == ("completed", 100)
    read, refused = found["documents"]
    assert (read["job_status"], read["record_id"], read["message"]) == ("completed", record, "Read without a doubt.")
    assert (refused["job_status"], refused["error"]["code"]) == (None, "unsupported_media_type")
    (listed,) = client.get(PATH).json()["items"]
    assert listed == {name: value for name, value in found.items() if name != "documents"}


def test_documents_are_read_again_by_their_ids(client: TestClient, engine: PlayedEngine) -> None:
    known = post(client, ("red.png", RED)).json()["files"][0]["document_id"]
    for answer in (
        client.post(PATH, data={"document_ids": [known]}),
        post(client, ("green.png", GREEN), document_ids=[known, str(new_id())]),
    ):
        assert answer.status_code == 202
        assert known in {one["document_id"] for one in answer.json()["files"]}
    assert [str(document.id) for document in engine.again] == [known, known]


def test_a_part_of_another_document_is_refused_and_not_read_again(client: TestClient, engine: PlayedEngine) -> None:
    part, whole = (
        DocumentId(UUID(post(client, (name, content)).json()["files"][0]["document_id"]))
        for name, content in (("red.png", RED), ("green.png", GREEN))
    )
    documents = client.app.state.services[BatchService].documents  # type: ignore[attr-defined]  # it is ours
    with documents.database.transaction() as tx:
        workspace = tx.execute(select(DocumentRow.workspace_id).where(DocumentRow.id == part)).scalar_one()
        documents.store.mark_joined(tx, WorkspaceId(workspace), [part], whole)
    (refused,) = client.post(PATH, data={"document_ids": [str(part)]}).json()["files"]
    assert (refused["status"], refused["error"]["code"], engine.again) == ("refused", "document_joined", [])


def test_the_same_key_is_the_same_batch(client: TestClient, engine: PlayedEngine) -> None:
    first, second = (post(client, ("red.png", RED), key="march") for _ in range(2))
    assert first.json() == second.json()
    assert len(engine.made) == 1
    other = post(client, ("green.png", GREEN), key="march")
    assert (other.status_code, other.json()["code"]) == (409, "batch_key_reused")
    assert post(client, ("red.png", RED), key="k" * 256).status_code == 202
    assert post(client, ("red.png", RED), key="k" * 257).status_code == 422
    assert post(client, ("red.png", RED), key="two words").status_code == 422


def test_a_batch_is_cancelled_once_and_for_all(client: TestClient, engine: PlayedEngine) -> None:
    batch = post(client, ("red.png", RED)).json()["batch_id"]
    for _ in range(2):
        answer = client.patch(f"{PATH}/{batch}", json={"status": "cancelled"})
        assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    assert {job.status for job in engine.made.values()} == {JobStatus.CANCELLED}
    assert client.patch(f"{PATH}/{batch}", json={"status": "running"}).status_code == 422


def test_a_finished_batch_is_not_cancelled(client: TestClient) -> None:
    batch = post(client, ("bad", b"bad")).json()["batch_id"]
    answer = client.patch(f"{PATH}/{batch}", json={"status": "cancelled"})
    assert (answer.status_code, answer.json()["code"]) == (409, "batch_over")


def test_a_neighbour_finds_nothing(client: TestClient, engine: PlayedEngine) -> None:
    batch = post(client, ("red.png", RED)).json()["batch_id"]
    for answer in (
        client.get(f"{PATH}/{batch}", headers=STRANGER),
        client.patch(f"{PATH}/{batch}", json={"status": "cancelled"}, headers=STRANGER),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "batch_not_found")
    assert client.get(PATH, headers=STRANGER).json()["items"] == []
    assert {job.status for job in engine.made.values()} == {JobStatus.PENDING}


def test_batches_are_listed_page_by_page(client: TestClient) -> None:
    for number in range(3):
        post(client, ("red.png", RED), description=f"{number}")
    first = client.get(PATH, params={"limit": 2}).json()
    rest = client.get(first["next"]).json()
    assert [one["description"] for one in first["items"] + rest["items"]] == ["2", "1", "0"]


@pytest.mark.parametrize(
    ("sent", "form", "status", "code"),
    [
        ([], {}, 422, "batch_without_files"),
        ([("a", b"x")] * 6, {}, 413, "too_many_parts"),
        ([("a", b"x")] * 3, {"document_ids": [str(new_id()) for _ in range(3)]}, 413, "batch_too_full"),
        ([("a", bytes(MAX_BYTES))], {}, 413, "batch_too_large"),
        ([("a", b"x")], {"document_ids": ["nonsense"]}, 422, "validation_error"),
        ([("a", b"x")], {"description": "x" * 201}, 422, "validation_error"),
        ([("a", b"x")], {"description": "a\x00b"}, 422, "validation_error"),
        ([("a", b"x")], {"target_id": str(new_id())}, 404, "not_found"),
        ([("a", b"x")], {"notion_database_id": NOTION[1:]}, 404, "not_found"),
    ],
)
def test_what_is_wrong_as_a_whole_is_refused_and_leaves_nothing(
    client: TestClient, tmp_path: Path, sent: list[tuple[str, bytes]], form: dict[str, Any], status: int, code: str
) -> None:
    answer = post(client, *sent, **form)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert client.get(PATH).json()["items"] == []
    assert [path for path in (tmp_path / "data").rglob("*") if path.is_file()] == []


def test_the_large_limit_is_for_handing_in_alone(client: TestClient) -> None:
    batch = post(client, ("red.png", RED)).json()["batch_id"]
    answer = client.patch(f"{PATH}/{batch}", json={"status": "cancelled" + " " * 2000})
    assert (answer.status_code, answer.json()["code"]) == (413, "request_too_large")


@pytest.mark.parametrize("name", ["CON", "a" * 3000 + ".png", "\u202egnp.exe", "../../etc/passwd", "a\\b\\taxi.png"])
def test_a_hostile_name_is_made_safe(client: TestClient, name: str) -> None:
    packed = pack(Entry(name.replace("../", "").encode(), RED))
    direct, inside = post(client, (name, RED), (name, packed)).json()["files"]
    for one in (direct, inside):
        assert one["status"] in {"accepted", "duplicate"}
        assert not set(one["name"]) & set("\\\x00\r\n\u202e")
        assert ".." not in one["name"].split("/")
        assert len(one["name"]) <= 1005


def test_an_unknown_batch_is_not_found(client: TestClient) -> None:
    assert client.get(f"{PATH}/{new_id()}").json()["code"] == "batch_not_found"
    assert client.get(f"{PATH}/nonsense").status_code == 422
