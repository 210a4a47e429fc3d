"""Writes what follows from the code: the example of the settings, the list of error codes, the workflows for n8n.

Run it with `make docs`; a test fails when a page no longer says what the code does.
"""

import importlib
import json
import pkgutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

from fastapi.routing import APIRoute

import counterfoil
from counterfoil.access.api import permissions_of
from counterfoil.access.domain import Permission, Role
from counterfoil.bootstrap import ROUTERS
from counterfoil.foundation.errors import CounterfoilError
from counterfoil.foundation.settings import Settings
from counterfoil.targets.domain import PropertyType
from counterfoil.targets.expressions import Shape
from counterfoil.targets.infrastructure import database_table
from counterfoil.targets.infrastructure.airtable import columns
from counterfoil.targets.infrastructure.notion import tables
from counterfoil.targets.infrastructure.notion.values import files_value, property_value
from counterfoil.targets.mapping import FITS
from counterfoil.targets.n8n.mailbox import hand_in_from_mailbox
from counterfoil.targets.n8n.nodes import written
from counterfoil.targets.n8n.workflow import Options, receipt_to_notion
from counterfoil.targets.planning import can_hold
from counterfoil.targets.values import Value

ROOT = Path(__file__).parents[1]
OF_REQUESTS = (
    (
        "validation_error",
        422,
        "Values of a request are not as they should be.",
        "Correct the values named in `errors` and send the request again.",
    ),
    ("method_not_allowed", 405, "The path knows no such method.", "See the documentation under /docs."),
)


def pages() -> Mapping[Path, str]:
    """Return what each page should hold."""
    return {
        ROOT / ".env.example": settings_example(),
        ROOT / "docs" / "reference" / "errors.md": errors_page(),
        ROOT / "docs" / "reference" / "roles.md": roles_page(),
        ROOT / "docs" / "reference" / "targets.md": targets_page(),
        ROOT / "n8n" / "receipt-to-notion.json": written(receipt_to_notion(Options())),
        ROOT / "n8n" / "hand-in-from-mailbox.json": written(hand_in_from_mailbox()),
    }


def settings_example() -> str:
    """Return every setting with its line and its default, none of them in force."""
    parts = ["# Every setting with its default. To change one, copy its line to `.env` without the sign before it."]
    for name, field in Settings.model_fields.items():
        default = "" if field.default is None else field.default
        parts.append(f"# {field.description}\n# {name.upper()}={default}")
    return "\n\n".join(parts) + "\n"


def errors_page() -> str:
    """Return the table of error codes, by status."""
    rows = [
        (kind.code, kind.status, (kind.__doc__ or "").split("\n")[0], kind.advice, "yes" if kind.retry else "no")
        for kind in all_errors()
    ]
    rows += [(code, status, meaning, advice, "no") for code, status, meaning, advice in OF_REQUESTS]
    lines = [
        f"| `{code}` | {status} | {again} | {meaning} | {advice} |"
        for code, status, meaning, advice, again in sorted(rows, key=lambda row: (row[1], row[0]))
    ]
    return _ERRORS_HEAD + "\n".join(lines) + "\n"


def all_errors() -> list[type[CounterfoilError]]:
    """Return every error class of the house."""
    for module in pkgutil.walk_packages(counterfoil.__path__, "counterfoil."):
        if not module.name.startswith("counterfoil.migrations."):
            importlib.import_module(module.name)

    def below(kind: type[CounterfoilError]) -> Iterator[type[CounterfoilError]]:
        yield kind
        for child in kind.__subclasses__():
            yield from below(child)

    found = dict.fromkeys(below(CounterfoilError))
    return [kind for kind in found if kind.__module__.startswith("counterfoil.")]


def roles_page() -> str:
    """Return what each role may do, and what each route takes."""
    grants = [
        (f"`{one}`", one.meaning, *("yes" if one in role.permissions else "" for role in Role)) for one in Permission
    ]
    parts = [
        _ROLES_HEAD,
        _lines(("permission", "allows to", *Role), grants),
        "## What routes take\n",
        "All paths are under `/api/v1`.\n",
        _lines(("route", "takes"), _routes()),
    ]
    return "\n".join(parts)


