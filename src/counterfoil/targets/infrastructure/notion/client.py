"""Calls to Notion, each in its turn, and what its errors are to us.

The official client for Python carries them, its own retries switched off: whether a call may be repeated is decided
where it is known what it may have done.
"""

import hashlib
import json
import logging
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache, cached_property
from typing import Any, Final, TypeAlias

import httpx
from notion_client import Client
from notion_client.errors import HTTPResponseError, RequestTimeoutError

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.errors import Conflict, CounterfoilError, NotFound
from counterfoil.jobs.limits.service import Call
from counterfoil.targets.errors import (
    NotAllowedThere,
    TargetChanging,
    TargetSilent,
    TargetUnavailable,
    TargetUnreachable,
    TargetUnusable,
    TokenRefused,
    WriteRefused,
)
from counterfoil.targets.infrastructure.manners import Manners

SERVICE: Final = "Notion"
TIMEOUT: Final = timedelta(seconds=60)
"""As long as Notion itself works at a request."""
VERSIONS: Final = ("2026-03-11", "2025-09-03", "2022-06-28")
"""Of its API, the one that is asked for first before those that are taken where it is not offered."""

_SETTLES_AFTER: Final = TIMEOUT + timedelta(seconds=5)
"""Of a call that was made: Notion is no longer at it then, and shows what it has made."""

_CONNECT_SECONDS: Final = 5.0
_LONGEST_MESSAGE: Final = 500
_TOO_MANY: Final = {429, 529}

_REFUSED: Final = (
    "Notion does not know the token. Copy the connection's secret at notion.so/profile/integrations, set it as"
    " NOTION_TOKEN and restart."
)
_MISSING: Final = (
    "There is no token for Notion. Make a connection at notion.so/profile/integrations, set its secret as NOTION_TOKEN"
    " and restart."
)
_FORBIDDEN: Final = (
    "The connection may not do this in Notion. At notion.so/profile/integrations, give it the capabilities to read,"
    " insert and update content."
)

Json: TypeAlias = dict[str, Any]

_SILENT: Final = logging.getLogger("counterfoil.notion")
_SILENT.disabled = True  # what it has to say is in the errors


class NotThere(NotFound):
    """Notion has no such thing, or does not show it to our connection."""

    code = "not_in_notion"

    def __init__(self, message: str) -> None:
        super().__init__(message[:_LONGEST_MESSAGE])


class NotLookedAfter(Conflict):
    """n8n writes to Notion, and we have no token to look at it ourselves."""

    code = "notion_not_looked_after"
    advice = "Set NOTION_TOKEN to see the columns, and to have lost callbacks and corrections looked after."

    def __init__(self) -> None:
        super().__init__("n8n writes to Notion; there is no token to look at it otherwise.")


class VersionRefused(TargetUnusable):
    """Notion does not offer this version of its API."""

    code = "notion_version_refused"

    def __init__(self, version: str) -> None:
        super().__init__(f"Notion does not offer version {version} of its API; connect the database anew.")


