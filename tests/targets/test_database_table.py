"""A table of any SQL database passes the suite of all adapters, and keeps or refuses what it is given."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from traceback import format_exception
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import OperationalError

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database
from counterfoil.foundation.ids import new_id
from counterfoil.targets.domain import DeliveryStatus, Property, PropertyId, PropertyType, Target, TargetId
from counterfoil.targets.errors import (
    DeliveryInDoubt,
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
from counterfoil.targets.infrastructure.database_table import DatabaseTableAdapter
from counterfoil.targets.protocols import Sought, WriteRequest
from counterfoil.targets.values import Value
from tests.support.clock import FixedClock
from tests.support.postgres import PostgresServer
from tests.support.targets import build, column
from tests.targets.adapter_suite import MOMENT, VALUES, AdapterSuite, StoredRow, Table

KEY = PropertyId("counterfoil_id")
AMOUNTS, MOMENTS = {"number"}, {"moment"}
COLUMNS = (
    column("id", PropertyType.NUMBER),
    column("title", PropertyType.TEXT),
    column("text", PropertyType.TEXT),
    column("number", PropertyType.NUMBER),
    column("date", PropertyType.DATE),
    column("moment", PropertyType.DATE),
    column("select", PropertyType.SELECT, "EUR", "USD"),
    column("checkbox", PropertyType.CHECKBOX),
    column("relation", PropertyType.RELATION),
    column("counterfoil_id", PropertyType.TEXT),
)
HELD = (PropertyType.TEXT, PropertyType.NUMBER, PropertyType.DATE, PropertyType.SELECT, PropertyType.CHECKBOX)


def schema_of(dialect: str) -> Sequence[str]:
    identity = "INTEGER PRIMARY KEY" if dialect == "sqlite" else "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"
    moment = "TIMESTAMP" if dialect == "sqlite" else "TIMESTAMPTZ"
    return (
        "CREATE TABLE vendors (id INTEGER PRIMARY KEY, name TEXT)",
        "INSERT INTO vendors VALUES (1, 'Corner Bakery'), (2, 'Corner Café'), (3, '100% Tea_House')",
        f"""CREATE TABLE books (id {identity}, title TEXT, text TEXT, number NUMERIC(16, 4), date DATE,
        moment {moment}, "select" VARCHAR(3) CHECK ("select" IN ('EUR', 'USD')), checkbox BOOLEAN,
        relation INTEGER REFERENCES vendors(id), counterfoil_id VARCHAR(64))""",
        "CREATE UNIQUE INDEX uq_books ON books (counterfoil_id)",
    )


@dataclass(frozen=True, kw_only=True)
class SqlTable:
    """A database of somebody else, with the suite's table."""

    engine: Engine
    adapter: DatabaseTableAdapter
    target: Target
    columns: Sequence[Property] = COLUMNS
    values: Mapping[PropertyType, Value] = field(
        default_factory=lambda: {**{one: VALUES[one] for one in HELD}, PropertyType.RELATION: ("2",)}
    )
    key_property: PropertyId | None = KEY

    def property_id(self, name: str) -> PropertyId:
        return PropertyId(name)

    def rows(self) -> Sequence[StoredRow]:
        with self.engine.begin() as connection:
            found = connection.execute(text("SELECT * FROM books ORDER BY id")).mappings().all()
        return [self._stored(row) for row in found]

    def run(self, *statements: str) -> None:
        with self.engine.begin() as connection:
            for one in statements:
                connection.execute(text(one))

    def one(self, query: str) -> Any:
        with self.engine.begin() as connection:
            return connection.execute(text(query)).scalar_one()

    def of(self, table: str) -> Target:
        """Return a target of another table of the same database."""
        return Target(
            id=TargetId(self.target.id),
            workspace=self.target.workspace,
            kind="sql",
            name=table,
            settings={"database": "books", "table": table},
            created_at=self.target.created_at,
        )

    def _stored(self, row: Mapping[Any, Any]) -> StoredRow:
        values = {
            PropertyId(name): self._value(name, value)
            for name, value in row.items()
            if value is not None and name not in {"id", KEY}
        }
        return StoredRow(external_id=str(row["id"]), values=values)

    def _value(self, name: str, value: Any) -> Value:
        if name == "relation":
            return (str(value),)
        if name == "number":
            return Decimal(str(value))
        if name == "checkbox":
            return bool(value)
        if name == "moment":
            moment = datetime.fromisoformat(value) if isinstance(value, str) else value
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        if name == "date" and isinstance(value, str):
            return date.fromisoformat(value)
        return value  # type: ignore[no-any-return]


