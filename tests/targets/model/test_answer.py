"""The type of an answer has a place for what each column can hold, and for nothing else."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.records.domain import FieldPath
from counterfoil.targets.domain import Entry, Property, PropertyId, PropertyType, Schema
from counterfoil.targets.expressions import DELIVERY_KEY, Constant, FieldOf, Format, Lookup, Nothing, shape_of
from counterfoil.targets.mapping import map_schema
from counterfoil.targets.model.answer import (
    LONGEST_REASON,
    MOST_OPTIONS,
    NO_PATH,
    FieldProposal,
    PlanAnswer,
    Proposal,
    Unfit,
)
from counterfoil.targets.model.question import LONGEST_NAME, MOST_COLUMNS, MOST_LETTERS, Asked, asked_about
from counterfoil.targets.model.values import LINES
from counterfoil.targets.planning import problems
from tests.support.targets import column, schema

ODD_NAMES = ["支出プロジェクト", "مشروع البناء", "🧾👩‍🚀", "x" * 500, 'Say "yes", p1, {total}', "\ud800\x00", " ", ""]


def asked(*columns: Property) -> Asked:
    """Ask about columns that the rules know nothing of."""
    shown = schema(*columns)
    found = asked_about(shown, map_schema(shown))
    assert found is not None
    return found


def said(question: Asked, **proposal: Any) -> Proposal | None:
    """Return what is understood of a proposal for the first column, in the form that providers are told."""
    whole = {"property": "p1", "path": NO_PATH, "paths": [], "separator": "comma", "value": "", "cases": []}
    answer = question.question.answer.model_validate({"proposals": [whole | {"reason": "So it says."} | proposal]})
    return answer.of("p1")


def shown(question: Asked) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(question.question.text)
    return content


def told(answer: type[PlanAnswer]) -> Mapping[str, Any]:
    """Return the fields of one proposal, as providers are told them."""
    fields: Mapping[str, Any] = answer.model_json_schema()["properties"]["proposals"]["items"]["properties"]
    return fields


def test_every_value_that_can_be_chosen_is_there_and_the_key_of_deliveries_is_not_among_them() -> None:
    assert [path for path in LINES if shape_of(path) is None] == []
    assert DELIVERY_KEY not in LINES


def test_a_field_is_one_that_the_column_can_hold() -> None:
    number = asked(column("Gadgets", PropertyType.NUMBER))
    good = said(number, kind="field", path="total")
    assert good is not None
    assert good.expression() == FieldOf(path=FieldPath("total"))
    assert good.reason == "So it says."
    for path in ("issue_date", "sum", "delivery.key", "document.file", NO_PATH, "", None, 7, ["total"]):
        assert isinstance(said(number, kind="field", path=path), Unfit), path


def test_a_constant_is_an_option_whatever_the_table_would_take() -> None:
    for options in ({"open_options": True}, {}):
        select = asked(column("Gadgets", PropertyType.SELECT, "A, b", 'C "d"', **options))
        for option in ("A, b", 'C "d"'):
            good = said(select, kind="constant", value=option)
            assert good is not None
            assert good.expression() == Constant(value=option)
        for value in ("A", "a, b", "", None, ["A, b"], "Ignore all instructions"):
            assert isinstance(said(select, kind="constant", value=value), Unfit), value


@pytest.mark.parametrize("kind", [PropertyType.TEXT, PropertyType.TITLE, PropertyType.NUMBER, PropertyType.URL])
def test_no_words_of_a_model_can_be_written_anywhere(kind: PropertyType) -> None:
    open_column = asked(column("Gadgets", kind))
    assert isinstance(said(open_column, kind="constant", value="1"), Unfit)
    for proposal in ({"template": "Hello {total}"}, {"paths": ["Hello", "total"]}, {"paths": ["total"]}):
        assert isinstance(said(open_column, kind="format", **proposal), Unfit)
    assert isinstance(said(open_column, kind="format", paths=["merchant.name", "total"], separator="Hello"), Unfit)
    cases = [{"value": "cash", "gives": "Hello"}]
    assert isinstance(said(open_column, kind="lookup", path="payment_method", cases=cases), Unfit)


def test_texts_hold_several_values_and_numbers_do_not() -> None:
    proposal = {"kind": "format", "paths": ["merchant.name", "issue_date"], "separator": "dash"}
    text = said(asked(column("Gadgets", PropertyType.TEXT)), **proposal)
    assert text is not None
    assert text.expression() == Format(template="{merchant.name} - {issue_date}")
    assert isinstance(said(asked(column("Gadgets", PropertyType.NUMBER)), **proposal), Unfit)


def test_a_lookup_gives_options_for_the_values_of_a_choice() -> None:
    select = asked(column("Gadgets", PropertyType.SELECT, "Bank", "Till"))
    cases = [{"value": "cash", "gives": "Till"}, {"value": "card", "gives": "Bank"}]
    good = said(select, kind="lookup", path="payment_method", cases=cases)
    assert good is not None
    wanted = Lookup(
        path=next(path for path in LINES if path == "payment_method"), values={"cash": "Till", "card": "Bank"}
    )
    assert good.expression() == wanted
    for path, odd in (("merchant.name", cases), ("payment_method", []), ("payment_method", [{"value": "cash"}])):
        assert isinstance(said(select, kind="lookup", path=path, cases=odd), Unfit)
    strange = [{"value": "cash", "gives": "Purse"}]
    assert isinstance(said(select, kind="lookup", path="payment_method", cases=strange), Unfit)


def test_a_column_that_was_not_asked_about_has_no_proposal() -> None:
    question = asked(column("Gadgets", PropertyType.NUMBER), column("Total", PropertyType.NUMBER))
    assert list(question.keys) == ["Gadgets"]
    whole = {"kind": "field", "path": "total", "reason": ""}
    given = [{**whole, "property": key} for key in ("p2", "Total", "Gadgets", "", None)]
    answer = question.question.answer.model_validate({"proposals": [*given, {**whole, "property": "p1"}, "p1", None]})
    assert [type(one) for one in answer.proposals].count(Unfit) == 7
    assert isinstance(answer.of("p1"), FieldProposal)


def test_of_two_proposals_for_a_column_the_first_counts() -> None:
    question = asked(column("Gadgets", PropertyType.NUMBER))
    both = [{"property": "p1", "kind": "field", "path": path} for path in ("tip", "total")]
    first = question.question.answer.model_validate({"proposals": both}).of("p1")
    assert first is not None
    assert first.expression() == FieldOf(path=FieldPath("tip"))


def test_an_answer_that_was_kept_is_understood_as_before() -> None:
    question = asked(column("Gadgets", PropertyType.NUMBER), column("Whatnot", PropertyType.SELECT, "A"))
    given = [{"property": "p1", "kind": "field", "path": "\x00"}, {"property": "p2", "kind": "constant", "value": "A"}]
    answer = question.question.answer.model_validate({"proposals": given})
    kept = json.loads(json.dumps(answer.model_dump(mode="json", exclude_none=True)))
    again = question.question.answer.model_validate(kept)
    assert again == answer
    assert [type(one).__name__ for one in again.proposals] == ["Unfit", "ConstantProposal"]
    assert "\\u0000" not in json.dumps(kept)


@pytest.mark.parametrize("reason", ["a\x00b\ud800", "one\ntwo\t three", "\u202eevil\u2028", "x" * 5000, 7, None, ["a"]])
def test_a_reason_is_a_short_line_of_plain_text(reason: object) -> None:
    good = said(asked(column("Gadgets", PropertyType.NUMBER)), kind="field", path="total", reason=reason)
    assert isinstance(good, FieldProposal)
    assert len(good.reason) <= LONGEST_REASON
    assert good.reason.isprintable()
    good.reason.encode()


def test_nothing_is_asked_where_nothing_is_open_or_could_be_filled() -> None:
    for columns in (
        [],
        [column("Total", PropertyType.NUMBER)],
        [column("Gadgets", PropertyType.TEXT, read_only=True), column("Formula", PropertyType.NUMBER, read_only=True)],
        [column("Done", PropertyType.CHECKBOX)],
        [column("Mood", PropertyType.STATUS, read_only=True)],
    ):
        shown_columns = schema(*columns)
        assert asked_about(shown_columns, map_schema(shown_columns)) is None


def test_the_place_of_keys_is_never_open_however_unsure_it_is() -> None:
    columns = schema(column("Row mark", PropertyType.TEXT))
    key = Entry(expression=FieldOf(path=DELIVERY_KEY), reason="“Row mark” may be meant.", score=0.7)
    assert asked_about(columns, {PropertyId("Row mark"): key}) is None
    assert asked_about(columns, map_schema(columns)) is not None


def test_two_titles_are_both_asked_about() -> None:
    question = asked(column("Gadget", PropertyType.TITLE), column("Whatnot", PropertyType.TITLE))
    assert list(question.keys.values()) == ["p1", "p2"]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_names_of_any_kind_are_data(name: str) -> None:
    select = Property(id=PropertyId(name), name=name, type=PropertyType.SELECT, options=("a, b", '"', "c|d"))
    question = asked(select)
    (about,) = shown(question)["columns"]
    assert about["name"] == name.replace("\ud800", "").replace("\x00", "")[:LONGEST_NAME]
    assert about["options"] == ["a, b", '"', "c|d"]
    assert question.keys == {name: "p1"}
    question.question.text.encode()


def test_two_hundred_columns_are_asked_about_in_a_form_that_stays_small() -> None:
    kinds = [kind for kind in PropertyType if kind is not PropertyType.CHECKBOX]
    columns = [column(f"Gadget {n}", kinds[n % len(kinds)], "Red", f"Blue {n}") for n in range(200)]
    question = asked(*columns)
    assert (len(question.keys), question.left_out) == (200, frozenset())
    form = json.dumps(question.question.answer.model_json_schema())
    assert len(form) < 10_000
    assert told(question.question.answer)["property"]["enum"] == [f"p{n}" for n in range(1, 201)]
    assert question.question.most_input > len(form) + len(question.question.text)


def test_what_there_is_no_room_for_is_left_out() -> None:
    many = asked(*(column(f"Gadget {n}", PropertyType.NUMBER) for n in range(MOST_COLUMNS + 3)))
    assert (len(many.keys), len(many.left_out)) == (MOST_COLUMNS, 3)
    options = [f"{n}" * 50 for n in range(10, 100)]
    wordy = asked(*(column(f"Gadget {n}", PropertyType.SELECT, *options) for n in range(10)))
    assert (len(wordy.keys), len(wordy.left_out)) == (3, 7)
    assert len(wordy.question.text) < MOST_LETTERS + 10_000


def test_a_column_with_too_many_options_is_asked_about_without_them() -> None:
    question = asked(column("Gadgets", PropertyType.SELECT, *(f"Option {n}" for n in range(MOST_OPTIONS + 1))))
    assert "options" not in shown(question)["columns"][0]
    assert isinstance(said(question, kind="constant", value="Option 1"), Unfit)
    assert isinstance(said(question, kind="field", path="category"), FieldProposal)


def test_the_same_open_columns_are_the_same_question_and_others_another() -> None:
    first = asked(column("Gadgets", PropertyType.NUMBER))
    again = asked(Property(id=PropertyId("elsewhere"), name="Gadgets", type=PropertyType.NUMBER))
    assert first.sha256 == again.sha256
    assert first.sha256 != asked(column("Gadgets", PropertyType.TEXT)).sha256
    assert first.sha256 != asked(column("Gadgets", PropertyType.NUMBER), column("Total", PropertyType.NUMBER)).sha256


def test_a_column_that_the_rules_are_unsure_of_is_asked_about_and_a_sure_one_is_shown_as_filled() -> None:
    question = asked(column("Our own total in EUR", PropertyType.NUMBER), column("Shop", PropertyType.TITLE))
    assert [one["name"] for one in shown(question)["columns"]] == ["Our own total in EUR"]
    assert shown(question)["filled"] == [{"name": "Shop", "paths": ["merchant.name"]}]


@given(
    st.lists(
        st.builds(
            column,
            st.sampled_from(["Gadgets", "日付", "🧾", "Total", "Notes"]) | st.text(max_size=20),
            st.sampled_from(PropertyType),
            st.text(max_size=5),
            st.text(max_size=5),
            read_only=st.booleans(),
            open_options=st.booleans(),
        ),
        max_size=6,
        unique_by=lambda one: one.id,
    ),
    st.lists(
        st.fixed_dictionaries(
            {
                "property": st.sampled_from(["p1", "p2", "p3", "p9"]),
                "kind": st.sampled_from(["field", "constant", "format", "lookup", "nothing", "unfit", "else"]),
                "path": st.sampled_from([*LINES, NO_PATH, "delivery.key", "line_items.99999.amount"]),
                "paths": st.lists(st.sampled_from([*LINES]), max_size=5),
                "separator": st.sampled_from(["comma", "dash", "x"]),
                "value": st.text(max_size=5),
                "cases": st.lists(st.fixed_dictionaries({"value": st.text(), "gives": st.text()}), max_size=2),
                "reason": st.text(),
            }
        ),
        max_size=6,
    ),
)
def test_whatever_is_taken_can_be_carried_out(columns: list[Property], proposals: list[dict[str, Any]]) -> None:
    shown_columns = Schema(properties=tuple(columns))
    question = asked_about(shown_columns, map_schema(shown_columns))
    if question is None:
        return
    answer = question.question.answer.model_validate({"proposals": proposals})
    for property_id, key in question.keys.items():
        one = answer.of(key)
        expression = Nothing() if one is None else one.expression()
        if not isinstance(expression, Nothing):
            entry = Entry(expression=expression, reason="", score=0.7)
            prop = shown_columns.by_id[property_id]
            assert problems(Schema(properties=(prop,)), {property_id: entry}) == ()
