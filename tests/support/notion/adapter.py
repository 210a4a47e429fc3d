"""Our adapter before the stand-in, with limits and breakers on a database."""

from datetime import UTC, datetime
from typing import Any

from notion_client import Client

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.clock import SystemClock
from counterfoil.foundation.database import Database
from counterfoil.foundation.ids import new_id
from counterfoil.jobs.limits.domain import BreakerRules, Period, Rate
from counterfoil.targets.domain import Target, TargetId
from counterfoil.targets.infrastructure.manners import Manners
from counterfoil.targets.infrastructure.notion.adapter import NotionAdapter
from counterfoil.targets.infrastructure.notion.client import NotionClient
from tests.support.limits import breakers, rate_limits
from tests.support.notion.server import Notion

QUICK = Rate(count=100_000, period=Period.MINUTE)


def adapter(
    database: Database, notion: Notion, *, token: str | None = None, rate: Rate = QUICK, **changes: Any
) -> NotionAdapter:
    """Return an adapter that speaks to the stand-in with its own connection's token."""
    manners = Manners(
        service="notion",
        rate=rate,
        limits=rate_limits(database),
        breakers=breakers(database, BreakerRules()),
        clock=SystemClock(),
    )
    client = NotionClient(token=notion.token if token is None else token, manners=manners, base_url=notion.url)
    return NotionAdapter(client=client, **changes)


def connected(adapter: NotionAdapter, workspace: WorkspaceId, table: str) -> Target:
    """Return a target at a table that is given as a person gives it."""
    found = adapter.connect(workspace, {"table": table})
    return Target(
        id=TargetId(new_id()),
        workspace=workspace,
        kind=adapter.kind,
        name="Expenses",
        settings=found.settings,
        place=found.place,
        created_at=datetime(2026, 3, 1, tzinfo=UTC),
    )


def app(notion: Notion) -> Client:
    """Return the official client, to do in Notion what a person does."""
    return Client(auth=notion.token, base_url=notion.url, notion_version="2025-09-03", retry=False)
