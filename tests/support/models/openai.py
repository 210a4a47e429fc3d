"""OpenAI's chat completions, as any compatible server speaks them as well."""

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


class OpenAI(Provider):
    """Answers by a call of the tool that it was given."""

    name = "openai"
    model = "gpt-4o"

    @property
    def base_url(self) -> str:
        return f"{self.root}/v1"

    def check(self, path: str, headers: Mapping[str, str], body: Json) -> None:
        want(path == "/v1/chat/completions", "there is nothing at this path", 404)
        want(headers.get("authorization") == f"Bearer {KEY}", "that is not the key", 401)
        want(body["model"] == self.model, "there is no such model", 404)
        want(body.get("max_completion_tokens") or body.get("max_tokens"), "say how long the answer may be")
        system, user = body["messages"]
        want(system["role"] in {"system", "developer"} and user["role"] == "user", "nobody is told anything")
        pictures = parts_of(user["content"], "image_url") if isinstance(user["content"], list) else []
        self.want_shown(pictures)
        for picture in pictures:
            start, _, content = picture["image_url"]["url"].partition(",")
            want(start == "data:image/jpeg;base64", "that is no address of a picture")
            want_picture(content)
        self._check_form(body)

    def _check_form(self, body: Json) -> None:
        (tool,) = body["tools"]
        want(tool["type"] == "function" and body["tool_choice"] in {"required", "auto"}, "what is to be called?")
        self.want_fields(tool["function"]["parameters"])

    def said(self, answer: Json) -> Reply:
        return self._called(json.dumps(answer), "tool_calls")

    def _called(self, arguments: str, finish_reason: str) -> Reply:
        name = self.asked[-1]["tools"][0]["function"]["name"]
        call = {"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}}
        return completion(self.model, {"content": None, "tool_calls": [call]}, finish_reason)

    def failed(self, fault: Fault) -> Reply:
        match fault:
            case Fault.BUSY:
                reply = self.error(429, "Slow down.", "rate_limit_exceeded")
                return Reply(reply.status, reply.body, {"retry-after": str(self.retry_after)})
            case Fault.NO_CREDIT:
                return self.error(429, "You exceeded your current quota.", "insufficient_quota")
            case Fault.OVERLOADED:
                return self.error(503, "The engine is overloaded.")
            case Fault.TRUNCATED:
                return self._called('{"total": "12.', "length")
            case Fault.REFUSES:
                return completion(self.model, {"content": None, "refusal": "I can't help with that."}, "stop")
            case Fault.LIST:
                return self._called("[1, 2]", "tool_calls")
            case _:
                return completion(self.model, {"content": "The total is 12.30."}, "stop")

    def error(self, status: int, words: str, code: str | None = None) -> Reply:
        return Reply(status, {"error": {"message": words, "type": "error", "param": None, "code": code}})


class Ollama(OpenAI):
    """Answers by the schema that it was given; it wants no key."""

    name = "ollama"
    model = "qwen2.5vl"

    def check(self, path: str, headers: Mapping[str, str], body: Json) -> None:
        super().check(path, {**headers, "authorization": f"Bearer {KEY}"}, body)

    def _check_form(self, body: Json) -> None:
        want(body["response_format"]["type"] == "json_schema", "in what form?")
        self.want_fields(body["response_format"]["json_schema"]["schema"])

    def _called(self, arguments: str, finish_reason: str) -> Reply:
        return completion(self.model, {"content": arguments}, "length" if finish_reason == "length" else "stop")


def completion(model: str, message: Json, finish_reason: str) -> Reply:
    """Return a message as OpenAI wraps it."""
    choice = {"index": 0, "message": {"role": "assistant", "refusal": None} | message, "finish_reason": finish_reason}
    usage = {
        "prompt_tokens": INPUT_TOKENS,
        "completion_tokens": OUTPUT_TOKENS,
        "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
    }
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1_772_000_000, "model": model}
    return Reply(200, {**head, "choices": [choice], "usage": usage})
