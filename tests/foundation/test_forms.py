"""Forms with many files lie on the disk while they are worked on, and are gone afterwards."""

import asyncio
import json
import os
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import psutil
import pytest
from fastapi import APIRouter, FastAPI, File, Form, UploadFile
from fastapi.testclient import TestClient
from starlette.types import Message

from counterfoil.foundation import problems
from counterfoil.foundation.forms import FormLimits, SpooledForm

MB = 1 << 20
router = APIRouter(route_class=SpooledForm)


@router.post("/files")
def receive(
    files: Annotated[list[UploadFile], File(default_factory=list)],
    words: Annotated[list[str], Form(default_factory=list)],
) -> dict[str, Any]:
    found = [(file.filename, file.size, file.file.read(20).decode("latin-1")) for file in files]
    for file in files:
        file.file.seek(0, os.SEEK_END)
        assert file.file.tell() == file.size
    return {"files": found, "words": words, "open": psutil.Process().num_fds()}


@router.get("/files")
def look() -> str:
    return "nothing"


@pytest.fixture
def app(tmp_path: Path) -> FastAPI:
    app = FastAPI()
    app.state.services = {FormLimits: FormLimits(folder=tmp_path / "incoming", max_parts=500)}
    app.include_router(router, prefix="/api")
    problems.install(app)
    return app


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def test_files_and_values_arrive_as_they_were_sent(client: TestClient, tmp_path: Path) -> None:
    large = os.urandom(3 * MB)
    files = [("files", ("Café.png", b"one\r\n--b\r\n")), ("files", ("a.bin", large)), ("files", ("empty", b""))]
    answer = client.post("/api/files", files=files, data={"words": ["first", "zweites ß"]}).json()
    assert answer["files"] == [
        ["Café.png", 10, "one\r\n--b\r\n"],
        ["a.bin", 3 * MB, large[:20].decode("latin-1")],
        ["empty", 0, ""],
    ]
    assert answer["words"] == ["first", "zweites ß"]
    assert list((tmp_path / "incoming").iterdir()) == []


def test_what_is_no_such_form_is_none_of_its_business(client: TestClient) -> None:
    assert client.get("/api/files").json() == "nothing"
    assert client.post("/api/files", data={"words": ["first"]}).json()["words"] == ["first"]
    assert client.post("/api/files", data={"files": "no file"}).status_code == 422


def test_many_files_take_one_open_file(client: TestClient) -> None:
    files = [("files", (f"{number}.bin", b"x" * (MB // 10))) for number in range(400)]
    before = psutil.Process().num_fds()
    assert client.post("/api/files", files=files).json()["open"] < before + 20


def test_a_file_is_not_held_in_memory_while_it_arrives(app: FastAPI) -> None:
    def body() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n'
        for _ in range(300):
            yield b"x" * (MB // 10)
        yield b"\r\n--b--\r\n"

    arriving = body()
    sent: list[Message] = []

    async def receive() -> Message:
        piece = next(arriving, None)
        return {"type": "http.request", "body": piece or b"", "more_body": piece is not None}

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
    scope: dict[str, Any] = {"type": "http", "method": "POST", "path": "/api/files", "headers": headers}
    scope |= {"query_string": b"", "root_path": "", "app": app}
    tracemalloc.start()
    asyncio.run(app(scope, receive, send))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert json.loads(sent[1]["body"])["files"][0][1] == 300 * (MB // 10)
    assert peak < 5 * MB


HEADERS = {"content-type": "multipart/form-data; boundary=b"}
WHOLE = b'--b\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\nx\r\n--b--\r\n'


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (WHOLE, HEADERS, 200),
        (WHOLE[:-10], HEADERS, 400),
        (b"", HEADERS, 400),
        (b"nonsense", HEADERS, 400),
        (WHOLE, {"content-type": "multipart/form-data"}, 400),
        (WHOLE, {"content-type": "multipart/form-data; boundary=" + "b" * 5000}, 400),
        (WHOLE.replace(b' name="files";', b""), HEADERS, 400),
        (WHOLE.replace(b"Content-Disposition", b"X-" + b"y" * 100_000), HEADERS, 400),
        (WHOLE.replace(b' filename="a"', b"").replace(b"x\r\n", b"x" * 70_000 + b"\r\n"), HEADERS, 400),
        (WHOLE.replace(b'"a"', b'""').replace(b"x\r\n", b"\r\n"), HEADERS, 200),
        (WHOLE.replace(b'"a"', b'"\xff"'), HEADERS, 200),
    ],
)
def test_a_broken_form_is_said_to_be_broken(
    client: TestClient, tmp_path: Path, body: bytes, headers: dict[str, str], status: int
) -> None:
    answer = client.post("/api/files", content=body, headers=headers)
    assert answer.status_code == status, answer.text
    assert list((tmp_path / "incoming").glob("*")) == []


def test_a_field_in_which_no_file_was_chosen_is_no_file(client: TestClient) -> None:
    body = WHOLE.replace(b'"a"', b'""').replace(b"x\r\n", b"\r\n")
    assert client.post("/api/files", content=body, headers=HEADERS).json()["files"] == []


@pytest.mark.parametrize("kind", [b"", b'; filename="a"'])
def test_too_many_parts_are_refused(client: TestClient, kind: bytes) -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="words"' + kind + b"\r\n\r\nx\r\n"
    answer = client.post("/api/files", content=part * 501 + b"--b--\r\n", headers=HEADERS)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_many_parts")
    answer = client.post("/api/files", content=part * 500 + b"--b--\r\n", headers=HEADERS)
    assert answer.status_code == (422 if kind else 200)  # a file is no word


def test_a_disk_without_room_is_said_to_have_none(client: TestClient, tmp_path: Path) -> None:
    (tmp_path / "incoming").write_text("a file where a folder should be")
    answer = client.post("/api/files", content=WHOLE, headers=HEADERS)
    assert (answer.status_code, answer.json()["code"]) == (503, "form_not_kept")
    assert answer.headers["retry-after"]
