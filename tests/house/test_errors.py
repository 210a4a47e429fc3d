"""The errors: one tree, a code for each, and a page that lists them."""

import re
from collections import Counter

from counterfoil.foundation import errors
from docs.generate import all_errors

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


def test_every_error_has_a_code_of_its_own() -> None:
    codes = Counter(kind.code for kind in all_errors())
    assert [code for code, number in codes.items() if number > 1] == []
    assert all(re.fullmatch(r"[a-z][a-z_]+", code) for code in codes)


def test_every_error_says_what_a_person_can_do() -> None:
    assert [kind.__name__ for kind in all_errors() if not kind.advice.endswith(".")] == []


def test_the_codes_of_the_requirements_are_among_them() -> None:
    codes = {kind.code for kind in all_errors()} | {"validation_error"}  # the last is said of requests as a whole
    assert codes >= REQUIRED


def test_the_tree_at_the_top_of_the_module_is_the_tree() -> None:
    drawn = re.findall(r"^[│├└─ ]*(\w+) +([a-z_]+) +(\d{3})", errors.__doc__ or "", re.MULTILINE)
    families = [kind for kind in all_errors() if kind.__module__ == errors.__name__]
    assert sorted(drawn) == sorted((kind.__name__, kind.code, str(kind.status)) for kind in families)
