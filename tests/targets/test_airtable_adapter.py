"""Airtable passes the suite of all adapters, and a delivery makes one record of it whatever breaks."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.clock import SystemClock
from counterfoil.foundation.database import Database
from counterfoil.foundation.errors import CounterfoilError
from counterfoil.foundation.ids import new_id
from counterfoil.jobs.limits.domain import BreakerRules, Period, Rate, RateLimited
from counterfoil.records.domain import Party
from counterfoil.targets.domain import (
    DeliveryStatus,
    OptionPolicy,
    Property,
    PropertyId,
    PropertyType,
    Target,
    TargetId,
)
from counterfoil.targets.errors import (
    DeliveryInDoubt,
    InvalidTargetSettings,
    KeyPlaceMissing,
    KeyPlaceRefused,
    NotAllowedThere,
    NotShared,
    RowGone,
    RowUnfinished,
    SeveralTables,
    TargetSilent,
    TargetUnavailable,
    TargetUnreachable,
    TokenRefused,
    UnknownProperty,
    WriteRefused,
)
from counterfoil.targets.infrastructure.airtable.adapter import LARGEST_FILE, AirtableAdapter
from counterfoil.targets.infrastructure.airtable.client import RATE, AirtableClient
from counterfoil.targets.infrastructure.manners import Manners
from counterfoil.targets.protocols import Enclosed, Sought, SourceFile, WriteRequest
from counterfoil.targets.values import Value
from tests.support.airtable.server import Airtable, Fault
from tests.support.airtable.store import ALL_SCOPES, Base, Field, Record, choices, names_of
from tests.support.airtable.store import Table as RemoteTable
from tests.support.clock import FixedClock
from tests.support.limits import breakers, rate_limits
from tests.support.ports import free_port
from tests.support.targets import BAKERY, TargetsHouse, build, column
from tests.targets.adapter_suite import COLUMNS, PDF, VALUES, AdapterSuite, StoredRow, Table

TOKEN = "patTest.secret"
KEY_NAME = "Counterfoil ID"
QUICK = Rate(count=1_000_000, period=Period.MINUTE)
TYPES = {
    "title": "singleLineText",
    "text": "multilineText",
    "number": "number",
    "date": "date",
    "select": "singleSelect",
    "multi_select": "multipleSelects",
    "checkbox": "checkbox",
    "url": "url",
    "email": "email",
    "phone": "phoneNumber",
    "files": "multipleAttachments",
    "relation": "multipleRecordLinks",
    "people": "multipleCollaborators",
    "moment": "dateTime",
}
UPSERT, UPLOAD, TABLES, LIST = r"^PATCH /v0/app", r"uploadAttachment$", r"^GET /v0/meta", r"^GET /v0/app"


@dataclass(frozen=True, kw_only=True)
class AirtableTable:
    """A table of the stand-in with the suite's columns, beside one that it links to."""

    airtable: Airtable
    base: Base
    remote: RemoteTable
    adapter: AirtableAdapter
    target: Target

    @property
    def columns(self) -> Sequence[Property]:
        named = [one for one in COLUMNS if one.name in TYPES]
        return [*named, column(KEY_NAME, PropertyType.TEXT)]

    @property
    def values(self) -> Mapping[PropertyType, Value]:
        vendor = self.base.tables[1].records[0].id
        own = {PropertyType.RELATION: (vendor,), PropertyType.PEOPLE: ("usr00000000000001",)}
        return {kind: own.get(kind, value) for kind, value in VALUES.items() if kind.value in TYPES}

    @property
    def key_property(self) -> PropertyId | None:
        return self.property_id(KEY_NAME)

    def property_id(self, name: str) -> PropertyId:
        found = self.remote.field(name)
        return PropertyId(found.id if found else name)

    def rows(self) -> Sequence[StoredRow]:
        return [
            StoredRow(external_id=one.id, values=dict(self._values(one)))
            for one in sorted(self.remote.records, key=lambda record: record.created)
        ]

    def cell(self, name: str) -> Any:
        """Return what the only record holds in a field."""
        [record] = self.remote.records
        return record.cells.get(self.property_id(name))

    def with_types(self, **types: Field) -> "AirtableTable":
        """Put further fields into the table."""
        self.remote.fields.extend(types.values())
        return self

    def _values(self, record: Record) -> Iterator[tuple[PropertyId, Value]]:
        for field in self.remote.fields:
            if field.name != KEY_NAME and field.id in record.cells:
                yield PropertyId(field.id), self._value(field.type, record.cells[field.id])

    def _value(self, kind: str, cell: Any) -> Value:
        match kind:
            case "number":
                return Decimal(repr(cell))
            case "date":
                return date.fromisoformat(cell)
            case "dateTime":
                return datetime.fromisoformat(cell)
            case "multipleCollaborators":
                return tuple(one["id"] for one in cell)
            case "multipleAttachments":
                [file] = cell
                assert (file["filename"], self.airtable.store.files[file["id"]]) == ("Beleg 1.pdf", PDF)
                return VALUES[PropertyType.FILES]
            case _:
                return tuple(cell) if isinstance(cell, list) else cell


