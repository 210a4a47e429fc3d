"""Which model MODEL names, and whether it can be asked: all that can be said without importing what asks it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from importlib.util import find_spec
from typing import Final

from counterfoil.extraction.model.domain import Picture, Price, Tokens
from counterfoil.extraction.model.questions import AnswerT, Question
from counterfoil.foundation.settings import InvalidSettings, Settings

_NO_KEY: Final = "none"  # what servers are sent that want no key
_SAMPLE: Final = 1000  # tokens; few enough for the price of an ordinary call


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """Somebody who has models: what has to be installed to ask them, and where their key usually stands."""

    module: str
    keys: tuple[str, ...] = ()
    base_url: str | None = None
    local: bool = False


PROVIDERS: Final[Mapping[str, Provider]] = {
    "openai": Provider(module="openai", keys=("OPENAI_API_KEY",)),
    "google": Provider(module="google.genai", keys=("GOOGLE_API_KEY", "GEMINI_API_KEY")),
    "anthropic": Provider(module="anthropic", keys=("ANTHROPIC_API_KEY",)),
    "ollama": Provider(module="openai", base_url="http://127.0.0.1:11434/v1", local=True),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenModel:
    """A model that can be asked. `base_url` is None for its provider's usual address."""

    provider: str
    model: str
    key: str = field(repr=False)
    base_url: str | None
    price: Price

    @property
    def name(self) -> str:
        return f"{self.provider}:{self.model}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LateClient:
    """Asks the chosen model; what that takes is imported when it is asked first, for that lasts seconds."""

    chosen: ChosenModel
    timeout: timedelta

    @property
    def name(self) -> str:
        return self.chosen.name

    def ask(self, question: Question[AnswerT], pictures: Sequence[Picture]) -> tuple[AnswerT, Tokens]:
        from counterfoil.extraction.infrastructure.asking import PydanticAiClient

        return PydanticAiClient(self.chosen, self.timeout).ask(question, pictures)


def needed_to_ask(model: str) -> list[str]:
    """Return the modules that a process imports when it asks this model first."""
    provider = model.partition(":")[0]
    return ["counterfoil.extraction.infrastructure.asking", f"pydantic_ai.models.{provider}"]


def chosen_model(settings: Settings) -> ChosenModel:
    """Return the model that the settings name.

    Raises:
        InvalidSettings: there is no such provider, or something is missing to ask it.
    """
    name, _, model = settings.model.partition(":")
    provider = PROVIDERS.get(name)
    if provider is None:
        raise InvalidSettings("MODEL", settings.model, f"the provider is one of {', '.join(PROVIDERS)}")
    for module in ("pydantic_ai", provider.module):
        if not _installed(module):
            fault = f"{module} is not installed; requirements/model.txt has it"
            raise InvalidSettings("MODEL", settings.model, fault)
    return ChosenModel(
        provider=name,
        model=model,
        key=_key(settings, provider),
        base_url=settings.model_base_url or provider.base_url,
        price=_price(settings, name, model),
    )


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # nor is its package
        return False


def _key(settings: Settings, provider: Provider) -> str:
    key = settings.model_key(*provider.keys)
    if not key and provider.keys and not settings.model_base_url:
        fault = f"its key is missing; set MODEL_API_KEY or {' or '.join(provider.keys)}"
        raise InvalidSettings("MODEL", settings.model, fault)
    if not (key.isascii() and key.isprintable()):
        raise InvalidSettings("MODEL_API_KEY", "…", "a key has plain letters, digits and signs only")
    return key or _NO_KEY


def _price(settings: Settings, provider: str, model: str) -> Price:
    given = (settings.model_input_price, settings.model_output_price)
    if given[0] is not None and given[1] is not None:
        return Price(input=given[0], output=given[1])
    if given != (None, None):
        names = ("MODEL_INPUT_PRICE", "MODEL_OUTPUT_PRICE")
        missing = given.index(None)
        fault = f"give {names[missing]} with it, or neither"
        raise InvalidSettings(names[1 - missing], given[1 - missing], fault)
    known = None if PROVIDERS[provider].local else _known_price(provider, model)
    if known is None and settings.model_daily_spend and not PROVIDERS[provider].local:
        fault = "its price is not known, so that MODEL_DAILY_SPEND cannot be kept; set MODEL_INPUT_PRICE and"
        raise InvalidSettings("MODEL", settings.model, f"{fault} MODEL_OUTPUT_PRICE")
    return known or Price(input=Decimal(0), output=Decimal(0))


def _known_price(provider: str, model: str) -> Price | None:
    # Here, since it is part of an extra.
    from genai_prices import Usage, calc_price

    usage = Usage(input_tokens=_SAMPLE, output_tokens=_SAMPLE)
    try:
        found = calc_price(usage, model, provider_id=provider)
    except LookupError:
        return None
    scale = 1_000_000 // _SAMPLE
    return Price(input=found.input_price * scale, output=found.output_price * scale)
