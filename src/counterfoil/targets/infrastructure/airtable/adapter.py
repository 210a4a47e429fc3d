"""Writes records into an Airtable table, one a delivery.

A record is made by an upsert on the field that holds the delivery's key, so that Airtable itself takes a second call
for the first. The document follows in a call of its own, as Airtable takes files for records only that are there; a
file could therefore not be the marker of its record, and the field for keys is needed.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final

from pyairtable.formulas import field_name, quoted
from pydantic import ValidationError

from counterfoil.access.domain import WorkspaceId
from counterfoil.targets.domain import Property, PropertyId, PropertyType, Schema, Target
from counterfoil.targets.errors import (
    InvalidTargetSettings,
    KeyPlaceMissing,
    KeyPlaceRefused,
    NotAllowedThere,
    NotShared,
    RowGone,
    RowUnfinished,
    SeveralTables,
    TargetSilent,
    UnknownProperty,
    WriteRefused,
)
from counterfoil.targets.infrastructure.airtable.address import AIRTABLE, address_of
from counterfoil.targets.infrastructure.airtable.cells import SERVICE, cell_of
from counterfoil.targets.infrastructure.airtable.client import AirtableClient, Json, RecordNotThere
from counterfoil.targets.infrastructure.airtable.columns import (
    ATTACHMENTS,
    TEXTS,
    AirtableBase,
    AirtableTable,
    schema_of,
)
from counterfoil.targets.protocols import NOTHING_WRITTEN, Connected, Sought, SourceFile, WriteRequest, Written

KEY_NAME: Final = "Counterfoil ID"
_MOST_NAMED: Final = 20
LARGEST_FILE: Final = 5 * 2**20
_KEY_FIELD: Final = {
    "name": KEY_NAME,
    "type": "singleLineText",
    "description": "By this Counterfoil finds its records again. Please leave it as it is.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AirtableAdapter:
    """Speaks to tables in Airtable. `known` are the tables as they were last read by this process."""

    client: AirtableClient
    kind: str = AIRTABLE
    settles_after: timedelta = timedelta(minutes=5)
    schema_lasts: timedelta = timedelta(minutes=5)
    check_every_hours: int = 24  # a free workspace has a thousand calls a month
    needs_key_property: bool = True
    known: dict[str, AirtableTable] = field(default_factory=dict)

    def connect(self, workspace: WorkspaceId, settings: Mapping[str, str]) -> Connected:
        address = address_of(settings)
        there = self._tables(workspace, address.base)
        tables = [one for one in there if address.table in {None, one.id, one.name}]
        if not tables:
            names = ", ".join(f"“{one.name}” ({one.id})" for one in there[:_MOST_NAMED])
            reason = f"the base {address.base} has no such table; it has {names or 'none'}. Is it another base's?"
            raise InvalidTargetSettings(self.kind, reason)
        if len(tables) > 1:
            raise SeveralTables("table_id", {one.id: one.name for one in tables})
        kept = {"base_id": address.base, "table_id": tables[0].id}
        return Connected(settings=kept, place=f"{self.kind}:{address.base}/{tables[0].id}", title=tables[0].name)

    def schema(self, target: Target) -> Schema:
        return schema_of(self._read(target))

    def candidates(self, target: Target, prop: Property, name: str) -> Mapping[str, str]:
        """Return the records of the linked table, or the people in this column, that may be called so.

        Of people, Airtable tells a token only who stands in a record.
        """
        if prop.type is PropertyType.PEOPLE:
            return self._people(target, prop)
        base, words = target.settings["base_id"], name.split()
        there = next((one for one in self._tables(target.workspace, base) if one.id == prop.related), None)
        called = there and there.field(there.primaryFieldId)
        if there is None or called is None or not words:
            return {}
        formula = f"FIND(LOWER({quoted(words[0])}), LOWER({field_name(called.name)} & ''))"
        found = self._matching(target, there.id, formula, [called.id])
        return {one["id"]: str(one["fields"].get(called.id, "")) for one in found}

    def find(self, target: Target, sought: Sought) -> Written | None:
        if sought.key_property is None:
            raise KeyPlaceMissing(target.name)
        table = self._read(target)
        keys = table.field(sought.key_property)
        if keys is None:
            raise UnknownProperty({sought.key_property})
        formula = f"{field_name(keys.name)} = {quoted(sought.key)}"
        holding = [one for one in sought.files if table.field(one)]
        found = self._matching(target, table.id, formula, [keys.id, *holding])
        ours = sorted((one for one in found if one["fields"].get(keys.id) == sought.key), key=_age)
        if not ours:
            return None
        lacking = any(not _holds(ours[0], one, sought.file) for one in holding if sought.file)
        return replace(_written(target, ours[0]["id"]), unfinished=lacking)

    def write(self, request: WriteRequest) -> Written:
        target = request.target
        table = self.known.get(_place(target)) or self._read(target)
        if unknown := request.draft.keys() - {one.id for one in table.fields}:
            raise UnknownProperty(unknown)
        body = _body(request, table)
        try:
            record = self.client.put(target.workspace, target.settings["base_id"], table.id, body)
        except RecordNotThere as error:
            if request.external_id and request.external_id in str(error):
                raise RowGone(request.external_id) from None
            raise WriteRefused(SERVICE, str(error)) from None  # one that a cell points to
        except WriteRefused as error:
            raise self._why(request, error) from None
        return _written(target, record["id"], self._attached(request, table, record))

    def add_key_property(self, target: Target) -> PropertyId:
        table = self._read(target)
        there = next((one for one in table.fields if one.name == KEY_NAME), None)
        if there is not None:
            if there.type not in TEXTS:
                raise KeyPlaceRefused(target, f"it has a field “{KEY_NAME}” that is no text.")
            return PropertyId(there.id)
        try:
            base = target.settings["base_id"]
            added = self.client.add_field(target.workspace, base, table.id, _KEY_FIELD)
        except (NotAllowedThere, NotShared):
            reason = (
                f"our token may not add fields in Airtable. Add a single line text field called “{KEY_NAME}” there by"
                " hand, or give the token the scope schema.bases:write."
            )
            raise KeyPlaceRefused(target, reason) from None
        return PropertyId(str(added["id"]))

    def _why(self, request: WriteRequest, error: WriteRefused) -> WriteRefused | UnknownProperty:
        """Return what a refusal means: the fields have changed since they were seen, or it was the values."""
        live, seen = self.schema(request.target).by_id, request.schema.by_id
        changed = [one for one in request.draft if live.get(one) != seen.get(one)]
        return UnknownProperty(changed) if changed else error

    def _read(self, target: Target) -> AirtableTable:
        settings = target.settings
        tables = self._tables(target.workspace, settings["base_id"])
        table = next((one for one in tables if one.id == settings["table_id"]), None)
        if table is None:
            gone = "The table was deleted in Airtable. Restore it from the base's trash, then check the target."
            raise NotShared(gone)
        self.known[_place(target)] = table
        return table

    def _tables(self, workspace: WorkspaceId, base: str) -> list[AirtableTable]:
        try:
            return AirtableBase.model_validate(self.client.tables(workspace, base)).tables
        except ValidationError:
            raise TargetSilent(SERVICE) from None

    def _matching(self, target: Target, table: str, formula: str, fields: Sequence[str]) -> Sequence[Json]:
        """Return the records that a formula is true of, with some of their cells.

        A formula knows fields by name alone, and there are names that none can hold: then nothing is found, which an
        upsert sets right, as it knows the field by its id.
        """
        base = target.settings["base_id"]
        try:
            return self.client.records(target.workspace, base, table, formula=formula, fields=fields)
        except WriteRefused:
            return ()

    def _people(self, target: Target, prop: Property) -> Mapping[str, str]:
        formula = f"NOT({field_name(prop.name)} = BLANK())"
        found = self._matching(target, target.settings["table_id"], formula, [prop.id])
        cells = (one["fields"].get(prop.id) for one in found)
        people = (person for cell in cells for person in (cell if isinstance(cell, list) else [cell]) if person)
        return {one["id"]: one.get("name") or one.get("email") or "" for one in people}

    def _attached(self, request: WriteRequest, table: AirtableTable, record: Json) -> tuple[str, ...]:
        """Put the document into the fields that are to have it and do not; return what could not be done.

        Raises:
            RowUnfinished: it may still be done; the record is there.
        """
        problems = []
        for one in table.fields:
            if one.type != ATTACHMENTS or not request.draft.get(PropertyId(one.id)) or request.enclosed is None:
                continue
            try:
                self._attach(request, record, one.id, request.enclosed.file)
            except WriteRefused as error:
                problems.append(f"{one.name}: {error}")
            except NOTHING_WRITTEN as error:
                raise RowUnfinished(SERVICE, error) from None
        return tuple(problems)

    def _attach(self, request: WriteRequest, record: Json, field_id: str, file: SourceFile) -> None:
        if _holds(record, field_id, file):
            return
        if file.size > LARGEST_FILE:
            reason = f"the document has {file.size / 2**20:.1f} MB, and only up to 5 MB can be attached."
            raise WriteRefused(SERVICE, reason)
        content = base64.b64encode(file.path.read_bytes()).decode()
        body = {"contentType": file.media_type, "filename": file.name, "file": content}
        target = request.target
        self.client.attach(target.workspace, target.settings["base_id"], record["id"], field_id, body)


def _body(request: WriteRequest, table: AirtableTable) -> Json:
    """Return the one record to be made, or changed if its id is known."""
    if request.key_property is None:
        raise KeyPlaceMissing(request.target.name)
    cells: dict[str, Any] = {
        one.id: cell_of(one, value)
        for one in table.fields
        if PropertyId(one.id) in request.draft
        and ((value := request.draft[PropertyId(one.id)]) is None or one.type != ATTACHMENTS)
    }
    body: Json = {"returnFieldsByFieldId": True, "typecast": _adds_options(request)}
    if request.external_id:
        return {**body, "records": [{"id": request.external_id, "fields": cells}]}
    cells = {one: cell for one, cell in cells.items() if cell is not None} | {request.key_property: request.key}
    merge = {"fieldsToMergeOn": [request.key_property]}
    return {**body, "performUpsert": merge, "records": [{"fields": cells}]}


def _adds_options(request: WriteRequest) -> bool:
    """Tell whether a value is no option yet; only then may Airtable bend values to its fields."""
    for one in request.schema.properties:
        value = request.draft.get(one.id)
        if one.type.has_options and value is not None:
            wanted = {value} if isinstance(value, str) else set(value) if isinstance(value, tuple) else set()
            if wanted - set(one.options):
                return True
    return False


def _place(target: Target) -> str:
    return f"{target.settings['base_id']}/{target.settings['table_id']}"


def _holds(record: Json, field_id: str, file: SourceFile) -> bool:
    """Tell whether the document is among the files of a cell; one of a person's may have its name, or its size."""
    there = record["fields"].get(field_id) or ()
    return any((one.get("filename"), one.get("size")) == (file.name, file.size) for one in there)


def _age(record: Json) -> str:
    return str(record.get("createdTime", ""))


def _written(target: Target, record: str, problems: tuple[str, ...] = ()) -> Written:
    return Written(external_id=record, url=f"https://airtable.com/{_place(target)}/{record}", problems=problems)