def fields() -> list[Field]:
    options = {"select": choices("EUR", "USD"), "multi_select": choices("a", "b", "c")}
    return [
        *(Field(name, kind, options.get(name, {})) for name, kind in TYPES.items()),
        Field(KEY_NAME, TYPES["title"]),
    ]


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """Of one kind, as nothing here is different on another."""
    return f"sqlite:///{tmp_path / 'counterfoil.db'}"


@pytest.fixture
def airtable() -> Iterator[Airtable]:
    with Airtable.running(TOKEN) as airtable:
        yield airtable


@pytest.fixture
def manners(database: Database) -> Manners:
    limits = rate_limits(database, patience=timedelta(seconds=30))
    return Manners(
        service="airtable", rate=QUICK, limits=limits, breakers=breakers(database, BreakerRules()), clock=SystemClock()
    )


@pytest.fixture
def client(airtable: Airtable, manners: Manners) -> AirtableClient:
    return AirtableClient(
        token=TOKEN, manners=manners, url=airtable.url, content_url=airtable.content_url, timeout=(5, 10)
    )


@pytest.fixture
def table(airtable: Airtable, client: AirtableClient, workspace: WorkspaceId, clock: FixedClock) -> AirtableTable:
    remote, vendors = RemoteTable("Belege 🧾", fields()), RemoteTable("Vendors", [Field("Name", "singleLineText")])
    links = remote.field("relation")
    assert links is not None
    links.options["linkedTableId"] = vendors.id
    vendors.records = [Record({vendors.fields[0].id: name}) for name in ("Corner Bakery", "O'Neil's \\ Café", "Other")]
    base = Base([remote, vendors])
    airtable.store.bases.append(base)
    adapter = AirtableAdapter(client=client)
    connected = adapter.connect(workspace, {"table": f"https://airtable.com/{base.id}/{remote.id}/viwXXXXXXXXXXXXXX"})
    target = Target(
        id=TargetId(new_id()),
        workspace=workspace,
        kind="airtable",
        name="Receipts",
        settings=connected.settings,
        place=connected.place,
        created_at=clock.now(),
    )
    return AirtableTable(airtable=airtable, base=base, remote=remote, adapter=adapter, target=target)


class TestAirtable(AdapterSuite):
    @pytest.fixture
    def table(self, table: AirtableTable) -> Table:
        return table


def written(table: AirtableTable, key: str = "a", row: str | None = None, **values: Any) -> str:
    return table.adapter.write(request_for(table, key, row, **values)).external_id


def request_for(
    table: AirtableTable, key: str = "a", row: str | None = None, file: SourceFile | None = None, **values: Any
) -> WriteRequest:
    draft: dict[PropertyId, Value | None] = {table.property_id(name): value for name, value in values.items()}
    return WriteRequest(
        target=table.target,
        key=key,
        version=1,
        schema=table.adapter.schema(table.target),
        draft={**draft, table.property_id(KEY_NAME): key},
        external_id=row,
        key_property=table.key_property,
        enclosed=Enclosed(file=file) if file else None,
    )


def document(folder: Path, size: int, name: str = "Beleg 1.pdf") -> SourceFile:
    path = folder / "document"
    path.write_bytes(b"x" * size)
    return SourceFile(name=name, media_type="application/pdf", size=size, path=path)


# Connecting


