"""What the stand-in does with what is written: options, people, relations, dates, blocks, columns, the trash."""

from datetime import timedelta
from typing import Any

import pytest
from notion_client import APIResponseError, Client

from tests.support.notion.server import Notion
from tests.support.notion.tables import Table


def made(client: Client, table: Table, children: Any = (), **properties: Any) -> Any:
    parent = {"data_source_id": table.source_id}
    return client.pages.create(parent=parent, properties=properties, children=list(children))


def refusal(client: Client, table: Table, **properties: Any) -> str:
    with pytest.raises(APIResponseError) as refused:
        made(client, table, **properties)
    assert table.rows() == []
    return str(refused.value)


def paragraph(text: str) -> dict[str, Any]:
    return {"paragraph": {"rich_text": [{"text": {"content": text}}]}}


def test_a_page_says_which_of_its_properties_are_unknown_or_of_another_type(newest: Client, expenses: Table) -> None:
    found = refusal(newest, expenses, Colour={"number": 1}, Total={"checkbox": True}, Net={"number": 1})

    assert found == (
        "Colour is not a property that exists. Total is expected to be number. Net is expected to be formula."
    )


def test_an_option_with_a_comma_is_refused_and_none_of_the_others_is_added(newest: Client, expenses: Table) -> None:
    found = refusal(newest, expenses, Tags={"multi_select": [{"name": "new"}, {"name": "a, b"}]})

    assert found == "Invalid select option, commas not allowed: a, b"
    assert expenses.options("Tags") == ["work"]


def test_a_status_that_is_not_there_is_refused(newest: Client, expenses: Table) -> None:
    assert '"Gone" does not exist' in refusal(newest, expenses, Stage={"status": {"name": "Gone"}})


def test_people_have_to_exist(newest: Client, expenses: Table) -> None:
    nobody = "00000000-0000-4000-8000-000000000000"

    assert nobody in refusal(newest, expenses, Buyer={"people": [{"id": nobody}]})


def test_related_pages_have_to_be_there_seen_and_of_the_related_table(
    newest: Client, notion: Notion, expenses: Table
) -> None:
    shops = notion.database("Shops", {"Name": "title"})
    hidden = notion.database("Hidden", {"Name": "title"}, shared=False)
    expenses.add("Shop", {"relation": {"data_source_id": shops.source_id}})
    billa = shops.insert("Billa")

    unseen = refusal(newest, expenses, Shop={"relation": [{"id": hidden.insert("Secret")}]})
    page = made(newest, expenses, Shop={"relation": [{"id": billa.replace("-", "")}]})

    assert "Could not find page with ID" in unseen
    assert page["properties"]["Shop"] == {
        "id": expenses.id_of("Shop"),
        "type": "relation",
        "relation": [{"id": billa}],
        "has_more": False,
    }


@pytest.mark.parametrize(
    ("date", "start"),
    [
        ({"start": "2026-01-02"}, "2026-01-02"),
        ({"start": "2026-07-25T16:57:28.5Z"}, "2026-07-25T16:57:00.000+00:00"),
        ({"start": "2026-06-27T17:57:32", "time_zone": "Europe/London"}, "2026-06-27T17:57:00.000+01:00"),
    ],
)
def test_a_date_keeps_its_day_and_a_time_loses_its_seconds(
    newest: Client, expenses: Table, date: Any, start: str
) -> None:
    page = made(newest, expenses, Date={"date": date})

    assert page["properties"]["Date"]["date"] == {"start": start, "end": None, "time_zone": None}


def test_ids_of_properties_are_made_for_urls_and_stay_when_people_rename(newest: Client, expenses: Table) -> None:
    expenses.add("Odd", "number", property_id=":U{p")
    page = made(newest, expenses, **{"%3AU%7Bp": {"number": 4}})
    expenses.rename("Odd", "Even")

    read: Any = newest.pages.retrieve(page["id"])

    assert read["properties"]["Even"] == {"id": "%3AU%7Bp", "type": "number", "number": 4}
    assert read["properties"]["Name"]["id"] == "title"


def test_a_property_that_people_retype_loses_what_it_had(newest: Client, expenses: Table) -> None:
    page = made(newest, expenses, Total={"number": 4})
    expenses.retype("Total", "rich_text")

    read: Any = newest.pages.retrieve(page["id"])

    assert read["properties"]["Total"]["rich_text"] == []
    expenses.remove("Total")
    assert "Total" not in newest.pages.retrieve(page["id"])["properties"]  # type: ignore[index]


def test_people_may_take_options_away(newest: Client, expenses: Table) -> None:
    page = made(newest, expenses, Category={"select": {"name": "Food"}}, Tags={"multi_select": [{"name": "work"}]})
    expenses.set_options("Category", ["Travel", "Pets"])

    read: Any = newest.pages.retrieve(page["id"])

    assert read["properties"]["Category"]["select"] is None
    assert expenses.options("Category") == ["Travel", "Pets"]
    assert expenses.row(page["id"])["Tags"] == ["work"]


