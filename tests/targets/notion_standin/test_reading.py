"""What the stand-in finds: filters, sorts, pages of results, chosen properties, the search."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from notion_client import APIResponseError, Client
from notion_client.helpers import collect_paginated_api

from tests.support.notion.server import Notion
from tests.support.notion.tables import Table


@pytest.fixture
def rows(notion: Notion, expenses: Table) -> Table:
    for number in range(1, 6):
        notion.pass_time(timedelta(hours=1))
        expenses.insert(f"Receipt {number}", Total=number, Paid=number % 2 == 0)
    return expenses


def names(found: Any) -> list[str]:
    return ["".join(one["plain_text"] for one in page["properties"]["Name"]["title"]) for page in found["results"]]


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        ({"property": "Name", "title": {"equals": "Receipt 2"}}, [2]),
        ({"property": "title", "rich_text": {"ends_with": "3"}}, [3]),
        ({"property": "Total", "number": {"greater_than_or_equal_to": 4}}, [5, 4]),
        ({"property": "Paid", "checkbox": {"equals": True}}, [4, 2]),
        ({"property": "Merchant", "rich_text": {"is_empty": True}}, [5, 4, 3, 2, 1]),
        ({"property": "Category", "select": {"equals": "Food"}}, []),
        (
            {
                "or": [
                    {"property": "Total", "number": {"equals": 1}},
                    {
                        "and": [
                            {"property": "Total", "number": {"less_than": 4}},
                            {"property": "Paid", "checkbox": {"equals": True}},
                        ]
                    },
                ]
            },
            [2, 1],
        ),
    ],
)
def test_filters_find_what_they_say(newest: Client, rows: Table, wanted: Any, numbers: list[int]) -> None:
    found = newest.data_sources.query(rows.source_id, filter=wanted)

    assert names(found) == [f"Receipt {number}" for number in numbers]


def test_pages_are_found_by_when_they_were_made_to_the_minute(newest: Client, rows: Table) -> None:
    since = datetime.now(UTC) + timedelta(hours=4) - timedelta(minutes=1)
    wanted = {"timestamp": "created_time", "created_time": {"on_or_after": since.isoformat()}}

    assert names(newest.data_sources.query(rows.source_id, filter=wanted)) == ["Receipt 5", "Receipt 4"]


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"property": "Colour", "number": {"equals": 1}}, "Could not find property with name or id: Colour"),
        ({"property": "Stage", "select": {"equals": "New"}}, "database property status does not match filter select"),
    ],
)
def test_a_filter_that_does_not_suit_the_table_is_refused(
    newest: Client, rows: Table, wanted: Any, message: str
) -> None:
    with pytest.raises(APIResponseError, match=message):
        newest.data_sources.query(rows.source_id, filter=wanted)


def test_sorts_go_by_the_first_then_the_second(newest: Client, rows: Table) -> None:
    sorts = [{"property": "Paid", "direction": "descending"}, {"property": "Total", "direction": "ascending"}]

    assert [name[-1] for name in names(newest.data_sources.query(rows.source_id, sorts=sorts))] == list("24135")


def test_results_come_in_pages_without_gaps(newest: Client, rows: Table) -> None:
    first: Any = newest.data_sources.query(rows.source_id, page_size=2)
    all_of_them = collect_paginated_api(newest.data_sources.query, data_source_id=rows.source_id, page_size=2)

    assert (len(first["results"]), first["has_more"]) == (2, True)
    assert names({"results": all_of_them}) == [f"Receipt {number}" for number in (5, 4, 3, 2, 1)]
    with pytest.raises(APIResponseError, match="start_cursor"):
        newest.data_sources.query(rows.source_id, start_cursor="00000000-0000-4000-8000-000000000000")


def test_only_the_properties_that_are_asked_for_are_given(newest: Client, rows: Table) -> None:
    found: Any = newest.data_sources.query(rows.source_id, filter_properties=["title", rows.id_of("Total")])

    assert set(found["results"][0]["properties"]) == {"Name", "Total"}


def test_properties_are_given_by_id_with_the_title_last(newest: Client, rows: Table) -> None:
    found: Any = newest.data_sources.retrieve(rows.source_id)

    assert list(found["properties"])[-1] == "Name"


READ_ONLY = [
    "formula",
    "rollup",
    "created_time",
    "created_by",
    "last_edited_time",
    "last_edited_by",
    "unique_id",
    "button",
    "last_visited_time",
    "location",
    "hologram",
]


@pytest.mark.parametrize("kind", READ_ONLY)
def test_what_cannot_be_written_is_read_all_the_same(newest: Client, notion: Notion, kind: str) -> None:
    table = notion.database("Odd", {"Name": "title", "Odd": kind})
    page = table.insert("one")

    read: Any = newest.pages.retrieve(page)
    source: Any = newest.data_sources.retrieve(table.source_id)

    assert source["properties"]["Odd"]["type"] == read["properties"]["Odd"]["type"] == kind
    assert kind in read["properties"]["Odd"]
    values: tuple[object, ...] = (None, "x", {}, [])
    for value in values:
        with pytest.raises(APIResponseError, match="should be not present"):
            newest.pages.update(page, properties={"Odd": {kind: value}})


@pytest.mark.parametrize(
    ("kind", "empty"),
    [
        ("rich_text", []),
        ("number", None),
        ("select", None),
        ("multi_select", []),
        ("status", None),
        ("date", None),
        ("people", []),
        ("files", []),
        ("checkbox", False),
        ("url", None),
        ("email", None),
        ("phone_number", None),
        ("place", None),
        ("verification", {"state": "unverified", "date": None, "verified_by": None}),
    ],
)
def test_a_property_that_was_not_written_is_empty(
    client: Client, notion: Notion, kind: str, empty: object, version: str
) -> None:
    table = notion.database("Empty", {"Name": "title", "Some": kind})

    read: Any = client.pages.retrieve(table.insert("one"))

    assert read["properties"]["Some"] == {"id": table.id_of("Some"), "type": kind, kind: empty}


def test_a_search_finds_what_is_shared(newest: Client, notion: Notion, rows: Table) -> None:
    notion.database("Receipts of others", {"Name": "title"}, shared=False)

    found: Any = newest.search(query="receipt 3")
    tables: Any = newest.search(filter={"property": "object", "value": "data_source"})

    assert names(found) == ["Receipt 3"]
    assert [table["id"] for table in tables["results"]] == [rows.source_id]


def test_users_are_listed_with_the_bot(newest: Client, notion: Notion) -> None:
    somebody = notion.person("Somebody")

    listed: Any = newest.users.list()

    assert [(user["id"], user["type"]) for user in listed["results"]] == [
        (somebody, "person"),
        (notion.connection.bot_id, "bot"),
    ]
    assert newest.users.retrieve(somebody)["name"] == "Somebody"  # type: ignore[index]