def test_a_link_or_ids_lead_to_a_table(table: AirtableTable, workspace: WorkspaceId) -> None:
    base, remote = table.base.id, table.remote
    kept = {"base_id": base, "table_id": remote.id}
    assert table.target.settings == kept
    assert table.target.place == f"airtable:{base}/{remote.id}"
    for given in (
        {"base_id": base, "table_id": remote.id},
        {"base_id": base, "table": "Belege 🧾"},
        {"table": f"airtable.com/{base}/{remote.id}?blocks=hide"},
        {"table": f"https://airtable.com/{base}", "table_id": remote.id},
        {"table": f"https://airtable.com/{base}/{remote.id}"},
        {"table": f"https://airtable.com/{base}/{remote.id}/viwAAAAAAAAAAAAAA"},
        {"table": f"https://airtable.com/{base}/{remote.id}/viwAAAAAAAAAAAAAA/recAAAAAAAAAAAAAA?blocks=hide"},
    ):
        assert table.adapter.connect(workspace, given).settings == kept
    with pytest.raises(SeveralTables, match="Vendors"):
        table.adapter.connect(workspace, {"table": f"https://airtable.com/{base}"})


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"base_id": "app/../meta/whoami"},
        {"base_id": "appAAAAAAAAAAAAAA/../x"},
        {"base_id": "appAAAAAAAAAAAAAA\n"},
        {"table": "https://airtable.com/shrAAAAAAAAAAAAAA"},
        {"table": "https://airtable.com.elsewhere.example/appAAAAAAAAAAAAAA/tblAAAAAAAAAAAAAA"},
        {"table": "https://[airtable.com/appAAAAAAAAAAAAAA"},
        {"base": "appAAAAAAAAAAAAAA"},
        {"url": "https://airtable.com/appAAAAAAAAAAAAAA/tblAAAAAAAAAAAAAA"},
        {"base_id": "appAAAAAAAAAAAAAA", "table": "https://airtable.com/tblAAAAAAAAAAAAAA"},
    ],
)
def test_what_leads_nowhere_is_refused_before_any_call(
    table: AirtableTable, workspace: WorkspaceId, settings: dict[str, str]
) -> None:
    before = len(table.airtable.calls)
    with pytest.raises(InvalidTargetSettings):
        table.adapter.connect(workspace, settings)
    assert len(table.airtable.calls) == before


@pytest.mark.parametrize(
    "link",
    [
        "https://airtable.com/appAAAAAAAAAAAAAA/pagAAAAAAAAAAAAAA/form",
        "https://airtable.com/appAAAAAAAAAAAAAA/pagAAAAAAAAAAAAAA",
        "https://airtable.com/appAAAAAAAAAAAAAA/shrAAAAAAAAAAAAAA",
        "airtable.com/shrAAAAAAAAAAAAAA",
        "https://airtable.com/workspaces/wspAAAAAAAAAAAAAA",
    ],
)
def test_a_link_of_something_else_is_answered_with_which_link_to_copy(
    table: AirtableTable, workspace: WorkspaceId, link: str
) -> None:
    with pytest.raises(InvalidTargetSettings, match="Open the table in Airtable under Data"):
        table.adapter.connect(workspace, {"table": link})


def test_a_table_of_another_base_is_answered_with_the_tables_of_this_one(
    table: AirtableTable, workspace: WorkspaceId
) -> None:
    with pytest.raises(InvalidTargetSettings, match=f"{table.base.id} has no such table; it has “Belege 🧾”"):
        table.adapter.connect(workspace, {"table": f"https://airtable.com/{table.base.id}/tblAAAAAAAAAAAAAA"})


def test_a_table_that_is_not_there_is_said_so(table: AirtableTable, workspace: WorkspaceId) -> None:
    with pytest.raises(InvalidTargetSettings, match="no such table"):
        table.adapter.connect(workspace, {"base_id": table.base.id, "table": "../Vendors"})
    with pytest.raises(NotShared, match="tokens"):
        table.adapter.connect(workspace, {"base_id": "appAAAAAAAAAAAAAA"})


def test_the_stand_in_knows_no_more_keys_of_an_upsert_than_airtable(table: AirtableTable) -> None:
    base, remote = table.base.id, table.remote
    merge = {"fieldsToMergeOn": [KEY_NAME], "fieldToMergeOn": []}
    with pytest.raises(WriteRefused, match="parameter validation"):
        table.adapter.client.put(table.target.workspace, base, remote.id, {"performUpsert": merge, "records": [{}]})


# Columns


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("singleLineText", PropertyType.TEXT),
        ("richText", PropertyType.TEXT),
        ("currency", PropertyType.NUMBER),
        ("percent", PropertyType.NUMBER),
        ("rating", PropertyType.NUMBER),
        ("duration", PropertyType.NUMBER),
        ("dateTime", PropertyType.DATE),
        ("singleCollaborator", PropertyType.PEOPLE),
    ],
)
def test_a_field_that_can_be_written_has_its_neutral_type(
    table: AirtableTable, kind: str, wanted: PropertyType
) -> None:
    table.remote.fields.append(Field("one more", kind))
    *_, found = table.adapter.schema(table.target).properties
    assert (found.type, found.read_only, found.percent) == (wanted, False, kind == "percent")


@pytest.mark.parametrize(
    "kind",
    [
        "formula",
        "rollup",
        "multipleLookupValues",
        "count",
        "autoNumber",
        "createdTime",
        "lastModifiedTime",
        "createdBy",
        "lastModifiedBy",
        "button",
        "aiText",
        "externalSyncSource",
        "barcode",
        "somethingNew",
    ],
)
def test_a_field_that_is_computed_or_not_known_is_read_only_text(table: AirtableTable, kind: str) -> None:
    table.remote.fields.append(Field("one more", kind, {"choices": []}))
    *_, found = table.adapter.schema(table.target).properties
    assert (found.type, found.read_only, found.options) == (PropertyType.TEXT, True, ())


