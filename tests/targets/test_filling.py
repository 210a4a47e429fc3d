"""Values fit their columns, or there is a problem and no value."""

from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.records.domain import FieldPath, InvoiceData, Kind, Tax
from counterfoil.targets.domain import Entry, OptionPolicy, PropertyId, PropertyType
from counterfoil.targets.expressions import Constant, Expression, FieldOf, Format, Lookup, Nothing, Raw
from counterfoil.targets.filling import Filling, Misfit, draft_of, fill, fit, missing, nearest_option, undecided
from counterfoil.targets.values import FileRef, Value, encode
from tests.support.targets import BAKERY, FACTS, column, nobody, schema

FILE = FileRef(document_id=FACTS.document_id, name=FACTS.document_name, url=FACTS.document_url)


@pytest.mark.parametrize(
    ("kind", "raw", "wanted"),
    [
        (PropertyType.TITLE, "Corner Bakery", "Corner Bakery"),
        (PropertyType.TEXT, Decimal("12.30"), "12.30"),
        (PropertyType.TEXT, date(2026, 2, 28), "2026-02-28"),
        (PropertyType.TEXT, time(9, 5), "09:05"),
        (PropertyType.TEXT, datetime(2026, 3, 1, 9, 5, tzinfo=UTC), "2026-03-01 09:05+00:00"),
        (PropertyType.TEXT, Kind.CREDIT_NOTE, "Credit note"),
        (PropertyType.TEXT, FILE, "receipt.jpg"),
        (PropertyType.TEXT, "a\0b", "ab"),
        (PropertyType.NUMBER, Decimal("-0.010"), Decimal("-0.010")),
        (PropertyType.NUMBER, "12.50", Decimal("12.50")),
        (PropertyType.DATE, date(2026, 2, 28), date(2026, 2, 28)),
        (PropertyType.DATE, "2026-02-28", date(2026, 2, 28)),
        (PropertyType.CHECKBOX, "Yes", True),
        (PropertyType.CHECKBOX, "false", False),
        (PropertyType.URL, FACTS.document_url, FACTS.document_url),
        (PropertyType.URL, FILE, FILE.url),
        (PropertyType.EMAIL, "a@b.example", "a@b.example"),
        (PropertyType.PHONE, "+49 30 1", "+49 30 1"),
        (PropertyType.FILES, FILE, (FILE,)),
    ],
)
def test_a_value_that_fits_is_taken_as_it_is(kind: PropertyType, raw: Raw, wanted: Value) -> None:
    fitted = fit(column("Column", kind), raw)
    assert fitted == wanted
    assert type(fitted) is type(wanted)


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        (PropertyType.NUMBER, "12,50"),
        (PropertyType.NUMBER, "007"),
        (PropertyType.NUMBER, "1e5"),
        (PropertyType.NUMBER, "NaN"),
        (PropertyType.NUMBER, Decimal("NaN")),
        (PropertyType.NUMBER, Decimal("1e999999")),
        (PropertyType.NUMBER, date(2026, 2, 28)),
        (PropertyType.DATE, "28.02.2026"),
        (PropertyType.DATE, time(9, 5)),
        (PropertyType.CHECKBOX, "maybe"),
        (PropertyType.URL, "javascript:alert(1)"),
        (PropertyType.URL, "https://a b"),
        (PropertyType.URL, "http://[broken"),
        (PropertyType.EMAIL, "nobody"),
        (PropertyType.PHONE, "none"),
        (PropertyType.FILES, "receipt.jpg"),
        (PropertyType.RELATION, "Corner Bakery"),
        (PropertyType.PEOPLE, "somebody"),
        (PropertyType.STATUS, "Done"),
        (PropertyType.SELECT, "Food"),
        (PropertyType.MULTI_SELECT, "Food"),
    ],
)
def test_a_value_that_does_not_fit_is_a_problem(kind: PropertyType, raw: Raw) -> None:
    fitted = fit(column("Column", kind), raw)
    assert isinstance(fitted, Misfit)
    assert fitted.problem.endswith(".")


def test_a_select_may_grow_where_it_is_open_and_a_status_never() -> None:
    assert fit(column("Category", PropertyType.SELECT, open_options=True), "Food") == "Food"
    assert fit(column("Tags", PropertyType.MULTI_SELECT, open_options=True), "Food") == ("Food",)
    assert isinstance(fit(column("Status", PropertyType.STATUS, "Open", open_options=True), "Done"), Misfit)


