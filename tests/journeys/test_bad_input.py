"""Bad input: a clear error with a stable code, nothing half-written, and the next document is read all the same."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pikepdf
import pytest

from counterfoil import bootstrap
from counterfoil.bootstrap import House
from tests.support.files import png_header
from tests.support.house import SAMPLES, Visitor, build, settings_for, visiting

MB = 2**20


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return build(settings_for(tmp_path_factory.mktemp("data")))


@pytest.fixture(scope="module")
def visitor(house: House) -> Iterator[Visitor]:
    with visiting(house) as visitor:
        yield visitor


def _pdf(pages: int, **options: object) -> bytes:
    made, file = pikepdf.new(), io.BytesIO()
    for _ in range(pages):
        made.add_blank_page(page_size=(100, 100))
    made.save(file, **options)  # type: ignore[arg-type]
    return file.getvalue()


def _zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("receipt.txt", "no pdf")
    return file.getvalue()


BAD = {
    "empty": (b"", "a.jpg", 422, "document_empty"),
    "truncated": ((SAMPLES / "receipt-photo.jpg").read_bytes()[:40_000], "a.jpg", 422, "unreadable_document"),
    "text as picture": (b"no picture at all", "a.jpg", 415, "unsupported_media_type"),
    "too large": (b"\xff\xd8" + b"0" * (10 * MB - 1), "a.jpg", 413, "document_too_large"),
    "far too large": (b"0" * (12 * MB), "a.jpg", 413, "document_too_large"),
    "huge picture": (png_header(50_000, 50_000), "a.png", 422, "too_many_pixels"),
    "encrypted": (_pdf(1, encryption=pikepdf.Encryption(owner="o", user="u")), "a.pdf", 422, "encrypted_document"),
    "many pages": (_pdf(10_000), "a.pdf", 422, "too_many_pages"),
    "zip as pdf": (_zip(), "a.pdf", 415, "unsupported_media_type"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_document_is_refused_with_its_own_code_and_leaves_nothing(
    visitor: Visitor, house: House, case: str
) -> None:
    content, name, status, code = BAD[case]
    before = len(visitor.get("/documents")["items"])
    answer = visitor.http.post("/api/v1/receipts/upload", files={"file": (name, content)})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["advice"]
    assert len(visitor.get("/documents")["items"]) == before
    assert not list((house.settings.data_dir / "incoming").glob("*"))


def test_exactly_the_limit_is_taken(visitor: Visitor) -> None:
    picture = (SAMPLES / "receipt-photo.jpg").read_bytes()
    padded = picture + b"\0" * (10 * MB - len(picture))
    answer = visitor.http.post("/api/v1/receipts/upload", files={"file": ("padded.jpg", padded)})
    assert answer.status_code == 202, answer.text


@pytest.mark.parametrize(
    "name", ["../../etc/passwd.png", "a\0b.png", "a\r\nb.png", "x" * 1000 + ".png", "\u202egnp.exe.png"]
)
def test_a_hostile_name_is_made_harmless(visitor: Visitor, name: str) -> None:
    content = (SAMPLES / "card-slip.png").read_bytes()
    answer = visitor.http.post("/api/v1/receipts/upload", files={"file": (name, content)})
    assert answer.status_code == 202, answer.text
    kept = visitor.get(f"/documents/{answer.json()['document_id']}")["name"]
    assert len(kept) <= 200
    assert kept.endswith(".png")
    assert kept.isprintable()
    assert not set(kept) & set("/\\\0\r\n")


def test_what_is_missing_or_unknown_is_named(visitor: Visitor) -> None:
    missing = visitor.http.post("/api/v1/receipts/upload", data={"target_id": "x"})
    assert missing.status_code == 422
    assert {error["field"] for error in missing.json()["errors"]} >= {"body.file"}
    content = (SAMPLES / "card-slip.png").read_bytes()
    for form in ({"target_id": "019c1d5e-0000-7000-8000-000000000000"}, {"notion_database_id": "0" * 32}):
        unknown = visitor.http.post("/api/v1/receipts/upload", files={"file": ("a.png", content)}, data=form)
        assert (unknown.status_code, unknown.json()["code"]) == (404, "target_not_found")


def test_after_all_that_the_next_document_is_read(house: House, visitor: Visitor, tmp_path: Path) -> None:
    with bootstrap.working(house):
        record = visitor.read("invoice-text.pdf")
    assert record["data"]["total"] == "2242.53"