@pytest.mark.parametrize(
    ("kind", "wanted", "read_only"),
    [
        ("singleLineText", PropertyType.TITLE, False),
        ("formula", PropertyType.TITLE, True),
        ("autoNumber", PropertyType.TITLE, True),
        ("number", PropertyType.NUMBER, False),
        ("date", PropertyType.DATE, False),
    ],
)
def test_the_primary_field_is_the_title_where_it_can_hold_one(
    table: AirtableTable, kind: str, wanted: PropertyType, *, read_only: bool
) -> None:
    table.remote.fields[0].type = kind
    first, *_ = table.adapter.schema(table.target).properties
    assert (first.type, first.read_only) == (wanted, read_only)


def test_a_relation_knows_where_it_points_to_and_whom(table: AirtableTable) -> None:
    [relation] = (one for one in table.adapter.schema(table.target).properties if one.type is PropertyType.RELATION)
    vendors = table.base.tables[1]
    assert relation.related == vendors.id
    find = table.adapter.candidates
    assert find(table.target, relation, "corner bakery Ltd") == {vendors.records[0].id: "Corner Bakery"}
    assert find(table.target, relation, "o'neil's") == {vendors.records[1].id: "O'Neil's \\ Café"}
    assert find(table.target, relation, "Nobody") == {}
    assert find(table.target, relation, " ") == {}


def test_people_are_those_who_stand_in_the_column_already(table: AirtableTable) -> None:
    [people] = (one for one in table.adapter.schema(table.target).properties if one.type is PropertyType.PEOPLE)
    assert table.adapter.candidates(table.target, people, "Ada") == {}
    written(table, people=("usr00000000000001",))
    assert table.adapter.candidates(table.target, people, "Ada") == {"usr00000000000001": "Ada Lovelace"}


# Cells


@pytest.mark.parametrize(
    ("field", "value", "cell"),
    [
        (Field("x", "currency", {"precision": 2}), Decimal("1234567890.12"), 1234567890.12),
        (Field("x", "currency", {"precision": 2}), Decimal("0.10"), 0.1),
        (Field("x", "percent"), Decimal("0.07"), 0.07),
        (Field("x", "number"), Decimal("12.00"), 12),
        (Field("x", "rating", {"max": 5}), Decimal(4), 4),
        (Field("x", "duration"), Decimal(90), 90),
        (Field("x", "date"), datetime(2026, 3, 1, 23, 30, tzinfo=UTC), "2026-03-01"),
        (Field("x", "dateTime"), date(2026, 3, 1), "2026-03-01T00:00:00.000Z"),
        (Field("x", "richText"), "**bold**", "**bold**"),
        (Field("x", "singleCollaborator"), ("usr00000000000001",), {"id": "usr00000000000001", "name": "Ada Lovelace"}),
        (Field("x", "checkbox"), False, None),
    ],
)
def test_a_cell_holds_a_value_as_its_field_wants_it(
    table: AirtableTable, field: Field, value: Value, cell: object
) -> None:
    table.remote.fields.append(field)
    written(table, x=value)
    assert table.cell("x") == cell


@pytest.mark.parametrize(
    ("name", "value"), [("number", Decimal("123456789012345678.12")), ("text", "x" * 100_001), ("title", "x" * 100_001)]
)
def test_what_a_cell_would_not_keep_whole_is_refused(table: AirtableTable, name: str, value: Value) -> None:
    values: dict[str, Any] = {name: value}
    with pytest.raises(WriteRefused, match=name):
        written(table, **values)
    assert not table.remote.records


@pytest.mark.parametrize("option", ["Food, drinks", "食費", "طعام", "🥐", "o" * 500, 'it\'s "so"'])
def test_an_option_is_added_and_nothing_else_of_the_record_is_bent(table: AirtableTable, option: str) -> None:
    written(table, select=option, multi_select=("a", option))
    assert table.cell("select") == option
    assert table.cell("multi_select") == ["a", option]
    select = table.remote.field("select")
    assert select is not None
    assert list(names_of(select.options)) == ["EUR", "USD", option]
    [call] = table.airtable.made(UPSERT)
    assert call.body["typecast"] is True
    written(table, select="EUR")
    assert table.airtable.made(UPSERT)[-1].body["typecast"] is False


def test_an_option_that_was_removed_meanwhile_is_not_added_again(table: AirtableTable) -> None:
    request = request_for(table, select="EUR")
    select = table.remote.field("select")
    assert select is not None
    select.options = choices("USD")
    with pytest.raises(UnknownProperty):  # so that the next attempt sees the options as they are
        table.adapter.write(request)
    assert list(names_of(select.options)) == ["USD"]


