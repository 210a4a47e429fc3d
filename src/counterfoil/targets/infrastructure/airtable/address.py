"""What people give to say which Airtable table they mean: a link, or ids."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from counterfoil.targets.errors import InvalidTargetSettings

AIRTABLE = "airtable"

_BASE = re.compile(r"app[A-Za-z0-9]{14}")
_TABLE = re.compile(r"tbl[A-Za-z0-9]{14}")
_LINK = re.compile(r"://|airtable\.com/")
_OF_A_PAGE = re.compile(r"/(pag|shr)[A-Za-z0-9]{14}")
_NO_TABLE = (
    "that is no link of a table, but of a form, an interface, a shared view or something else. Open the table in"
    " Airtable under Data, and copy the address from your browser: https://airtable.com/app…/tbl…"
)
_KNOWN = {"table", "base_id", "table_id"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A base, and which of its tables, if that was said: by its id or its name."""

    base: str
    table: str | None


def address_of(settings: Mapping[str, str]) -> Address:
    """Return what settings lead to; an id that is returned has the form of one, and may stand in a path.

    Raises:
        InvalidTargetSettings: they lead nowhere.
    """
    if unknown := settings.keys() - _KNOWN:
        raise InvalidTargetSettings(AIRTABLE, f"nobody asks for {', '.join(sorted(unknown))}.")
    named = settings.get("table", "")
    base, table = _in_link(named)
    if base is None and _LINK.search(named):
        raise InvalidTargetSettings(AIRTABLE, _NO_TABLE)
    if base is None:
        base, table = settings.get("base_id"), named or None
    elif table is None and "table_id" not in settings and _OF_A_PAGE.search(named):
        raise InvalidTargetSettings(AIRTABLE, _NO_TABLE)
    table = settings.get("table_id") or table
    if base is None or not _BASE.fullmatch(base):
        reason = (
            "give the link of a table as `table` (https://airtable.com/app…/tbl…), or a base's id as `base_id` and the"
            " table's name as `table`."
        )
        raise InvalidTargetSettings(AIRTABLE, reason)
    return Address(base=base, table=table)


def _in_link(link: str) -> tuple[str | None, str | None]:
    """Return the ids of the base and the table that a link names."""
    try:
        parts = urlsplit(link.strip() if "://" in link else f"https://{link.strip()}")
    except ValueError:
        return None, None
    if parts.scheme not in {"http", "https"} or parts.hostname not in {"airtable.com", "www.airtable.com"}:
        return None, None
    steps = parts.path.split("/")
    base = next((one for one in steps if _BASE.fullmatch(one)), None)
    return base, next((one for one in steps if _TABLE.fullmatch(one)), None)
