"""Google's generateContent, as Gemini's own address speaks it."""

from collections.abc import Mapping

from tests.support.models.base import (
    INPUT_TOKENS,
    KEY,
    OUTPUT_TOKENS,
    Fault,
    Json,
    Provider,
    Reply,
    want,
    want_picture,
)

_STATUSES = {401: "UNAUTHENTICATED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE"}
_DETAIL = "type.googleapis.com/google.rpc"


class Google(Provider):
    """Answers by a call of the function that it was given."""

    name = "google"
    model = "gemini-2.5-flash"

    def check(self, path: str, headers: Mapping[str, str], body: Json) -> None:
        want(path == f"/v1beta/models/{self.model}:generateContent", "there is nothing at this path", 404)
        want(headers.get("x-goog-api-key") == KEY, "that is not the key", 401)
        want(body["systemInstruction"]["parts"][0]["text"], "nobody is told anything")
        want(body["generationConfig"]["maxOutputTokens"] > 0, "say how long the answer may be")
        (message,) = body["contents"]
        pictures = [part["inlineData"] for part in message["parts"] if "inlineData" in part]
        self.want_shown(pictures)
        for picture in pictures:
            want(picture.get("mimeType", picture.get("mime_type")) == "image/jpeg", "that is no picture")
            want_picture(picture["data"])
        declared = body["tools"][0]["functionDeclarations"][0]
        self.want_fields(declared.get("parametersJsonSchema") or declared["parameters_json_schema"])

    def said(self, answer: Json) -> Reply:
        return self._called(answer, "STOP")

    def _called(self, given: object, reason: str) -> Reply:
        name = self.asked[-1]["tools"][0]["functionDeclarations"][0]["name"]
        return self._content([{"functionCall": {"name": name, "args": given}}], reason)

    def _content(self, parts: list[Json], reason: str) -> Reply:
        candidate = {"content": {"role": "model", "parts": parts}, "finishReason": reason, "index": 0}
        return Reply(200, {"candidates": [candidate], **self._rest()})

    def _rest(self, output: int = OUTPUT_TOKENS) -> Json:
        counted = {"promptTokenCount": INPUT_TOKENS, "totalTokenCount": INPUT_TOKENS + output}
        usage = counted | ({"candidatesTokenCount": output} if output else {})
        return {"usageMetadata": usage, "modelVersion": self.model, "responseId": "r1"}

    def failed(self, fault: Fault) -> Reply:
        match fault:
            case Fault.BUSY:
                detail = {"@type": f"{_DETAIL}.RetryInfo", "retryDelay": f"{self.retry_after}s"}
                return self.error(429, "Slow down.", detail)
            case Fault.NO_CREDIT:
                quota = {"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}
                return self.error(429, "Quota exceeded.", {"@type": f"{_DETAIL}.QuotaFailure", "violations": [quota]})
            case Fault.OVERLOADED:
                return self.error(503, "The model is overloaded. Please try again later.")
            case Fault.TRUNCATED:
                return self._content([{"text": '{"total": "12.'}], "MAX_TOKENS")
            case Fault.REFUSES:
                return Reply(200, {"candidates": [{"finishReason": "SAFETY", "index": 0}], **self._rest(output=0)})
            case Fault.LIST:
                return self._content([{"text": "[1, 2]"}], "STOP")
            case _:
                return self._content([{"text": "The total is 12.30."}], "STOP")

    def error(self, status: int, words: str, *details: Json) -> Reply:
        name = _STATUSES.get(status, "INTERNAL" if status >= 500 else "INVALID_ARGUMENT")
        return Reply(status, {"error": {"code": status, "message": words, "status": name, "details": list(details)}})