@pytest.mark.parametrize(
    ("text", "options", "wanted"),
    [
        ("card", ("Bar", "Karte"), "Karte"),
        ("Direct debit", ("Überweisung", "Lastschrift"), "Lastschrift"),
        ("EUR", ("€ EUR", "$ USD"), "€ EUR"),
        ("Receipt", ("Rechnung", "Beleg"), "Beleg"),
        ("groceries", ("Travel", "Groceries 🛒"), "Groceries 🛒"),
        ("Office suplies", ("Office supplies", "Travel"), "Office supplies"),
        ("USD", ("AUD", "CAD"), None),
        ("Store 11", ("Store 10", "Store 12"), None),
        ("food", ("Food", "FOOD"), None),
        ("FOOD", ("Food", "FOOD"), "FOOD"),
        ("🍞", ("🍺",), None),
        ("🍞", ("🍺", "🍞"), "🍞"),
        ("Anything", (), None),
    ],
)
def test_the_nearest_option_is_the_one_that_means_the_same(
    text: str, options: tuple[str, ...], wanted: str | None
) -> None:
    assert nearest_option(text, options, 0.85) == wanted


def fillings(*planned: tuple[PropertyType, Expression], data: InvoiceData = BAKERY, **settings: bool) -> list[object]:
    columns = schema(*(column(f"p{n}", kind, **settings) for n, (kind, _) in enumerate(planned)))
    entries = {
        PropertyId(f"p{n}"): Entry(expression=expression, reason="Given.", score=1.0)
        for n, (_, expression) in enumerate(planned)
    }
    return [one.value if one.problem is None else one.problem for one in fill(columns, entries, data, FACTS, nobody)]


def field(path: str) -> FieldOf:
    return FieldOf(path=FieldPath(path))


def test_expressions_give_fields_constants_texts_and_nothing() -> None:
    assert fillings(
        (PropertyType.TITLE, field("merchant.name")),
        (PropertyType.NUMBER, field("taxes.0.amount")),
        (PropertyType.NUMBER, field("line_items.7.amount")),
        (PropertyType.TEXT, Constant(value="Office")),
        (PropertyType.TEXT, Format(template="{merchant.name}, {issue_date}, {due_date}")),
        (PropertyType.TEXT, Format(template="due {due_date}")),
        (PropertyType.TEXT, Nothing()),
        (PropertyType.TEXT, field("line_items")),
        (PropertyType.TEXT, field("taxes")),
        (PropertyType.TEXT, field("document.name")),
        (PropertyType.DATE, field("delivered_at")),
        (PropertyType.FILES, field("document.file")),
    ) == [
        "Corner Bakery",
        Decimal("0.80"),
        None,
        "Office",
        "Corner Bakery, 2026-02-28",
        None,
        None,
        "2 Bread = 12.30",
        "7 % of 11.50 = 0.80",
        "receipt.jpg",
        FACTS.delivered_at,
        (FILE,),
    ]


def test_taxes_are_added_up_only_when_all_of_them_are_known() -> None:
    seven, nineteen = Tax(amount=Decimal("0.70")), Tax(amount=Decimal("1.90"))
    total = (PropertyType.NUMBER, field("tax_total"))
    assert fillings(total, data=replace(BAKERY, taxes=(seven, nineteen))) == [Decimal("2.60")]
    assert fillings(total, data=replace(BAKERY, taxes=(seven, Tax(rate=Decimal(19))))) == [None]
    assert fillings(total, data=replace(BAKERY, taxes=(seven, Tax(amount=Decimal("1e999999"))))) == [None]
    assert fillings(total, data=InvoiceData()) == [None]


def test_a_problem_names_its_column_and_a_locked_column_gets_nothing() -> None:
    assert fillings((PropertyType.NUMBER, field("merchant.name"))) == ["p0: “Corner Bakery” is no number."]
    assert fillings((PropertyType.NUMBER, field("total")), read_only=True) == ["p0 cannot be written."]


def test_a_column_that_the_plan_does_not_know_stays_as_it_is() -> None:
    [filling] = fill(schema(column("New", PropertyType.TEXT)), {}, BAKERY, FACTS, nobody)
    assert filling.value is None
    assert draft_of([filling], frozenset({PropertyId("New")})) == {}


