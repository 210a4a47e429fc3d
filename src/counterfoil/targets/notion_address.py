"""What people give to say which Notion table they mean: a link, or an id however it is written."""

import re
from urllib.parse import urlsplit

_ID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}")
_IN_LINK = re.compile(rf"(?:^|[^0-9a-z])({_ID.pattern})$")
_HOSTS = ("notion.so", "notion.com", "notion.site")


def notion_id(given: str) -> str | None:
    """Return the id that a link or an id names, in its form with hyphens; None when it names none."""
    text = given.strip()
    if _ID.fullmatch(text.lower()):
        return _hyphened(text)
    try:
        link = urlsplit(text if "://" in text else f"https://{text}")
    except ValueError:
        return None
    host = link.hostname or ""
    if link.scheme not in {"http", "https"} or not any(host == one or host.endswith(f".{one}") for one in _HOSTS):
        return None
    found = _IN_LINK.search(link.path.rstrip("/").lower())
    return _hyphened(found[1]) if found else None


def _hyphened(text: str) -> str:
    digits = text.replace("-", "").lower()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
