"""The API describes itself completely."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from counterfoil import bootstrap
from counterfoil.foundation.settings import read_settings
from counterfoil.main import create_app


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    settings = read_settings(_env_file=None, data_dir=tmp_path_factory.mktemp("data"))
    return create_app(bootstrap.build(settings))


def _operations(app: FastAPI) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in app.openapi()["paths"].items():
        for method, operation in item.items():
            yield f"{method.upper()} {path}", operation


def test_every_operation_says_in_a_sentence_what_it_does(app: FastAPI) -> None:
    assert [name for name, operation in _operations(app) if not operation.get("description", "").endswith(".")] == []


def test_every_parameter_and_every_field_is_described(app: FastAPI) -> None:
    bare = [
        f"{name}: {parameter['name']}"
        for name, operation in _operations(app)
        for parameter in operation.get("parameters", [])
        if "description" not in parameter
    ]
    theirs = {"HTTPValidationError", "ValidationError"}
    for name, schema in app.openapi()["components"]["schemas"].items():
        if name not in theirs:
            bare += [
                f"{name}.{field}" for field, one in schema.get("properties", {}).items() if "description" not in one
            ]
    assert bare == []


def test_every_parameter_and_every_plain_field_has_an_example(app: FastAPI) -> None:
    bare = [
        f"{name}: {parameter['name']}"
        for name, operation in _operations(app)
        for parameter in operation.get("parameters", [])
        if not {"example", "examples"} & {*parameter, *parameter["schema"]}
    ]
    for name, schema in app.openapi()["components"]["schemas"].items():
        plain = {field: one for field, one in schema.get("properties", {}).items() if _is_plain(one)}
        bare += [f"{name}.{field}" for field, one in plain.items() if "examples" not in one]
    assert bare == []


def _is_plain(field: dict[str, Any]) -> bool:
    """Tell fields that hold a value from those whose parts have examples of their own, and from files."""
    kinds = [field, *field.get("anyOf", []), *field.get("oneOf", [])]
    return not any("$ref" in kind or kind.get("type") == "array" or "contentMediaType" in kind for kind in kinds)


def test_errors_are_problems_wherever_they_are_declared(app: FastAPI) -> None:
    wrong = [
        f"{name} {status}"
        for name, operation in _operations(app)
        for status, answer in operation["responses"].items()
        if int(status) >= 400 and "application/problem+json" not in answer.get("content", {})
    ]
    assert wrong == []


def test_what_asks_the_database_may_answer_that_it_is_away(app: FastAPI) -> None:
    silent = [name for name, operation in _operations(app) if "/api/" in name and "503" not in operation["responses"]]
    assert silent == []


def test_what_names_an_id_may_answer_that_it_is_not_there(app: FastAPI) -> None:
    names = [name for name, operation in _operations(app) if "{" in name and "404" not in operation["responses"]]
    assert names == []


def test_the_documentation_page_needs_no_other_host(app: FastAPI) -> None:
    with TestClient(app, base_url="http://here") as visitor:
        page = visitor.get("/docs").text
        sources = re.findall(r'(?:src|href)="([^"]+)"', page)
        assert sources
        assert [source for source in sources if not source.startswith(("http://here/", "/"))] == []
        assert all(visitor.get(source).status_code == 200 for source in sources)
