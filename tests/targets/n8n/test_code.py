"""The code in the workflow's nodes: what is made of a job, of a picture, of whatever a model may answer."""

import base64
import json
from typing import Any

import pytest

from tests.support.n8n_code import Refused, run

pytestmark = pytest.mark.n8n

Json = dict[str, Any]
DATABASE = "0123456789abcdef0123456789abcdef"
OPTIONS = {"options": [{"name": "Food"}, {"name": "Travel"}]}
SCHEMA: Json = {
    "Name": {"type": "title", "title": {}},
    "Notes": {"type": "rich_text", "rich_text": {}},
    "Total": {"type": "number", "number": {}},
    "Date": {"type": "date", "date": {}},
    "Category": {"type": "select", "select": OPTIONS},
    "Tags": {"type": "multi_select", "multi_select": OPTIONS},
    "State": {"type": "status", "status": {"options": [{"name": "New"}, {"name": "Paid"}]}},
    "Paid": {"type": "checkbox", "checkbox": {}},
    "Link": {"type": "url", "url": {}},
    "Mail": {"type": "email", "email": {}},
    "Phone": {"type": "phone_number", "phone_number": {}},
    "Sum": {"type": "formula", "formula": {}},
    "Made": {"type": "created_time", "created_time": {}},
    "Owner": {"type": "people", "people": {}},
    "Future": {"type": "hologram", "hologram": {}},
}
TITLE = {"Name": {"title": [{"text": {"content": "Café Zimt"}}]}}


def checked(answer: object, schema: Json = SCHEMA) -> Json:
    nodes = {
        "Job": {"job_id": "job-1", "notion_database_id": DATABASE},
        "Get Notion Schema": {"properties": schema},
        "$input": answer,
    }
    found: Json = run("check_payload.js", nodes)["json"]
    return found


def checked_properties(properties: Json, schema: Json = SCHEMA) -> Json:
    return checked({"output": json.dumps({"properties": TITLE | properties})}, schema)


def page_of(properties: Json) -> Json:
    page: Json = checked_properties(properties)["page"]["properties"]
    return page


def test_every_type_that_a_receipt_may_fill_is_written_as_notion_wants_it() -> None:
    given = {
        "Notes": {"rich_text": [{"text": {"content": "two "}}, {"plain_text": "parts"}]},
        "Total": {"number": -12.5},
        "Date": {"date": {"start": "2026-02-28", "end": "2026-03-01"}},
        "Category": {"select": {"name": "food"}},
        "Tags": {"multi_select": [{"name": "Travel"}, {"name": "New one"}, {"name": "travel"}]},
        "State": {"status": {"name": "paid"}},
        "Paid": {"checkbox": True},
        "Link": {"url": "https://example.com/a"},
        "Mail": {"email": "a@example.com"},
        "Phone": {"phone_number": "+49 30 1"},
    }
    assert page_of(given) == {
        "Name": {"title": [{"type": "text", "text": {"content": "Café Zimt"}}]},
        "Notes": {"rich_text": [{"type": "text", "text": {"content": "two parts"}}]},
        "Total": {"number": -12.5},
        "Date": {"date": {"start": "2026-02-28", "end": "2026-03-01"}},
        "Category": {"select": {"name": "Food"}},
        "Tags": {"multi_select": [{"name": "Travel"}, {"name": "New one"}]},
        "State": {"status": {"name": "Paid"}},
        "Paid": {"checkbox": True},
        "Link": {"url": "https://example.com/a"},
        "Mail": {"email": "a@example.com"},
        "Phone": {"phone_number": "+49 30 1"},
    }


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("Total", {"number": "12.50"}, "is no number"),
        ("Total", {"number": [1]}, "is no number"),
        ("Total", {"rich_text": []}, "the model wrote another"),
        ("Total", 12.5, "the model wrote another"),
        ("Date", {"date": {"start": "28.02.2026"}}, "is no ISO 8601 date"),
        ("Date", {"date": {"start": "2026-02-30"}}, "is no ISO 8601 date"),
        ("Date", {"date": {"start": "2026-02-28T25:00"}}, "is no ISO 8601 date"),
        ("Category", {"select": {"name": "Food, drink"}}, "comma"),
        ("Category", {"select": {"name": "x" * 101}}, "longer than Notion takes"),
        ("Category", {"select": {}}, "names no option"),
        ("Tags", {"multi_select": {"name": "Food"}}, "names no options"),
        ("Tags", {"multi_select": [{"name": str(number)} for number in range(101)]}, "more options than Notion takes"),
        ("State", {"status": {"name": "Invented"}}, "has no option Invented"),
        ("Paid", {"checkbox": "yes"}, "neither true nor false"),
        ("Link", {"url": "javascript:alert(1)"}, "no address of the web"),
        ("Link", {"url": "https://example.com/" + "x" * 2000}, "no address of the web"),
        ("Mail", {"email": "nobody"}, "no mail address"),
        ("Phone", {"phone_number": "x" * 201}, "no telephone number"),
        ("Notes", {"rich_text": [{"text": {"content": "  "}}]}, "holds no text"),
        ("Notes", {"rich_text": [{"text": {"content": "x" * 100_001}}]}, "longer than Notion takes"),
        ("Sum", {"formula": {"number": 1}}, "not for a receipt to fill"),
        ("Made", {"created_time": "2026-01-01"}, "not for a receipt to fill"),
        ("Owner", {"people": [{"id": "1"}]}, "not for a receipt to fill"),
        ("Future", {"hologram": {}}, "not for a receipt to fill"),
        ("Elsewhere", {"number": 1}, "is no property of the database"),
        ("constructor", {"number": 1}, "is no property of the database"),
    ],
)
def test_what_notion_would_not_take_is_left_out_and_said(name: str, value: object, reason: str) -> None:
    given = checked_properties({name: value})
    assert list(given["page"]["properties"]) == ["Name"]
    assert f"Left out: {name} " in given["message"]
    assert reason in given["message"]


