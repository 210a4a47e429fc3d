"""The whole house on a database and a folder of its own, with a door that tells workspaces apart by a header."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

from fastapi.testclient import TestClient
from sqlalchemy import insert

from counterfoil import bootstrap
from counterfoil.access.domain import DEFAULT_WORKSPACE, WorkspaceId
from counterfoil.access.infrastructure.sql import WorkspaceRow
from counterfoil.access.service import AccessService
from counterfoil.bootstrap import House
from counterfoil.documents.domain import DocumentId
from counterfoil.foundation.failpoints import armed
from counterfoil.foundation.settings import Settings, read_settings
from counterfoil.main import create_app
from tests.support.access import WORKSPACE, NamedEntrance
from tests.support.waiting import wait_until

SAMPLES = Path(__file__).parents[2] / "samples"
NEIGHBOUR = WorkspaceId(UUID("00000000-0000-7000-8000-00000000000b"))


def settings_for(folder: Path, **changes: Any) -> Settings:
    quick = {"worker_poll_seconds": 0.1, "worker_concurrency": 2, "shutdown_seconds": 20}
    return read_settings(_env_file=None, data_dir=folder, **(quick | changes))


def build(settings: Settings) -> House:
    """Build the house with two workspaces."""
    house = bootstrap.build(settings)
    with house.database.transaction() as tx:
        tx.execute(insert(WorkspaceRow), {"id": NEIGHBOUR, "name": "neighbour", "created_at": tx.now()})
    entrance = AccessService(entrances=[NamedEntrance(DEFAULT_WORKSPACE)], witness=house.audit)
    return replace(house, services={**house.services, AccessService: entrance})


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who uses the API."""

    http: TestClient
    workspace: WorkspaceId = DEFAULT_WORKSPACE

    @property
    def neighbour(self) -> "Visitor":
        return Visitor(self.http, NEIGHBOUR)

    def get(self, path: str, **parameters: Any) -> Any:
        answer = self.http.get(f"/api/v1{path}", params=parameters, headers={WORKSPACE: str(self.workspace)})
        assert answer.is_success, answer.text
        return answer.json()

    def status(self, path: str) -> int:
        return self.http.get(f"/api/v1{path}", headers={WORKSPACE: str(self.workspace)}).status_code

    def post(self, path: str, content: Any = None) -> Any:
        answer = self.http.post(f"/api/v1{path}", json=content, headers={WORKSPACE: str(self.workspace)})
        assert answer.is_success, answer.text
        return answer.json()

    def hand_in(self, name: str, **form: str) -> dict[str, Any]:
        """Hand in one of the samples."""
        return self.hand_in_bytes(name, (SAMPLES / name).read_bytes(), **form)

    def hand_in_bytes(self, name: str, content: bytes, **form: str) -> dict[str, Any]:
        """Hand in a file by this name."""
        headers = {WORKSPACE: str(self.workspace)}
        answer = self.http.post("/api/v1/receipts/upload", files={"file": (name, content)}, data=form, headers=headers)
        assert answer.status_code == 202, answer.text
        handed_in: dict[str, Any] = answer.json()
        return handed_in

    def ended(self, job_id: str) -> dict[str, Any]:
        """Return a job once it has ended."""
        job: dict[str, Any] = {}

        def has_ended() -> bool:
            job.update(self.get(f"/jobs/{job_id}"))
            return job["status"] in {"completed", "dead_letter", "cancelled"}

        wait_until(has_ended, seconds=90)
        return job

    def read(self, name: str, **form: str) -> dict[str, Any]:
        """Hand in a sample and return its record once it is drafted."""
        return self.record_of(self.hand_in(name, **form))

    def record_of(self, handed_in: Mapping[str, Any]) -> dict[str, Any]:
        """Return the record of a hand-in once it is drafted."""
        job = self.ended(handed_in["job_id"])
        assert job["status"] == "completed", job["error"]
        record: dict[str, Any] = self.get(f"/records/{job['result']['record_id']}")
        return record

    def review_of(self, record: Mapping[str, Any]) -> dict[str, Any]:
        reviews = self.get("/reviews")["items"]
        found: dict[str, Any] = next(one for one in reviews if one["record_id"] == record["id"])
        return found

    def ledger_rows(self) -> list[dict[str, Any]]:
        (ledger,) = self.get("/targets")["items"]
        rows: list[dict[str, Any]] = self.get(f"/targets/{ledger['id']}/rows")["items"]
        return rows


@contextmanager
def visiting(house: House) -> Iterator[Visitor]:
    """Serve the house's API."""
    with TestClient(create_app(house)) as http:
        yield Visitor(http)


def join_at(url: str, folder: str, failpoint: str, *ids: str) -> None:
    """Join documents in this process, and be killed at a failpoint of the transaction that does it."""
    house = bootstrap.assemble(settings_for(Path(folder), database_url=url))
    with armed(f"{failpoint}=kill*1"):
        house.joins.join(DEFAULT_WORKSPACE, [DocumentId(UUID(part)) for part in ids])