@pytest.mark.parametrize("name", ["領収書", "إيصال", "🧾", "a}b", "it's {this}"[:9], "n" * 500, 'say "so"', KEY_NAME])
def test_a_field_for_keys_may_be_called_anything(table: AirtableTable, name: str) -> None:
    keys = table.remote.field(KEY_NAME)
    assert keys is not None
    place, keys.name = PropertyId(keys.id), name
    request = replace(request_for(table, title="A row"), key="it's \\ a key", key_property=place)
    request = replace(request, draft={place: request.key})
    row = table.adapter.write(request).external_id
    found = table.adapter.find(table.target, Sought(key=request.key, since=datetime.now(UTC), key_property=place))
    assert found is not None
    assert (found.external_id, found.url) == (
        row,
        f"https://airtable.com/{table.base.id}/{table.remote.id}/{row}",
    )


@pytest.mark.parametrize("name", ["a\\b", "{a} and {b}"])
def test_a_name_that_no_formula_can_hold_makes_no_second_record(table: AirtableTable, name: str) -> None:
    keys, vendor = table.remote.field(KEY_NAME), table.base.tables[1].fields[0]
    assert keys is not None
    place, keys.name, vendor.name = PropertyId(keys.id), name, name
    request = replace(request_for(table), draft={place: "a"}, key_property=place)
    row = table.adapter.write(request).external_id
    assert table.adapter.find(table.target, Sought(key="a", since=datetime.now(UTC), key_property=place)) is None
    assert table.adapter.write(request).external_id == row
    [relation] = (one for one in table.adapter.schema(table.target).properties if one.type is PropertyType.RELATION)
    assert table.adapter.candidates(table.target, relation, "Corner") == {}


def test_two_hundred_fields_are_one_call(table: AirtableTable) -> None:
    table.remote.fields.extend(Field(f"extra {n}", "singleLineText") for n in range(200))
    written(table, "a", None, **{f"extra {n}": str(n) for n in range(200)})
    assert table.cell("extra 199") == "199"
    assert len(table.airtable.made(UPSERT)) == 1


# Rows


def test_a_second_write_of_a_key_changes_the_record_of_the_first(table: AirtableTable) -> None:
    assert written(table, title="Once") == written(table, title="Twice")
    assert table.cell("title") == "Twice"


def test_a_record_that_was_deleted_is_gone(table: AirtableTable) -> None:
    row = written(table, title="A row")
    table.remote.records.clear()
    with pytest.raises(RowGone):
        written(table, row=row, title="A row")
    assert not table.remote.records


def test_a_linked_record_that_was_deleted_is_no_word_of_ours(table: AirtableTable) -> None:
    row = written(table, title="A row")
    for known in (None, row):
        with pytest.raises(WriteRefused, match="recAAAAAAAAAAAAAA"):
            written(table, row=known, relation=("recAAAAAAAAAAAAAA",))


def test_of_records_that_a_person_has_doubled_the_first_is_ours(table: AirtableTable) -> None:
    row = written(table, title="A row")
    [record] = table.remote.records
    later = record.created + timedelta(seconds=1)
    table.remote.records.insert(0, Record(dict(record.cells), created=later))
    found = table.adapter.find(
        table.target, Sought(key="a", since=datetime.now(UTC), key_property=table.property_id(KEY_NAME))
    )
    assert found is not None
    assert found.external_id == row
    with pytest.raises(WriteRefused, match="more than one"):
        written(table, title="A row")
    assert written(table, row=row, title="A row") == row


def test_a_field_for_keys_is_added_once(table: AirtableTable) -> None:
    table.remote.fields = [one for one in table.remote.fields if one.name != KEY_NAME]
    with pytest.raises(KeyPlaceMissing, match=KEY_NAME):
        table.adapter.write(replace(request_for(table, title="A row"), draft={}, key_property=None))
    place = table.adapter.add_key_property(table.target)
    assert table.adapter.add_key_property(table.target) == place
    assert [one.type for one in table.remote.fields if one.name == KEY_NAME] == ["singleLineText"]


def test_a_token_that_may_not_add_fields_is_said_so(table: AirtableTable) -> None:
    table.remote.fields = [one for one in table.remote.fields if one.name != KEY_NAME]
    table.airtable.store.tokens[TOKEN] = ALL_SCOPES - {"schema.bases:write"}
    with pytest.raises(KeyPlaceRefused, match=r"by hand.*schema\.bases:write"):
        table.adapter.add_key_property(table.target)


# The document


