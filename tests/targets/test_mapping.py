"""The rules mapper finds what people mean, in their languages, and never claims what it does not know."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfoil.records.domain import FieldPath
from counterfoil.targets.domain import Entry, Property, PropertyId, PropertyType, Schema
from counterfoil.targets.expressions import FieldOf, Format, Nothing, paths_in, shape_of
from counterfoil.targets.filling import fill
from counterfoil.targets.mapping import map_schema
from counterfoil.targets.planning import problems
from counterfoil.targets.values import encode
from counterfoil.targets.vocabulary import CHOICE_NAMES, LANGUAGES, NOT_ON_A_RECEIPT, PROPERTY_NAMES
from tests.support.targets import BAKERY, FACTS, column, nobody, schema

ODD_NAMES = st.one_of(
    st.text(min_size=0, max_size=40),
    st.text(alphabet="🍞🧾💶👩‍🚀", min_size=1, max_size=5),
    st.sampled_from(
        ["日付", "合計金額", "店名", "التاريخ", "المجموع", "מחיר", "дата", "Сумма", "ราคา", "", " ", "x" * 500]
    ),
    st.sampled_from([name for names in PROPERTY_NAMES.values() for text in names.values() for name in text.split(",")]),
)
ODD_PROPERTIES = st.builds(
    Property,
    id=st.just(PropertyId("")),
    name=ODD_NAMES,
    type=st.sampled_from(PropertyType),
    options=st.lists(st.text(max_size=12), max_size=4).map(tuple),
    open_options=st.booleans(),
    required=st.booleans(),
    read_only=st.booleans(),
)


def odd_schema(columns: list[Property]) -> Schema:
    ids = (PropertyId(f"p{number}") for number in range(len(columns)))
    return Schema(
        properties=tuple(
            Property(
                id=property_id,
                name=one.name,
                type=one.type,
                options=one.options,
                open_options=one.open_options,
                required=one.required,
                read_only=one.read_only,
            )
            for property_id, one in zip(ids, columns, strict=True)
        )
    )


def entry(name: str, kind: PropertyType, *options: str) -> Entry:
    return map_schema(schema(column(name, kind, *options)))[PropertyId(name)]


def path(name: str, kind: PropertyType, *options: str) -> str | None:
    expression = entry(name, kind, *options).expression
    return expression.path if isinstance(expression, FieldOf) else None


@pytest.mark.parametrize(
    ("name", "kind", "wanted"),
    [
        ("Vendor", PropertyType.TEXT, "merchant.name"),
        ("Händler", PropertyType.TITLE, "merchant.name"),
        ("haendler", PropertyType.TEXT, "merchant.name"),
        ("FOURNISSEUR", PropertyType.SELECT, "merchant.name"),
        ("Rechnungsdatum", PropertyType.DATE, "issue_date"),
        ("invoiceDate", PropertyType.DATE, "issue_date"),
        ("date d'Échéance", PropertyType.DATE, "due_date"),
        ("termin platnosci", PropertyType.DATE, "due_date"),
        ("Betrag (EUR)", PropertyType.NUMBER, "total"),
        ("Amount / Betrag", PropertyType.NUMBER, "total"),
        ("Total in EUR", PropertyType.NUMBER, "total"),
        ("Importe total", PropertyType.TEXT, "total"),
        ("kwota brutto", PropertyType.NUMBER, "total"),
        ("MwSt.", PropertyType.NUMBER, "tax_total"),
        ("IVA", PropertyType.NUMBER, "tax_total"),
        ("montant HT", PropertyType.NUMBER, "subtotal"),
        ("Sub-Total", PropertyType.NUMBER, "subtotal"),
        ("USt-IdNr.", PropertyType.TEXT, "merchant.tax_id"),
        ("P.IVA", PropertyType.TEXT, "merchant.tax_id"),
        ("Invoice #", PropertyType.TEXT, "number"),
        ("Factuurnummer", PropertyType.TEXT, "number"),
        ("Währung", PropertyType.SELECT, "currency"),
        ("Forma de pagamento", PropertyType.SELECT, "payment_method"),
        ("catégorie", PropertyType.MULTI_SELECT, "category"),
        ("Beleg", PropertyType.FILES, "document.file"),
        ("Link zum Beleg", PropertyType.URL, "document.url"),
        ("Mechant adress", PropertyType.TEXT, "merchant.address"),
        ("Descripción", PropertyType.TEXT, "line_items"),
        ("Telefon", PropertyType.PHONE, "merchant.phone"),
        ("Uwagi", PropertyType.TEXT, "notes"),
    ],
)
def test_a_column_is_known_by_its_name_in_many_languages(name: str, kind: PropertyType, wanted: str | None) -> None:
    assert path(name, kind) == wanted


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Payment date", PropertyType.DATE),
        ("Client payment date", PropertyType.DATE),
        ("Bezahlt am", PropertyType.DATE),
        ("Project name", PropertyType.TEXT),
        ("Pet name", PropertyType.TEXT),
        ("Status", PropertyType.STATUS),
        ("Approved", PropertyType.CHECKBOX),
        ("Total", PropertyType.CHECKBOX),
        ("Date", PropertyType.NUMBER),
        ("Betrag der letzten Rückzahlung an uns", PropertyType.NUMBER),
        ("💶", PropertyType.NUMBER),
    ],
)
def test_what_only_sounds_like_a_receipts_value_stays_empty_with_a_reason(name: str, kind: PropertyType) -> None:
    decided = entry(name, kind)
    assert isinstance(decided.expression, Nothing)
    assert decided.reason.endswith(".")


def test_every_name_of_the_vocabulary_is_understood() -> None:
    fitting = {"document.file": PropertyType.FILES, "document.url": PropertyType.URL}
    for wanted, names in PROPERTY_NAMES.items():
        for name in (name.strip() for text in names.values() for name in text.split(",")):
            kind = fitting.get(wanted, PropertyType.TEXT)
            assert path(name, kind) is not None, (wanted, name)


def test_every_language_has_every_value_and_every_value_has_a_shape() -> None:
    for wanted, names in PROPERTY_NAMES.items():
        assert names.keys() == LANGUAGES.keys(), wanted
        assert shape_of(FieldPath(wanted)) is not None, wanted
    assert NOT_ON_A_RECEIPT.keys() == LANGUAGES.keys()
    assert all(shape_of(FieldPath(choice)) == "choice" for choice in CHOICE_NAMES)


def test_the_options_tell_what_a_type_is_about() -> None:
    assert path("Type", PropertyType.SELECT, "Rechnung", "Quittung") == "kind"
    assert path("Type", PropertyType.SELECT, "Travel", "Food") == "category"


def test_a_clear_name_goes_before_one_that_may_mean_several_things() -> None:
    entries = map_schema(schema(column("Type", PropertyType.SELECT), column("Category", PropertyType.SELECT)))
    assert entries[PropertyId("Category")].expression == FieldOf(path=FieldPath("category"))
    assert entries[PropertyId("Type")].expression == FieldOf(path=FieldPath("kind"))


def test_the_second_column_for_a_value_stays_empty_and_says_so() -> None:
    entries = map_schema(schema(column("Total", PropertyType.NUMBER), column("Betrag", PropertyType.NUMBER)))
    assert entries[PropertyId("Betrag")].reason == "It would be the total too, which another property takes already."


def test_a_title_is_never_left_empty() -> None:
    alone = map_schema(schema(column("Name", PropertyType.TITLE)))
    assert alone[PropertyId("Name")].expression == FieldOf(path=FieldPath("merchant.name"))
    beside = map_schema(schema(column("Name", PropertyType.TITLE), column("Vendor", PropertyType.TEXT)))
    assert beside[PropertyId("Name")].expression == Format(template="{merchant.name}, {issue_date}")


def test_a_column_that_cannot_be_written_is_left_alone() -> None:
    [decided] = map_schema(schema(column("Total", PropertyType.NUMBER, read_only=True))).values()
    assert (decided.expression, decided.reason) == (Nothing(), "It cannot be written.")


def test_a_decision_gives_its_reason() -> None:
    assert entry("Betrag", PropertyType.NUMBER).reason == "“Betrag” is German for the total."
    assert entry("Merchnt", PropertyType.TEXT).reason == "“Merchnt” is nearly “merchant”, English for the merchant."
    assert entry("Total", PropertyType.NUMBER).score > entry("Total", PropertyType.TEXT).score


@settings(max_examples=60, deadline=None)
@given(st.lists(ODD_PROPERTIES, max_size=8))
def test_any_schema_gets_a_plan_that_can_be_carried_out_and_uses_each_value_once(columns: list[Property]) -> None:
    odd = odd_schema(columns)
    entries = map_schema(odd)
    assert set(entries) == set(odd.by_id)
    unfilled = [one for one in problems(odd, entries) if not one.endswith("nothing fills it.")]
    assert unfilled == []
    used = Counter(one.expression.path for one in entries.values() if isinstance(one.expression, FieldOf))
    assert all(count == 1 for count in used.values())
    assert all(shape_of(one) for value in entries.values() for one in paths_in(value.expression))
    assert all(0 <= one.score <= 1 and one.reason for one in entries.values())
    for filling in fill(odd, entries, BAKERY, FACTS, nobody):
        assert filling.value is None or encode(filling.value) not in ("", [])
        assert not (filling.property.read_only and filling.value is not None)


def test_two_hundred_columns_with_long_and_equal_names_are_no_trouble() -> None:
    names = ["Total" * 100, "🧾" * 500, "合計", "المجموع الكلي", "Total"]
    odd = odd_schema([column(names[n % 5], list(PropertyType)[n % 14]) for n in range(200)])
    entries = map_schema(odd)
    assert len(entries) == 200
    assert sum(one.expression == FieldOf(path=FieldPath("total")) for one in entries.values()) == 1


def test_a_relation_is_filled_by_the_name_of_what_it_points_to() -> None:
    assert entry("Vendor", PropertyType.RELATION).expression == FieldOf(path=FieldPath("merchant.name"))


def test_a_column_for_keys_gets_them() -> None:
    assert entry("Counterfoil ID", PropertyType.TEXT).expression == FieldOf(path=FieldPath("delivery.key"))


@pytest.mark.parametrize("name", ["VAT %", "MwSt-Satz", "Tax rate (%)", "Taux de TVA"])
def test_a_rate_is_told_from_the_tax_itself(name: str) -> None:
    assert entry(name, PropertyType.NUMBER).expression == FieldOf(path=FieldPath("tax_rate"))


def test_a_column_of_percents_holds_a_rate_and_never_an_amount() -> None:
    tax, total = column("VAT", PropertyType.NUMBER, percent=True), column("Total", PropertyType.NUMBER, percent=True)
    entries = map_schema(Schema(properties=(tax, total)))
    assert entries[tax.id].expression == FieldOf(path=FieldPath("tax_rate"))
    assert entries[tax.id].reason.endswith("in percent.")
    assert not entries[total.id].fills
