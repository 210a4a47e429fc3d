"""Anthropic's messages."""

import json
from collections.abc import Mapping

from tests.support.models.base import (
    INPUT_TOKENS,
    KEY,
    OUTPUT_TOKENS,
    Fault,
    Json,
    Provider,
    Reply,
    parts_of,
    want,
    want_picture,
)

_KINDS = {401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error", 529: "overloaded_error"}


class Anthropic(Provider):
    """Answers by the schema that it was given."""

    name = "anthropic"
    model = "claude-haiku-5-5"

    def check(self, path: str, headers: Mapping[str, str], body: Json) -> None:
        want(path.partition("?")[0] == "/v1/messages", "there is nothing at this path", 404)
        key = headers.get("x-api-key") or headers.get("authorization", "").removeprefix("Bearer ")
        want(key == KEY, "that is not the key", 401)
        want("anthropic-version" in headers, "of which version?")
        want(body["model"] == self.model, "there is no such model", 404)
        want(body["max_tokens"] > 0 and body["system"], "say how long the answer may be, and what to do")
        (message,) = body["messages"]
        pictures = parts_of(message["content"], "image") if isinstance(message["content"], list) else []
        self.want_shown(pictures)
        for picture in pictures:
            want(picture["source"]["media_type"] == "image/jpeg", "that is no picture")
            want_picture(picture["source"]["data"])
        want(body["output_config"]["format"]["type"] == "json_schema", "in what form?")
        self.want_fields(body["output_config"]["format"]["schema"])

    def said(self, answer: Json) -> Reply:
        return self._wrote(json.dumps(answer), "end_turn")

    def _wrote(self, text: str, stop_reason: str) -> Reply:
        return self._message([{"type": "text", "text": text}], stop_reason)

    def _message(self, content: list[Json], stop_reason: str) -> Reply:
        head = {"id": "msg_1", "type": "message", "role": "assistant", "model": self.model, "stop_sequence": None}
        usage = {"input_tokens": INPUT_TOKENS, "output_tokens": OUTPUT_TOKENS}
        return Reply(200, {**head, "content": content, "stop_reason": stop_reason, "usage": usage})

    def failed(self, fault: Fault) -> Reply:
        match fault:
            case Fault.BUSY:
                return Reply(429, self.error(429, "Slow down.").body, {"retry-after": str(self.retry_after)})
            case Fault.NO_CREDIT:
                body = {
                    "type": "error",
                    "error": {"type": "billing_error", "message": "Your credit balance is too low."},
                }
                return Reply(402, body)
            case Fault.OVERLOADED:
                return self.error(529, "Overloaded")
            case Fault.TRUNCATED:
                return self._wrote('{"total": "12.', "max_tokens")
            case Fault.REFUSES:
                return self._message([], "refusal")
            case Fault.LIST:
                return self._wrote("[1, 2]", "end_turn")
            case _:
                return self._wrote("The total is 12.30.", "end_turn")

    def error(self, status: int, words: str) -> Reply:
        kind = _KINDS.get(status, "api_error" if status >= 500 else "invalid_request_error")
        return Reply(status, {"type": "error", "error": {"type": kind, "message": words}, "request_id": "req_1"})
