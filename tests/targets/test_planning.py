"""A plan follows its table where that is certain, and says what is not."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from counterfoil.records.domain import FieldPath
from counterfoil.targets.domain import (
    Author,
    Entry,
    OptionPolicy,
    Plan,
    Property,
    PropertyId,
    PropertyType,
    Schema,
    TargetId,
)
from counterfoil.targets.expressions import Constant, Expression, FieldOf, Format, Lookup, Nothing
from counterfoil.targets.mapping import map_schema
from counterfoil.targets.planning import DECIDED, compare, decided, doubts, idle, problems, repaired, with_key
from tests.support.targets import column, schema

MERCHANT = column("Merchant", PropertyType.TITLE)
TOTAL = column("Total", PropertyType.NUMBER)
MOOD = column("Mood", PropertyType.TEXT)
BEFORE = schema(MERCHANT, TOTAL, MOOD)


def plan(made_by: Author = Author.RULES) -> Plan:
    return Plan(
        target=TargetId(UUID(int=1)),
        version=1,
        schema=BEFORE,
        entries=map_schema(BEFORE),
        made_by=made_by,
        made_at=datetime(2026, 3, 1, tzinfo=UTC),
    )


def field(path: str) -> FieldOf:
    return FieldOf(path=FieldPath(path))


def test_what_changed_is_said_by_id_not_by_name_or_place() -> None:
    after = schema(
        replace(TOTAL, name="Sum"), replace(MERCHANT, type=PropertyType.TEXT), column("Tip", PropertyType.NUMBER)
    )
    assert compare(BEFORE, after).sentences() == (
        "“Total” is called “Sum” now.",
        "“Merchant” was title and is text now.",
        "“Mood” is gone.",
        "“Tip” (number) is new.",
    )


def test_the_same_columns_in_another_order_are_no_drift() -> None:
    after = schema(MOOD, TOTAL, MERCHANT)
    assert compare(BEFORE, after).sentences() == ()
    assert doubts(plan(), after) == ()


@pytest.mark.parametrize(
    "after",
    [
        schema(MERCHANT, replace(TOTAL, name="Anything at all"), MOOD),
        schema(MERCHANT, TOTAL),
        schema(MERCHANT, TOTAL, replace(MOOD, type=PropertyType.NUMBER)),
        schema(MERCHANT, TOTAL, MOOD, column("Tip", PropertyType.NUMBER)),
        schema(MERCHANT, TOTAL, MOOD, column("Shop floor", PropertyType.FILES)),
        schema(MERCHANT, TOTAL, MOOD, column("Currency", PropertyType.SELECT, required=True)),
    ],
    ids=["renamed", "unused removed", "unused retyped", "known added", "unknown added", "known required added"],
)
def test_what_is_certain_raises_no_doubt(after: Schema) -> None:
    assert doubts(plan(), after) == ()


@pytest.mark.parametrize(
    ("after", "doubt"),
    [
        (schema(MERCHANT, MOOD), "“Total” is gone."),
        (schema(MERCHANT, replace(TOTAL, type=PropertyType.TEXT), MOOD), "“Total” was number and is text now."),
        (
            schema(MERCHANT, replace(TOTAL, read_only=True), MOOD),
            "“Total” was number and is number, read-only now.",
        ),
        (schema(MERCHANT, TOTAL, replace(MOOD, required=True)), "“Mood” is required, and nothing fills it."),
        (
            schema(MERCHANT, TOTAL, MOOD, column("Project", PropertyType.TEXT, required=True)),
            "“Project” is required, and nothing fills it.",
        ),
    ],
    ids=["removed", "retyped", "locked", "became required", "required added"],
)
def test_what_is_not_certain_is_for_a_person(after: Schema, doubt: str) -> None:
    assert doubts(plan(), after) == (doubt,)


def test_a_new_column_is_filled_by_the_rules_with_what_is_not_in_use_yet() -> None:
    added = (column("Tip", PropertyType.NUMBER), column("Amount", PropertyType.NUMBER))
    entries = repaired(plan(), schema(*BEFORE.properties, *added))
    assert entries[PropertyId("Tip")].expression == field("tip")
    assert entries[PropertyId("Amount")].expression == Nothing()


def test_a_persons_plan_is_not_added_to() -> None:
    entries = repaired(plan(Author.PERSON), schema(*BEFORE.properties, column("Tip", PropertyType.NUMBER)))
    assert entries[PropertyId("Tip")].expression == Nothing()
    assert entries[PropertyId("Total")].expression == field("total")


def found(prop: Property, expression: Expression) -> tuple[str, ...]:
    return problems(schema(prop), {prop.id: Entry(expression=expression, reason="Given.", score=1.0)})


@pytest.mark.parametrize(
    ("kind", "expression"),
    [
        (PropertyType.TITLE, field("total")),
        (PropertyType.NUMBER, field("taxes.0.rate")),
        (PropertyType.NUMBER, field("number")),
        (PropertyType.SELECT, field("merchant.name")),
        (PropertyType.URL, field("document.file")),
        (PropertyType.TEXT, field("line_items.3.description")),
        (PropertyType.TEXT, Format(template="{merchant.name} {number}")),
        (PropertyType.CHECKBOX, Constant(value="true")),
        (PropertyType.DATE, Constant(value="2026-01-01")),
        (PropertyType.RELATION, Nothing()),
    ],
)
def test_a_plan_that_can_be_carried_out_has_no_problems(kind: PropertyType, expression: Expression) -> None:
    assert found(column("A", kind), expression) == ()


@pytest.mark.parametrize(
    ("prop", "expression", "problem"),
    [
        (TOTAL, field("issue_date"), "Total: issue_date is nothing that a number can hold."),
        (TOTAL, field("totals"), "Total: there is no value 'totals'; did you mean total?"),
        (TOTAL, field("taxes.0.__class__"), "Total: there is no value 'taxes.0.__class__'."),
        (TOTAL, field("merchant"), "Total: there is no value 'merchant'; did you mean merchant.name?"),
        (
            MOOD,
            Format(template="{merchant.name!r} {0}"),
            "Mood: there is no value 'merchant.name!r'; did you mean merchant.name?",
        ),
        (
            MOOD,
            Format(template="{merchant.name} {total"),
            "Mood: “{merchant.name} {total” has a brace too many or too few; each value stands between { and }.",
        ),
        (
            MOOD,
            Lookup(path=FieldPath("total"), values={}, otherwise=Format(template="total}")),
            "Mood: “total}” has a brace too many or too few; each value stands between { and }.",
        ),
        (TOTAL, Constant(value="much"), "Total: “much” is no number."),
        (TOTAL, Lookup(path=FieldPath("merchant.name"), values={"Bakery": "much"}), "Total: “much” is no number."),
        (
            TOTAL,
            Lookup(path=FieldPath("shop"), values={}),
            "Total: there is no value 'shop'; did you mean merchant.name?",
        ),
        (TOTAL, field("delivery.key"), "Total: delivery.key is nothing that a number can hold."),
        (replace(TOTAL, read_only=True), field("total"), "Total: it cannot be written."),
        (column("On", PropertyType.DATE), Format(template="{total}"), "On: a text is nothing that a date can hold."),
        (
            column("With", PropertyType.PEOPLE),
            field("total"),
            "With: total is nothing that a people can hold.",
        ),
        (replace(TOTAL, required=True), Nothing(), "“Total” is required, and nothing fills it."),
    ],
)
def test_a_plan_that_would_write_wrongly_has_a_problem(prop: Property, expression: Expression, problem: str) -> None:
    assert found(prop, expression) == (problem,)


def test_a_plan_for_a_column_that_is_not_there_has_a_problem() -> None:
    entry = Entry(expression=Nothing(), reason="Given.", score=1.0)
    assert problems(BEFORE, {PropertyId("nowhere"): entry}) == ("There is no property nowhere.",)


def test_a_column_that_is_gone_is_named_as_it_was_called() -> None:
    gone = column("Yj%7Dg", PropertyType.TEXT)
    entries = {PropertyId("Yj%7Dg"): Entry(expression=field("total"), reason="Given.", score=1.0)}
    assert problems(BEFORE, entries, schema(replace(gone, name="Tax"))) == ("“Tax” is gone; leave its entry out.",)


def test_what_a_person_has_not_changed_keeps_its_reason_and_score() -> None:
    before = plan()
    changed = Entry(expression=field("number"), reason=DECIDED, score=1.0)
    same = {one: replace(entry, reason=DECIDED, score=1.0) for one, entry in before.entries.items()}
    kept = decided({**same, MOOD.id: changed}, BEFORE, before)
    assert kept == {**before.entries, MOOD.id: changed}


def test_another_policy_is_a_decision_also_where_the_same_fills_a_column() -> None:
    entry = replace(plan().entries[TOTAL.id], reason=DECIDED, score=1.0, unknown_option=OptionPolicy.ASK)
    assert decided({TOTAL.id: entry}, BEFORE, plan())[TOTAL.id] == entry


def test_a_column_that_a_person_left_out_says_so_and_one_that_came_later_as_well() -> None:
    kept = decided({TOTAL.id: plan().entries[TOTAL.id]}, BEFORE, plan())
    assert kept[MERCHANT.id].reason == "The plan that a person made leaves it out."
    older = replace(plan(Author.PERSON), entries={TOTAL.id: plan().entries[TOTAL.id]})
    entries = repaired(older, schema(*BEFORE.properties, column("Tip", PropertyType.NUMBER)))
    assert entries[MERCHANT.id].reason == "The plan that a person made leaves it out."
    assert entries[PropertyId("Tip")].reason == "It is newer than the plan that a person made."


def test_of_a_column_that_is_gone_an_entry_without_effect_is_dropped() -> None:
    after = schema(MERCHANT, TOTAL)
    assert MOOD.id not in decided(plan().entries, after, plan())
    assert problems(after, decided(plan().entries, after, plan())) == ()


def test_a_plan_that_would_write_empty_rows_is_idle() -> None:
    nothing = {TOTAL.id: Entry(expression=Nothing(), reason=DECIDED, score=1.0)}
    assert idle(nothing) == idle(with_key(nothing, MOOD.id)) == ("It fills no column; let it fill one at least.",)
    assert idle(plan().entries) == ()