def test_nothing_said_of_a_property_is_no_fault() -> None:
    given = checked_properties({"Total": {"number": None}, "Notes": None, "Sum": {"type": "formula", "formula": None}})
    assert given["message"] == "Receipt processed and saved to Notion."


def test_a_long_text_is_cut_into_pieces_that_notion_takes_and_loses_nothing() -> None:
    long = "🧾" * 1500 + "end"
    pieces = page_of({"Notes": {"rich_text": [{"text": {"content": long}}]}})["Notes"]["rich_text"]
    contents = [piece["text"]["content"] for piece in pieces]
    assert "".join(contents) == long
    assert max(len(content.encode("utf-16-le")) // 2 for content in contents) <= 2000


@pytest.mark.parametrize("end", ["2026-03-01", "2026-03-03T10:00Z", "March", None])
def test_an_end_that_does_not_go_with_its_start_is_dropped(end: str | None) -> None:
    given = page_of({"Date": {"date": {"start": "2026-03-02", "end": end, "time_zone": "Mars/North"}}})
    assert given["Date"] == {"date": {"start": "2026-03-02"}}


@pytest.mark.parametrize(
    "around",
    ["{}", "```json\n{}\n```", "Here you are:\n{}\nGlad to help.", "  {}  "],
)
def test_what_stands_around_the_answer_does_not_matter(around: str) -> None:
    answer = around.replace("{}", json.dumps({"properties": TITLE}))
    assert list(checked({"output": answer})["page"]["properties"]) == ["Name"]


@pytest.mark.parametrize("key", ["output", "text", None])
def test_the_answer_comes_as_an_agent_or_a_chain_gives_it(key: str | None) -> None:
    answer: Json = {"properties": TITLE}
    assert checked({key: json.dumps(answer)} if key else answer)["fields"] == {"Name": "Café Zimt"}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("I can't read this.", "answered no JSON"),
        ('{"properties": {"Name": {"title": [{"te', "broken or cut off"),
        ("} backwards {", "broken or cut off"),
        ("{}", 'no "properties"'),
        ('{"properties": [1]}', 'no "properties"'),
        ('{"properties": null}', 'no "properties"'),
        ('{"properties": {"Total": {"number": 1}}}', 'left the title "Name" empty'),
        ('{"properties": {"Name": {"title": []}}}', 'left the title "Name" empty'),
        ('{"properties": {"Name": {"title": [{"text": {"content": " "}}]}}}', 'left the title "Name" empty'),
    ],
)
def test_an_answer_that_makes_no_page_is_refused_with_the_reason(answer: str, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        checked({"output": answer})


def test_a_database_that_shows_no_properties_is_refused() -> None:
    with pytest.raises(Refused, match="no title"):
        checked_properties({}, schema={})


def test_a_model_that_was_talked_into_it_still_writes_where_and_what_the_job_says() -> None:
    answer = {
        "parent": {"database_id": "f" * 32},
        "children": [{"type": "paragraph", "paragraph": {"rich_text": [{"text": {"content": "PWNED"}}]}}],
        "icon": {"type": "external", "external": {"url": "https://evil.example"}},
        "properties": {
            "Name": {"title": [{"text": {"content": "Shop", "link": {"url": "https://evil.example"}}}]},
            "__proto__": {"number": 1},
        },
    }
    text = json.dumps(answer)
    given = checked({"output": text})["page"]
    assert given == {
        "parent": {"database_id": DATABASE},
        "properties": {"Name": {"title": [{"type": "text", "text": {"content": "Shop"}}]}},
        "children": [
            {
                "object": "block",
                "type": "paragraph",
                "paragraph": {"rich_text": [{"type": "text", "text": {"content": "Counterfoil job-1"}}]},
            }
        ],
    }


JOB = {
    "job_id": "01950000-0000-7000-8000-000000000001",
    "notion_database_id": DATABASE,
    "callback_url": "https://books.example/api/v1/jobs/1/callback?token=x",
    "callback_host": "books.example",
}


@pytest.mark.parametrize(
    "job",
    [
        JOB,
        JOB | {"callback_host": ""},
        JOB | {"callback_host": "Books.Example"},
        JOB | {"notion_database_id": "01234567-89ab-cdef-0123-456789abcdef"},
        JOB | {"callback_url": "http://[::1]:8000/x", "callback_host": "[::1]"},
        JOB | {"callback_url": "http://BOOKS.example:8000"},
    ],
)
def test_a_job_as_counterfoil_posts_it_is_taken(job: Json) -> None:
    assert run("check_job.js", {"Job": job}) == {"json": {}}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("job_id", ""),
        ("job_id", None),
        ("job_id", "../1"),
        ("notion_database_id", "db/../../v1/users"),
        ("notion_database_id", None),
        ("callback_url", "ftp://books.example/"),
        ("callback_url", "https://evil.example/books.example"),
        ("callback_url", "https://books.example@evil.example/"),
        ("callback_url", "https://books.example:443@evil.example/"),
        ("callback_url", "https://evil.example\\.books.example/"),
        ("callback_url", "https://books.example.evil.example/"),
        ("callback_url", ""),
    ],
)
def test_a_job_that_would_send_something_elsewhere_is_refused(key: str, value: object) -> None:
    with pytest.raises(Refused, match=key):
        run("check_job.js", {"Job": JOB | {key: value}})


