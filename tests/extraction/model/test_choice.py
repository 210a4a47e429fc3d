"""What is wrong with the model's settings is one line at start, and nobody without a model pays for one."""

import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from counterfoil import bootstrap
from counterfoil.extraction.infrastructure import models
from counterfoil.extraction.infrastructure.models import chosen_model
from counterfoil.foundation.settings import InvalidSettings, Settings, read_settings

KEYS = ("OPENAI_API_KEY", "GOOGLE_API_KEY", "GEMINI_API_KEY", "ANTHROPIC_API_KEY")
SECRET = "sk-very-5ecret"


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)


def settings(**changes: Any) -> Settings:
    return read_settings(_env_file=None, **changes)


@pytest.mark.parametrize(
    ("provider", "variable"),
    [
        ("openai:gpt-4o", "OPENAI_API_KEY"),
        ("google:gemini-2.5-flash", "GOOGLE_API_KEY"),
        ("google:gemini-2.5-flash", "GEMINI_API_KEY"),
        ("anthropic:claude-haiku-5-5", "ANTHROPIC_API_KEY"),
    ],
)
def test_a_key_is_taken_from_where_its_provider_has_it(
    provider: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, SECRET)
    assert chosen_model(settings(model=provider)).key == SECRET
    assert chosen_model(settings(model=provider, model_api_key="another")).key == "another"


def test_a_key_may_stand_in_a_file_with_blanks_around_it(tmp_path: Path) -> None:
    (tmp_path / "env").write_text(f'OPENAI_API_KEY="{SECRET}\n"\n')
    assert chosen_model(read_settings(_env_file=tmp_path / "env", model="openai:gpt-4o")).key == SECRET


def test_known_prices_are_known_and_given_ones_go_before() -> None:
    known = chosen_model(settings(model="openai:gpt-4o", model_api_key=SECRET)).price
    assert (known.input, known.output) == (Decimal("2.5"), Decimal(10))
    given = {"model_input_price": "1", "model_output_price": "0.5"}
    price = chosen_model(settings(model="openai:gpt-4o", model_api_key=SECRET, **given)).price
    assert (price.input, price.output) == (Decimal(1), Decimal("0.5"))


def test_a_local_model_needs_neither_key_nor_price() -> None:
    chosen = chosen_model(settings(model="ollama:qwen2.5vl"))
    assert (chosen.base_url, chosen.price.input) == ("http://127.0.0.1:11434/v1", Decimal(0))
    free = {"model_base_url": "http://127.0.0.1:8000/v1", "model_input_price": 0, "model_output_price": 0}
    assert chosen_model(settings(model="openai:anything", **free)).name == "openai:anything"


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"model": "acme:one", "model_api_key": SECRET}, "MODEL=acme:one: the provider is one of openai, google"),
        ({"model": "openai:gpt-4o"}, "MODEL=openai:gpt-4o: its key is missing; set MODEL_API_KEY or OPENAI_API_KEY"),
        ({"model": "google:gemini-2.5-pro"}, "set MODEL_API_KEY or GOOGLE_API_KEY or GEMINI_API_KEY"),
        ({"model": "openai:nobody-knows", "model_api_key": SECRET}, "its price is not known"),
        ({"model": "openai:gpt-4o", "model_api_key": SECRET, "model_input_price": 1}, "MODEL_INPUT_PRICE=1: give"),
        ({"model": "openai:gpt-4o", "model_api_key": SECRET, "model_output_price": 2}, "MODEL_OUTPUT_PRICE=2: give"),
        ({"model": "openai:gpt-4o", "model_api_key": f"{SECRET}\u2026"}, "MODEL_API_KEY=…: a key has plain letters"),
    ],
)
def test_what_is_missing_is_said_in_one_line(changes: dict[str, Any], line: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings) as caught:
        bootstrap.assemble(settings(data_dir=tmp_path, **changes))
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_missing_extra_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "find_spec", lambda _: None)
    with pytest.raises(InvalidSettings, match=r"pydantic_ai is not installed; requirements/model\.txt has it"):
        chosen_model(settings(model="openai:gpt-4o", model_api_key=SECRET))


@pytest.mark.parametrize(
    ("name", "value"),
    [("model", "gpt-4o"), ("model_base_url", "localhost"), ("model_daily_spend", -1), ("model_timeout_seconds", 500)],
)
def test_a_value_that_cannot_be_is_one_line(name: str, value: object) -> None:
    with pytest.raises(InvalidSettings, match=f"^{name.upper()}="):
        settings(**{name: value})


def test_a_key_is_never_shown() -> None:
    configured = settings(model="openai:gpt-4o", model_api_key=SECRET)
    assert SECRET not in f"{configured!r} {configured} {chosen_model(configured)!r}"
    assert SECRET not in configured.model_dump_json()


IMPORTS = """
import sys
from counterfoil import bootstrap, cli, main
from counterfoil.foundation.settings import read_settings
bootstrap.build(read_settings(_env_file=None, data_dir=sys.argv[1]))
heavy = ("pydantic_ai", "openai", "anthropic", "google.genai", "genai_prices", "tiktoken")
print([name for name in heavy if name in sys.modules])
"""


def test_without_a_model_nothing_of_it_is_imported(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", IMPORTS, str(tmp_path)], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert ran.stdout.strip() == "[]"
