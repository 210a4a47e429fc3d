"""Formulas, of the few shapes that are sent. Like Airtable, they know fields by their names alone."""

import re
from collections.abc import Callable

from tests.support.airtable.store import Record, Refused, Table

_NAME, _TEXT = r"\{(?P<name>(?:[^}\\]|\\.)*)\}", r"'(?P<text>(?:[^'\\]|\\.)*)'"
_EQUAL = re.compile(rf"{_NAME} = {_TEXT}", re.DOTALL)
_FOUND = re.compile(rf"FIND\(LOWER\({_TEXT}\), LOWER\({_NAME} & ''\)\)", re.DOTALL)
_FILLED = re.compile(rf"NOT\({_NAME} = BLANK\(\)\)", re.DOTALL)


def condition(table: Table, formula: str) -> Callable[[Record], bool]:
    """Return whether a formula is true of a record."""
    for pattern, test in ((_EQUAL, _equals), (_FOUND, _finds), (_FILLED, _holds)):
        if found := pattern.fullmatch(formula):
            given = found.groupdict()
            name = given["name"].replace("\\}", "}")
            field = next((one for one in table.fields if one.name == name), None)
            if field is None or "\\" in name or name.count("}") > 1:
                raise _invalid("Unknown field names: " + name.lower())
            text = re.sub(r"\\(.)", r"\1", given.get("text", ""), flags=re.DOTALL)
            return lambda record, test=test, id_=field.id, text=text: test(record.cells.get(id_), text)  # type: ignore[misc]
    raise _invalid("Invalid formula. Please check your formula text.")


def _equals(cell: object, text: str) -> bool:
    return cell == text


def _finds(cell: object, text: str) -> bool:
    return cell is not None and text.lower() in str(cell).lower()


def _holds(cell: object, _text: str) -> bool:
    return cell is not None


def _invalid(why: str) -> Refused:
    return Refused(422, "INVALID_FILTER_BY_FORMULA", f"The formula for filtering records is invalid: {why}")