def test_a_document_is_attached_once(table: AirtableTable, tmp_path: Path) -> None:
    file = document(tmp_path, 10)
    request = request_for(table, file=file, title="A row", files=VALUES[PropertyType.FILES])
    row = table.adapter.write(request).external_id
    table.adapter.write(replace(request, external_id=row))
    table.adapter.write(request)
    [attached] = table.cell("files")
    assert (attached["filename"], table.airtable.store.files[attached["id"]]) == (file.name, b"x" * 10)
    assert len(table.airtable.made(UPLOAD)) == 1


def test_what_a_person_has_attached_stays(table: AirtableTable, tmp_path: Path) -> None:
    row = written(table, title="A row")
    [record] = table.remote.records
    theirs = [("notes.txt", 10), ("Beleg 1.pdf", 3)]  # one of the document's size, and one of its name
    record.cells[table.property_id("files")] = [
        {"id": f"att{size}", "filename": name, "size": size} for name, size in theirs
    ]
    request = request_for(table, row=row, file=document(tmp_path, 10), files=VALUES[PropertyType.FILES])
    table.adapter.write(request)
    assert [one["filename"] for one in table.cell("files")] == ["notes.txt", "Beleg 1.pdf", "Beleg 1.pdf"]


def test_a_document_that_is_too_large_is_left_out_and_told(table: AirtableTable, tmp_path: Path) -> None:
    request = request_for(table, file=document(tmp_path, LARGEST_FILE), files=VALUES[PropertyType.FILES])
    assert table.adapter.write(request).problems == ()
    request = request_for(table, "b", file=document(tmp_path, LARGEST_FILE + 1), files=VALUES[PropertyType.FILES])
    [problem] = table.adapter.write(request).problems
    assert "5 MB" in problem
    assert len(table.remote.records) == 2


# What Airtable says


@pytest.mark.parametrize(
    ("token", "expected"), [("", TokenRefused), ("patOther", TokenRefused), ("pat\nOther", TokenRefused)]
)
def test_a_token_that_is_not_known_pauses_the_target(table: AirtableTable, token: str, expected: type) -> None:
    adapter = AirtableAdapter(client=replace(table.adapter.client, token=token))
    with pytest.raises(expected, match="AIRTABLE_TOKEN") as caught:
        adapter.schema(table.target)
    assert not token or token not in str(caught.value)
    assert "patOther" not in repr(adapter)


@pytest.mark.parametrize("scope", ["data.records:write", "schema.bases:read"])
def test_a_scope_that_is_missing_pauses_the_target(table: AirtableTable, scope: str) -> None:
    request = request_for(table, title="A row")
    table.adapter.known.clear()
    table.airtable.store.tokens[TOKEN] = ALL_SCOPES - {scope}
    with pytest.raises(NotShared, match=scope):
        table.adapter.write(request)
    assert not table.remote.records


def test_a_table_that_was_deleted_pauses_the_target(table: AirtableTable) -> None:
    request = request_for(table, title="A row")
    table.base.tables.remove(table.remote)
    with pytest.raises(NotShared):
        table.adapter.write(request)
    with pytest.raises(NotShared, match="trash"):
        table.adapter.schema(table.target)


def test_a_field_that_was_deleted_is_named(table: AirtableTable) -> None:
    request = request_for(table, text="lost")
    table.remote.fields = [one for one in table.remote.fields if one.name != "text"]
    with pytest.raises(UnknownProperty):
        table.adapter.write(request)
    assert not table.remote.records


def test_a_field_that_was_changed_is_looked_at_anew(table: AirtableTable) -> None:
    request = request_for(table, text="words")
    changed = table.remote.field("text")
    assert changed is not None
    changed.type = "number"
    with pytest.raises(UnknownProperty):
        table.adapter.write(request)
    with pytest.raises(WriteRefused, match="cannot accept"):  # it was the value
        written(table, phone=True)


def test_calls_of_a_month_that_are_used_up_pause_the_target(table: AirtableTable) -> None:
    table.airtable.faults.append((UPSERT, Fault.USED_UP))
    with pytest.raises(NotAllowedThere, match="month"):
        written(table, title="A row")


def test_nobody_calls_while_airtable_wants_to_be_left_alone(table: AirtableTable) -> None:
    request = request_for(table, title="A row")
    table.airtable.limited = True
    impatient = rate_limits(table.adapter.client.manners.limits.database)
    adapter = AirtableAdapter(
        client=replace(table.adapter.client, manners=replace(table.adapter.client.manners, limits=impatient))
    )

    def call_on() -> None:
        while True:
            adapter.schema(table.target)

    with pytest.raises(RateLimited) as caught:
        call_on()
    seen = len(table.airtable.calls)
    wait = caught.value.retry_at - datetime.now(UTC)
    assert timedelta(seconds=20) < wait <= timedelta(seconds=30)
    with pytest.raises(RateLimited):
        adapter.write(request)
    assert len(table.airtable.calls) == seen