def engine_for(url: str) -> Engine:
    return create_engine(url.replace("postgresql://", "postgresql+psycopg://"))


@pytest.fixture
def elsewhere(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database that is not ours, of the same kind as ours."""
    if database_url.startswith("sqlite"):
        yield f"sqlite:///{tmp_path / 'books.db'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    with server.database() as url:
        yield url


@pytest.fixture
def table(elsewhere: str, workspace: WorkspaceId, clock: FixedClock) -> Iterator[SqlTable]:
    engine = engine_for(elsewhere)
    with engine.begin() as connection:
        for statement in schema_of(engine.dialect.name):
            connection.execute(text(statement))
    adapter = DatabaseTableAdapter(urls={"books": elsewhere})
    connected = adapter.connect(workspace, {"table": "books"})
    target = Target(
        id=TargetId(new_id()),
        workspace=workspace,
        kind="sql",
        name="Books",
        settings=connected.settings,
        place=connected.place,
        created_at=clock.now(),
    )
    yield SqlTable(engine=engine, adapter=adapter, target=target)
    for one in (engine, *adapter.engines.values()):
        one.dispose()


def written(table: SqlTable, key: str, row: str | None = None, target: Target | None = None, **values: Any) -> str:
    draft = {PropertyId(name): value for name, value in {**values, KEY: key}.items()}
    target = target or table.target
    request = WriteRequest(
        target=target,
        key=key,
        version=1,
        schema=table.adapter.schema(target),
        draft=draft,
        external_id=row,
        key_property=KEY,
    )
    return table.adapter.write(request).external_id


class TestSqlTable(AdapterSuite):
    @pytest.fixture
    def table(self, table: SqlTable) -> Table:
        return table


def test_settings_lead_to_one_table(table: SqlTable, workspace: WorkspaceId) -> None:
    default = "main" if table.engine.dialect.name == "sqlite" else "public"
    assert table.target.settings == {"database": "books", "table": "books", "schema": default}
    assert table.target.place == f"sql:books/{default}.books"
    assert table.adapter.connect(workspace, {"table": "books", "schema": default}).place == table.target.place
    with pytest.raises(SeveralTables, match="vendors"):
        table.adapter.connect(workspace, {"database": "books"})


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"table": "nowhere"}, "no table 'nowhere'"),
        ({"table": "books; DROP TABLE books"}, "no table"),
        ({"table": "books", "database": "other"}, "no database 'other'"),
        ({"table": "books", "url": "sqlite://"}, "not url"),
    ],
)
def test_settings_that_lead_nowhere_are_refused(
    table: SqlTable, workspace: WorkspaceId, settings: dict[str, str], reason: str
) -> None:
    with pytest.raises(InvalidTargetSettings, match=reason):
        table.adapter.connect(workspace, settings)


def test_a_database_has_to_be_named_where_there_are_none_or_several(workspace: WorkspaceId) -> None:
    with pytest.raises(InvalidTargetSettings, match="SQL_TARGETS"):
        DatabaseTableAdapter(urls={}).connect(workspace, {"table": "books"})
    with pytest.raises(InvalidTargetSettings, match="one of: a, b"):
        DatabaseTableAdapter(urls={"a": "sqlite://", "b": "sqlite://"}).connect(workspace, {"table": "books"})


def test_a_postgresql_without_its_driver_is_told_with_the_command(
    workspace: WorkspaceId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)  # as where the extra is not installed
    adapter = DatabaseTableAdapter(urls={"a": "postgresql://user:secret@host/name"})
    with pytest.raises(InvalidTargetSettings, match=r"requirements/postgres\.txt") as caught:
        adapter.connect(workspace, {"table": "books"})
    assert "secret" not in str(caught.value)


def test_a_database_without_its_driver_is_said_so(workspace: WorkspaceId) -> None:
    adapter = DatabaseTableAdapter(urls={"a": "mssql+pyodbc://user:secret@host/name"})
    with pytest.raises(InvalidTargetSettings, match="not installed") as caught:
        adapter.connect(workspace, {"table": "books"})
    assert "secret" not in str(caught.value)


def test_our_own_database_is_no_target(database: Database, workspace: WorkspaceId) -> None:
    adapter = DatabaseTableAdapter(urls={"ours": database.url})
    with pytest.raises(InvalidTargetSettings, match="ledger"):
        adapter.connect(workspace, {"table": "targets"})
    adapter.engines["ours"].dispose()


def test_columns_that_fill_themselves_are_read_only_and_bare_ones_required(table: SqlTable) -> None:
    sqlite = table.engine.dialect.name == "sqlite"
    strange = "BLOB" if sqlite else "BYTEA"
    table.run(
        f"""CREATE TABLE t (code TEXT PRIMARY KEY, bare TEXT NOT NULL, filled TEXT NOT NULL DEFAULT 'x',
        made TEXT GENERATED ALWAYS AS (bare || '!') STORED, bytes {strange})"""
    )
    found = {one.name: one for one in table.adapter.schema(table.of("t")).properties}
    assert {name for name, one in found.items() if one.read_only} == {"made", "bytes"}
    assert {name for name, one in found.items() if one.required} >= {"bare"}
    assert not found["filled"].required
    [identity] = (one for one in table.adapter.schema(table.target).properties if one.name == "id")
    assert (identity.read_only, identity.required) == (True, False)


def test_an_enumerated_type_has_its_texts_for_options(table: SqlTable) -> None:
    if table.engine.dialect.name == "sqlite":
        table.run("CREATE TABLE t (mood TEXT CHECK (mood IN ('it''s, well', 'sad')))")
    else:
        table.run("CREATE TYPE mood AS ENUM ('it''s, well', 'sad')", "CREATE TABLE t (mood mood)")
    [mood] = table.adapter.schema(table.of("t")).properties
    assert (mood.type, mood.options, mood.open_options) == (PropertyType.SELECT, ("it's, well", "sad"), False)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("INTEGER", Decimal("12.30")),
        ("NUMERIC(10, 2)", Decimal("12.345")),
        ("REAL", Decimal("1234567890123456.78")),
        ("VARCHAR(5)", "sixsix"),
        ("DATE NOT NULL", None),
    ],
)
def test_what_a_column_would_keep_as_something_else_is_refused(table: SqlTable, kind: str, value: Value) -> None:
    table.run(f"CREATE TABLE t (held {kind}, counterfoil_id TEXT)")
    with pytest.raises(WriteRefused, match="held"):
        written(table, "a", target=table.of("t"), held=value)
    assert table.one("SELECT count(*) FROM t") == 0


@pytest.mark.parametrize("kind", ["INTEGER", "NUMERIC(10, 2)", "DOUBLE PRECISION", "NUMERIC"])
@pytest.mark.parametrize("value", ["0.00", "12", "-12.00", "12000"])
def test_a_whole_amount_goes_into_any_column_of_numbers(table: SqlTable, kind: str, value: str) -> None:
    table.run(f"CREATE TABLE t (held {kind}, counterfoil_id TEXT)")
    written(table, "a", target=table.of("t"), held=Decimal(value))
    assert Decimal(table.one("SELECT held FROM t")) == Decimal(value)


def test_a_day_and_a_moment_go_into_columns_of_either(table: SqlTable) -> None:
    table.run("CREATE TABLE t (day DATE, moment TIMESTAMP, counterfoil_id TEXT)")
    written(table, "a", target=table.of("t"), day=MOMENT, moment=date(2026, 3, 1))
    assert str(table.one("SELECT day FROM t")) == "2026-03-01"
    assert str(table.one("SELECT moment FROM t")).startswith("2026-03-01 00:00:00")


def test_a_relation_is_looked_for_where_it_points_to(table: SqlTable) -> None:
    [relation] = (one for one in table.adapter.schema(table.target).properties if one.name == "relation")
    assert relation.related == "vendors"
    find = table.adapter.candidates
    assert find(table.target, relation, "corner bakery Ltd") == {"1": "Corner Bakery", "2": "Corner Café"}
    assert find(table.target, relation, "100%") == {"3": "100% Tea_House"}
    assert find(table.target, relation, "%") == {"3": "100% Tea_House"}
    assert find(table.target, relation, " ") == {}
    assert find(table.target, column("title", PropertyType.TEXT), "Corner") == {}


def test_a_key_is_taken_once_where_the_column_is_unique(table: SqlTable) -> None:
    with ThreadPoolExecutor(4) as pool:
        attempts = [pool.submit(written, table, "a", title="A row") for _ in range(4)]
    errors = [one.exception() for one in attempts]
    assert None in errors
    assert {type(one) for one in errors if one} <= {TargetSilent}  # SQLite lets one write at a time
    assert len(table.rows()) == 1


def test_a_row_that_was_deleted_is_gone(table: SqlTable) -> None:
    row = written(table, "a", title="A row")
    table.run("DELETE FROM books")
    with pytest.raises(RowGone):
        written(table, "a", row=row, title="A row")


def test_a_row_is_not_lost_when_a_correction_changes_its_primary_key(table: SqlTable) -> None:
    table.run("CREATE TABLE t (number VARCHAR(20) PRIMARY KEY, title TEXT, counterfoil_id VARCHAR(64))")
    target = table.of("t")
    assert written(table, "a", target=target, number="R-1", title="A row") == "R-1"
    assert written(table, "a", row="R-1", target=target, number="R-2", title="A row") == "R-2"
    written(table, "b", target=target, number="R-1", title="Another")
    assert written(table, "a", row="R-1", target=target, number="R-3", title="After a crash") == "R-3"
    assert written(table, "a", row="R-3", target=target, title="Changed") == "R-3"
    assert table.one("SELECT title FROM t WHERE number = 'R-1'") == "Another"
    assert table.one("SELECT title FROM t WHERE number = 'R-3'") == "Changed"
    table.run("DELETE FROM t WHERE number = 'R-3'")
    written(table, "c", target=target, number="R-3", title="A third")
    with pytest.raises(RowGone):
        written(table, "a", row="R-3", target=target, number="R-3", title="Not here")
    assert table.one("SELECT title FROM t WHERE number = 'R-3'") == "A third"


def test_a_row_keeps_its_primary_key_when_keys_come_to_lie_elsewhere(table: SqlTable) -> None:
    table.run("CREATE TABLE t (number VARCHAR(20) PRIMARY KEY, counterfoil_id VARCHAR(64))")
    table.run("INSERT INTO t (number) VALUES ('R-1')")
    assert written(table, "a", row="R-1", target=table.of("t"), number="R-2") == "R-2"


def test_a_table_without_a_place_for_keys_is_given_one(table: SqlTable) -> None:
    table.run("CREATE TABLE t (title TEXT)", "INSERT INTO t VALUES ('old'), ('older')")
    target = table.of("t")
    with pytest.raises(KeyPlaceMissing):
        table.adapter.write(
            WriteRequest(
                target=target,
                key="a",
                version=1,
                schema=table.adapter.schema(target),
                draft={PropertyId("title"): "A row"},
            )
        )
    assert table.adapter.add_key_property(target) == table.adapter.add_key_property(target) == KEY
    assert written(table, "a", target=target, title="A row") == "a"  # with no primary key, a row is known by its key
    assert written(table, "a", target=target, title="The same") == "a"
    written(table, "a", row="a", target=target, title="Changed")
    assert table.one("SELECT title FROM t WHERE counterfoil_id = 'a'") == "Changed"


def test_a_column_of_that_name_that_holds_something_else_is_left_alone(table: SqlTable) -> None:
    table.run("CREATE TABLE t (counterfoil_id INTEGER)")
    with pytest.raises(KeyPlaceRefused):
        table.adapter.add_key_property(table.of("t"))


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)  # SQLite knows no users
def test_what_the_database_forbids_pauses_the_target(table: SqlTable, elsewhere: str) -> None:
    role = f"reader_{table.engine.url.database}"
    table.run(f"CREATE ROLE {role} LOGIN", f"GRANT SELECT ON books TO {role}")
    adapter = DatabaseTableAdapter(urls={"books": elsewhere.replace("postgres@", f"{role}@")})
    draft: dict[PropertyId, Value | None] = {PropertyId("title"): "A row", KEY: "a"}
    with pytest.raises(NotAllowedThere, match="permission denied"):
        adapter.write(
            WriteRequest(
                target=table.target,
                key="a",
                version=1,
                schema=adapter.schema(table.target),
                draft=draft,
                key_property=KEY,
            )
        )
    table.run("ALTER TABLE books DROP COLUMN counterfoil_id")
    with pytest.raises(KeyPlaceRefused, match="must be owner"):
        adapter.add_key_property(table.target)
    adapter.engines["books"].dispose()
    table.run(f"DROP OWNED BY {role}", f"DROP ROLE {role}")


def test_a_database_that_is_only_read_pauses_the_target(table: SqlTable, elsewhere: str) -> None:
    only_read = elsewhere.replace("sqlite:///", "sqlite:///file:") + "?mode=ro&uri=true"
    if table.engine.dialect.name == "postgresql":
        only_read = elsewhere
        table.run(f"ALTER DATABASE {table.engine.url.database} SET default_transaction_read_only = on")
    adapter = DatabaseTableAdapter(urls={"books": only_read})
    with pytest.raises(NotAllowedThere, match=r"read-?only"):
        written(replace(table, adapter=adapter), "a", title="A row")
    adapter.engines["books"].dispose()


@pytest.mark.parametrize("again", [False, True])
def test_a_column_that_goes_while_a_row_is_written_is_named(table: SqlTable, *, again: bool) -> None:
    row = written(table, "a", title="A row") if again else None

    def rename(connection: Connection, _cursor: object, statement: str, *_more: object) -> None:
        if statement.startswith(("INSERT", "UPDATE")):
            connection.connection.cursor().execute("ALTER TABLE books RENAME COLUMN title TO name")

    event.listen(table.adapter.engines["books"], "before_cursor_execute", rename)
    with pytest.raises(UnknownProperty, match=r"no property title\."):
        written(table, "a", row=row, title="Another")


def test_a_trigger_that_fails_refuses_the_row(table: SqlTable) -> None:
    if table.engine.dialect.name == "sqlite":
        table.run("CREATE TRIGGER t AFTER INSERT ON books BEGIN INSERT INTO nowhere VALUES (1); END")
    else:
        body = "BEGIN INSERT INTO nowhere VALUES (1); RETURN NEW; END"
        table.run(
            f"CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS '{body}'",
            "CREATE TRIGGER t AFTER INSERT ON books FOR EACH ROW EXECUTE FUNCTION f()",
        )
    with pytest.raises(WriteRefused, match="nowhere"):
        written(table, "a", title="A row")


def test_a_refusal_tells_nothing_of_what_else_the_row_holds(table: SqlTable) -> None:
    table.run(
        "CREATE TABLE t (bare TEXT NOT NULL CHECK (bare <> ''), notes TEXT DEFAULT 'private', counterfoil_id TEXT)"
    )
    row = written(table, "a", target=table.of("t"), bare="A row")
    for known, value in ((row, None), (row, ""), (None, ""), (None, None)):
        with pytest.raises(WriteRefused) as caught:
            written(table, "b" if known is None else "a", row=known, target=table.of("t"), bare=value)
        assert "private" not in "".join(format_exception(caught.value))


def test_a_table_that_is_gone_pauses_the_target(table: SqlTable) -> None:
    table.run("ALTER TABLE books RENAME TO accounts")
    with pytest.raises(NotShared, match="rename it back"):
        table.adapter.schema(table.target)
    with pytest.raises(NotShared, match="SQL_TARGETS"):
        DatabaseTableAdapter(urls={}).schema(table.target)


def test_a_database_that_is_away_has_written_nothing(table: SqlTable, tmp_path: Path) -> None:
    away = {"sqlite": f"sqlite:///{tmp_path}/nowhere/x.db", "postgresql": "postgresql://u:secret@127.0.0.1:1/x"}
    adapter = DatabaseTableAdapter(urls={"books": away[table.engine.dialect.name]})
    with pytest.raises(TargetUnreachable) as caught:
        adapter.schema(table.target)
    assert "secret" not in str(caught.value)


def test_a_delivery_makes_one_row_whatever_became_of_the_attempt_before(
    table: SqlTable, database: Database, clock: FixedClock, workspace: WorkspaceId
) -> None:
    house = build(database, clock, table.adapter)
    target = house.connections.create(workspace, "sql", "Books", {"table": "books"})
    record = house.records.add(workspace)
    delivery = house.plan(workspace, record, target)
    table.run("ALTER TABLE books RENAME COLUMN counterfoil_id TO forgotten")
    assert house.deliveries.deliver(workspace, delivery).status is DeliveryStatus.WAITING
    table.run("ALTER TABLE books RENAME COLUMN forgotten TO counterfoil_id")
    house.targets.check(workspace, target.id)
    house.deliveries.deliver(workspace, delivery)
    [row] = table.rows()
    done = house.deliveries.get(workspace, delivery)
    assert (done.status, done.external_id) == (DeliveryStatus.DELIVERED, row.external_id)
    found = table.adapter.find(target, Sought(key=done.key, since=clock.now() - timedelta(days=1), key_property=KEY))
    assert found is not None
    assert found.external_id == row.external_id


@pytest.mark.parametrize("after", [False, True])
def test_a_connection_that_breaks_at_the_commit_ends_in_one_row(
    table: SqlTable, database: Database, clock: FixedClock, workspace: WorkspaceId, *, after: bool
) -> None:
    house = build(database, clock, table.adapter)
    target = house.connections.create(workspace, "sql", "Books", {"table": "books"})
    delivery = house.plan(workspace, house.records.add(workspace), target)

    def break_once(connection: Connection) -> None:
        if connection.info.get("wrote"):
            event.remove(engine, "commit", break_once)
            if after:
                connection.connection.driver_connection.commit()  # type: ignore[union-attr]
            raise OperationalError("COMMIT", {}, ConnectionError("gone"))

    def notice(connection: Connection, _cursor: object, statement: str, *_more: object) -> None:
        connection.info["wrote"] = connection.info.get("wrote") or statement.startswith("INSERT")

    engine = table.adapter.engines["books"]
    event.listen(engine, "commit", break_once)
    event.listen(engine, "before_cursor_execute", notice)
    with pytest.raises(TargetSilent):
        house.deliveries.deliver(workspace, delivery)
    assert len(table.rows()) == after
    if not after:
        with pytest.raises(DeliveryInDoubt):  # the server may still be at it
            house.deliveries.deliver(workspace, delivery)
        clock.pass_by(timedelta(minutes=5))
    assert house.deliveries.deliver(workspace, delivery).status is DeliveryStatus.DELIVERED
    assert len(table.rows()) == 1
