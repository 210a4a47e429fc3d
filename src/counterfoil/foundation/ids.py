"""Where new ids come from: UUIDs of version 7, which sort by the time they were made."""

from collections.abc import Callable
from datetime import datetime
from typing import Final, TypeAlias
from uuid import UUID

from uuid_utils.compat import uuid7

IdSource: TypeAlias = Callable[[], UUID]

NO_ID: Final = UUID(int=0)
"""Sorts before every id that was given out."""


def first_id(moment: datetime) -> UUID:
    """Return the smallest id that can be made at this moment: ids begin with their milliseconds."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)


def new_id() -> UUID:
    """Return a fresh UUID that sorts after those made before it."""
    return uuid7()