def test_five_calls_a_second_are_never_passed(table: AirtableTable) -> None:
    table.airtable.limited, table.airtable.penalty = True, 1000
    table.airtable.begun.clear()
    manners = replace(table.adapter.client.manners, rate=RATE)
    adapter = AirtableAdapter(client=replace(table.adapter.client, manners=manners))
    before = len(table.airtable.calls)
    for _ in range(12):
        adapter.schema(table.target)  # a sixth within a second would be refused
    assert len(table.airtable.calls) == before + 12


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault.CLOSED_BEFORE, TargetSilent),
        (Fault.CLOSED_AFTER, TargetSilent),
        (Fault.GARBAGE, TargetSilent),
        (Fault.BROKEN, TargetUnavailable),
        (Fault.BROKEN_AFTER, TargetUnavailable),
    ],
)
def test_what_leaves_a_doubt_says_so(table: AirtableTable, fault: Fault, expected: type) -> None:
    table.airtable.faults.append((UPSERT, fault))
    with pytest.raises(expected):
        written(table, title="A row")


def test_a_service_that_cannot_be_reached_has_seen_nothing(table: AirtableTable) -> None:
    request = request_for(table, title="A row")
    away = replace(table.adapter.client, url=f"http://127.0.0.1:{free_port()}")
    with pytest.raises(TargetUnreachable) as caught:
        AirtableAdapter(client=away).write(request)
    assert TOKEN not in str(caught.value)


def test_a_document_that_could_not_follow_leaves_the_record_in_doubt(table: AirtableTable, tmp_path: Path) -> None:
    client = replace(table.adapter.client, content_url=f"http://127.0.0.1:{free_port()}")
    request = request_for(table, file=document(tmp_path, 10), files=VALUES[PropertyType.FILES])
    with pytest.raises(RowUnfinished):
        AirtableAdapter(client=client).write(request)
    assert len(table.remote.records) == 1


# Deliveries


@pytest.fixture
def house(database: Database, clock: FixedClock, table: AirtableTable, tmp_path: Path) -> TargetsHouse:
    house = build(database, clock, table.adapter)
    house.records.documents.folder = tmp_path
    (tmp_path / ("0" * 64)).write_bytes(b"x")
    return house


def receipts(table: AirtableTable) -> RemoteTable:
    """Let the table be as people have it."""
    table.remote.fields = [
        Field("Merchant", "singleLineText"),
        Field("Total", "currency", {"precision": 2}),
        Field("Date", "date"),
        Field("Category", "singleSelect", choices("Food")),
        Field("Receipt", "multipleAttachments"),
        Field("Vendor ID", "autoNumber"),
        Field(KEY_NAME, "singleLineText"),
    ]
    return table.remote


def connected(house: TargetsHouse, table: AirtableTable, workspace: WorkspaceId) -> Target:
    settings = {"table": f"https://airtable.com/{table.base.id}/{table.remote.id}"}
    return house.connections.create(workspace, "airtable", "Receipts", settings)


@pytest.mark.parametrize("fault", [one for one in Fault if one is not Fault.USED_UP])
@pytest.mark.parametrize("where", [TABLES, UPSERT, UPLOAD])
def test_a_fault_anywhere_ends_in_one_record_with_one_document(
    house: TargetsHouse, table: AirtableTable, workspace: WorkspaceId, fault: Fault, where: str
) -> None:
    remote = receipts(table)
    target = connected(house, table, workspace)
    delivery = house.plan(workspace, house.records.add(workspace), target)
    table.airtable.late = 2
    impatient = AirtableAdapter(client=replace(table.adapter.client, timeout=(5, 1)))
    hasty = replace(house.deliveries, targets=replace(house.targets, adapters={"airtable": impatient}))
    table.airtable.faults.append((where, fault))
    with pytest.raises(CounterfoilError):
        hasty.deliver(workspace, delivery)
    house.clock.pass_by(timedelta(minutes=6))
    done = house.deliveries.deliver(workspace, delivery)
    [record] = remote.records
    assert (done.status, done.external_id, done.problems) == (DeliveryStatus.DELIVERED, record.id, ())
    cells = {field.name: record.cells.get(field.id) for field in remote.fields}
    assert (cells["Merchant"], cells["Total"], cells["Date"]) == ("Corner Bakery", 12.3, "2026-02-28")
    assert [one["filename"] for one in cells["Receipt"] or ()] == ["receipt.jpg"]


