"""Calls to Airtable, each in its turn, and what its errors are to us.

pyairtable carries them, its own retries switched off: whether a call may be repeated is decided where it is known what
it may have done.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import requests
from pyairtable import Api
from urllib3.exceptions import MaxRetryError, NewConnectionError

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.errors import CounterfoilError, NotFound
from counterfoil.jobs.limits.domain import Period, Rate
from counterfoil.targets.errors import (
    NotAllowedThere,
    NotShared,
    TargetSilent,
    TargetUnavailable,
    TargetUnreachable,
    TokenRefused,
    WriteRefused,
)
from counterfoil.targets.infrastructure.airtable.cells import SERVICE
from counterfoil.targets.infrastructure.manners import Manners

Json: TypeAlias = dict[str, Any]

RATE: Final = Rate(count=240, period=Period.MINUTE, burst=1)
"""In no second more than the five calls that a base takes, even if one comes late: a sixth would cost half a minute."""

_LONGEST_MESSAGE: Final = 300
_OF_ITS_OWN: Final = 500
"""From this status on, an error is Airtable's and not ours."""
_BILLING: Final = "BILLING_LIMIT"
_MISSING: Final = (
    "There is no token for Airtable. Make a personal access token at airtable.com/create/tokens, set it as"
    " AIRTABLE_TOKEN and restart."
)
_REFUSED: Final = (
    "Airtable does not know the token. Make a new one at airtable.com/create/tokens, set it as AIRTABLE_TOKEN and"
    " restart."
)
_FORBIDDEN: Final = (
    "Airtable does not let our token do this. At airtable.com/create/tokens, give it the scopes data.records:read,"
    " data.records:write and schema.bases:read, and access to this base; and see that whoever made it may edit the"
    " table, and that the table was not deleted."
)
_USED_UP: Final = (
    "The calls to Airtable that its workspace's plan allows in a month are used up. Choose a larger plan, or wait for"
    " the next month."
)


class RecordNotThere(NotFound):
    """Airtable has no such record in the table."""

    code = "not_in_airtable"

    def __init__(self, message: str) -> None:
        super().__init__(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class AirtableClient:
    """Speaks to Airtable with one token. Ids in paths must have been looked at before."""

    token: str = field(repr=False)
    manners: Manners
    url: str = "https://api.airtable.com"
    content_url: str = "https://content.airtable.com"
    timeout: tuple[int, int] = (10, 60)
    """How many seconds it may take to connect, and to answer."""

    def tables(self, workspace: WorkspaceId, base: str) -> Json:
        """Return the tables of a base with their fields."""
        return self._call(workspace, base, "GET", f"{self.url}/v0/meta/bases/{base}/tables")

    def records(
        self, workspace: WorkspaceId, base: str, table: str, *, formula: str, fields: Sequence[str]
    ) -> Sequence[Json]:
        """Return the first hundred records that a formula is true of."""
        options = {"formula": formula, "fields": list(fields), "page_size": 100, "use_field_ids": True}
        found = self._call(workspace, base, "GET", f"{self.url}/v0/{base}/{table}", options=options).get("records")
        if not isinstance(found, list):
            raise TargetSilent(SERVICE)
        return found

    def put(self, workspace: WorkspaceId, base: str, table: str, body: Json) -> Json:
        """Change or make one record, and return it with its cells by field id."""
        told = self._call(workspace, base, "PATCH", f"{self.url}/v0/{base}/{table}", body=body)
        match told.get("records"):
            case [{"id": str()} as record]:
                return dict(record)
            case _:
                raise TargetSilent(SERVICE)

    def add_field(self, workspace: WorkspaceId, base: str, table: str, body: Json) -> Json:
        """Add a field to a table, and return it."""
        return self._call(workspace, base, "POST", f"{self.url}/v0/meta/bases/{base}/tables/{table}/fields", body=body)

    def attach(self, workspace: WorkspaceId, base: str, record: str, field_id: str, body: Json) -> Json:
        """Add a file to those of a record."""
        address = f"{self.content_url}/v0/{base}/{record}/{field_id}/uploadAttachment"
        return self._call(workspace, base, "POST", address, body=body)

    def _call(
        self,
        workspace: WorkspaceId,
        base: str,
        method: str,
        address: str,
        *,
        options: Json | None = None,
        body: Json | None = None,
    ) -> Json:
        """Make one call.

        Raises:
            TokenRefused, NotAllowedThere, NotShared: a person has to set something right in Airtable.
            RecordNotThere, WriteRefused: what was sent cannot be as it is; nothing was done.
            RateLimited, BreakerOpen: not now; nothing was done.
            TargetUnreachable: the call has not been made.
            TargetSilent, TargetUnavailable: nobody knows what was done.
        """
        if not self.token.isascii() or not self.token.isprintable() or not self.token:
            raise TokenRefused(_REFUSED if self.token else _MISSING)
        with self.manners.calling(workspace, base) as call:
            try:
                told = self._request(method, address, options, body)
            except requests.HTTPError as error:
                if error.response is None:
                    raise TargetSilent(SERVICE) from None
                if error.response.status_code < _OF_ITS_OWN:
                    call.answered()
                raise self._told(workspace, base, error.response) from None
            except requests.RequestException as error:
                raise (TargetUnreachable if _was_not_made(error) else TargetSilent)(SERVICE) from None
            if not isinstance(told, dict):
                raise TargetSilent(SERVICE)
            return told

    def _request(self, method: str, address: str, options: Json | None, body: Json | None) -> Any:
        """Make one call on a connection of its own: one that was kept could have been closed, and leave a doubt."""
        api = Api(self.token, timeout=self.timeout, retry_strategy=None, endpoint_url=self.url)
        with api.session:
            return api.request(method, address, options=options, json=body)

    def _told(self, workspace: WorkspaceId, base: str, response: requests.Response) -> CounterfoilError:
        """Return what an answer that is no success is to us."""
        kind, message = _error_in(response)
        match response.status_code:
            case 401:
                return TokenRefused(_REFUSED)
            case 403 if "MODEL_NOT_FOUND" not in kind:
                return NotAllowedThere(f"{_FORBIDDEN} Airtable says: {message}")
            case 429 if _BILLING in kind:
                return NotAllowedThere(_USED_UP)
            case 429:
                return self.manners.too_many(workspace, base, _seconds(response))
            case _ if kind == "ROW_DOES_NOT_EXIST":
                return RecordNotThere(message)
            case 403 | 404:
                return NotShared(_FORBIDDEN)
            case status if status < _OF_ITS_OWN:
                return WriteRefused(SERVICE, message or kind)
            case status:
                return TargetUnavailable(SERVICE, status)


def _was_not_made(error: requests.RequestException) -> bool:
    """Tell whether it is certain that a call has not begun."""
    if isinstance(error, requests.ConnectTimeout):
        return True
    cause = error.args[0] if error.args else None
    return isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError)


def _error_in(response: requests.Response) -> tuple[str, str]:
    """Return the type and the message of an error, in any of the shapes that Airtable has for them."""
    try:
        told = response.json()
    except ValueError:
        return "", ""
    match told:
        case {"error": {"type": str() as kind, **more}} | {"errors": [{"error": str() as kind, **more}, *_]}:
            return kind, str(more.get("message", ""))[:_LONGEST_MESSAGE]
        case {"error": str() as kind}:
            return kind, ""
        case _:
            return "", ""


def _seconds(response: requests.Response) -> float | None:
    """Return how long Airtable wants to be left alone, if it says so."""
    given = response.headers.get("retry-after", "")
    return float(given) if given.isdigit() else None