def test_what_is_in_the_trash_is_not_edited_until_it_is_back(newest: Client, notion: Notion, expenses: Table) -> None:
    page = made(newest, expenses)
    notion.trash(page["id"])

    for change in ({"properties": {"Total": {"number": 1}}}, {"in_trash": True}):
        with pytest.raises(APIResponseError, match="Can't edit block that is archived"):
            newest.pages.update(page["id"], **change)
    with pytest.raises(APIResponseError, match="archived"):
        newest.blocks.children.append(page["id"], children=[paragraph("late")])
    newest.pages.update(page["id"], in_trash=False, properties={"Total": {"number": 2}})
    notion.trash(expenses.database_id)

    assert expenses.row(page["id"])["Total"] == 2
    with pytest.raises(APIResponseError, match="archived ancestor"):
        made(newest, expenses)


def test_blocks_are_appended_placed_changed_and_deleted(newest: Client, notion: Notion, expenses: Table) -> None:
    page = made(newest, expenses, [paragraph("one"), paragraph("three")])["id"]
    first: Any = newest.blocks.children.list(page)
    after = {"type": "after_block", "after_block": {"id": first["results"][0]["id"]}}

    newest.blocks.children.append(page, children=[paragraph("two")], position=after)
    newest.blocks.children.append(page, children=[paragraph("zero")], position={"type": "start"})
    newest.blocks.update(first["results"][1]["id"], paragraph=paragraph("3")["paragraph"])
    newest.blocks.delete(first["results"][0]["id"])

    listed: Any = newest.blocks.children.list(page)
    assert notion.words(page) == ["zero", "two", "3"]
    assert [block["paragraph"]["rich_text"][0]["plain_text"] for block in listed["results"]] == ["zero", "two", "3"]


def test_the_old_way_to_place_blocks(notion: Notion, expenses: Table) -> None:
    with Client(auth=notion.token, base_url=notion.url, notion_version="2022-06-28", retry=False) as old:
        page: Any = old.pages.create(
            parent={"database_id": expenses.database_id}, children=[paragraph("1"), paragraph("3")]
        )
        first: Any = old.blocks.children.list(page["id"])
        old.blocks.children.append(page["id"], children=[paragraph("2")], after=first["results"][0]["id"])

    assert notion.words(page["id"]) == ["1", "2", "3"]
    assert "archived" in page


def test_blocks_of_one_request_are_counted_with_all_that_is_below_them(newest: Client, expenses: Table) -> None:
    below = [paragraph("x")] * 100
    with pytest.raises(APIResponseError, match="1000 blocks"):
        made(newest, expenses, [{"toggle": {"rich_text": [], "children": below}}] * 10)
    with pytest.raises(APIResponseError, match="should be ≤ `100`, instead was `101`"):
        made(newest, expenses, [paragraph("x")] * 101)

    assert expenses.rows() == []


def test_columns_are_added_renamed_and_removed_by_the_api(newest: Client, expenses: Table) -> None:
    change: dict[str, Any] = {"Key": {"rich_text": {}}, "Merchant": {"name": "Seller"}, "Mail": None}

    changed: Any = newest.data_sources.update(expenses.source_id, properties=change)

    assert changed["properties"]["Key"]["type"] == "rich_text"
    assert "Seller" in changed["properties"]
    assert not {"Merchant", "Mail"} & set(changed["properties"])


def test_the_oldest_version_adds_columns_to_the_database(notion: Notion, expenses: Table) -> None:
    with Client(auth=notion.token, base_url=notion.url, notion_version="2022-06-28", retry=False) as old:
        body: dict[str, Any] = {"properties": {"Key": {"rich_text": {}}}}
        changed: Any = old.request(path=f"databases/{expenses.database_id}", method="PATCH", body=body)

    assert changed["properties"]["Key"]["id"] == expenses.id_of("Key")


def test_options_that_a_change_leaves_out_are_gone_and_new_ones_of_a_status_are_to_be_done(
    newest: Client, expenses: Table
) -> None:
    options = {"options": [{"name": "Paid"}, {"name": "Lost"}]}

    changed: Any = newest.data_sources.update(expenses.source_id, properties={"Stage": {"status": options}})

    status = changed["properties"]["Stage"]["status"]
    lost = next(option["id"] for option in status["options"] if option["name"] == "Lost")
    assert expenses.options("Stage") == ["Paid", "Lost"]
    assert [group["option_ids"] for group in status["groups"] if group["name"] == "To-do"] == [[lost]]


def test_times_are_those_of_the_minute(newest: Client, notion: Notion, expenses: Table) -> None:
    notion.pass_time(timedelta(days=1))
    page = made(newest, expenses)

    assert page["created_time"].endswith(":00.000Z")
    assert page["created_time"] == page["properties"]["Made"]["created_time"]
    assert page["properties"]["Number"]["unique_id"] == {"prefix": None, "number": 1}
