"""A document's whole way to Notion: handed in to `counterfoil serve`, delivered by n8n itself, and called back."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx2
import pytest
from PIL import Image

from counterfoil.targets.n8n.nodes import Credential
from counterfoil.targets.n8n.workflow import CALLBACK_TOKEN, NOTION, OPENAI, WEBHOOK_KEY, Options, receipt_to_notion
from tests.support.models.base import KEY, Fault
from tests.support.models.mapping import MappingModel
from tests.support.n8n import VERSIONS, N8n
from tests.support.notion.faults import slow
from tests.support.notion.server import Notion
from tests.support.notion.tables import Table
from tests.support.ports import free_port
from tests.support.waiting import wait_until

pytestmark = pytest.mark.n8n

Json = dict[str, Any]
HOOK, TOKEN = "hook-k3y-71b2", "callback-t0ken-9d44"
SAMPLES = Path(__file__).parents[3] / "samples"
LARGE = 10_000_000
ANSWER: Json = {"properties": {"Merchant": {"title": [{"text": {"content": "Corner Bakery"}}]}, "Total": {"number": 1}}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Counterfoil, API and worker, and all that its documents pass on their way."""

    n8n: N8n
    notion: Notion
    model: MappingModel
    url: str
    seen: set[str] = field(default_factory=set)

    def get(self, path: str, **query: Any) -> Any:
        answer = httpx2.get(f"{self.url}/api/v1{path}", params=query, timeout=30)
        assert answer.is_success, answer.text
        return answer.json()

    def table(self) -> Table:
        return self.notion.database("Expenses", {"Merchant": "title", "Total": "number"})

    def hand_in(self, table: Table, name: str, content: bytes | None = None) -> str:
        """Hand in a document and return the id of the job that delivers its record."""
        file = (name, (SAMPLES / name).read_bytes() if content is None else content)
        form = {"notion_database_id": table.database_id}
        answer = httpx2.post(f"{self.url}/api/v1/receipts/upload", files={"file": file}, data=form, timeout=60)
        assert answer.status_code == 202, answer.text
        wait_until(lambda: bool(self._new()), seconds=120)
        (job,) = self._new()
        self.seen.add(job)
        return job

    def job(self, job: str) -> Json:
        found: Json = self.get(f"/jobs/{job}")
        return found

    def completed(self, job: str) -> Json:
        wait_until(lambda: self.job(job)["status"] in {"completed", "dead_letter"}, seconds=180)
        found = self.job(job)
        assert found["status"] == "completed", found
        return found

    def told(self, job: str) -> str:
        """Return all that is told of a job and its delivery."""
        return json.dumps([self.job(job), self.get(f"/jobs/{job}/logs"), self.get("/deliveries")])

    def _new(self) -> list[str]:
        jobs = self.get("/jobs", limit=100)["items"]
        return [job["id"] for job in jobs if job["type"] == "deliver" and job["id"] not in self.seen]


def kept(credential: Credential, **data: str) -> Json:
    return {"id": credential.id, "name": credential.name, "type": credential.type, "data": data}


