"""Each provider's own client library asks its provider over HTTP, and whatever comes back is told in our words."""

import io
import logging
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest
from PIL import Image

from counterfoil.extraction.infrastructure.asking import PydanticAiClient
from counterfoil.extraction.infrastructure.models import ChosenModel
from counterfoil.extraction.model import domain
from counterfoil.extraction.model.domain import (
    AnswerUnusable,
    ModelRejected,
    ModelSilent,
    ModelUnavailable,
    ModelUnreachable,
    Picture,
    Price,
    Tokens,
    TooManyCalls,
)
from counterfoil.extraction.model.prompt import READING
from counterfoil.foundation.errors import CounterfoilError
from tests.support.models.anthropic import Anthropic
from tests.support.models.base import INPUT_TOKENS, KEY, OUTPUT_TOKENS, Fault, Provider
from tests.support.models.google import Google
from tests.support.models.openai import Ollama, OpenAI

ANSWER = {
    "merchant": {"name": "Corner Bakery"},
    "total": "12.30",
    "line_items": [{"description": "Rye bread", "amount": "12.30"}],
}


@pytest.fixture(params=[OpenAI, Google, Anthropic, Ollama])
def provider(request: pytest.FixtureRequest) -> Iterator[Provider]:
    provider: Provider = request.param(ANSWER)
    with provider.serving():
        yield provider


def client(provider: Provider, *, key: str = KEY, base_url: str | None = None, seconds: float = 20) -> PydanticAiClient:
    chosen = ChosenModel(
        provider=provider.name,
        model=provider.model,
        key=key,
        base_url=base_url or provider.base_url,
        price=Price(input=Decimal(1), output=Decimal(2)),
    )
    return PydanticAiClient(chosen, timedelta(seconds=seconds))


def pictures(number: int = 1) -> list[Picture]:
    content = io.BytesIO()
    Image.new("RGB", (20, 30), "white").save(content, "JPEG")
    return [Picture(content=content.getvalue(), media_type="image/jpeg")] * number


def test_a_request_is_as_its_provider_wants_it_and_its_answer_is_understood(provider: Provider) -> None:
    answer, tokens = client(provider).ask(READING, pictures(2))
    assert provider.complaints == []
    assert len(provider.asked) == 1
    assert (answer.merchant.name, answer.total, answer.line_items[0].description, answer.tip) == (
        "Corner Bakery",
        "12.30",
        "Rye bread",
        None,
    )
    assert tokens == Tokens(input=INPUT_TOKENS, output=OUTPUT_TOKENS)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Fault.TRUNCATED, domain.Fault.TRUNCATED),
        (Fault.REFUSES, domain.Fault.REFUSED),
        (Fault.PROSE, domain.Fault.WRONG_TYPE),
        (Fault.LIST, domain.Fault.WRONG_TYPE),
    ],
)
def test_an_answer_that_cannot_be_used_is_told_with_what_it_took(
    provider: Provider, fault: Fault, told: domain.Fault
) -> None:
    provider.faults.append(fault)
    with pytest.raises(AnswerUnusable) as caught:
        client(provider).ask(READING, pictures())
    assert (caught.value.fault, len(provider.asked)) == (told, 1)
    assert caught.value.tokens.input == INPUT_TOKENS


def test_a_provider_that_is_busy_says_until_when(provider: Provider) -> None:
    provider.faults.append(Fault.BUSY)
    with pytest.raises(TooManyCalls) as caught:
        client(provider).ask(READING, pictures())
    assert (caught.value.seconds, len(provider.asked)) == (provider.retry_after, 1)


@pytest.mark.parametrize("fault", [Fault.BROKEN, Fault.OVERLOADED])
def test_a_provider_that_is_down_is_asked_once_and_may_be_asked_later(provider: Provider, fault: Fault) -> None:
    provider.faults.append(fault)
    with pytest.raises(ModelUnavailable) as caught:
        client(provider).ask(READING, pictures())
    assert (caught.value.retry, len(provider.asked)) == (True, 1)


@pytest.mark.parametrize("fault", [Fault.SLOW, Fault.CUT, Fault.IN_BETWEEN])
def test_of_a_call_that_was_sent_and_not_answered_nobody_knows_what_it_cost(provider: Provider, fault: Fault) -> None:
    provider.faults.append(fault)
    with pytest.raises(ModelSilent) as caught:
        client(provider, seconds=1 if fault is Fault.SLOW else 20).ask(READING, pictures())
    assert (caught.value.retry, len(provider.asked)) == (True, 1)


def test_what_cannot_be_reached_was_not_asked(provider: Provider) -> None:
    with pytest.raises(ModelUnreachable):
        client(provider, base_url="http://127.0.0.1:9").ask(READING, pictures())


@pytest.mark.parametrize("fault", [Fault.KEY_REFUSED, Fault.NO_SUCH_MODEL, Fault.NO_CREDIT])
def test_what_is_wrong_with_the_account_is_not_tried_again(provider: Provider, fault: Fault) -> None:
    provider.faults.append(fault)
    with pytest.raises(ModelRejected) as caught:
        client(provider).ask(READING, pictures())
    assert (caught.value.retry, len(provider.asked)) == (False, 1)


def test_a_wrong_key_is_refused_and_never_shown(provider: Provider, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    provider.faults.append(Fault.KEY_REFUSED)
    with pytest.raises(CounterfoilError, match="the key was refused") as caught:
        client(provider).ask(READING, pictures())
    assert KEY not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert KEY not in caplog.text
    assert KEY not in repr(client(provider)._chosen)
