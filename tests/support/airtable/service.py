"""What the stand-in answers to each call."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.airtable.cells import kept
from tests.support.airtable.formulas import condition
from tests.support.airtable.store import Base, Field, Json, Record, Refused, Store, Table, new_id

LARGEST_FILE = 5 * 2**20
MERGEABLE = {"number", "singleLineText", "multilineText", "singleSelect", "multipleSelects", "date"}
_NOT_FOUND = (
    "Invalid permissions, or the requested model was not found. Check that both your user and your token have the"
    " required permissions, and that the model names and/or ids are correct."
)


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call as it came in."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    body: Any
    token: str | None

    def only(self, *allowed: str) -> Json:
        """Return the body, in which there may be nothing else."""
        if not isinstance(self.body, dict) or set(self.body) - set(allowed):
            raise invalid()
        return self.body

    def one(self, name: str) -> str | None:
        return self.query.get(name, [None])[0]


def invalid(message: str = "Invalid request: parameter validation failed. Check your request data.") -> Refused:
    return Refused(422, "INVALID_REQUEST_UNKNOWN", message)


@dataclass(frozen=True, kw_only=True)
class Service:
    """The API over a store."""

    store: Store

    def answer(self, call: Call, *, content: bool) -> Json:
        """Return the body of a success, of the content host or of the other."""
        if call.token is None:
            raise Refused(401, "AUTHENTICATION_REQUIRED", "Authentication required")
        if call.token not in self.store.tokens:
            raise Refused(401, "UNAUTHORIZED", "Invalid authentication token")
        for method, pattern, of_content, scope, act in self._routes():
            found = re.fullmatch(pattern, call.path)
            if found and method == call.method and of_content == content:
                base = self.store.base(found[1])
                if base is None or scope not in self.store.tokens[call.token]:
                    raise Refused(403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND", _NOT_FOUND)
                answer: Json = act(call, base, *found.groups()[1:])
                return answer
        raise Refused(404, "NOT_FOUND")

    def _routes(self) -> list[tuple[str, str, bool, str, Any]]:
        part = r"([^/]+)"
        return [
            ("GET", f"/v0/meta/bases/{part}/tables", False, "schema.bases:read", self.tables),
            ("POST", f"/v0/meta/bases/{part}/tables/{part}/fields", False, "schema.bases:write", self.add_field),
            ("GET", f"/v0/{part}/{part}", False, "data.records:read", self.records),
            ("PATCH", f"/v0/{part}/{part}", False, "data.records:write", self.change),
            ("POST", f"/v0/{part}/{part}/{part}/uploadAttachment", True, "data.records:write", self.attach),
        ]

    def tables(self, _call: Call, base: Base) -> Json:
        return {"tables": [one.shown() for one in base.tables]}

    def add_field(self, call: Call, base: Base, table_id: str) -> Json:
        table, body = _table(base, table_id), call.only("name", "type", "description", "options")
        if table.field(body["name"]):
            raise Refused(422, "DUPLICATE_OR_EMPTY_FIELD_NAME", "Field names must be unique and not empty")
        table.fields.append(Field(name=body["name"], type=body["type"], options=body.get("options", {})))
        return table.fields[-1].shown()

    def records(self, call: Call, base: Base, table_id: str) -> Json:
        if set(call.query) - {"pageSize", "offset", "filterByFormula", "fields[]", "returnFieldsByFieldId"}:
            raise invalid()
        table = _table(base, table_id)
        formula = call.one("filterByFormula")
        found = [one for one in table.records if formula is None or condition(table, formula)(one)]
        fields = {table.needed(one).id for one in call.query.get("fields[]", ())} or {one.id for one in table.fields}
        size, start = int(call.one("pageSize") or 100), int((call.one("offset") or "0").removeprefix("itr/"))
        if not 1 <= size <= 100:
            raise invalid()
        by_id = call.one("returnFieldsByFieldId") in {"1", "true"}
        page = [self._shown(table, one, fields, by_id=by_id) for one in found[start : start + size]]
        more = {"offset": f"itr/{start + size}"} if len(found) > start + size else {}
        return {"records": page, **more}

    def change(self, call: Call, base: Base, table_id: str) -> Json:
        table = _table(base, table_id)
        body = call.only("records", "performUpsert", "typecast", "returnFieldsByFieldId")
        given = body.get("records")
        if (
            not isinstance(given, list)
            or not 1 <= len(given) <= 10
            or any(set(one) - {"id", "fields"} for one in given)
        ):
            raise invalid()
        merge = self._merge(table, body)
        planned = [self._planned(base, table, one, merge, typecast=body.get("typecast", False)) for one in given]
        created, updated = list[str](), list[str]()
        for record, cells in planned:
            (updated if record in table.records else created).append(record.id)
            if record not in table.records:
                table.records.append(record)
            record.cells = {one: cell for one, cell in {**record.cells, **cells}.items() if cell is not None}
        by_id, all_of_them = body.get("returnFieldsByFieldId", False), {one.id for one in table.fields}
        shown = [self._shown(table, record, all_of_them, by_id=by_id) for record, _ in planned]
        return {"records": shown} | ({"createdRecords": created, "updatedRecords": updated} if merge else {})

    def attach(self, call: Call, base: Base, record_id: str, field_id: str) -> Json:
        body = call.only("contentType", "file", "filename")
        table, record = next(((one, found) for one in base.tables if (found := one.record(record_id))), (None, None))
        field = table.field(field_id) if table else None
        if record is None or field is None or field.type != "multipleAttachments":
            raise Refused(404, "NOT_FOUND")
        try:
            content = base64.b64decode(body["file"], validate=True)
        except (binascii.Error, ValueError):
            raise invalid() from None
        if len(content) > LARGEST_FILE:
            raise Refused(413, "REQUEST_TOO_LARGE", "The file is larger than 5 MB")
        added = {"id": new_id("att"), "filename": body["filename"], "size": len(content), "type": body["contentType"]}
        self.store.files[added["id"]] = content
        there = [*record.cells.get(field.id, ()), {**added, "url": "https://v5.airtableusercontent.example/x"}]
        record.cells[field.id] = there
        return {"id": record.id, "createdTime": _time(record), "fields": {field.id: there}}

    def _merge(self, table: Table, body: Json) -> list[Field]:
        if "performUpsert" not in body:
            return []
        if not isinstance(body["performUpsert"], dict) or set(body["performUpsert"]) - {"fieldsToMergeOn"}:
            raise invalid()
        names = body["performUpsert"].get("fieldsToMergeOn", [])
        fields = [table.needed(one) for one in names]
        if not 1 <= len(names) <= 3 or any(one.type not in MERGEABLE for one in fields):
            raise invalid("fieldsToMergeOn must name 1 to 3 fields of a type that can be merged on")
        return fields

    def _planned(
        self, base: Base, table: Table, given: Json, merge: list[Field], *, typecast: bool
    ) -> tuple[Record, Json]:
        """Return the record that is changed or made, and its new cells; nothing is changed yet."""
        cells = {
            field.id: kept(self.store, base, field, value, typecast=typecast)
            for field, value in ((table.needed(name), value) for name, value in given.get("fields", {}).items())
        }
        if "id" in given:
            record = table.record(given["id"])
            if record is None:
                reason = f"Record ID {given['id']} does not exist in this table"
                raise Refused(422, "ROW_DOES_NOT_EXIST", reason)
            return record, cells
        if not merge:
            raise invalid()
        same = [one for one in table.records if all(one.cells.get(f.id) == cells.get(f.id) for f in merge)]
        if len(same) > 1:
            raise invalid("Cannot update more than one record with the same value of the fields to merge on")
        return (same[0] if same else Record(cells={})), cells

    def _shown(self, table: Table, record: Record, fields: set[str], *, by_id: bool) -> Json:
        names = {one.id: one.id if by_id else one.name for one in table.fields}
        cells = {names[one]: cell for one, cell in record.cells.items() if one in fields and one in names}
        return {"id": record.id, "createdTime": _time(record), "fields": cells}


def _table(base: Base, name_or_id: str) -> Table:
    table = base.table(name_or_id)
    if table is None:
        raise Refused(403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND", _NOT_FOUND)
    return table


def _time(record: Record) -> str:
    return record.created.isoformat(timespec="milliseconds").replace("+00:00", "Z")
