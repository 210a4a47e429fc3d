"""A table of any SQL database as a target: its columns are read from the database, and rows are known by their key.

Databases are set up where Counterfoil is installed, each under a name; a target's settings hold the name alone. The
key of a delivery lies in a text column. If that column is unique, the table itself refuses a second row for a key.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import (
    URL,
    Column,
    ColumnElement,
    Connection,
    Engine,
    MetaData,
    Table,
    create_engine,
    func,
    insert,
    inspect,
    literal,
    make_url,
    select,
    text,
    types,
    update,
)
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    NoSuchModuleError,
    NoSuchTableError,
    OperationalError,
    StatementError,
)
from sqlalchemy.exc import TimeoutError as PoolExhausted

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.errors import CounterfoilError
from counterfoil.targets.domain import Draft, Property, PropertyId, PropertyType, Schema, Target
from counterfoil.targets.errors import (
    InvalidTargetSettings,
    KeyPlaceMissing,
    KeyPlaceRefused,
    NotAllowedThere,
    NotShared,
    RowGone,
    SeveralTables,
    TargetSilent,
    TargetUnreachable,
    UnknownProperty,
    WriteRefused,
)
from counterfoil.targets.infrastructure.ledger import LedgerRowRow
from counterfoil.targets.protocols import Connected, Sought, WriteRequest, Written
from counterfoil.targets.values import Value

SQL: Final = "sql"
KEY_COLUMN: Final = "counterfoil_id"
_KEY_LENGTH = 64
_SETTINGS = {"database", "schema", "table"}
_MOST_NAMED = 50
_MOST_CANDIDATES = 100
_STATEMENT_SECONDS = 30
_DIGITS_OF_A_DOUBLE, _DIGITS_OF_A_REAL = 15, 6
_FORBIDDEN = ("42501", "25006", "SQLITE_READONLY")
"""PostgreSQL's words for a privilege that lacks and for a database that is only read, and SQLite's for the latter."""
_STATEMENT_WRONG = "SQLITE_ERROR"
_NO_COLUMN = re.compile(
    r'no such column: (.+)|table .+ has no column named (.+)|column "(.+)" of relation ".+" does not exist'
)

TYPES: Sequence[tuple[tuple[type[types.TypeEngine[Any]], ...], PropertyType]] = (
    ((types.Enum,), PropertyType.SELECT),
    ((types.Boolean,), PropertyType.CHECKBOX),
    ((types.Integer, types.Numeric, types.Float), PropertyType.NUMBER),
    ((types.Date, types.DateTime), PropertyType.DATE),
    ((types.String, types.Uuid), PropertyType.TEXT),
)
_TEXT = r"'(?:[^']|'')*'"
_LISTED = rf"{_TEXT}(?:::[\w ]+)?"
_CHOICES = re.compile(
    rf'\(*(?P<column>"[^"]+"|\w+)\)?(?:::[\w ]+)?\s*(?:=\s*ANY\s*\(+ARRAY\[|IN\s*\()'
    rf"\s*(?P<texts>{_LISTED}(?:\s*,\s*{_LISTED})*)\s*[\])]+(?:::\w+\[\]\)*)?",
    re.IGNORECASE,
)
"""A check that a column is one of some texts, as SQLite and PostgreSQL tell it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseTableAdapter:
    """Writes one row a delivery, in a transaction of its own."""

    urls: Mapping[str, str]
    kind: str = SQL
    settles_after: timedelta = timedelta(minutes=5)
    schema_lasts: timedelta = timedelta(minutes=1)
    check_every_hours: int = 1
    needs_key_property: bool = True
    engines: dict[str, Engine] = field(default_factory=dict)

    def connect(self, workspace: WorkspaceId, settings: Mapping[str, str]) -> Connected:  # noqa: ARG002
        if strange := settings.keys() - _SETTINGS:
            raise InvalidTargetSettings(self.kind, f"it has database, table and schema, not {', '.join(strange)}.")
        name = settings.get("database") or self._only_database()
        if name not in self.urls:
            raise InvalidTargetSettings(self.kind, f"SQL_TARGETS names no database {name!r}.")
        with self._transaction(name) as connection:
            inspector = inspect(connection)
            schema = settings.get("schema") or inspector.default_schema_name or ""
            names = [*inspector.get_table_names(schema or None), *inspector.get_view_names(schema or None)]
        table = self._one_of(names, settings.get("table"))
        kept = {"database": name, "table": table, **({"schema": schema} if schema else {})}
        return Connected(settings=kept, place=f"{self.kind}:{name}/{schema}.{table}", title=table)

    def schema(self, target: Target) -> Schema:
        with self._transaction(_database(target)) as connection:
            table = self._table(connection, target)
            choices, related = _choices(connection, table), _related(connection, table)
            return Schema(properties=tuple(_property(one, choices, related) for one in table.columns))

    def candidates(self, target: Target, prop: Property, name: str) -> Mapping[str, str]:
        with self._transaction(_database(target)) as connection:
            reference = _related(connection, self._table(connection, target)).get(prop.id)
            if reference is None:
                return {}
            there = _reflected(connection, reference.table, reference.schema)
            called = next((one for one in there.columns if _type(one) is PropertyType.TEXT), None)
            if called is None or not name.split():
                return {}
            alike = func.lower(called).contains(name.split()[0].lower(), autoescape=True)
            query = select(there.columns[reference.column], called).where(alike).limit(_MOST_CANDIDATES)
            return {str(id_): str(words) for id_, words in connection.execute(query)}

    def find(self, target: Target, sought: Sought) -> Written | None:
        with self._transaction(_database(target)) as connection:
            table = self._table(connection, target)
            return _row_of(connection, table, _key_column(table, target, sought.key_property), sought.key)

    def write(self, request: WriteRequest) -> Written:
        try:
            with self._transaction(_database(request.target)) as connection:
                return self._write(connection, request)
        except IntegrityError as error:
            refused = WriteRefused(_service(request.target), _reason(error))
        except (DataError, ValueError) as error:
            raise WriteRefused(_service(request.target), _reason(error)) from None
        if request.external_id is None and (made := self._made(request)):
            return self.write(replace(request, external_id=made.external_id))
        raise refused

    def add_key_property(self, target: Target) -> PropertyId:
        with self._transaction(_database(target)) as connection:
            table = self._table(connection, target)
            if KEY_COLUMN not in table.columns:
                self._add_key_column(connection, table, target)
            elif _type(table.columns[KEY_COLUMN]) is not PropertyType.TEXT:
                raise KeyPlaceRefused(target, f"it has a column {KEY_COLUMN} that holds something else.")
        return PropertyId(KEY_COLUMN)

    def _made(self, request: WriteRequest) -> Written | None:
        """Return the row that another attempt has made under the same key."""
        sought = Sought(key=request.key, since=datetime.now(UTC), key_property=request.key_property)
        return self.find(request.target, sought)

    def _write(self, connection: Connection, request: WriteRequest) -> Written:
        table = self._table(connection, request.target)
        if unknown := request.draft.keys() - set(table.columns.keys()):
            raise UnknownProperty(unknown)
        key_column = _key_column(table, request.target, request.key_property)
        values = _bound_values(connection, table, request.draft)
        if request.external_id is None:
            connection.execute(insert(table).values({one: value for one, value in values.items() if value is not None}))
            return _shown(connection, table, key_column, request)
        here = _here(connection, table, key_column, request)
        if connection.execute(update(table).where(here).values(values)).rowcount == 0:
            raise RowGone(request.external_id)
        return _shown(connection, table, key_column, request)

    def _add_key_column(self, connection: Connection, table: Table, target: Target) -> None:
        """Add the column and an index that makes keys unique, or neither."""
        operations = Operations(MigrationContext.configure(connection))
        try:
            operations.add_column(table.name, Column(KEY_COLUMN, types.String(_KEY_LENGTH)), schema=table.schema)
            name = f"uq_{table.name}_{KEY_COLUMN}"[:60]
            operations.create_index(name, table.name, [KEY_COLUMN], unique=True, schema=table.schema)
        except DBAPIError as error:
            raise KeyPlaceRefused(target, f"the database says: {_reason(error)}") from None

    def _table(self, connection: Connection, target: Target) -> Table:
        settings = target.settings
        try:
            return _reflected(connection, settings["table"], settings.get("schema"))
        except NoSuchTableError:
            gone = f"The database {_database(target)!r} has no table {settings['table']!r} any more: "
            raise NotShared(gone + "make it again or rename it back, then check the target.") from None

    @contextmanager
    def _transaction(self, name: str) -> Iterator[Connection]:
        """Open a transaction; an error of it that may have let the commit through is TargetSilent."""
        service = f"The database {name!r}"
        try:
            connection = self._engine(name).connect()
        except (DBAPIError, PoolExhausted) as error:
            raise TargetUnreachable(service) from error  # no row was asked for yet
        try:
            with connection, connection.begin():
                self._refuse_our_own(connection)
                if connection.dialect.name == "postgresql":
                    connection.execute(text(f"SET LOCAL statement_timeout = '{_STATEMENT_SECONDS}s'"))
                yield connection
        except (DataError, IntegrityError):
            raise
        except DBAPIError as error:
            raise _told(service, error) from None
        except StatementError as error:
            raise WriteRefused(service, _reason(error)) from None

    def _engine(self, name: str) -> Engine:
        if name not in self.urls:
            unnamed = f"SQL_TARGETS names no database {name!r} any more: "
            raise NotShared(unnamed + "name it again and restart, then check the target.")
        if name not in self.engines:
            self.engines[name] = self._new_engine(name)
        return self.engines[name]

    def _new_engine(self, name: str) -> Engine:
        url = make_url(self.urls[name])
        if url.drivername == "postgresql":
            url = url.set(drivername="postgresql+psycopg")
        patience = {"postgresql": {"connect_timeout": 10, "tcp_user_timeout": 30_000}, "sqlite": {"timeout": 30}}
        arguments = patience.get(url.get_backend_name(), {})
        try:
            return create_engine(url, connect_args=arguments, pool_pre_ping=True, hide_parameters=True)
        except (ImportError, NoSuchModuleError):
            reason = f"what speaks to the database {name!r} ({url.drivername}) is not installed.{_how_to_install(url)}"
            raise InvalidTargetSettings(self.kind, reason) from None

    def _refuse_our_own(self, connection: Connection) -> None:
        if inspect(connection).has_table(LedgerRowRow.__tablename__):
            raise InvalidTargetSettings(
                self.kind, "that is the database of a Counterfoil; use a target of kind ledger."
            )

    def _only_database(self) -> str:
        if len(self.urls) != 1:
            there = f"one of: {', '.join(sorted(self.urls))}" if self.urls else "none is named in SQL_TARGETS"
            raise InvalidTargetSettings(self.kind, f"the setting database names where the table is ({there}).")
        return next(iter(self.urls))

    def _one_of(self, names: Sequence[str], wanted: str | None) -> str:
        if wanted is not None:
            if wanted not in names:
                raise InvalidTargetSettings(self.kind, f"there is no table {wanted!r}.")
            return wanted
        if not names:
            raise InvalidTargetSettings(self.kind, "there is no table.")
        if len(names) > 1:
            raise SeveralTables("table", {one: one for one in sorted(names)[:_MOST_NAMED]})
        return names[0]


