"""Calls n8n's webhook."""

import base64
from dataclasses import dataclass, field
from typing import Final

import httpx2

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.errors import CounterfoilError
from counterfoil.jobs.limits.service import Call
from counterfoil.targets.errors import RunRefused, TargetSilent, TargetUnavailable, TargetUnreachable, WriteRefused
from counterfoil.targets.infrastructure.manners import Manners
from counterfoil.targets.n8n.protocols import RunOrder

SERVICE: Final = "n8n"
_TIMEOUT: Final = httpx2.Timeout(60, connect=5)
_REFUSED: Final = (
    "n8n refuses the key. Give the webhook's credential the header X-N8N-Api-Key, and N8N_API_KEY the same value."
)
_NO_WEBHOOK: Final = (
    "n8n has no webhook at N8N_WEBHOOK_URL. Publish the workflow there, and copy the webhook's production address."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class N8nRunner:
    """Starts runs by the workflow's webhook."""

    url: str
    key: str = field(repr=False)
    manners: Manners

    def start(self, workspace: WorkspaceId, order: RunOrder) -> str | None:
        """Start a run; n8n answers as soon as it has taken the order."""
        body = {
            "job_id": str(order.job),
            "image_data": base64.b64encode(order.picture).decode(),
            "filename": order.file_name,
            "notion_database_id": order.database_id,
            "callback_url": order.callback_url,
        }
        with self.manners.calling(workspace, self.url) as call:
            try:
                answer = httpx2.post(self.url, json=body, headers={"X-N8N-Api-Key": self.key}, timeout=_TIMEOUT)
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                raise TargetUnreachable(SERVICE) from None
            except httpx2.HTTPError:
                raise TargetSilent(SERVICE) from None
            if not answer.is_success:
                raise self._told(workspace, answer, call)
            return _execution(answer)

    def _told(self, workspace: WorkspaceId, answer: httpx2.Response, call: Call) -> CounterfoilError:
        if answer.status_code < 500:
            call.answered()
        match answer.status_code:
            case 401 | 403:
                return RunRefused(_REFUSED)
            case 404:
                return RunRefused(_NO_WEBHOOK)
            case 429:
                return self.manners.too_many(workspace, self.url, None)
            case status if status < 500:
                return WriteRefused(SERVICE, f"it answers with status {status}.")
            case status:
                return TargetUnavailable(SERVICE, status)


def _execution(answer: httpx2.Response) -> str | None:
    """Return what n8n calls the run; a workflow of the user's own may answer anything."""
    try:
        said = answer.json()
    except ValueError:
        return None
    found = said.get("execution_id") if isinstance(said, dict) else None
    return None if found is None else str(found)[:200]