def test_a_second_fault_while_the_record_is_looked_up_loses_nothing(
    house: TargetsHouse, table: AirtableTable, workspace: WorkspaceId
) -> None:
    remote = receipts(table)
    target = connected(house, table, workspace)
    delivery = house.plan(workspace, house.records.add(workspace), target)
    table.airtable.faults += [(UPLOAD, Fault.CLOSED_AFTER), (r"^GET /v0/app", Fault.BROKEN)]
    for _ in range(2):
        with pytest.raises(CounterfoilError):
            house.deliveries.deliver(workspace, delivery)
    assert house.deliveries.deliver(workspace, delivery).status is DeliveryStatus.DELIVERED  # found, so at once
    assert len(remote.records) == 1


@pytest.mark.parametrize("theirs", [(), ({"id": "att1", "filename": "receipt.jpg", "size": 77},)])
def test_a_document_that_may_still_be_on_its_way_is_not_sent_again(
    house: TargetsHouse, table: AirtableTable, workspace: WorkspaceId, theirs: Sequence[dict[str, Any]]
) -> None:
    remote = receipts(table)
    target = connected(house, table, workspace)
    delivery = house.plan(workspace, house.records.add(workspace), target)
    table.airtable.faults.append((UPLOAD, Fault.CLOSED_BEFORE))
    with pytest.raises(TargetSilent):
        house.deliveries.deliver(workspace, delivery)
    [record] = remote.records
    place = remote.needed("Receipt").id
    record.cells[place] = list(theirs)
    for _ in range(2):
        house.clock.pass_by(timedelta(minutes=2))
        with pytest.raises(DeliveryInDoubt):
            house.deliveries.deliver(workspace, delivery)
    assert len(table.airtable.made(UPLOAD)) == 0
    house.clock.pass_by(timedelta(minutes=1))
    assert house.deliveries.deliver(workspace, delivery).status is DeliveryStatus.DELIVERED
    assert [one["filename"] for one in remote.records[0].cells[place]][len(theirs) :] == ["receipt.jpg"]


def test_a_correction_changes_the_record_and_not_its_document(
    house: TargetsHouse, table: AirtableTable, workspace: WorkspaceId
) -> None:
    remote = receipts(table)
    target, record = connected(house, table, workspace), house.records.add(workspace)
    house.deliver(workspace, record, target)
    newer = house.records.correct(workspace, record, replace(BAKERY, merchant=Party(name="Corner Café")))
    house.deliver(workspace, newer, target)
    [there] = remote.records
    assert there.cells[remote.needed("Merchant").id] == "Corner Café"
    assert len(there.cells[remote.needed("Receipt").id]) == 1


def test_a_table_without_a_field_for_keys_waits_for_it(
    house: TargetsHouse, table: AirtableTable, workspace: WorkspaceId
) -> None:
    remote = receipts(table)
    remote.fields.pop()
    target = connected(house, table, workspace)
    delivery = house.deliver(workspace, house.records.add(workspace), target)
    assert house.deliveries.get(workspace, delivery).status is DeliveryStatus.WAITING
    assert not remote.records
    house.targets.add_key_property(workspace, target.id)
    assert house.deliveries.deliver(workspace, delivery).status is DeliveryStatus.DELIVERED
    assert len(remote.records) == 1


def test_a_table_of_which_nothing_can_be_written_waits(
    house: TargetsHouse, table: AirtableTable, workspace: WorkspaceId
) -> None:
    table.remote.fields = [Field("Sum", "formula"), Field("When", "createdTime")]
    target = connected(house, table, workspace)
    delivery = house.deliver(workspace, house.records.add(workspace), target)
    assert house.deliveries.get(workspace, delivery).status is DeliveryStatus.WAITING
    assert not table.remote.records


def test_the_option_policy_decides_whether_an_option_is_added(
    house: TargetsHouse, table: AirtableTable, workspace: WorkspaceId
) -> None:
    remote = receipts(table)
    category = remote.needed("Category")
    target = connected(house, table, workspace)
    plan = house.targets.plan(workspace, target.id).plan
    entries = dict(plan.entries)
    for policy, cell in ((OptionPolicy.NEAREST, None), (OptionPolicy.ADD, "Fine wines")):
        entries[PropertyId(category.id)] = replace(entries[PropertyId(category.id)], unknown_option=policy)
        plan = house.targets.put_plan(workspace, target.id, entries, plan.version)
        data = replace(BAKERY, category="Fine wines")
        house.deliver(workspace, house.records.add(workspace, data), target)
        assert remote.records[-1].cells.get(category.id) == cell


def test_the_token_is_in_no_log(
    table: AirtableTable, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG"):
        written(table, title="A row")
        table.airtable.faults.append((UPSERT, Fault.BROKEN))
        with pytest.raises(TargetUnavailable):
            written(table, title="A row")
    told = capsys.readouterr()
    assert TOKEN not in caplog.text + told.out + told.err