@dataclass(frozen=True, kw_only=True)
class NotionClient:
    """Speaks to Notion with one token."""

    token: str = field(repr=False)
    manners: Manners
    needed: bool = True
    """Whether nobody else writes there: where n8n does, that we have no token is no reason to pause a target."""
    base_url: str = "https://api.notion.com"
    goes_on: bool = False
    """Whether its calls belong to what others have begun, which would have to be begun anew."""

    def going_on(self) -> "NotionClient":
        """Return a client for the calls that follow a first one."""
        return replace(self, goes_on=True)

    def get(self, workspace: WorkspaceId, version: str, path: str, query: Mapping[str, Any] | None = None) -> Json:
        return self._request(workspace, version, "GET", path, query=query)

    def post(self, workspace: WorkspaceId, version: str, path: str, body: Json) -> Json:
        return self._request(workspace, version, "POST", path, body=body)

    def patch(self, workspace: WorkspaceId, version: str, path: str, body: Json) -> Json:
        return self._request(workspace, version, "PATCH", path, body=body)

    def delete(self, workspace: WorkspaceId, version: str, path: str) -> Json:
        return self._request(workspace, version, "DELETE", path)

    def send(self, workspace: WorkspaceId, version: str, path: str, form: Json) -> Json:
        """Post a form with a file."""
        return self._request(workspace, version, "POST", path, form=form)

    def _request(
        self,
        workspace: WorkspaceId,
        version: str,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Json | None = None,
        form: Json | None = None,
    ) -> Json:
        """Make one call.

        Raises:
            TokenRefused, NotAllowedThere: a person has to set something right in Notion.
            NotThere: there is no such thing, or it was not shared with us.
            WriteRefused: what was sent cannot be as it is.
            VersionRefused: this version of the API is not offered.
            RateLimited, BreakerOpen: not now.
            TargetUnreachable: the call has not been made.
            TargetChanging: nothing was done, since something else was doing it.
            TargetSilent, TargetUnavailable: nobody knows what was done.
        """
        if not self.token:
            raise TokenRefused(_MISSING) if self.needed else NotLookedAfter
        with self.manners.calling(workspace, self._connection, going_on=self.goes_on) as call:
            try:
                with self._client(version) as client:
                    found = client.request(path=path, method=method, query=dict(query or {}), body=body, form_data=form)
            except HTTPResponseError as error:
                raise self._told(workspace, version, error, call) from None
            except (httpx.ConnectError, httpx.PoolTimeout):
                raise TargetUnreachable(SERVICE) from None
            except (httpx.HTTPError, RequestTimeoutError, json.JSONDecodeError, UnicodeDecodeError):
                raise TargetSilent(SERVICE, _SETTLES_AFTER) from None
            if not isinstance(found, dict):
                raise TargetSilent(SERVICE, _SETTLES_AFTER)
            return found

    def _told(self, workspace: WorkspaceId, version: str, error: HTTPResponseError, call: Call) -> CounterfoilError:
        """Return what an answer that is no success is to us."""
        message = str(error)[:_LONGEST_MESSAGE]
        if error.status < 500 or error.status in _TOO_MANY:
            call.answered()
        match error.status:
            case status if status in _TOO_MANY:
                return self.manners.too_many(workspace, self._connection, _seconds(error))
            case 401:
                return TokenRefused(_REFUSED)
            case 403:
                return NotAllowedThere(_FORBIDDEN)
            case 404:
                return NotThere(message)
            case 409:
                return TargetChanging(SERVICE)
            case 400 if _is_about_version(error):
                return VersionRefused(version)
            case status if status < 500:
                return WriteRefused(SERVICE, message)
            case status:
                return TargetUnavailable(SERVICE, status, _SETTLES_AFTER)

    @contextmanager
    def _client(self, version: str) -> Iterator[Client]:
        """Open a connection for one call: one that was kept could have been closed meanwhile, and leave a doubt."""
        timeout = httpx.Timeout(TIMEOUT.total_seconds(), connect=_CONNECT_SECONDS)
        with httpx.Client(verify=_certificates()) as http:
            client = Client(
                client=http,
                auth=self.token,
                notion_version=version,
                base_url=self.base_url,
                retry=False,
                logger=_SILENT,
            )
            http.timeout = timeout
            yield client

    @cached_property
    def _connection(self) -> str:
        """What Notion counts calls by, without telling the token."""
        return hashlib.sha256(self.token.encode()).hexdigest()[:16]


@cache
def _certificates() -> ssl.SSLContext:
    """Return what connections are checked against; to read it takes long."""
    return httpx.create_ssl_context()


def _is_about_version(error: HTTPResponseError) -> bool:
    return "notion-version" in str(error).lower() or '"missing_version"' in error.body


def _seconds(error: HTTPResponseError) -> float | None:
    """Return how long Notion wants to be left alone, if it says so."""
    given = error.headers.get("retry-after", "")
    return float(given) if given.isdigit() else None
