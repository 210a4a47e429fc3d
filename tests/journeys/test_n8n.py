"""A record's way to Notion through n8n: asked for once, waited for, called back, and found again when nobody calls."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image

from counterfoil import bootstrap
from counterfoil.foundation.settings import InvalidSettings
from tests.support.access import WORKSPACE
from tests.support.house import Visitor, build, settings_for, visiting
from tests.support.notion.adapter import app
from tests.support.notion.server import Notion
from tests.support.notion.tables import Table
from tests.support.waiting import wait_until
from tests.support.webhook import KEY, SECRET, Webhook

PAGE = "https://www.notion.so/0123456789abcdef0123456789abcdef"


@dataclass(kw_only=True)
class Desk:
    """A house whose records go to Notion through n8n."""

    visitor: Visitor
    webhook: Webhook
    notion: Notion
    table: Table

    def hand_in(self, name: str = "invoice-text.pdf") -> dict[str, Any]:
        return self.visitor.hand_in(name, notion_database_id=self.table.database_id)

    def order(self, number: int = 1) -> dict[str, Any]:
        """Return the so-manieth order, once it has come and its job waits."""
        wait_until(lambda: len(self.webhook.orders) >= number, seconds=60)
        order = self.webhook.orders[number - 1]
        wait_until(lambda: self.job(order)["status"] == "waiting")
        return order

    def job(self, order: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = self.visitor.get(f"/jobs/{order['job_id']}")
        return found

    def call_back(self, url: str, secret: str | None = SECRET, **body: Any) -> Any:
        address = urlsplit(url)
        headers = {"X-Callback-Token": secret} if secret is not None else {}
        return self.visitor.http.post(f"{address.path}?{address.query}", json=body, headers=headers)

    def delivery(self) -> dict[str, Any]:
        newest: dict[str, Any] = self.visitor.get("/deliveries")["items"][0]
        return newest

    def make_page(self, job_id: str) -> str:
        """Make a page with the marker that the workflow leaves."""
        with app(self.notion) as client:
            marker = {"type": "paragraph", "paragraph": {"rich_text": [{"text": {"content": f"Counterfoil {job_id}"}}]}}
            title = {"Merchant": {"title": [{"text": {"content": "A page of n8n's"}}]}}
            page: Any = client.pages.create(
                parent={"data_source_id": self.table.source_id}, properties=title, children=[marker]
            )
        return str(page["id"])


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with Webhook().serving() as webhook:
        yield webhook


@pytest.fixture
def notion() -> Iterator[Notion]:
    with Notion(limit=None).serving() as notion:
        yield notion


def settings(folder: Path, webhook: Webhook, notion: Notion, **changes: Any) -> Any:
    given = {
        "workflow": "n8n",
        "n8n_webhook_url": webhook.url,
        "n8n_api_key": KEY,
        "callback_secret_token": SECRET,
        "notion_token": notion.token,
        "notion_url": notion.url,
        "deliver": "always",
    }
    return settings_for(folder, **(given | changes))


@pytest.fixture
def desk(tmp_path: Path, webhook: Webhook, notion: Notion) -> Iterator[Desk]:
    table = notion.database("Expenses", {"Merchant": "title", "Total": "number"})
    house = build(settings(tmp_path, webhook, notion))
    with visiting(house) as visitor, bootstrap.working(house):
        yield Desk(visitor=visitor, webhook=webhook, notion=notion, table=table)


def test_n8n_is_asked_once_and_its_callback_ends_the_job(desk: Desk) -> None:
    handed_in = desk.hand_in()
    record = desk.visitor.record_of(handed_in)
    order = desk.order()
    assert order.keys() == {"job_id", "image_data", "filename", "notion_database_id", "callback_url"}
    assert (order["filename"], order["notion_database_id"]) == ("invoice-text.pdf", desk.table.database_id)
    with Image.open(BytesIO(base64.b64decode(order["image_data"]))) as picture:
        assert picture.format == "JPEG"
    assert desk.delivery()["execution"] == "231"
    said: dict[str, Any] = {"status": "success", "message": "Saved.", "notion_page_url": PAGE, "execution_id": 231}
    for _ in range(2):
        heard = desk.call_back(order["callback_url"], **said)
        assert (heard.status_code, heard.json()) == (200, {"status": "received"})
    job = desk.visitor.ended(order["job_id"])
    assert (job["status"], job["result"]["page_url"]) == ("completed", PAGE)
    delivery = desk.delivery()
    assert (delivery["status"], delivery["url"], delivery["record_id"]) == ("delivered", PAGE, record["id"])
    assert len(desk.webhook.orders) == 1


def test_what_n8n_left_out_stays_with_the_delivery_and_what_it_wrote_with_the_job(desk: Desk) -> None:
    desk.hand_in()
    order = desk.order()
    message = "Receipt processed and saved to Notion. Left out: Status has no option Zzz. Left out: Net is of type form"
    desk.call_back(
        order["callback_url"], status="success", message=message, notion_page_url=PAGE, fields={"Total": 12.3}
    )
    job = desk.visitor.ended(order["job_id"])
    problems = ["Status has no option Zzz.", "Net is of type form…"]
    assert (desk.delivery()["status"], desk.delivery()["problems"]) == ("delivered", problems)
    assert job["result"]["problems"] == problems
    lines = desk.visitor.get(f"/jobs/{order['job_id']}/logs")["items"]
    (line,) = [one for one in lines if one["message"] == message]
    assert line["metadata"] == {"fields": {"Total": 12.3}}


def test_a_callback_has_to_know_the_secret_and_the_job(desk: Desk) -> None:
    desk.hand_in()
    order = desk.order()
    url, said = order["callback_url"], {"status": "success", "notion_page_url": PAGE}
    for secret in (None, "", "wrong", SECRET + "x"):
        refused = desk.call_back(url, secret, **said)
        assert (refused.status_code, refused.json()["code"]) == (401, "callback_unauthorized")
    stranger = url.replace(order["job_id"], "01950000-0000-7000-8000-000000000001")
    assert desk.call_back(stranger, **said).status_code == 404
    assert desk.call_back(f"{stranger.partition('?')[0]}", **said).status_code == 404
    for wrong in (
        {},
        {"status": "done"},
        {**said, "notion_page_url": "javascript:alert(1)"},
        {**said, "notion_page_url": "file:///etc/passwd"},
        {**said, "message": "x" * 2001},
        {**said, "stage": ["Job"]},
    ):
        assert desk.call_back(url, **wrong).status_code == 422, wrong
    assert desk.job(order)["status"] == "waiting"
    assert desk.call_back(url.partition("?")[0], **said).status_code == 200  # who knows the secret needs no token
    assert desk.visitor.ended(order["job_id"])["status"] == "completed"
    other = desk.call_back(url, status="failure")
    assert (other.status_code, other.json()["code"]) == (409, "callback_refused")


def test_a_callback_after_a_person_has_cancelled_is_refused(desk: Desk) -> None:
    desk.hand_in()
    order = desk.order()
    headers = {WORKSPACE: str(desk.visitor.workspace)}
    cancelled = desk.visitor.http.patch(
        f"/api/v1/jobs/{order['job_id']}", json={"status": "cancelled"}, headers=headers
    )
    assert cancelled.is_success, cancelled.text
    late = desk.call_back(order["callback_url"], status="success", notion_page_url=PAGE)
    assert (late.status_code, late.json()["code"]) == (409, "callback_refused")


def test_a_run_that_failed_before_its_page_is_asked_for_again(desk: Desk) -> None:
    desk.hand_in()
    order = desk.order()
    desk.call_back(order["callback_url"], status="failure", stage="Map Receipt", message="The model is away.")
    wait_until(lambda: desk.job(order)["status"] == "failed")
    job = desk.job(order)
    assert job["error"]["code"] == "run_failed"
    assert "“Map Receipt”: The model is away." in job["error"]["message"]
    desk.visitor.post(f"/deliveries/{desk.delivery()['id']}/retry")
    again = desk.order(2)
    desk.call_back(again["callback_url"], status="success", notion_page_url=PAGE)
    assert desk.visitor.ended(again["job_id"])["status"] == "completed"
    assert desk.delivery()["status"] == "delivered"


def test_a_page_whose_run_failed_after_it_is_found_by_the_job_itself(desk: Desk) -> None:
    desk.hand_in()
    order = desk.order()
    page = desk.make_page(order["job_id"])
    desk.call_back(order["callback_url"], status="failure", stage="Create Notion Page", message="Timed out.")
    assert desk.visitor.ended(order["job_id"])["status"] == "completed"
    assert (desk.delivery()["status"], desk.delivery()["external_id"]) == ("delivered", page)
    assert len(desk.webhook.orders) == 1


def test_a_run_whose_page_we_may_not_look_for_is_a_persons_to_decide(desk: Desk) -> None:
    desk.hand_in()
    order = desk.order()
    desk.notion.unshare(desk.table.database_id)
    desk.call_back(order["callback_url"], status="failure", stage="Create Notion Page", message="Timed out.")
    assert desk.visitor.ended(order["job_id"])["error"]["code"] == "run_unanswered"
    assert desk.delivery()["error"].startswith("run_unanswered")
    assert desk.delivery()["in_doubt_since"] is not None
    assert len(desk.webhook.orders) == 1
    desk.visitor.post(f"/deliveries/{desk.delivery()['id']}/retry", {"make_anew": True})
    again = desk.order(2)
    desk.call_back(again["callback_url"], status="success", message="Saved.")
    assert desk.visitor.ended(again["job_id"])["status"] == "completed"


def test_a_correction_is_brought_to_the_page_that_n8n_made(desk: Desk) -> None:
    record = desk.visitor.record_of(desk.hand_in("receipt-two-sides.tiff"))
    order = desk.order()
    page = desk.make_page(order["job_id"])
    desk.call_back(order["callback_url"], status="success", notion_page_id=page)
    desk.visitor.ended(order["job_id"])
    review = desk.visitor.review_of(record)
    answer = {"version": review["version"], "changes": {"total": "77.70"}, "approve": True}
    desk.visitor.post(f"/reviews/{review['id']}/correct", answer)
    wait_until(lambda: [row["Total"] for row in desk.table.rows()] == [77.7], seconds=30)
    assert len(desk.webhook.orders) == 1


@pytest.mark.parametrize(("status", "sentence"), [(403, "N8N_API_KEY"), (404, "Publish")])
def test_an_n8n_that_does_not_let_us_in_is_told_with_what_to_do_and_nothing_is_lost(
    desk: Desk, status: int, sentence: str
) -> None:
    desk.webhook.status = status
    desk.visitor.record_of(desk.hand_in())
    wait_until(lambda: any(sentence in (one["error"] or "") for one in desk.visitor.get("/deliveries")["items"]))
    assert desk.delivery()["in_doubt_since"] is None
    (job,) = desk.visitor.get("/jobs", type="deliver")["items"]
    wait_until(lambda: desk.visitor.get(f"/jobs/{job['id']}")["status"] == "pending")
    assert desk.visitor.get(f"/jobs/{job['id']}")["attempts"] == 0


@pytest.mark.parametrize("missing", ["n8n_webhook_url", "n8n_api_key", "callback_secret_token"])
def test_what_n8n_needs_is_asked_for_at_the_start(
    tmp_path: Path, webhook: Webhook, notion: Notion, missing: str
) -> None:
    with pytest.raises(InvalidSettings, match=missing.upper()):
        bootstrap.assemble(settings(tmp_path, webhook, notion, **{missing: ""}))


@pytest.mark.faults
@pytest.mark.parametrize("made", [True, False], ids=["page made", "no page"])
def test_a_callback_that_never_comes_ends_in_one_page(
    tmp_path: Path, webhook: Webhook, notion: Notion, made: bool
) -> None:
    table = notion.database("Expenses", {"Merchant": "title", "Total": "number"})
    house = build(settings(tmp_path, webhook, notion, n8n_deadline_seconds=10))
    with visiting(house) as visitor, bootstrap.working(house):
        desk = Desk(visitor=visitor, webhook=webhook, notion=notion, table=table)
        desk.hand_in()
        order = desk.order()
        if made:
            page = desk.make_page(order["job_id"])
        else:
            again = desk.order(2)
            assert again["job_id"] == order["job_id"]
            page = desk.make_page(order["job_id"])
            desk.call_back(again["callback_url"], status="success", notion_page_id=page)
            late = desk.call_back(order["callback_url"], status="failure")
            assert late.status_code == 409
        wait_until(lambda: desk.delivery()["status"] == "delivered", seconds=90)
        assert desk.delivery()["external_id"] == page
        assert len(webhook.orders) == (1 if made else 2)
