"""What the tests of the stand-in for Notion share."""

from collections.abc import Iterator

import httpx
import pytest
from notion_client import Client

from tests.support.notion.bodies import NEWEST, VERSIONS
from tests.support.notion.server import Notion
from tests.support.notion.tables import Properties, Table

COLUMNS: Properties = {
    "Name": "title",
    "Merchant": "rich_text",
    "Total": {"number": {"format": "euro"}},
    "Category": {"select": {"options": ["Food", "Travel"]}},
    "Tags": {"multi_select": {"options": ["work"]}},
    "Stage": {"status": {"options": [{"name": "New"}, {"name": "Paid", "group": "Complete"}]}},
    "Date": "date",
    "Paid": "checkbox",
    "Link": "url",
    "Mail": "email",
    "Phone": "phone_number",
    "Receipt": "files",
    "Buyer": "people",
    "Made": "created_time",
    "Number": "unique_id",
    "Net": {"formula": {"expression": "prop('Total') / 1.2"}},
    "Future": "hologram",
}


@pytest.fixture
def notion() -> Iterator[Notion]:
    with Notion().serving() as serving:
        yield serving


@pytest.fixture
def expenses(notion: Notion) -> Table:
    return notion.database("Expenses", COLUMNS)


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def client(notion: Notion, version: str) -> Iterator[Client]:
    yield from speaking(notion, version)


@pytest.fixture
def newest(notion: Notion) -> Iterator[Client]:
    yield from speaking(notion, NEWEST)


def speaking(notion: Notion, version: str) -> Iterator[Client]:
    http = httpx.Client(verify=False)  # the certificates take longer to read than most tests here
    client = Client(client=http, auth=notion.token, base_url=notion.url, notion_version=version, retry=False)
    yield client
    client.close()
