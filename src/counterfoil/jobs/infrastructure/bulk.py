"""Many rows in one statement: they travel as JSON documents, which both databases take apart by themselves.

It is several times faster than a statement for each row, and than as many parameters as there are cells. What all rows
have in common travels once: most of a job is as its type has it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any, Self, TypeAlias
from uuid import UUID

from pydantic_core import to_json
from sqlalchemy import Executable, FromClause, Table, Text, bindparam, cast, column, func, select, true
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import JSON

from counterfoil.foundation.database import Transaction

_Forms: TypeAlias = Mapping[type, Callable[[Any], str]]


def _sqlite_time(value: datetime) -> str:
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


_IN_POSTGRESQL: _Forms = {}
_IN_SQLITE: _Forms = {UUID: attrgetter("hex"), datetime: _sqlite_time}
"""How the databases keep what JSON has no form for; PostgreSQL does as JSON's writer does."""

INSERT: Mapping[str, Callable[[Table], postgresql.Insert | sqlite.Insert]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}
NOT_A_JOIN = true()
"""A condition that says nothing, but without one SQLite would take ON CONFLICT for a part of a join."""
MANY = 20
"""From so many rows on columns are shared: few agree by chance, and each set of columns is a statement of its own."""
MOST_STATEMENTS = 500
"""How many are kept of each kind; there is one for every set of columns that rows were found to share."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of rows that travel together: those that differ from row to row, and those that all share."""

    own: tuple[str, ...]
    shared: tuple[str, ...] = ()

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, Any]]) -> Self:
        """Look at rows that all have the columns of the first."""
        first = rows[0]
        shared = tuple(_shared(rows)) if len(rows) >= MANY else ()
        return cls(tuple(name for name in first if name not in shared), shared)

    def __iter__(self) -> Iterator[str]:
        yield from self.own
        yield from self.shared


def _shared(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for name, cell in rows[0].items():
        # Of JSON, what Python takes for equal need not be the same: 1 and true, 1 and 1.0.
        if not isinstance(cell, dict) and all(row[name] == cell for row in rows):
            yield name


def insert_rows(
    tx: Transaction, table: Table, rows: Sequence[Mapping[str, Any]], *, unless_there: bool = False
) -> None:
    """Insert rows that all have the columns of the first; one whose key is taken is an error or, if so said, left."""
    if rows:
        columns = Columns.of(rows)
        insert = _insert(tx.dialect, table, columns, unless_there=unless_there)
        tx.execute(insert, documents(tx.dialect, rows, columns))


@lru_cache(MOST_STATEMENTS)
def _insert(dialect: str, table: Table, columns: Columns, *, unless_there: bool) -> Executable:
    given = recordset(dialect, table, columns)
    rows = select(*(given.c[name] for name in columns)).where(NOT_A_JOIN)
    insert = INSERT[dialect](table).from_select([*columns], rows)
    return insert.on_conflict_do_nothing() if unless_there else insert


def recordset(dialect: str, table: Table, columns: Columns, **like: str) -> FromClause:
    """Return the rows in the documents as a table with the columns' types; `like` says after whom others are named.

    Keep the statement that it is used in: to build it takes longer than to run it.
    """
    types = {name: table.c[like.get(name, name)].type for name in columns}
    taken_apart = _TAKEN_APART[dialect]
    own = taken_apart("rows", {name: types[name] for name in columns.own})
    if not columns.shared:
        return own
    shared = taken_apart("shared", {name: types[name] for name in columns.shared})
    return select(own, shared).select_from(own.join(shared, true())).subquery("given")


def _in_postgresql(document: str, types: Mapping[str, Any]) -> FromClause:
    function = func.json_to_recordset(cast(bindparam(document, type_=Text), JSON))
    valued = function.table_valued(*(column(name, type_) for name, type_ in types.items()), name=f"its_{document}")
    return valued.render_derived(with_types=True)


def _in_sqlite(document: str, types: Mapping[str, Any]) -> FromClause:
    each = func.json_each(bindparam(document, type_=Text)).table_valued("value", name=f"its_{document}")
    # Taken as they are: the document holds each value in the form in which SQLite keeps it.
    return select(*(func.json_extract(each.c.value, f"$.{name}").label(name) for name in types)).subquery(document)


_TAKEN_APART = {"postgresql": _in_postgresql, "sqlite": _in_sqlite}


def documents(dialect: str, rows: Sequence[Mapping[str, Any]], columns: Columns) -> Mapping[str, str]:
    """Write rows as JSON, in the form in which the database keeps their values. Empty cells are left out."""
    forms = _IN_SQLITE if dialect == "sqlite" else _IN_POSTGRESQL
    written = {"rows": _document(rows, columns.own, forms)}
    return written | {"shared": _document(rows[:1], columns.shared, forms)} if columns.shared else written


def _document(rows: Sequence[Mapping[str, Any]], names: Sequence[str], forms: _Forms) -> str:
    return to_json([_cells(row, names, forms) for row in rows]).decode()


def _cells(row: Mapping[str, Any], names: Sequence[str], forms: _Forms) -> dict[str, Any]:
    return {
        name: forms[type(value)](value) if type(value) in forms else value
        for name in names
        if (value := row[name]) is not None
    }
