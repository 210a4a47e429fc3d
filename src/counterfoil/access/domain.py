"""A workspace is the wall around one client's or team's data."""

from typing import NewType
from uuid import UUID

WorkspaceId = NewType("WorkspaceId", UUID)

DEFAULT_WORKSPACE = WorkspaceId(UUID("00000000-0000-7000-8000-000000000001"))
