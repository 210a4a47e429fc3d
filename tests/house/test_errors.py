"""The errors: one tree, a code for each, and a page that lists them."""

import importlib
import pkgutil
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import counterfoil
from counterfoil.foundation import errors
from counterfoil.foundation.errors import CounterfoilError

ROOT = Path(__file__).parents[2]
REQUIRED = {
    "unauthorized",
    "invalid_input",
    "not_found",
    "rate_limit_exceeded",
    "service_unavailable",
    "internal_error",
    "network_error",
    "validation_error",
    "task_execution_failed",
    "task_timeout",
    "task_cancelled",
}


def _all_errors() -> list[type[CounterfoilError]]:
    for module in pkgutil.walk_packages(counterfoil.__path__, "counterfoil."):
        if ".migrations." not in module.name:
            importlib.import_module(module.name)

    def below(kind: type[CounterfoilError]) -> Iterator[type[CounterfoilError]]:
        yield kind
        for child in kind.__subclasses__():
            yield from below(child)

    found = dict.fromkeys(below(CounterfoilError))
    return [kind for kind in found if kind.__module__.startswith("counterfoil.")]


def test_every_error_has_a_code_of_its_own() -> None:
    codes = Counter(kind.code for kind in _all_errors())
    assert [code for code, number in codes.items() if number > 1] == []
    assert all(re.fullmatch(r"[a-z][a-z_]+", code) for code in codes)


def test_every_error_says_what_a_person_can_do() -> None:
    assert [kind.__name__ for kind in _all_errors() if not kind.advice.endswith(".")] == []


def test_the_codes_of_the_requirements_are_among_them() -> None:
    codes = {kind.code for kind in _all_errors()} | {"validation_error"}  # the last is said of requests as a whole
    assert codes >= REQUIRED


def test_the_tree_at_the_top_of_the_module_is_the_tree() -> None:
    drawn = re.findall(r"^[│├└─ ]*(\w+) +([a-z_]+) +(\d{3})", errors.__doc__ or "", re.MULTILINE)
    families = [kind for kind in _all_errors() if kind.__module__ == errors.__name__]
    assert sorted(drawn) == sorted((kind.__name__, kind.code, str(kind.status)) for kind in families)


def test_the_reference_lists_every_code_with_its_status() -> None:
    page = (ROOT / "docs" / "reference" / "errors.md").read_text()
    listed = set(re.findall(r"^\| `([a-z_]+)` \| (\d{3}) \|", page, re.MULTILINE))
    assert listed == {(kind.code, str(kind.status)) for kind in _all_errors()} | {
        ("validation_error", "422"),
        ("method_not_allowed", "405"),
    }
