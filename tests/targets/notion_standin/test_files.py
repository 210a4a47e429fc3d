"""How files reach the stand-in: one part or several, the right type and size, attached within the hour."""

from datetime import timedelta
from typing import Any

import httpx2
import pytest
from notion_client import APIResponseError, Client

from tests.support.notion.server import Notion
from tests.support.notion.tables import Table

PDF = b"%PDF-1.7 a receipt"
MIB = 1024 * 1024


def sent(client: Client, name: str = "receipt.pdf", content: bytes = PDF, kind: str = "application/pdf") -> str:
    upload: Any = client.file_uploads.create(mode="single_part", filename=name, content_type=kind)
    uploaded: Any = client.file_uploads.send(upload["id"], file=(name, content, kind))
    assert uploaded["status"] == "uploaded"
    return str(upload["id"])


def attached(client: Client, table: Table, upload_id: str) -> Any:
    file = {"type": "file_upload", "file_upload": {"id": upload_id}, "name": "Beleg.pdf"}
    return client.pages.create(parent={"data_source_id": table.source_id}, properties={"Receipt": {"files": [file]}})


def test_a_file_is_sent_attached_and_fetched(newest: Client, notion: Notion, expenses: Table) -> None:
    upload = sent(newest)
    page = attached(newest, expenses, upload)

    [file] = page["properties"]["Receipt"]["files"]
    assert (file["name"], file["type"]) == ("Beleg.pdf", "file")
    assert httpx2.get(file["file"]["url"]).content == PDF
    notion.pass_time(timedelta(minutes=61))
    assert httpx2.get(file["file"]["url"]).status_code == 403
    assert expenses.row(page["id"])["Receipt"] == [{"name": "Beleg.pdf", "upload": upload}]
    assert notion.file(upload) == PDF


def test_a_file_that_was_attached_can_be_attached_again_and_another_one_expires(
    newest: Client, notion: Notion, expenses: Table
) -> None:
    once, never = sent(newest), sent(newest)
    attached(newest, expenses, once)
    notion.pass_time(timedelta(minutes=61))

    attached(newest, expenses, once)
    with pytest.raises(APIResponseError, match="has status expired"):
        attached(newest, expenses, never)
    assert newest.file_uploads.retrieve(never)["status"] == "expired"  # type: ignore[index]


def test_a_file_has_to_arrive_before_it_is_attached(newest: Client, expenses: Table) -> None:
    upload: Any = newest.file_uploads.create(filename="receipt.pdf")

    with pytest.raises(APIResponseError, match="has status pending"):
        attached(newest, expenses, upload["id"])


@pytest.mark.parametrize(
    ("name", "kind"),
    [("receipt.xml", "application/xml"), ("receipt.pdf", "image/png"), ("receipt", None), ("x" * 900 + ".pdf", None)],
)
def test_files_of_other_types_and_names_are_refused(newest: Client, name: str, kind: str | None) -> None:
    with pytest.raises(APIResponseError) as refused:
        newest.file_uploads.create(filename=name, **({"content_type": kind} if kind else {}))

    assert refused.value.status == 400


def test_what_is_sent_has_to_be_what_was_announced(newest: Client) -> None:
    upload: Any = newest.file_uploads.create(filename="receipt.pdf")

    with pytest.raises(APIResponseError, match="does not match"):
        newest.file_uploads.send(upload["id"], file=("receipt.pdf", PDF, "image/png"))


def test_a_file_is_no_larger_than_the_workspace_allows(newest: Client, notion: Notion) -> None:
    notion.store.max_file_bytes = 10
    upload: Any = newest.file_uploads.create(filename="receipt.pdf")

    with pytest.raises(APIResponseError, match="exceeds the limit"):
        newest.file_uploads.send(upload["id"], file=("receipt.pdf", PDF, "application/pdf"))


def test_one_part_is_no_larger_than_twenty_megabytes(newest: Client, notion: Notion) -> None:
    notion.store.max_file_bytes = 100 * MIB
    upload: Any = newest.file_uploads.create(filename="receipt.pdf")

    with pytest.raises(APIResponseError) as refused:
        newest.file_uploads.send(upload["id"], file=("receipt.pdf", b"x" * (20 * MIB + 1), "application/pdf"))
    assert refused.value.status == 413


def test_a_large_file_comes_in_parts_and_is_completed(newest: Client, notion: Notion) -> None:
    notion.store.max_file_bytes = 100 * MIB
    upload: Any = newest.file_uploads.create(mode="multi_part", filename="receipt.pdf", number_of_parts=2)
    parts = {2: b"end", 1: b"x" * (5 * MIB)}
    state: Any = None

    for number, content in parts.items():
        with pytest.raises(APIResponseError, match="lacks parts"):
            newest.file_uploads.complete(upload["id"])
        part = ("receipt.pdf", content, "application/pdf")
        state = newest.file_uploads.send(upload["id"], file=part, part_number=str(number))
    whole: Any = newest.file_uploads.complete(upload["id"])

    assert (state["status"], state["number_of_parts"]) == ("pending", {"total": 2, "sent": 2})
    assert (whole["status"], whole["content_length"]) == ("uploaded", 5 * MIB + 3)
    assert notion.file(upload["id"]).endswith(b"xend")


def test_a_block_shows_the_kind_of_file_that_it_is_for(newest: Client, notion: Notion, expenses: Table) -> None:
    pdf = {"type": "file_upload", "file_upload": {"id": sent(newest)}}
    page = attached(newest, expenses, sent(newest))["id"]

    newest.blocks.children.append(page, children=[{"pdf": pdf}, {"file": pdf}])
    with pytest.raises(APIResponseError, match="cannot be in a block of the type image"):
        newest.blocks.children.append(page, children=[{"image": pdf}])

    listed: Any = newest.blocks.children.list(page)
    assert [block["type"] for block in listed["results"]] == ["pdf", "file"]
    assert listed["results"][1]["file"]["name"] == "receipt.pdf"
    assert httpx2.get(listed["results"][0]["pdf"]["file"]["url"]).content == PDF


def test_a_file_of_another_connection_is_not_there(newest: Client, notion: Notion, expenses: Table) -> None:
    other = notion.connect("Other")
    with Client(auth=other.token, base_url=notion.url, notion_version="2026-03-11", retry=False) as stranger:
        upload = sent(stranger)

    with pytest.raises(APIResponseError, match="Could not find"):
        attached(newest, expenses, upload)