@contextmanager
def serving(folder: Path, **settings: str) -> Iterator[str]:
    """Run Counterfoil and say where."""
    program = Path(sys.executable).parent / "counterfoil"
    code = {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    given = {"DATA_DIR": str(folder), "PATH": str(program.parent), "PUBLIC_URL": url, "WORKFLOW": "n8n"}
    command = [sys.executable, "-c", "from counterfoil.cli import main; main()", "serve", "--port", str(port)]
    log = folder.parent / f"{folder.name}.log"
    with (
        log.open("wb") as said,
        subprocess.Popen(command, env=code | given | settings, stdout=said, stderr=said) as process,
    ):
        try:
            wait_until(lambda: _answers(url), seconds=60)
            yield url
        finally:
            process.terminate()
    assert not [secret for secret in (HOOK, TOKEN, KEY) if secret in log.read_text(errors="replace")]


def _answers(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/api/v1/jobs", timeout=5).is_success
    except httpx2.TransportError:
        return False


@contextmanager
def whole_site(version: str, folder: Path, deadline: int = 300) -> Iterator[Site]:
    model = MappingModel()
    model.text, model.answer = None, ANSWER
    with Notion(limit=None).serving() as notion, model.serving():
        workflow = receipt_to_notion(Options(notion_url=notion.url, callback_host="127.0.0.1"))
        only_there = {"allowedHttpRequestDomains": "domains", "allowedDomains": "127.0.0.1"}
        credentials = [
            kept(WEBHOOK_KEY, name="X-N8N-Api-Key", value=HOOK),
            kept(CALLBACK_TOKEN, name="X-Callback-Token", value=TOKEN, **only_there),
            kept(NOTION, apiKey=notion.token),
            kept(OPENAI, apiKey=KEY, url=model.base_url),
        ]
        with (
            N8n.running(version, [workflow], credentials) as n8n,
            serving(
                folder,
                N8N_WEBHOOK_URL=n8n.webhook(workflow),
                N8N_API_KEY=HOOK,
                CALLBACK_SECRET_TOKEN=TOKEN,
                N8N_DEADLINE_SECONDS=str(deadline),
                NOTION_TOKEN=notion.token,
                NOTION_URL=notion.url,
                DELIVER="always",
            ) as url,
        ):
            yield Site(n8n=n8n, notion=notion, model=model, url=url)


@pytest.fixture(scope="module", params=VERSIONS)
def shared_site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with whole_site(request.param, tmp_path_factory.mktemp("counterfoil")) as site:
        yield site


@pytest.fixture
def site(shared_site: Site) -> Site:
    shared_site.notion.faults.clear()
    shared_site.model.faults.clear()
    return shared_site


def large_picture() -> bytes:
    """Return a photograph of a receipt with all that a camera adds: ten megabytes."""
    with Image.open(SAMPLES / "receipt-photo.jpg") as photo:
        picture = photo.convert("RGB").resize((3000, 3000 * photo.height // photo.width))
    noise = Image.effect_noise(picture.size, 40).convert("RGB")
    saved = BytesIO()
    Image.blend(picture, noise, 0.15).save(saved, "JPEG", quality=97)
    assert saved.tell() < LARGE
    return saved.getvalue() + bytes(LARGE - saved.tell())


def assert_one_page(site: Site, table: Table, job: str) -> None:
    (row,) = table.rows()
    assert site.notion.words(row["id"]) == [f"Counterfoil {job}"]
    delivery = site.get("/deliveries")["items"][0]
    assert (delivery["status"], delivery["external_id"]) == ("delivered", row["id"])
    assert row["id"].replace("-", "") in site.job(job)["result"]["page_url"]
    told = site.told(job)
    assert [secret for secret in (HOOK, TOKEN, KEY, site.notion.token) if secret in told] == []


def test_a_document_that_is_handed_in_becomes_a_page(site: Site) -> None:
    table = site.table()
    job = site.hand_in(table, "invoice-text.pdf")
    site.completed(job)
    assert_one_page(site, table, job)
    assert site.get("/deliveries")["items"][0]["execution"]


def test_a_photograph_of_ten_megabytes_becomes_a_page(site: Site) -> None:
    table = site.table()
    job = site.hand_in(table, "receipt.jpg", large_picture())
    site.completed(job)
    assert_one_page(site, table, job)


def test_a_model_that_breaks_is_told_in_the_job_which_goes_on_by_itself(site: Site) -> None:
    table = site.table()
    site.model.faults.extend([Fault.BROKEN] * 2)
    job = site.hand_in(table, "invoice-facturx.pdf")
    wait_until(lambda: bool(site.job(job)["error"]), seconds=90)
    error = site.job(job)["error"]
    assert (error["code"], "“Map Receipt”" in error["message"]) == ("run_failed", True)
    assert table.rows() == []
    site.completed(job)
    assert_one_page(site, table, job)


@pytest.mark.parametrize("version", VERSIONS)
def test_an_n8n_that_is_killed_before_it_calls_back_leaves_one_page_that_is_found(version: str, tmp_path: Path) -> None:
    killed = threading.Event()
    with whole_site(version, tmp_path / "data", deadline=60) as site:
        table = site.table()
        site.notion.faults.plan(slow(killed), method="POST", path="/pages$")
        job = site.hand_in(table, "invoice-text.pdf")
        wait_until(lambda: bool(site.notion.asked("POST", "/pages")), seconds=90)
        site.n8n.kill()
        killed.set()
        wait_until(lambda: len(table.rows()) == 1)
        site.completed(job)
        assert_one_page(site, table, job)