def filed(content: bytes | str | None, **more: object) -> Json:
    data = base64.b64encode(content).decode() if isinstance(content, bytes) else content
    item = run("image_file.js", {"Receipt Webhook": {"body": {"image_data": data, "filename": "a.heic", **more}}})
    receipt: Json = item["binary"]["receipt"]
    return receipt


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\xff\xd8\xff\xe0 and so on", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n and so on", "image/png"),
        (b"GIF89a and so on", "image/gif"),
        (b"RIFF\n\0\0\0WEBP and so on", "image/webp"),
    ],
)
def test_a_picture_is_what_it_begins_like_whatever_it_is_called(content: bytes, kind: str) -> None:
    receipt = filed(content)
    assert receipt["mimeType"] == kind
    assert base64.b64decode(receipt["data"]) == content


def test_a_data_address_is_a_picture_too() -> None:
    content = base64.b64encode(b"\xff\xd8\xff picture").decode()
    assert filed(f"data:image/png;base64,{content}")["mimeType"] == "image/jpeg"


@pytest.mark.parametrize("content", [b"\0\0\0\x18ftypheic", b"%PDF-1.7", b"", "not base64 at all!", None])
def test_what_is_no_picture_is_refused(content: bytes | str | None) -> None:
    with pytest.raises(Refused, match="no JPEG, PNG, GIF or WebP"):
        filed(content)
