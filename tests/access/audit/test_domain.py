"""A chain of entries holds, and shows where it was touched."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest

from counterfoil.access.audit.domain import Entry, Head, Link, first_break, linked, start_of
from tests.conftest import ACME, BIRCH

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def entry(number: int) -> Entry:
    return Entry(
        id=UUID(int=number), workspace=ACME, at=NOW, actor="user:a", action="approve_review", details={"number": number}
    )


def chain(length: int) -> list[Link]:
    links, previous = list[Link](), start_of(ACME)
    for position in range(1, length + 1):
        links.append(linked(entry(position), position, previous))
        previous = links[-1].hash
    return links


def head_of(links: Sequence[Link], position: int) -> Head:
    return Head(workspace=ACME, position=position, hash=links[position - 1].hash, at=NOW)


def test_a_chain_as_it_was_written_holds_and_leads_through_its_heads() -> None:
    links = chain(5)
    assert first_break(ACME, links, [head_of(links, 2), head_of(links, 5)]) is None
    assert first_break(ACME, []) is None


def test_a_moment_counts_as_the_same_in_whatever_zone_it_is_said() -> None:
    elsewhere = replace(entry(1), at=NOW.astimezone(timezone(timedelta(hours=5))))
    assert linked(elsewhere, 1, "x").hash == linked(entry(1), 1, "x").hash


@pytest.mark.parametrize(
    "change",
    [
        lambda one: replace(one, actor="user:b"),
        lambda one: replace(one, action="look"),
        lambda one: replace(one, subject="review"),
        lambda one: replace(one, address="127.0.0.1"),
        lambda one: replace(one, details={}),
        lambda one: replace(one, at=NOW + timedelta(microseconds=1)),
        lambda one: replace(one, id=UUID(int=9)),
        lambda one: replace(one, workspace=BIRCH),
    ],
    ids=["actor", "action", "subject", "address", "details", "time", "id", "workspace"],
)
def test_whatever_is_changed_of_an_entry_is_found_there(change: Callable[[Entry], Entry]) -> None:
    links = chain(4)
    links[2] = replace(links[2], entry=change(links[2].entry))
    found = first_break(ACME, links)
    assert found is not None
    assert (found.position, found.sentence) == (3, "Entry 3 is not as it was written.")


def test_an_entry_that_was_taken_out_is_missed() -> None:
    links = chain(4)
    found = first_break(ACME, [*links[:1], *links[2:]])
    assert found is not None
    assert found.sentence == "Entry 2 is missing."


def test_a_chain_that_was_written_anew_from_an_entry_on_is_found_by_a_head() -> None:
    links = chain(4)
    forged, previous = links[:1], links[0].hash
    for position in range(2, 5):
        forged.append(linked(replace(entry(position), actor="user:b"), position, previous))
        previous = forged[-1].hash
    assert first_break(ACME, forged) is None
    found = first_break(ACME, forged, [head_of(links, 3)])
    assert found is not None
    assert found.sentence == "The log was written anew up to entry 3."


def test_a_chain_that_was_shortened_is_found_by_a_head() -> None:
    links = chain(4)
    found = first_break(ACME, links[:2], [head_of(links, 4)])
    assert found is not None
    assert found.sentence == "The log ends before entry 4, which it once had."


def test_a_chain_of_another_workspace_does_not_hold() -> None:
    assert first_break(BIRCH, chain(1)) is not None
