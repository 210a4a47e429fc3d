"""Text and JSON brought into a form that every database keeps: PostgreSQL takes no NUL and no lone surrogate."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel

from counterfoil.foundation.database import dump_json
from counterfoil.jobs.domain import Json
from counterfoil.jobs.errors import NotJson, PayloadTooLarge

MAX_PAYLOAD_BYTES = 1_000_000
MAX_DEPTH = 100
"""Of lists and objects in one another: programs that read them, ours among them, count on less than Python bears."""


def plain_text(text: str) -> str:
    """Return the text without what PostgreSQL refuses."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "")


def plain_json(value: Json) -> dict[str, Any]:
    """Return the value as it will be read back: plain JSON.

    Raises:
        NotJson: it holds something that JSON has no form for, or too much in one another.
    """
    return _read(_written(value))


def plain_payload(payload: BaseModel) -> dict[str, Any]:
    """Return a job's payload as it is kept.

    Raises:
        NotJson: it holds something that JSON has no form for, or too much in one another.
        PayloadTooLarge: it does not belong into a row.
    """
    written = _written(payload.model_dump(mode="json"))
    if len(written) > MAX_PAYLOAD_BYTES:
        raise PayloadTooLarge(len(written), MAX_PAYLOAD_BYTES)
    return _read(written)


def _written(value: Json) -> str:
    try:
        written = dump_json(dict(value))
    except (TypeError, ValueError, RecursionError) as error:
        raise NotJson(error) from error
    # What opens less often than that need not be walked through to see that it is not too deep.
    if written.count("{") + written.count("[") > MAX_DEPTH and is_deep(value):
        raise NotJson(ValueError(f"it is nested more than {MAX_DEPTH} levels deep"))
    return written


def _read(written: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(written)
    # Both stand there escaped; most values have neither, and need not be walked through.
    return _cleaned(read) if "\\u0000" in written or "\\ud" in written else read


def is_deep(value: object) -> bool:
    """Tell whether there are too many lists and objects in one another."""
    level: list[object] = [value]
    for _ in range(MAX_DEPTH):
        level = [one for outer in level for one in _inside(outer)]
        if not level:
            return False
    return any(isinstance(one, Mapping | list) for one in level)


def _inside(value: object) -> Iterable[object]:
    match value:
        case Mapping():
            return value.values()
        case list() | tuple():
            return value
        case _:
            return ()


def _cleaned(value: Any) -> Any:
    match value:
        case str():
            return plain_text(value)
        case list():
            return [_cleaned(one) for one in value]
        case dict():
            return {plain_text(key): _cleaned(one) for key, one in value.items()}
        case _:
            return value
