"""The database and its transactions: SQLite in one file, or PostgreSQL; the same words for both."""

import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from pydantic_core import from_json
from sqlalchemy import (
    JSON,
    ColumnElement,
    Connection,
    CursorResult,
    DateTime,
    Dialect,
    Engine,
    Executable,
    RootTransaction,
    Table,
    TypeDecorator,
    Uuid,
    create_engine,
    func,
    literal,
    make_url,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlalchemy.orm import DeclarativeBase

from counterfoil.foundation.errors import ServiceUnavailable
from counterfoil.foundation.failpoints import failpoint
from counterfoil.foundation.sqlite import damage, hold_safely, look_over

BUSY_TIMEOUT_SECONDS = 30
BEGUN = "begun"
"""Where a connection keeps when its transaction began, by the server's clock and by ours."""
WALLED_ROLE = "counterfoil_walled"
"""What a walled transaction is on PostgreSQL: a role whose every statement meets the tables' policies."""
WORKSPACE_SETTING = "counterfoil.workspace"
"""Where such a transaction says which workspace's rows the policies let through."""
# A server that is gone without a word would else be waited for as long as the system's TCP does, a quarter of an hour.
_PATIENCE = {"connect_timeout": 10, "tcp_user_timeout": 30_000}  # seconds, milliseconds; the URL may say otherwise
_SQLITE_UNAVAILABLE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_READONLY,
}


# A standby that only reads, and a session or transaction that the server ended for taking too long.
_POSTGRES_UNAVAILABLE = {"25006", "25P03", "25P04"}
# What no later try makes smaller, such as a text that is too long for an index; psycopg calls that operational as well.
_POSTGRES_TOO_MUCH = "54"


class DatabaseUnavailable(ServiceUnavailable):
    """The database does not answer."""

    code = "database_unavailable"

    def __init__(self) -> None:
        super().__init__("The database does not answer.")


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time in UTC, also on SQLite, which knows no time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None or dialect.name != "sqlite":
            return value
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


_JSON = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


class Row(DeclarativeBase):
    """The base of every table; rooms derive their `…Row` classes from it."""

    type_annotation_map: ClassVar[Mapping[type, Any]] = {
        datetime: UtcDateTime,
        UUID: Uuid(),
        dict[str, Any]: _JSON,
        list[Any]: _JSON,
    }


def table_of(row: type[Row]) -> Table:
    """Return the table of a row class, for statements that name its columns as the database does."""
    table = row.__table__
    assert isinstance(table, Table)  # noqa: S101 - true of every class that names its table
    return table


class Transaction:
    """One transaction, handed to every store method that takes part in it."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._after_commit: list[Callable[[], None]] = []

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`, for the few statements that must differ."""
        return self.connection.dialect.name

    def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]:
        """Run a statement. A list of mappings as `parameters` runs it for each."""
        return self.connection.execute(statement, parameters)

    def after_commit(self, action: Callable[[], None]) -> None:
        """Run `action` once the commit has succeeded; a rolled-back transaction never runs it."""
        self._after_commit.append(action)

    def run_after_commit(self) -> None:
        """Run what was put off until the commit, in order."""
        for action in self._after_commit:
            action()

    def clock(self) -> ColumnElement[datetime]:
        """Return an expression of the database's time, for statements that need not be told it."""
        if self.dialect == "sqlite":
            return literal(datetime.now(UTC), UtcDateTime())
        return func.clock_timestamp(type_=UtcDateTime())

    def allow(self, *, statement_seconds: float) -> None:
        """Let each further statement take this long instead of half a minute; SQLite knows no such limit."""
        if self.dialect == "postgresql":
            from counterfoil.foundation.postgres import allow  # for SQLite, psycopg need not be installed

            allow(self.connection, statement_seconds)

    def now(self) -> datetime:
        """Return the database's time, so that processes with wrong clocks agree.

        PostgreSQL has told it when the transaction began, and is not asked again.
        """
        if self.dialect == "sqlite":
            return datetime.now(UTC)
        moment, at = self.connection.info[BEGUN]
        begun: datetime = moment.astimezone(UTC)
        return begun + timedelta(seconds=time.monotonic() - at)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTransaction:
    """A transaction on the database's server: for how long it has been open, and whose it is."""

    age: timedelta
    process: int
    application: str


