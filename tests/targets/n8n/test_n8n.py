"""The shipped workflows in n8n itself, in each version they are for; Notion, model and callback are stand-ins."""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from counterfoil.targets.n8n.kinds import WEBHOOK
from counterfoil.targets.n8n.mailbox import API_KEY, hand_in_from_mailbox
from counterfoil.targets.n8n.nodes import Credential
from counterfoil.targets.n8n.workflow import CALLBACK_TOKEN, NOTION, OPENAI, WEBHOOK_KEY, Options, receipt_to_notion
from tests.support.callbacks import Callback, Callbacks
from tests.support.models.base import KEY, Fault
from tests.support.models.mapping import MappingModel
from tests.support.n8n import VERSIONS, N8n
from tests.support.notion.faults import CUT_AFTER, status
from tests.support.notion.server import Notion
from tests.support.notion.tables import Table
from tests.support.waiting import wait_until

pytestmark = pytest.mark.n8n

Json = dict[str, Any]
PICTURE = b"\xff\xd8\xff\xe0" + bytes(2000)
HOOK, TOKEN = "hook-k3y-71b2", "callback-t0ken-9d44"
ONLY_THERE = {"allowedHttpRequestDomains": "domains", "allowedDomains": "127.0.0.1"}
SAMPLES = Path(__file__).parents[3] / "samples"
COLUMNS: dict[str, str | Json] = {
    "Merchant": "title",
    "Total": "number",
    "Bought": "date",
    "Category": {"select": {"options": ["Food", "Travel"]}},
    "State": "status",
    "Net": {"formula": {"expression": "1"}},
}
ANSWER: Json = {
    "parent": {"database_id": "f" * 32},
    "properties": {
        "Merchant": {"title": [{"text": {"content": "Café {Zimt}"}}]},
        "Total": {"number": 12.5},
        "Bought": {"date": {"start": "2026-02-28"}},
        "Category": {"select": {"name": "food"}},
        "Net": {"formula": {"number": 1}},
    },
}


@dataclass(frozen=True, slots=True)
class Site:
    """n8n and all that it speaks with."""

    n8n: N8n
    workflow: Json
    notion: Notion
    model: MappingModel
    callbacks: Callbacks
    counterfoil: str
    folder: Path

    def table(self) -> Table:
        return self.notion.database("Expenses", COLUMNS)

    def post(self, body: Json, key: str = HOOK) -> httpx2.Response:
        headers = {"X-N8N-Api-Key": key}
        return httpx2.post(self.n8n.webhook(self.workflow), json=body, headers=headers, timeout=60)

    def job(self, database_id: str, picture: bytes | None = PICTURE) -> "Job":
        """Post a job that is accepted."""
        job = Job(self, database_id)
        answer = self.post(job.body(picture))
        assert answer.status_code == 202, answer.text
        accepted = answer.json()
        assert accepted == {"accepted": True, "job_id": job.id, "execution_id": accepted["execution_id"]}
        return job


@dataclass(frozen=True, slots=True)
class Job:
    """A job as Counterfoil posts it."""

    site: Site
    database_id: str
    id: str = field(default_factory=lambda: str(uuid4()))

    @property
    def path(self) -> str:
        return f"/api/v1/jobs/{self.id}/callback"

    def body(self, picture: bytes | None) -> Json:
        return {
            "job_id": self.id,
            "image_data": None if picture is None else base64.b64encode(picture).decode(),
            "filename": 'a "quoted" {name}.heic',
            "notion_database_id": self.database_id,
            "callback_url": self.site.callbacks.url + self.path,
        }

    def reported(self, times: int = 1) -> Callback:
        """Return what was reported at last."""
        wait_until(lambda: len(self.site.callbacks.of(self.path)) >= times, seconds=90)
        return self.site.callbacks.of(self.path)[-1]

    def failed(self, stage: str) -> str:
        """Return why it failed, which it has to have done at this stage."""
        body = self.reported().body
        message: str = body.pop("message")
        assert body.pop("execution_id")
        assert body == {"status": "failure", "notion_page_url": None, "notion_page_id": None, "stage": stage}
        return message

    def succeeded(self, times: int = 1) -> Json:
        body = self.reported(times).body
        assert body["status"] == "success", body
        return body


def kept(credential: Credential, data: Mapping[str, str]) -> Json:
    return {"id": credential.id, "name": credential.name, "type": credential.type, "data": dict(data)}


