"""Text and JSON brought into a form that every database keeps: PostgreSQL takes no NUL and no lone surrogate."""

import json
from typing import Any

from counterfoil.foundation.database import dump_json
from counterfoil.jobs.domain import Json
from counterfoil.jobs.errors import NotJson


def plain_text(text: str) -> str:
    """Return the text without what PostgreSQL refuses."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "")


def plain_json(value: Json) -> dict[str, Any]:
    """Return the value as it will be read back: plain JSON.

    Raises:
        NotJson: it holds something that JSON has no form for.
    """
    try:
        written = dump_json(dict(value))
    except (TypeError, ValueError, RecursionError) as error:
        raise NotJson(error) from error
    read: dict[str, Any] = json.loads(written)
    # Both stand there escaped; most values have neither, and need not be walked through.
    return _cleaned(read) if "\\u0000" in written or "\\ud" in written else read


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