def _routes() -> Iterator[tuple[str, str]]:
    for route in (one for router in ROUTERS for one in router.routes if isinstance(one, APIRoute)):
        taken = ", ".join(f"`{one}`" for one in permissions_of(route)) or "nothing"
        for method in sorted(route.methods or ()):
            yield f"`{method} {route.path}`", taken


def targets_page() -> str:
    """Return what columns of each type, of each sort of table, are read as, filled with and written."""
    notion = [(name, kind, _notion_value(kind)) for name, kind in tables.WRITABLE.items()]
    read_only = [(name, None, "never") for name in (*tables.READ_ONLY, "any other")]
    airtable = [(name, kind, "a value, by the field's id") for name, kind in columns.TYPES.items()]
    sql = [(", ".join(one.__name__ for one in types), kind, "a value") for types, kind in database_table.TYPES]
    ledger = [(kind.value, kind, "a value") for kind in PropertyType]
    parts = [
        _TARGETS_HEAD,
        "## What fills a column\n",
        _lines(("a column of type", "gets by itself", "and, by a plan of yours"), map(_fills, PropertyType)),
        "## Ledger\n",
        _types(ledger),
        "## Notion\n",
        _types([*notion, *read_only]),
        "## Airtable\n",
        _types([*airtable, ("any other", None, "never")]),
        "## SQL\n",
        "Types are those of SQLAlchemy; each stands for all that derive from it.\n",
        _types([*sql, ("any other", None, "never")]),
    ]
    return "\n".join(parts)


def _fills(kind: PropertyType) -> tuple[str, str, str]:
    alone = [shape.value for shape, kinds in FITS.items() if kind in kinds]
    planned = [shape.value for shape in Shape if can_hold(kind, shape) and shape.value not in alone]
    return kind.value, ", ".join(alone) or "-", ", ".join(planned) or "-"


def _types(rows: Iterable[tuple[str, PropertyType | None, str]]) -> str:
    told = [(f"`{name}`", kind.value if kind else "text, read-only", how) for name, kind, how in rows]
    return _lines(("type there", "is read as", "is written as"), told)


def _notion_value(kind: PropertyType) -> str:
    """Return what is sent to Notion for an example."""
    if kind is PropertyType.FILES:
        return f"`{json.dumps(files_value('…', 'receipt.pdf'), ensure_ascii=False)}`"
    return f"`{json.dumps(property_value(kind, _EXAMPLES.get(kind, '…')), ensure_ascii=False)}`"


def _lines(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


_EXAMPLES: Mapping[PropertyType, Value] = {
    PropertyType.NUMBER: Decimal("12.30"),
    PropertyType.DATE: date(2026, 2, 28),
    PropertyType.CHECKBOX: True,
    PropertyType.MULTI_SELECT: ("Food",),
    PropertyType.RELATION: ("id of a page",),
    PropertyType.PEOPLE: ("id of a person",),
}

_TARGETS_HEAD = """# Types of columns

Every column of a table elsewhere is read. Those that can be written are filled by the target's plan, which the rules
make by names, types and options; a person may plan more than the rules dare. Columns that the table computes itself,
and types that are not known here, are shown and left alone.

A *choice* is the kind, currency, payment method, category or language of a record; a *rate* is in percent; a *key* is
the delivery's. A relation or people column is filled with what is called so where it points to.
"""

_ROLES_HEAD = """# Roles

What a person may do in a workspace follows from their role there. This page follows from the code (`make docs`).
"""
_ERRORS_HEAD = """# Errors and their codes

Every error is answered as a problem (RFC 9457, `application/problem+json`) with a `code` that stays the same, a
`detail` that says what happened this time, and an `advice`. Jobs carry the same codes. *Tried again* says whether a
job that ends with the error is tried again by itself.

| code | status | tried again | what it means | what to do |
|---|---|---|---|---|
"""


def main() -> None:
    """Write the pages."""
    for path, content in pages().items():
        path.write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
