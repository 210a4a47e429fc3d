"""Rich text and dates as Notion keeps them: what was left out is filled in, and times have lost their seconds."""

import re
from datetime import datetime
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tests.support.notion.errors import refuse
from tests.support.notion.store import Json, Store, moment

_LINK = re.compile(r"(https?://|mailto:|tel:|/|#)", re.IGNORECASE)
_PLAIN = {"bold": False, "italic": False, "strikethrough": False, "underline": False, "code": False, "color": "default"}


def kept_text(items: list[Json], store: Store) -> list[Json]:
    """Return rich text as it is kept."""
    return [_item(item, store) for item in items if not _is_empty(item)]


def plain(items: list[Json]) -> str:
    """Return the letters of rich text."""
    return "".join(item["plain_text"] for item in items)


def text(content: str) -> list[Json]:
    """Return rich text of plain letters."""
    return [_text({"text": {"content": content}})] if content else []


def _is_empty(item: Json) -> bool:
    return "text" in item and not item["text"]["content"]


def _item(item: Json, store: Store) -> Json:
    if "text" in item:
        return _text(item)
    kind = "equation" if "equation" in item else "mention"
    content, letters = _equation(item[kind]) if kind == "equation" else _mention(item[kind], store)
    annotations = {**_PLAIN, **item.get("annotations", {})}
    return {"type": kind, kind: content, "annotations": annotations, "plain_text": letters, "href": None}


def _equation(equation: Json) -> tuple[Json, str]:
    return equation, equation["expression"]


def _mention(mention: Json, store: Store) -> tuple[Json, str]:
    kind = next(key for key in mention if key != "type")
    content = person(mention["user"]["id"], store) if kind == "user" else mention[kind]
    letters = f"@{content.get('name')}" if kind == "user" else str(content.get("start") or content.get("id"))
    return {"type": kind, kind: content}, letters


def _text(item: Json) -> Json:
    content, link = item["text"]["content"], item["text"].get("link")
    if link and not _LINK.match(link["url"]):
        refuse("Content creation Failed. Fix the following: \nInvalid URL for link.")
    return {
        "type": "text",
        "text": {"content": content, "link": link},
        "annotations": {**_PLAIN, **item.get("annotations", {})},
        "plain_text": content,
        "href": link["url"] if link else None,
    }


def kept_date(value: Json) -> Json:
    """Return a date as it is kept: with the offset of its time zone, which is then forgotten."""
    zone = value.get("time_zone")
    start, end = (_moment(value.get(key), zone) for key in ("start", "end"))
    if start and end and len(start) != len(end):
        refuse("Start and end date must both have a time, or neither.")
    if start and end and end < start:
        refuse(f"Invalid date: end {end} is before start {start}.")
    return {"start": start, "end": end, "time_zone": None}


def _moment(value: str | None, zone: str | None) -> str | None:
    if value is None:
        return None
    try:
        at = datetime.fromisoformat(value)
        within = ZoneInfo(zone) if zone else None
    except (ValueError, ZoneInfoNotFoundError):
        refuse(f"Invalid date value: {value} {zone or ''}".rstrip())
    if len(value) == len("2026-11-22"):
        return value
    if within:
        at = at.replace(tzinfo=within) if at.tzinfo is None else at.astimezone(within)
    offset = at.strftime("%z") or "+0000"
    return f"{at:%Y-%m-%dT%H:%M}:00.000{offset[:3]}:{offset[3:]}"


def bot(user_id: str) -> Json:
    """Return a user of whom only the id is said."""
    return {"object": "user", "id": user_id}


def person(user_id: str, store: Store) -> Json:
    """Return a person as those who may read users see them."""
    user = store.users.get(user_id)
    if user is None:
        return bot(user_id)
    named: Json = {"name": user.name, "avatar_url": None, "type": "person", "person": {"email": user.email}}
    return {"object": "user", "id": user.id, **named}


def file_link(upload_id: str, store: Store) -> Json:
    """Return a link to an uploaded file, good for an hour."""
    upload = store.uploads[upload_id]
    expiry = store.now().timestamp() + 3600
    name = quote(upload.filename or "")
    url = f"{store.url}/files/{upload_id}/{name}?expires={int(expiry)}"
    return {"url": url, "expiry_time": moment(datetime.fromtimestamp(expiry, store.now().tzinfo))}


def shown_media(content: Json, store: Store) -> Json:
    """Return an icon, a cover or a file of a block as it is given."""
    if content.get("type") != "file_upload":
        return content
    rest = {key: value for key, value in content.items() if key not in {"type", "file_upload"}}
    return {**rest, "type": "file", "file": file_link(content["file_upload"]["id"], store)}


def kept(value: Any, store: Store) -> Any:
    """Return whatever a block holds as it is kept."""
    if isinstance(value, dict):
        return {key: kept_text(one, store) if key in {"rich_text", "caption"} else one for key, one in value.items()}
    return value
