"""Lists in pages: a limit, an opaque cursor that names where the next page begins, and a link to it."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar
from uuid import UUID

from fastapi import Depends, Query, Request
from pydantic import BaseModel, Field

from counterfoil.foundation.errors import InvalidInput

Item = TypeVar("Item")
Read = TypeVar("Read")

MAX_LIMIT = 200
DEFAULT_LIMIT = 50


class InvalidCursor(InvalidInput):
    """A cursor that no list of ours has given out."""

    code = "invalid_cursor"
    advice = "Start again without a cursor and follow the `next` links as they are."

    def __init__(self) -> None:
        super().__init__("This cursor was not given out by this list.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Paging:
    """Which part of a list is asked for. Lists run from the newest id to the oldest; `after` is the last one seen."""

    limit: int = DEFAULT_LIMIT
    after: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[Item]):
    """One part of a list, and where the next one begins; None at the end."""

    items: Sequence[Item]
    next_after: UUID | None

    @classmethod
    def of(cls, rows: Sequence[Item], paging: Paging, id_of: Callable[[Item], UUID]) -> "Page[Item]":
        """Make a page of what a store found when asked for one row more than the limit."""
        shown = rows[: paging.limit]
        more = len(rows) > paging.limit
        return cls(items=shown, next_after=id_of(shown[-1]) if more else None)


def paging(
    limit: Annotated[
        int, Query(ge=1, le=MAX_LIMIT, description="How many items at most.", examples=[20])
    ] = DEFAULT_LIMIT,
    cursor: Annotated[
        str | None, Query(max_length=200, description="From the `next` link of the page before.", examples=[None])
    ] = None,
) -> Paging:
    """Read the paging parameters of a list's URL."""
    return Paging(limit=limit, after=_opened(cursor) if cursor else None)


PagingParameters = Annotated[Paging, Depends(paging)]


class PageRead(BaseModel, Generic[Read]):
    """One page of a list."""

    items: list[Read] = Field(description="The items, newest first.")
    next: str | None = Field(description="Link to the next page; null on the last.", examples=[None])


def page_read(page: Page[Item], request: Request, read: Callable[[Item], Read]) -> PageRead[Read]:
    """Return a page as it goes out, with the link to the one after it."""
    link = None
    if page.next_after:
        url = request.url.include_query_params(cursor=_sealed(page.next_after))
        link = f"{url.path}?{url.query}"
    return PageRead(items=[read(item) for item in page.items], next=link)


def _sealed(last: UUID) -> str:
    return base64.urlsafe_b64encode(json.dumps({"after": str(last)}).encode()).decode().rstrip("=")


def _opened(cursor: str) -> UUID:
    try:
        content = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return UUID(content["after"])
    except (binascii.Error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidCursor from error
