"""Everything that is described of requests, walked through: what is right is taken, what is changed is refused."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.notion.bodies import NEWEST, OLD, SOURCES, bodies
from tests.support.notion.shapes import Shape

WRONG = {"wrong": True}
REQUESTS = [(version, request) for version in (OLD, SOURCES, NEWEST) for request in bodies(version)]


def faults(shape: Shape, body: Any) -> list[str]:
    return list(shape.faults(body, "body"))


def places(value: Any) -> Iterator[tuple[Any, Any, Any]]:
    """Give every place in a body: what holds it, its key there and its value."""
    pairs: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in pairs:
        yield value, key, one
        yield from places(one)


def faults_with(shape: Shape, body: Any, holder: Any, key: Any, value: Any) -> list[str]:
    """Return what is wrong with a body when one place in it has another value, and leave it as it was."""
    before = dict(holder) if isinstance(holder, dict) else list(holder)
    holder[key] = value
    try:
        return faults(shape, body)
    finally:
        holder.clear()
        holder.update(before) if isinstance(holder, dict) else holder.extend(before)


@pytest.mark.parametrize(("version", "request_name"), REQUESTS)
def test_every_body_that_is_described_is_taken(version: str, request_name: str) -> None:
    shape = bodies(version)[request_name]
    samples = [sample for spread in (0, 2) for sample in shape.samples(spread)]

    assert len(samples) > 10
    assert [found for sample in samples if (found := faults(shape, sample))] == []


@pytest.mark.parametrize(("version", "request_name"), REQUESTS)
def test_a_key_that_is_not_described_is_refused_wherever_it_stands(version: str, request_name: str) -> None:
    shape = bodies(version)[request_name]
    for sample in shape.samples(1):
        for holder in [sample, *(value for _, _, value in list(places(sample)) if isinstance(value, dict))]:
            found = faults_with(shape, sample, holder, "unheard_of", 1)
            assert any("unheard_of" in fault for fault in found), (sample, holder, found)


@pytest.mark.parametrize(("version", "request_name"), REQUESTS)
def test_a_value_of_another_type_is_refused_wherever_it_stands(version: str, request_name: str) -> None:
    shape = bodies(version)[request_name]
    for sample in shape.samples(1):
        for holder, key, value in list(places(sample)):
            other: Any = "wrong" if isinstance(value, dict) else WRONG
            assert faults_with(shape, sample, holder, key, other), (sample, key)


@pytest.mark.parametrize(
    ("version", "request_name", "body", "fault"),
    [
        (OLD, "POST pages", {}, "body.parent should be defined, instead was `undefined`."),
        (
            OLD,
            "POST pages",
            {"parent": {"database_id": "mine"}},
            'body.parent.database_id should be a valid uuid, instead was `"mine"`.',
        ),
        (
            NEWEST,
            "PATCH pages",
            {"properties": {"Total": {"number": "1"}}},
            'body.properties.Total.number should be a number or `null`, instead was `"1"`.',
        ),
        (
            NEWEST,
            "PATCH pages",
            {"properties": {"Net": {"number": 1, "foo": 2}}},
            "body.properties.Net.foo should be not present, instead was `2`.",
        ),
        (NEWEST, "PATCH pages", {"archived": True}, "body.archived should be not present, instead was `true`."),
        (
            NEWEST,
            "PATCH pages",
            {"properties": {"Name": {"title": [{"text": {"content": "🧾" * 1001}}]}}},
            "body.properties.Name.title[0].text.content.length should be ≤ `2000`, instead was `2002`.",
        ),
        (
            NEWEST,
            "PATCH pages",
            {"properties": {"Tags": {"multi_select": [{"name": "x"}] * 101}}},
            "body.properties.Tags.multi_select.length should be ≤ `100`, instead was `101`.",
        ),
        (
            NEWEST,
            "PATCH pages",
            {"properties": {"Mail": {"email": "x" * 201}}},
            "body.properties.Mail.email.length should be ≤ `200`, instead was `201`.",
        ),
        (
            SOURCES,
            "POST data_sources/query",
            {"page_size": 101},
            "body.page_size should be ≤ `100`, instead was `101`.",
        ),
        (
            NEWEST,
            "PATCH children",
            {"children": [], "after": "00000000-0000-4000-8000-000000000000"},
            'body.after should be not present, instead was `"00000000-0000-4000-8000-000000000000"`.',
        ),
        (
            OLD,
            "PATCH children",
            {"children": [], "position": {"type": "end"}},
            'body.position should be not present, instead was `{"type":"end"}`.',
        ),
    ],
)
def test_what_is_wrong_is_said_in_the_words_of_notion(version: str, request_name: str, body: Any, fault: str) -> None:
    assert faults(bodies(version)[request_name], body) == [fault]


def test_blocks_lie_two_levels_deep_in_a_request_and_no_deeper() -> None:
    def nested(levels: int) -> dict[str, Any]:
        below = {"children": [nested(levels - 1)]} if levels else {}
        return {"toggle": {"rich_text": [], **below}}

    append = bodies(NEWEST)["PATCH children"]

    assert faults(append, {"children": [nested(2)]}) == []
    [fault] = faults(append, {"children": [nested(3)]})
    assert fault.startswith(
        "body.children[0].toggle.children[0].toggle.children[0].toggle.children should be not present"
    )


def test_a_version_that_knows_of_no_sources_takes_no_source_as_a_parent() -> None:
    body = {"parent": {"data_source_id": "00000000-0000-4000-8000-000000000000"}}

    assert faults(bodies(OLD)["POST pages"], body)
    assert faults(bodies(SOURCES)["POST pages"], body) == []
