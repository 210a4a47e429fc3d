"""What fills a column is typed as it is read, and a mistake is answered with what there is."""

import pytest

from counterfoil.records.domain import FieldPath
from counterfoil.targets.expressions import Constant, Expression, FieldOf, Format, Lookup, Nothing
from counterfoil.targets.notation import InvalidExpression, meant, parsed, said


@pytest.mark.parametrize(
    ("typed", "expression"),
    [
        ("total", FieldOf(path=FieldPath("total"))),
        ("taxes.0.amount", FieldOf(path=FieldPath("taxes.0.amount"))),
        ("{merchant.name} {number}", Format(template="{merchant.name} {number}")),
        ("=Office", Constant(value="Office")),
        ("={total}", Constant(value="{total}")),
        ("==", Constant(value="=")),
        ("-", Nothing()),
    ],
)
def test_what_is_typed_is_said_in_the_same_way(typed: str, expression: Expression) -> None:
    assert parsed(f" {typed} ") == expression
    assert said(expression) == typed


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("totl", "There is no value 'totl'. Did you mean total? There are: merchant.name, "),
        ("{merchant} {number}", "There is no value 'merchant'. Did you mean merchant.name?"),
        ("Office", "There is no value 'Office'. There are: "),
        ("Office", "For the text itself, type =Office."),
        ("{merchant.name} {total", "“{merchant.name} {total” has a brace too many or too few."),
        ("total}", "“total}” has a brace too many or too few."),
        ("", "There is no value ''."),
    ],
)
def test_a_mistake_is_answered_with_what_there_is(typed: str, sentence: str) -> None:
    with pytest.raises(InvalidExpression) as caught:
        parsed(typed)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("typed", "path"),
    [("vendor", "merchant.name"), ("due_dat", "due_date"), ("Betrag", "total"), ("xyz", None)],
)
def test_a_path_is_guessed_by_its_letters_or_by_what_people_call_it(typed: str, path: str | None) -> None:
    assert meant(typed) == path


def test_rules_are_counted() -> None:
    by_vendor = FieldPath("merchant.name")
    assert said(Lookup(path=by_vendor, values={"Bahn": "Travel"})) == "by merchant.name: 1 rule"
    assert said(Lookup(path=by_vendor, values={"Bahn": "Travel", "Café": "Food"})) == "by merchant.name: 2 rules"