def by_mail_or_web(workflow: Json) -> Json:
    """Return the workflow with a webhook for its mailbox; what is posted there has attachments as mails have them."""
    for node in workflow["nodes"]:
        if node["name"] == "Mailbox":
            parameters = {"httpMethod": "POST", "path": "mailbox", "authentication": "headerAuth", "options": {}}
            node |= {"type": WEBHOOK.type, "typeVersion": WEBHOOK.version, "parameters": parameters}
            node |= {"webhookId": "mailbox"}
            node["credentials"] = {"httpHeaderAuth": {"id": WEBHOOK_KEY.id, "name": WEBHOOK_KEY.name}}
    workflow["settings"]["saveDataSuccessExecution"] = "all"
    return workflow


def counterfoil(folder: Path, *words: str) -> "subprocess.Popen[str]":
    """Start a command of Counterfoil whose data lies there."""
    program = Path(sys.executable).parent / "counterfoil"
    environment = {"DATA_DIR": str(folder), "PATH": str(program.parent), "COLUMNS": "200"}
    return subprocess.Popen([str(program), *words], env=environment, stdout=subprocess.PIPE, text=True)


def keys(folder: Path, *words: str) -> Any:
    """Return what a command about API keys says."""
    with counterfoil(folder, "keys", *words, "--json") as process:
        return json.loads(process.communicate()[0])


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Run Counterfoil, API and worker, and say where."""
    with counterfoil(folder, "serve", "--port", "0") as process:
        try:
            assert process.stdout
            yield next(word for line in process.stdout for word in line.split() if word.startswith("http://"))
        finally:
            process.terminate()


@pytest.fixture(scope="module", params=VERSIONS)
def shared_site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    model, folder = MappingModel(), tmp_path_factory.mktemp("counterfoil")
    key = keys(folder, "add", "n8n", "--may", "documents:write", "--may", "jobs:read")["secret"]
    with (
        serving(folder) as url,
        Notion(limit=None).serving() as notion,
        model.serving(),
        Callbacks.listening(TOKEN) as callbacks,
    ):
        workflow = receipt_to_notion(Options(notion_url=notion.url, callback_host="127.0.0.1"))
        credentials = [
            kept(WEBHOOK_KEY, {"name": "X-N8N-Api-Key", "value": HOOK}),
            kept(CALLBACK_TOKEN, {"name": "X-Callback-Token", "value": TOKEN, **ONLY_THERE}),
            kept(NOTION, {"apiKey": notion.token}),
            kept(OPENAI, {"apiKey": KEY, "url": model.base_url}),
            kept(API_KEY, {"name": "Authorization", "value": f"Bearer {key}"}),
        ]
        workflows = [workflow, by_mail_or_web(hand_in_from_mailbox(url))]
        with N8n.running(request.param, workflows, credentials) as n8n:
            yield Site(n8n, workflow, notion, model, callbacks, url, folder)


@pytest.fixture
def site(shared_site: Site) -> Iterator[Site]:
    """The site, with everything going well; afterwards nothing that it reported may hold a secret."""
    shared_site.notion.faults.clear()
    shared_site.notion.requests.clear()
    shared_site.model.faults.clear()
    shared_site.model.asked.clear()
    shared_site.model.complaints.clear()
    shared_site.model.text, shared_site.model.answer = None, ANSWER
    shared_site.callbacks.refusals.clear()
    shared_site.callbacks.came.clear()
    yield shared_site
    secrets = (HOOK, TOKEN, KEY, shared_site.notion.token)
    said = [callback.text for callback in shared_site.callbacks.came]
    assert [text for text in said if any(secret in text for secret in secrets)] == []


def test_a_receipt_becomes_a_page_and_the_job_hears_of_it(site: Site) -> None:
    table = site.table()
    job = site.job(table.database_id)
    body = job.succeeded()
    (row,) = table.rows()
    assert {name: row[name] for name in ("Merchant", "Total", "Category", "State")} == {
        "Merchant": "Café {Zimt}",
        "Total": 12.5,
        "Category": "Food",
        "State": None,
    }
    assert site.notion.words(body["notion_page_id"]) == [f"Counterfoil {job.id}"]
    assert body == {
        "status": "success",
        "message": "Receipt processed and saved to Notion."
        " Left out: Net is of type formula, which is not for a receipt to fill.",
        "notion_page_url": body["notion_page_url"],
        "notion_page_id": row["id"],
        "stage": "Create Notion Page",
        "execution_id": body["execution_id"],
        "fields": {
            "Merchant": "Café {Zimt}",
            "Total": 12.5,
            "Bought": {"start": "2026-02-28"},
            "Category": {"name": "Food"},
        },
    }
    assert row["id"].replace("-", "") in body["notion_page_url"]
    assert job.reported().headers["x-callback-token"] == TOKEN


def test_all_that_the_check_lets_through_notion_takes(site: Site) -> None:
    long = "🧾" * 1999 + "end"
    values: Json = {
        "title": [{"text": {"content": long}}],
        "rich_text": [{"text": {"content": "x" * 100_000}}],
        "number": -1e-7,
        "date": {"start": "2026-02-28T23:59:59.5+02:00", "end": "2026-03-01T00:00Z"},
        "select": {"name": "ñ" * 100},
        "multi_select": [{"name": f"{number}"} for number in range(100)],
        "status": {"name": "Done"},
        "checkbox": False,
        "url": "https://example.com/" + "x" * 1980,
        "email": "a" * 188 + "@example.com",
        "phone_number": "1" * 200,
    }
    table = site.notion.database("Everything", {name: name for name in values})
    site.model.answer = {"properties": {name: {name: value} for name, value in values.items()}}
    body = site.job(table.database_id).succeeded()
    assert body["message"] == "Receipt processed and saved to Notion."
    (row,) = table.rows()
    assert {name: row[name] for name in values if name not in {"date", "select"}} == {
        **{name: value for name, value in values.items() if name not in {"date", "select"}},
        "title": long,
        "rich_text": "x" * 100_000,
        "multi_select": [str(number) for number in range(100)],
        "status": "Done",
    }


def test_notion_is_asked_in_one_version_with_one_token(site: Site) -> None:
    site.job(site.table().database_id).succeeded()
    assert [request.method for request in site.notion.requests] == ["GET", "POST"]
    for request in site.notion.requests:
        assert request.header("notion-version") == ["2022-06-28"]
        assert request.header("authorization") == [f"Bearer {site.notion.token}"]


def test_the_model_is_shown_the_picture_and_the_properties_and_told_what_to_do(site: Site) -> None:
    site.job(site.table().database_id).succeeded()
    assert site.model.complaints == []
    (asked,) = site.model.asked
    text = json.dumps(asked["messages"], ensure_ascii=False)
    assert "Step 3, map" in text
    assert '"Merchant' in text.replace("\\", "")
    assert base64.b64encode(PICTURE).decode() in text


@pytest.mark.parametrize("answer", ["```json\n{}\n```", "It is this:\n{}\nAnything else?"])
def test_what_stands_around_the_answer_does_not_matter(site: Site, answer: str) -> None:
    site.model.text = answer.replace("{}", json.dumps(ANSWER))
    site.job(site.table().database_id).succeeded()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("The total is 12.30.", "The model answered no JSON."),
        ('{"properties": {"Merchant": {"ti', "The model answered JSON that is broken or cut off."),
        ('{"properties": {"Total": {"number": 1}}}', 'The model left the title "Merchant" empty.'),
    ],
)
def test_an_answer_that_makes_no_page_is_reported(site: Site, answer: str, reason: str) -> None:
    site.model.text = answer
    table = site.table()
    assert site.job(table.database_id).failed("Check Payload") == reason
    assert table.rows() == []


def test_a_model_that_breaks_once_is_asked_again(site: Site) -> None:
    site.model.faults.append(Fault.BROKEN)
    site.job(site.table().database_id).succeeded()
    assert len(site.model.asked) == 2


@pytest.mark.parametrize("fault", [Fault.BROKEN, Fault.KEY_REFUSED, Fault.BUSY, Fault.CUT])
def test_a_model_that_does_not_answer_is_reported_without_its_key(site: Site, fault: Fault) -> None:
    site.model.faults.extend([fault] * 2)
    table = site.table()
    assert site.job(table.database_id).failed("Map Receipt")
    assert table.rows() == []


def test_a_database_that_is_not_there_is_reported_in_the_words_of_notion(site: Site) -> None:
    assert "Could not find database" in site.job(str(uuid4())).failed("Get Notion Schema")
    assert site.model.asked == []


def test_a_database_with_several_sources_is_reported_with_what_to_do(site: Site) -> None:
    table = site.table()
    table.add_source("More", {"Name": "title"})
    message = site.job(table.database_id).failed("Get Notion Schema")
    assert "name another database" in message
    assert "WORKFLOW=builtin" in message


def test_a_notion_that_is_busy_is_asked_again_for_the_schema(site: Site) -> None:
    site.notion.faults.plan(status(429), method="GET", path="/databases/")
    site.job(site.table().database_id).succeeded()
    assert len(site.notion.requests) == 3


@pytest.mark.parametrize("number", [400, 403, 429, 503])
def test_a_page_that_notion_refuses_is_reported_and_not_asked_for_again(site: Site, number: int) -> None:
    site.notion.faults.plan(status(number), method="POST", path="/pages")
    assert site.job(site.table().database_id).failed("Create Notion Page")
    assert len(site.notion.asked("POST", "/pages")) == 1


def test_a_page_whose_answer_was_lost_is_there_once_with_its_marker(site: Site) -> None:
    site.notion.faults.plan(CUT_AFTER, method="POST", path="/pages")
    table = site.table()
    job = site.job(table.database_id)
    assert job.failed("Create Notion Page")
    (row,) = table.rows()
    assert site.notion.words(row["id"]) == [f"Counterfoil {job.id}"]


@pytest.mark.parametrize("picture", [b"\0\0\0\x18ftypheic" + bytes(100), b"", None])
def test_what_is_no_picture_is_reported(site: Site, picture: bytes | None) -> None:
    message = site.job(site.table().database_id, picture).failed("Image File")
    assert message == "image_data is no JPEG, PNG, GIF or WebP picture in base64"


@pytest.mark.parametrize("size", [2 * 2**20, 10_000_000])
def test_a_large_picture_arrives_whole(site: Site, size: int) -> None:
    picture = PICTURE + bytes(size - len(PICTURE))
    site.job(site.table().database_id, picture).succeeded()
    (url,) = [part["image_url"]["url"] for part in site.model.parts(site.model.asked[-1], "image_url")]
    assert base64.b64decode(url.partition(",")[2]) == picture


def test_a_job_that_failed_shows_as_a_run_that_failed(site: Site) -> None:
    before = site.n8n.ended(site.workflow).count("error")
    site.job(str(uuid4())).failed("Get Notion Schema")
    wait_until(lambda: site.n8n.ended(site.workflow).count("error") == before + 1)


def test_a_document_needs_no_name(site: Site) -> None:
    job = Job(site, site.table().database_id)
    body = job.body(PICTURE)
    del body["filename"]
    assert site.post(body).status_code == 202
    job.succeeded()


def test_several_jobs_at_once_are_not_mixed_up(site: Site) -> None:
    jobs = [site.job(site.table().database_id) for _ in range(4)]
    for job in jobs:
        assert site.notion.words(job.succeeded()["notion_page_id"]) == [f"Counterfoil {job.id}"]


def test_a_callback_that_is_refused_is_repeated(site: Site) -> None:
    site.callbacks.refusals.extend([503, 503])
    table = site.table()
    site.job(table.database_id).succeeded(times=3)
    assert len(table.rows()) == 1


def test_a_wrong_key_starts_nothing(site: Site) -> None:
    job = Job(site, site.table().database_id)
    assert site.post(job.body(PICTURE), key="wrong").status_code == 403
    site.job(job.database_id).succeeded()
    assert site.callbacks.of(job.path) == []
    assert len(site.notion.asked("POST", "/pages")) == 1


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("notion_database_id", "x/../../v1/users"),
        ("callback_url", "http://localhost:1/"),
        ("callback_url", None),
        ("job_id", None),
    ],
)
def test_a_job_that_is_none_is_refused_before_anybody_is_asked(site: Site, key: str, value: object) -> None:
    answer = site.post(Job(site, str(uuid4())).body(PICTURE) | {key: value})
    assert answer.status_code == 400
    assert answer.json()["accepted"] is False
    assert key in answer.json()["message"]
    assert site.notion.requests == []


def test_attachments_of_a_mail_are_handed_in_and_followed_until_they_are_read(site: Site) -> None:
    mailbox = by_mail_or_web(hand_in_from_mailbox())
    names = ("invoice-facturx.pdf", "invoice-text.pdf")
    files = [(f"attachment_{number}", (name, (SAMPLES / name).read_bytes())) for number, name in enumerate(names)]
    files.append(("attachment_9", ("signature.asc", b"no document")))
    answer = httpx2.post(site.n8n.webhook(mailbox), files=files, headers={"X-N8N-Api-Key": HOOK}, timeout=30)
    assert answer.is_success, answer.text
    wait_until(lambda: bool(site.n8n.ended(mailbox)), seconds=120)
    assert site.n8n.ended(mailbox) == ["success"]
    documents = httpx2.get(f"{site.counterfoil}/api/v1/documents").json()["items"]
    assert {document["name"] for document in documents} == set(names)
    jobs = httpx2.get(f"{site.counterfoil}/api/v1/jobs").json()["items"]
    assert len(jobs) >= len(names)
    assert {job["status"] for job in jobs} == {"completed"}
    (key,) = keys(site.folder, "list")
    assert key["last_used_at"]