class Database:
    """Opens transactions on one engine."""

    def __init__(
        self, url: str, *, pool_size: int = 2, max_overflow: int = 8, wait_seconds: float = BUSY_TIMEOUT_SECONDS
    ) -> None:
        """Take the URL, how many connections are kept and may be added, and how long to wait for a free one."""
        self.url = url
        self.engine = _engine(url, pool_size=pool_size, max_overflow=max_overflow, pool_timeout=wait_seconds)

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def transaction(self, workspace: UUID | None = None) -> Iterator[Transaction]:
        """Open a transaction that may write; commit it at the end, or roll it back on an error.

        On SQLite it takes the one write lock at once, so that it never has to give up half-way. With a workspace it is
        walled: on PostgreSQL, rows of others are not there for it, whatever its statements ask.

        Raises:
            DatabaseUnavailable: nothing was written, unless the commit had been sent: then everything may have been.
            DatabaseDamaged: what was asked for cannot be read, and nothing was written.
        """
        with self._session(workspace, writing=True) as tx:
            failpoint("transaction.begun")
            yield tx
            failpoint("transaction.committing")
        failpoint("transaction.committed")
        tx.run_after_commit()

    @contextmanager
    def reading(self, workspace: UUID | None = None) -> Iterator[Transaction]:
        """Open a transaction that only reads, walled if a workspace is given; on SQLite it waits for no writer."""
        with self._session(workspace, writing=False) as tx:
            yield tx

    @contextmanager
    def _session(self, workspace: UUID | None, *, writing: bool) -> Iterator[Transaction]:
        try:
            begun = self._begin(writing=writing, workspace=workspace)
            with begun.connection as connection, begun:
                yield Transaction(connection)
        except PoolExhausted as error:
            raise DatabaseUnavailable from error
        except DBAPIError as error:
            if _unavailable(error):
                raise DatabaseUnavailable from error
            if damaged := damage(error):
                raise damaged from error
            raise

    def _begin(self, **options: object) -> RootTransaction:
        """Begin on a connection that answers.

        One that was kept may have died since. Nothing has happened on it yet, so another is tried: a new one, as all
        that were kept are given up with it. A ping before would find out no more, and cost a way there and back.
        """
        try:
            return self._begin_once(**options)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            return self._begin_once(**options)

    def _begin_once(self, **options: object) -> RootTransaction:
        connection = self.engine.connect().execution_options(**options)
        try:
            return connection.begin()
        except BaseException:
            connection.close()
            raise

    def ping(self) -> None:
        """Return if the database answers, raise DatabaseUnavailable if not."""
        with self.reading() as tx:
            tx.execute(text("SELECT 1"))

    def inspect(self) -> None:
        """Look for damage; PostgreSQL does so itself.

        Raises:
            DatabaseDamaged: there is some.
        """
        if self.is_sqlite:
            with self.reading() as tx:
                look_over(tx.connection)

    def oldest_transaction(self) -> OpenTransaction | None:
        """Return what has been open for longest on this database, of what our role may see; on SQLite nothing can."""
        if self.is_sqlite:
            return None
        with self.reading() as tx:
            found = tx.execute(_OLDEST_TRANSACTION).first()
        return OpenTransaction(age=found.age, process=found.pid, application=found.application_name) if found else None

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()


_OLDEST_TRANSACTION = text(
    "SELECT clock_timestamp() - xact_start AS age, pid, application_name FROM pg_stat_activity "
    "WHERE datname = current_database() AND xact_start IS NOT NULL AND pid <> pg_backend_pid() "
    "AND backend_type = 'client backend' ORDER BY xact_start LIMIT 1"
)


def _unavailable(error: DBAPIError) -> bool:
    """Tell an absent, busy or full database from a statement that is wrong."""
    if isinstance(error.orig, sqlite3.Error):
        # The low byte is the kind of error, the rest a detail of it.
        return (getattr(error.orig, "sqlite_errorcode", None) or 0) & 0xFF in _SQLITE_UNAVAILABLE
    state = getattr(error.orig, "sqlstate", None) or ""
    if state.startswith(_POSTGRES_TOO_MUCH):
        return False
    return error.connection_invalidated or state in _POSTGRES_UNAVAILABLE or isinstance(error, OperationalError)


def _engine(url: str, **pool: float) -> Engine:
    parsed = make_url(url)
    common: dict[str, Any] = {"json_serializer": dump_json, "json_deserializer": from_json, **pool}
    if parsed.get_backend_name() == "sqlite":
        engine = create_engine(parsed, connect_args={"timeout": BUSY_TIMEOUT_SECONDS}, **common)
        hold_safely(engine)
        return engine
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    patience = {name: value for name, value in _PATIENCE.items() if name not in parsed.query}
    engine = create_engine(parsed, connect_args=patience, **common)
    from counterfoil.foundation.postgres import hold_patiently  # for SQLite, psycopg need not be installed

    hold_patiently(engine)
    return engine


_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


def dump_json(value: object) -> str:
    """Write JSON as the database keeps it: compact, and refusing NaN and infinities."""
    return _ENCODER.encode(value)