def _how_to_install(url: URL) -> str:
    if url.drivername != "postgresql+psycopg":
        return ""
    return " Run .venv/bin/uv pip install -r requirements/postgres.txt, and restart."


class _Unkept(ValueError):
    """A value that a column would keep as something else."""

    def __init__(self, value: object, why: str) -> None:
        super().__init__(f"{value} {why}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reference:
    """The column of another table that a column points to."""

    table: str
    schema: str | None
    column: str


def _database(target: Target) -> str:
    return target.settings["database"]


def _service(target: Target) -> str:
    return f"The database {_database(target)!r}"


def _reason(error: Exception) -> str:
    """Return the first line of what is wrong; further ones may tell the values of other columns.

    For the same reason nothing that is raised about rows has the database's error for its cause: stacks are shown.
    """
    told = str(getattr(error, "orig", None) or error).strip()
    return told.splitlines()[0] if told else type(error).__name__


def _told(service: str, error: DBAPIError) -> CounterfoilError:
    """Return what an error of a database is to us, unless it is about values.

    SQLite calls operational what has gone wrong on the way, and what is wrong with a statement too.
    """
    code, reason = _code(error), _reason(error)
    if code.startswith(_FORBIDDEN):
        forbidden = f"{service} says: {reason}. "
        return NotAllowedThere(forbidden + "Grant our user there what is missing, then check the target.")
    if unknown := _NO_COLUMN.match(reason):
        return UnknownProperty({PropertyId(one) for one in unknown.groups() if one})
    if isinstance(error, OperationalError | InterfaceError) and code != _STATEMENT_WRONG:
        return TargetSilent(service)
    return WriteRefused(service, reason)


def _code(error: DBAPIError) -> str:
    """Return the SQLSTATE, or SQLite's name of an error; nothing if it has neither."""
    return getattr(error.orig, "sqlstate", None) or getattr(error.orig, "sqlite_errorname", None) or ""


def _reflected(connection: Connection, name: str, schema: str | None) -> Table:
    return Table(name, MetaData(), schema=schema, autoload_with=connection, resolve_fks=False)


def _type(column: Column[Any]) -> PropertyType | None:
    """Return what a column holds; None for what we cannot write."""
    return next((kind for classes, kind in TYPES if isinstance(column.type, classes)), None)


def _property(
    column: Column[Any], choices: Mapping[str, tuple[str, ...]], related: Mapping[str, _Reference]
) -> Property:
    kind, options, reference = _type(column), choices.get(column.name, ()), related.get(column.name)
    if isinstance(column.type, types.Enum):
        options = tuple(column.type.enums)
    elif options and kind is PropertyType.TEXT:
        kind = PropertyType.SELECT
    if reference and kind:
        kind, options = PropertyType.RELATION, ()
    filled = _fills_itself(column)
    return Property(
        id=PropertyId(column.name),
        name=column.name,
        type=kind or PropertyType.TEXT,
        options=options,
        required=not (column.nullable or filled or column.server_default is not None),
        read_only=kind is None or filled or (column.primary_key and column.server_default is not None),
        related=reference.table if reference and kind else None,
    )


def _fills_itself(column: Column[Any]) -> bool:
    if column.computed is not None or column.identity is not None or column.autoincrement is True:
        return True
    return column.table.autoincrement_column is column


def _choices(connection: Connection, table: Table) -> Mapping[str, tuple[str, ...]]:
    """Return, for columns that a check allows a few texts only, those texts."""
    try:
        checks = inspect(connection).get_check_constraints(table.name, table.schema)
    except NotImplementedError:
        return {}
    found = filter(None, (_CHOICES.fullmatch(one["sqltext"].strip()) for one in checks))
    return {
        one["column"].strip('"'): tuple(it[1:-1].replace("''", "'") for it in re.findall(_TEXT, one["texts"]))
        for one in found
    }


def _related(connection: Connection, table: Table) -> Mapping[str, _Reference]:
    """Return, for columns that point to a row of another table, which column there."""
    keys = inspect(connection).get_foreign_keys(table.name, table.schema)
    return {
        one["constrained_columns"][0]: _Reference(
            table=one["referred_table"], schema=one["referred_schema"], column=one["referred_columns"][0]
        )
        for one in keys
        if len(one["constrained_columns"]) == len(one["referred_columns"]) == 1
    }


def _key_column(table: Table, target: Target, place: PropertyId | None) -> Column[Any]:
    if place is None:
        raise KeyPlaceMissing(target.name)
    if place not in table.columns:
        raise UnknownProperty({place})
    return table.columns[place]


def _identity(table: Table, key_column: Column[Any]) -> Column[Any]:
    """Return the column that rows are known by: the primary key, or the key of the delivery if that has no one column.

    The first stays when a plan has keys lie elsewhere.
    """
    keys = [one for one in table.primary_key.columns if isinstance(one.type, (types.Integer, types.String, types.Uuid))]
    return keys[0] if len(keys) == len(table.primary_key.columns) == 1 else key_column


def _here(connection: Connection, table: Table, key_column: Column[Any], request: WriteRequest) -> ColumnElement[bool]:
    """Return what is true of the row that is to be changed.

    Where a draft writes what rows are known by, an attempt before may have done so too. Then the key tells the row, and
    one with another's key is not ours, though it be known as ours was.
    """
    identity = _identity(table, key_column)
    here: ColumnElement[bool] = identity == _bound(identity, request.external_id or "", connection)
    ours: ColumnElement[bool] = key_column == _bound(key_column, request.key, connection)
    if identity.name not in request.draft:
        return here
    return ours if _row_of(connection, table, key_column, request.key) else here & key_column.is_(None)


def _shown(connection: Connection, table: Table, key_column: Column[Any], request: WriteRequest) -> Written:
    """Return the row as it is known after a write: by another name, if the draft has written that."""
    if request.external_id and _identity(table, key_column).name not in request.draft:
        return Written(external_id=request.external_id, url=None)
    row = _row_of(connection, table, key_column, request.key)
    if row is None:
        raise WriteRefused(_service(request.target), "the table does not show what was put into it.")
    return row


def _row_of(connection: Connection, table: Table, key_column: Column[Any], key: str) -> Written | None:
    query = select(_identity(table, key_column)).where(key_column == _bound(key_column, key, connection)).limit(1)
    found = connection.execute(query).scalar_one_or_none()
    return None if found is None else Written(external_id=str(found), url=None)


def _bound_values(connection: Connection, table: Table, draft: Draft) -> dict[str, Any]:
    bound = {}
    for name, value in draft.items():
        try:
            bound[str(name)] = None if value is None else _bound(table.columns[name], value, connection)
        except ValueError as error:
            raise _Unkept(name + ":", str(error)) from None
    return bound


def _bound(column: Column[Any], value: Value, connection: Connection) -> Any:
    """Return a value as the column takes it.

    Raises:
        ValueError: it would keep something else than it is given.
    """
    match value:
        case bool():
            return value
        case Decimal():
            return _number(column.type, value, connection.dialect.name)
        case date():
            return _moment(column.type, value)
        case str():
            return _text(column.type, value)
        case _:
            return _pointer(column.type, value)


def _number(kind: types.TypeEngine[Any], value: Decimal, dialect: str) -> Any:
    digits, exponent = len(value.normalize().as_tuple().digits), value.normalize().as_tuple().exponent
    places = max(0, -exponent) if isinstance(exponent, int) else 0
    if isinstance(kind, types.Integer):
        if places:
            raise _Unkept(value, "is not whole.")
        return int(value)
    if isinstance(kind, types.Float) or dialect == "sqlite":
        exact = _DIGITS_OF_A_REAL if isinstance(kind, types.REAL) and dialect != "sqlite" else _DIGITS_OF_A_DOUBLE
        if digits > exact:
            raise _Unkept(value, f"has more than the {exact} digits that it keeps.")
    scale = getattr(kind, "scale", None)
    if scale is not None and places > scale:
        raise _Unkept(value, f"has more than {scale} decimal places.")
    return literal(format(value, "f"), types.String()) if dialect == "sqlite" else value


def _moment(kind: types.TypeEngine[Any], value: date) -> date:
    if isinstance(kind, types.Date):
        return value.date() if isinstance(value, datetime) else value
    moment = value if isinstance(value, datetime) else datetime.combine(value, time(), UTC)
    utc = moment.astimezone(UTC)
    return utc if getattr(kind, "timezone", False) else utc.replace(tzinfo=None)


def _pointer(kind: types.TypeEngine[Any], value: tuple[object, ...]) -> Any:
    """Return the one id of a relation."""
    if len(value) != 1:
        raise _Unkept(len(value), "values are more than it can point to.")
    return _text(kind, str(value[0]))


def _text(kind: types.TypeEngine[Any], value: str) -> str | int | UUID:
    """Return a text, or an id that is given as one."""
    if isinstance(kind, types.Integer):
        return int(value)
    if isinstance(kind, types.Uuid):
        return UUID(value)
    most = getattr(kind, "length", None)
    if most is not None and len(value) > most:
        raise _Unkept(value[:20] + "…", f"has {len(value)} characters, and the column keeps {most}.")
    return value
