"""The stand-in for Notion, driven with the client that others use for the real one, in every version."""

from typing import Any

import pytest
from notion_client import APIResponseError, Client

from tests.support.notion.server import Notion
from tests.support.notion.tables import Table

OLD = "2022-06-28"


def parent_of(table: Table, version: str) -> dict[str, str]:
    return {"database_id": table.database_id} if version == OLD else {"data_source_id": table.source_id}


def titled(text: str) -> dict[str, Any]:
    return {"title": [{"text": {"content": text}}]}


def schema(client: Client, table: Table, version: str) -> Any:
    database: Any = client.databases.retrieve(table.database_id)
    if version == OLD:
        return database["properties"]
    [source] = database["data_sources"]
    found: Any = client.data_sources.retrieve(source["id"])
    return found["properties"]


def query(client: Client, table: Table, version: str, **body: Any) -> Any:
    if version == OLD:
        return client.request(path=f"databases/{table.database_id}/query", method="POST", body=body)
    return client.data_sources.query(table.source_id, **body)


def test_a_schema_says_what_every_property_is(client: Client, expenses: Table, version: str) -> None:
    found = schema(client, expenses, version)

    assert {name: one["type"] for name, one in found.items()} == {
        "Name": "title",
        "Merchant": "rich_text",
        "Total": "number",
        "Category": "select",
        "Tags": "multi_select",
        "Stage": "status",
        "Date": "date",
        "Paid": "checkbox",
        "Link": "url",
        "Mail": "email",
        "Phone": "phone_number",
        "Receipt": "files",
        "Buyer": "people",
        "Made": "created_time",
        "Number": "unique_id",
        "Net": "formula",
        "Future": "hologram",
    }
    assert found["Total"]["number"] == {"format": "euro"}
    assert [option["name"] for option in found["Category"]["select"]["options"]] == ["Food", "Travel"]
    groups = {group["name"]: len(group["option_ids"]) for group in found["Stage"]["status"]["groups"]}
    assert groups == {"To-do": 1, "In progress": 0, "Complete": 1}


def test_a_page_is_made_read_found_changed_and_thrown_away(
    client: Client, notion: Notion, expenses: Table, version: str
) -> None:
    somebody = notion.person()
    made: Any = client.pages.create(
        parent=parent_of(expenses, version),
        properties={
            "Name": titled("Billa"),
            expenses.id_of("Merchant"): {"rich_text": [{"text": {"content": "BILLA AG"}}]},
            "Total": {"number": 12.3},
            "Category": {"select": {"name": "Office"}},
            "Tags": {"multi_select": [{"name": "work"}, {"name": "new"}]},
            "Stage": {"status": {"name": "Paid"}},
            "Date": {"date": {"start": "2026-01-02"}},
            "Paid": {"checkbox": True},
            "Link": {"url": None},
            "Buyer": {"people": [{"id": somebody}]},
        },
        children=[{"paragraph": {"rich_text": [{"text": {"content": "two words"}}]}}],
    )
    found = query(client, expenses, version, filter={"property": "Total", "number": {"equals": 12.3}})
    read: Any = client.pages.retrieve(made["id"])
    changed: Any = client.pages.update(made["id"], properties={"Total": {"number": None}})
    client.pages.update(made["id"], in_trash=True)

    assert [page["id"] for page in found["results"]] == [made["id"]]
    assert read["properties"]["Category"]["select"]["name"] == "Office"
    assert changed["properties"]["Total"]["number"] is None
    assert expenses.options("Category") == ["Food", "Travel", "Office"]
    assert notion.words(made["id"]) == ["two words"]
    assert query(client, expenses, version)["results"] == []
    [row] = expenses.rows(trashed=True)
    assert (row["Merchant"], row["Tags"], row["Stage"], row["Buyer"]) == (
        "BILLA AG",
        ["work", "new"],
        "Paid",
        [somebody],
    )


def test_an_old_version_is_told_of_every_source_that_was_added(client: Client, expenses: Table, version: str) -> None:
    more = expenses.add_source("More", {"Name": "title"})

    if version != OLD:
        listed: Any = client.databases.retrieve(expenses.database_id)
        assert [source["id"] for source in listed["data_sources"]] == [expenses.source_id, more.source_id]
    with pytest.raises(APIResponseError) as refused:
        client.pages.create(parent={"database_id": expenses.database_id}, properties={"Name": titled("x")})
    assert refused.value.status == 400
    assert refused.value.additional_data == {
        "error_type": "multiple_data_sources_for_database",
        "database_id": expenses.database_id,
        "child_data_source_ids": [expenses.source_id, more.source_id],
        "minimum_api_version": "2025-09-03",
    }
