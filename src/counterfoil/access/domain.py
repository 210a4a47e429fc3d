"""A workspace is the wall around one client's or team's data."""

from dataclasses import dataclass
from datetime import datetime
from typing import NewType
from uuid import UUID

WorkspaceId = NewType("WorkspaceId", UUID)

DEFAULT_WORKSPACE = WorkspaceId(UUID("00000000-0000-7000-8000-000000000001"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """One client's or team's part of the house."""

    id: WorkspaceId
    name: str
    created_at: datetime
