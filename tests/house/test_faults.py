"""Every fault has its test, waits for its room, or is said to be open."""

import ast
from pathlib import Path

import counterfoil
from tests.support.faults import FAULTS, GAPS, MEASURES, TESTS, WAITING

ROOT = Path(__file__).parents[2]
WAITS = {fault for faults in WAITING.values() for fault in faults}


def test_every_fault_is_covered_waits_or_is_open() -> None:
    assert set(FAULTS) == set(TESTS) | set(MEASURES) | WAITS | set(GAPS)
    assert WAITS.isdisjoint(GAPS)
    nowhere = GAPS.keys() - TESTS.keys() - MEASURES.keys()
    assert nowhere == set(), "these are said to be covered in part, and name neither test nor measurement"


def _tests_of(path: str) -> set[str]:
    source = ROOT / path
    if not source.exists():
        return set()
    return {node.name for node in ast.walk(ast.parse(source.read_text())) if isinstance(node, ast.FunctionDef)}


def test_every_test_that_is_named_is_there() -> None:
    named = {test for tests in [*TESTS.values(), *MEASURES.values()] for test in tests}
    assert len(named) > 30
    assert all(TESTS.values())
    missing = [test for test in named if test.partition("::")[2] not in _tests_of(test.partition("::")[0])]
    assert missing == []


def test_no_fault_waits_for_a_room_that_is_there() -> None:
    (house,) = counterfoil.__path__
    there = {room: sorted(faults) for room, faults in WAITING.items() if (Path(house) / room).exists()}
    assert there == {}, "these rooms are there: cover their faults, or say what is missing in GAPS"


def test_what_is_open_is_said_where_people_look() -> None:
    """The page for operators lists it, so that nobody takes the rest for all there is."""
    _, _, section = (ROOT / "docs" / "reference" / "faults.md").read_text().partition("## What is not tested yet\n")
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")][2:]
    said = {number.strip(): (fault.strip(), missing.strip()) for number, fault, missing in rows}
    assert len(said) == len(rows)
    assert said == {number: (FAULTS[number], missing) for number, missing in GAPS.items()}