def test_the_missing_are_the_required_without_a_value() -> None:
    columns = schema(column("A", PropertyType.TEXT, required=True), column("B", PropertyType.TEXT))
    assert missing(fill(columns, {}, BAKERY, FACTS, nobody)) == ("A",)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**12), max_value=10**12))
def test_no_amount_changes_on_its_way(amount: Decimal) -> None:
    fitted = fit(column("Total", PropertyType.NUMBER), amount)
    assert isinstance(fitted, Decimal)
    kept = Decimal(str(encode(fitted)))
    assert (kept, kept.as_tuple().exponent) == (amount, amount.as_tuple().exponent)


@given(st.sampled_from(PropertyType), st.text(max_size=30), st.booleans())
def test_any_text_is_fitted_or_refused_without_a_crash(kind: PropertyType, text: str, open_options: bool) -> None:
    options = ("Alpha", "Beta") if kind.has_options else ()
    fitted = fit(column("Column", kind, *options, open_options=open_options), text)
    if kind is PropertyType.STATUS:
        assert isinstance(fitted, Misfit) or fitted in options


ACCOUNTS = {"a-1": "Office supplies", "a-2": "Travel", "a-3": "travel"}


def account(value: str) -> Filling:
    """Return how a relation to accounts is filled with what a person says."""
    accounts = column("Account", PropertyType.RELATION)
    plan = {accounts.id: Entry(expression=Constant(value=value), reason="Given.", score=1.0)}
    [filling] = fill(schema(accounts), plan, BAKERY, FACTS, lambda _prop, _name: ACCOUNTS)
    return filling


def test_a_relation_points_to_what_is_called_so() -> None:
    assert account("Office Supplies").value == ("a-1",)
    assert account("Travel").value == ("a-2",)


@pytest.mark.parametrize("value", ["Rent", "TRAVEL"])
def test_a_relation_that_could_point_to_nothing_or_to_two_stays_empty(value: str) -> None:
    filling = account(value)
    assert filling.value is None
    assert filling.problem is not None
    assert value in filling.problem


def test_rules_by_vendor_find_their_vendor_however_it_is_written() -> None:
    category = column("Category", PropertyType.TEXT)
    rules = Lookup(
        path=FieldPath("merchant.name"), values={"CORNER-BAKERY": "Food"}, otherwise=FieldOf(path=FieldPath("number"))
    )
    plan = {category.id: Entry(expression=rules, reason="Given.", score=1.0)}
    [filling] = fill(schema(category), plan, BAKERY, FACTS, nobody)
    assert filling.value == "Food"
    other = replace(BAKERY, merchant=replace(BAKERY.merchant, name="Another"))
    [filling] = fill(schema(category), plan, other, FACTS, nobody)
    assert filling.value == "2026-0042"


def test_a_rate_in_a_percent_column_is_a_fraction() -> None:
    rate = column("VAT", PropertyType.NUMBER, percent=True)
    plan = {rate.id: Entry(expression=FieldOf(path=FieldPath("tax_rate")), reason="Given.", score=1.0)}
    [filling] = fill(schema(rate), plan, BAKERY, FACTS, nobody)
    assert filling.value == Decimal("0.07")
    two = replace(BAKERY, taxes=(*BAKERY.taxes, Tax(rate=Decimal(19), amount=Decimal(1))))
    [filling] = fill(schema(rate), plan, two, FACTS, nobody)
    assert (filling.value, filling.problem) == (None, None)


@pytest.mark.parametrize(
    ("policy", "value", "asked"),
    [(OptionPolicy.ADD, "Card", ()), (OptionPolicy.NEAREST, None, ()), (OptionPolicy.ASK, None, ("Paid by",))],
)
def test_a_value_that_is_no_option_is_added_or_left_out_or_asked_about(
    policy: OptionPolicy, value: str | None, asked: tuple[str, ...]
) -> None:
    paid = column("Paid by", PropertyType.SELECT, "Petty cash", open_options=True)
    expression = FieldOf(path=FieldPath("payment_method"))
    plan = {paid.id: Entry(expression=expression, reason="Given.", score=1.0, unknown_option=policy)}
    fillings = fill(schema(paid), plan, BAKERY, FACTS, nobody)
    assert fillings[0].value == value
    assert tuple(problem[:7] for problem in undecided(fillings)) == asked
