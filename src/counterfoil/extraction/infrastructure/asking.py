"""Asks models over HTTP, by Pydantic AI. Needs the extra `model`, and is imported only where MODEL is set.

Only what this house says about an error is passed on: what a provider writes may hold a part of the key.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

import structlog
from httpx2 import AsyncClient, Timeout
from pydantic_ai import Agent, BinaryContent, NativeOutput
from pydantic_ai.exceptions import (
    ContentFilterError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelContextWindowExceededError,
    ModelHTTPError,
    ModelNotFoundError,
    ModelQuotaExceededError,
    ModelRateLimitError,
    ModelRequestRejectedError,
    ModelServerError,
    OutputTokenLimitExceeded,
    UnexpectedModelBehavior,
    UserError,
)
from pydantic_ai.exceptions import ModelUnavailableError as ProviderUnavailable
from pydantic_ai.models import Model, create_async_httpx2_client
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import RunUsage

from counterfoil.extraction.infrastructure.models import ChosenModel
from counterfoil.extraction.model.asking import MOST_OUTPUT
from counterfoil.extraction.model.domain import (
    AnswerUnusable,
    Fault,
    ModelRejected,
    ModelSilent,
    ModelUnavailable,
    ModelUnreachable,
    Picture,
    Tokens,
    TooManyCalls,
)
from counterfoil.extraction.model.questions import AnswerT, Question

_CONNECT_SECONDS: Final = 5.0
_IN_BETWEEN: Final = {502, 504, 524}
"""What a proxy says of a server behind it, which may have worked and charged all the same."""

log = structlog.get_logger()


class PydanticAiClient:
    """Asks one model, once each time it is asked."""

    def __init__(self, chosen: ChosenModel, timeout: timedelta) -> None:
        self._chosen = chosen
        self._seconds = timeout.total_seconds()

    @property
    def name(self) -> str:
        return self._chosen.name

    def ask(self, question: Question[AnswerT], pictures: Sequence[Picture]) -> tuple[AnswerT, Tokens]:
        usage = RunUsage()
        try:
            answer, truncated = asyncio.run(self._ask(question, pictures, usage))
        except Exception as error:  # noqa: BLE001 - also whatever a provider's library stumbles over
            log.warning("model_call_failed", model=self.name, error=type(error).__name__)
            # Without its cause, whose text is the provider's.
            raise self._told(error, usage) from None
        if truncated:  # what is there may look whole
            raise AnswerUnusable(Fault.TRUNCATED, _tokens(usage))
        return answer, _tokens(usage)

    async def _ask(
        self, question: Question[AnswerT], pictures: Sequence[Picture], usage: RunUsage
    ) -> tuple[AnswerT, bool]:
        """Ask with a connection of its own: this process may be a fork of one that had others."""
        shown = [BinaryContent(data=one.content, media_type=one.media_type) for one in pictures]
        async with create_async_httpx2_client(timeout=self._timeout()) as http:
            output, model = self._output(question.answer), _model(self._chosen, http)
            agent = Agent(model, output_type=output, instructions=question.instructions, retries=0)
            result = await agent.run([question.text, *shown], usage=usage, model_settings=self._settings())
        return result.output, result.response.finish_reason == "length"

    def _timeout(self) -> Timeout:
        return Timeout(self._seconds, connect=min(_CONNECT_SECONDS, self._seconds))

    def _settings(self) -> ModelSettings:
        return ModelSettings(
            max_tokens=MOST_OUTPUT,
            timeout=self._seconds,
            request_timeout=self._seconds,
            max_retries=0,
        )

    def _output(self, answer: type[AnswerT]) -> Any:
        """Return how the answer is asked for: by a tool, but of Ollama's, of which few know tools, by a schema."""
        return NativeOutput(answer) if self._chosen.provider == "ollama" else answer

    def _told(self, error: Exception, usage: RunUsage) -> Exception:
        """Return what an error is to us."""
        status = error.status_code if isinstance(error, ModelHTTPError) else None
        match error:
            case ContentFilterError():
                return AnswerUnusable(Fault.REFUSED, _tokens(usage))
            case OutputTokenLimitExceeded():
                return AnswerUnusable(Fault.TRUNCATED, _tokens(usage))
            case UnexpectedModelBehavior():
                return AnswerUnusable(Fault.WRONG_TYPE, _tokens(usage))
            case ModelRateLimitError():
                return TooManyCalls(error.retry_after)
            case ModelServerError() if status in _IN_BETWEEN:
                return ModelSilent(self.name)
            case ProviderUnavailable() | ModelServerError():
                return ModelUnavailable(self.name, status)
            case ModelQuotaExceededError() | ModelRequestRejectedError() | UserError():
                return ModelRejected(_why(error, self.name))
            case ModelConnectionError(phase="connect" | "pool"):
                return ModelUnreachable(self.name)
            case _:
                return ModelSilent(self.name)


def _why(error: Exception, name: str) -> str:
    status = f" (status {error.status_code})" if isinstance(error, ModelHTTPError) else ""
    match error:
        case ModelQuotaExceededError():
            return f"the account's quota or credit is used up{status}"
        case ModelAuthenticationError():
            return f"the key was refused{status}"
        case ModelNotFoundError():
            return f"there is no {name} there{status}"
        case ModelContextWindowExceededError():
            return f"what it was shown is too large for {name}{status}"
        case _:
            return f"{name} does not take what it was sent; perhaps it cannot look at pictures{status}"


def _tokens(usage: RunUsage) -> Tokens:
    return Tokens(input=usage.input_tokens, output=usage.output_tokens)


def _model(chosen: ChosenModel, http: AsyncClient) -> Model:
    # Here, since each takes its time, and only one of them is used.
    match chosen.provider:
        case "google":
            from pydantic_ai.models.google import GoogleModel
            from pydantic_ai.providers.google import GoogleProvider

            google = GoogleProvider(api_key=chosen.key, base_url=chosen.base_url, http_client=http)
            return GoogleModel(chosen.model, provider=google)
        case "anthropic":
            from pydantic_ai.models.anthropic import AnthropicModel
            from pydantic_ai.providers.anthropic import AnthropicProvider

            anthropic = AnthropicProvider(api_key=chosen.key, base_url=chosen.base_url, http_client=http)
            return AnthropicModel(chosen.model, provider=anthropic)
        case "ollama":
            from pydantic_ai.models.ollama import OllamaModel
            from pydantic_ai.providers.ollama import OllamaProvider

            ollama = OllamaProvider(api_key=chosen.key, base_url=chosen.base_url, http_client=http)
            return OllamaModel(chosen.model, provider=ollama)
        case _:
            from pydantic_ai.models.openai import OpenAIChatModel
            from pydantic_ai.providers.openai import OpenAIProvider

            openai = OpenAIProvider(api_key=chosen.key, base_url=chosen.base_url, http_client=http)
            return OpenAIChatModel(chosen.model, provider=openai)
