"""OpenAI's chat completions as n8n's agent asks them: with a picture, for JSON in words."""

import json
from collections.abc import Mapping

from tests.support.models.base import KEY, Fault, Json, Reply, parts_of, want, want_picture
from tests.support.models.openai import OpenAI, completion

START = "data:image/jpeg;base64,"


class MappingModel(OpenAI):
    """Says what it is to say, or else its answer as JSON."""

    text: str | None = None

    def check(self, path: str, headers: Mapping[str, str], body: Json) -> None:
        want(path == "/v1/chat/completions", "there is nothing at this path", 404)
        want(headers.get("authorization") == f"Bearer {KEY}", f"Incorrect API key provided: {KEY}.", 401)
        want(body["model"] == self.model, "there is no such model", 404)
        want(body["max_tokens"] > 0, "say how long the answer may be")
        want(body["response_format"] == {"type": "json_object"}, "in what form?")
        want(not body.get("tools"), "there is nothing to call")
        want(body["messages"][0]["role"] == "system", "nobody is told anything")
        pictures = [part["image_url"]["url"] for part in self.parts(body, "image_url")]
        want(len(pictures) == 1 and pictures[0].startswith(START), "there is no picture")
        want_picture(pictures[0].removeprefix(START))

    @staticmethod
    def parts(body: Json, kind: str) -> list[Json]:
        """Return the parts of all messages that have parts."""
        several = [message["content"] for message in body["messages"] if isinstance(message["content"], list)]
        return [part for content in several for part in parts_of(content, kind)]

    def said(self, answer: Json) -> Reply:
        return self._wrote(json.dumps(answer) if self.text is None else self.text)

    def failed(self, fault: Fault) -> Reply:
        if fault is Fault.TRUNCATED:
            return self._wrote('{"properties": {"Name": {"title": [{"te', "length")
        return super().failed(fault)

    def _wrote(self, content: str, finish_reason: str = "stop") -> Reply:
        return completion(self.model, {"content": content}, finish_reason)
