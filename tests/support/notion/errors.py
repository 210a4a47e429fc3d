"""What Notion answers when it refuses, in its own form."""

import json
from collections.abc import Mapping
from typing import Any, NoReturn
from uuid import uuid4


class NotionError(Exception):
    """An answer other than 200."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        additional_data: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.additional_data = additional_data
        self.headers = dict(headers or {})

    def body(self) -> bytes:
        """Return what is sent."""
        more = {"additional_data": self.additional_data} if self.additional_data else {}
        error = {"object": "error", "status": self.status, "code": self.code, "message": self.message, **more}
        return json.dumps({**error, "request_id": str(uuid4())}, separators=(",", ":")).encode()


def invalid(message: str, **additional_data: Any) -> NotionError:
    """Return a validation_error."""
    return NotionError(400, "validation_error", message, additional_data=additional_data)


def refuse(message: str) -> NoReturn:
    """Answer with a validation_error."""
    raise invalid(message)


def not_here(what: str) -> NoReturn:
    """Answer that Notion would do it and the stand-in does not: a test that comes here would prove nothing."""
    raise NotionError(501, "not_in_the_stand_in", f"The stand-in does not know {what}.")
