"""Each record as files: a JSON document, and a row in a Parquet data set partitioned by workspace and month.

    <root>/records/workspace=<id>/month=2026-03/<record id>.parquet
    <root>/records_json/workspace=<id>/<record id>.json

One Parquet file per record, so that many workers never share one. A file is whole or absent. When a correction moves a
record to another month, the old file goes after the new one is in place: a crash in between leaves the record twice, in
two versions, until the write is repeated; never not at all.
"""

import fcntl
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal, localcontext
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from counterfoil.foundation.files import make_folder, sync_folder, write_atomically
from counterfoil.records.domain import InvoiceData, LineItem, Record, Tax
from counterfoil.records.fields import PARTIES, PARTY_FIELDS, ROW_FIELDS, SCALARS
from counterfoil.records.json_form import data_to_json, keepable, reasons_to_json, sources_to_json

if TYPE_CHECKING:
    import pyarrow as pa

LOCKS = 64
PRECISION, SCALE = 38, 10
"""Of every number in Parquet: 28 digits before the point, 10 after it."""

_STEP = Decimal(1).scaleb(-SCALE)
_LIMIT = Decimal(10) ** (PRECISION - SCALE)


@dataclass(frozen=True, slots=True)
class RecordFiles:
    """Writes records under a folder; any number of processes may do so at once."""

    root: Path

    def write(self, record: Record) -> None:
        """Put the record in place of what was written of it before; an older version than that is left out."""
        with self._held(record):
            if self._is_written(record):
                return
            write_atomically(self._parquet_path(record), lambda stream: _write_parquet(record, stream))
            self._remove_other_months(record)
            # Last, since its version says that all of the above is done.
            write_atomically(self._json_path(record), lambda stream: stream.write(_json(record)))

    @contextmanager
    def _held(self, record: Record) -> Iterator[None]:
        """Keep other processes from writing the same record; a few locks serve all records."""
        folder = self.root / ".locks"
        make_folder(folder)
        with (folder / f"{record.id.int % LOCKS}.lock").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _is_written(self, record: Record) -> bool:
        """Tell whether this version or a newer one is in place."""
        try:
            content = json.loads(self._json_path(record).read_bytes())
        except FileNotFoundError:
            return False
        version: int = content["version"]
        return version > record.version or (version == record.version and self._parquet_path(record).exists())

    def _remove_other_months(self, record: Record) -> None:
        path = self._parquet_path(record)
        for old in path.parent.parent.glob(f"month=*/{path.name}"):
            if old != path:
                old.unlink()
                sync_folder(old.parent)

    def _parquet_path(self, record: Record) -> Path:
        day = record.data.issue_date or record.created_at
        month = f"month={day.year:04}-{day.month:02}"
        return self.root / "records" / f"workspace={record.workspace}" / month / f"{record.id}.parquet"

    def _json_path(self, record: Record) -> Path:
        return self.root / "records_json" / f"workspace={record.workspace}" / f"{record.id}.json"


def _head(record: Record) -> dict[str, Any]:
    """Return what both files say alike."""
    return {
        "record_id": str(record.id),
        "document_id": str(record.document_id),
        "extraction_id": str(record.extraction_id) if record.extraction_id else None,
        "version": record.version,
        "status": record.status.value,
        "accepted_by": record.accepted_by.value if record.accepted_by else None,
    }


def _json(record: Record) -> bytes:
    content = {
        **_head(record),
        "created_at": record.created_at.isoformat(),
        "updated_at": record.updated_at.isoformat(),
        "data": data_to_json(record.data),
        "sources": sources_to_json(record.sources),
        "locked": sorted(record.locked),
        "reasons": reasons_to_json(record.reasons),
    }
    return json.dumps(content, ensure_ascii=False, indent=2, allow_nan=False).encode()


def _write_parquet(record: Record, stream: BinaryIO) -> None:
    # pyarrow takes long to import and is needed only here.
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pylist([_row(record)], schema=schema())
    # A single row gains nothing from dictionaries and statistics.
    pq.write_table(table, stream, compression="zstd", use_dictionary=False, write_statistics=False)


@cache
def schema() -> "pa.Schema":
    """Return the columns of the data set, the same for every record; the partitions add `workspace` and `month`."""
    import pyarrow as pa

    text, number, moment = pa.string(), pa.decimal128(PRECISION, SCALE), pa.timestamp("us", tz="UTC")
    own = {"issue_date": pa.date32(), "due_date": pa.date32(), "issue_time": pa.time32("ms")}
    own |= dict.fromkeys(("subtotal", "tip", "discount", "total"), number)
    rows = {
        "taxes": _list_of(pa.struct(dict.fromkeys(ROW_FIELDS["taxes"], number).items())),
        "line_items": _list_of(
            pa.struct((name, text if name in {"description", "unit"} else number) for name in ROW_FIELDS["line_items"])
        ),
    }
    source = {"path": text, "reader": text, "version": text, "confidence": pa.float64(), "page": pa.int32()}
    columns = {
        "record_id": text,
        "document_id": text,
        "extraction_id": text,
        "version": pa.int32(),
        "status": text,
        "accepted_by": text,
        "created_at": moment,
        "updated_at": moment,
        **{f"{party}_{name}": text for party in PARTIES for name in PARTY_FIELDS},
        **{name: own.get(name, text) for name in SCALARS},
        **rows,
        "locked": _list_of(text),
        "reasons": _list_of(text),
        "sources": _list_of(pa.struct(source.items())),
    }
    return pa.schema(columns.items())


def _list_of(kind: "pa.DataType") -> "pa.DataType":
    """Return a list's type with its items named as Parquet names them, so that it reads back as it was written."""
    import pyarrow as pa

    return pa.list_(pa.field("element", kind))


def _row(record: Record) -> dict[str, Any]:
    data = record.data
    return {
        **_head(record),
        "created_at": record.created_at,
        "updated_at": record.updated_at,
        **{f"{party}_{name}": _cell(getattr(getattr(data, party), name)) for party in PARTIES for name in PARTY_FIELDS},
        **{name: _cell(getattr(data, name)) for name in SCALARS},
        **_lists(data),
        "locked": sorted(record.locked),
        "reasons": [reason.code.value for reason in record.reasons],
        "sources": _sources(record),
    }


def _lists(data: InvoiceData) -> Mapping[str, Any]:
    rows: Mapping[str, Sequence[Tax | LineItem]] = {"taxes": data.taxes, "line_items": data.line_items}
    return {
        name: [{field: _cell(getattr(row, field)) for field in ROW_FIELDS[name]} for row in found]
        for name, found in rows.items()
    }


def _sources(record: Record) -> list[dict[str, Any]]:
    return [
        {
            "path": path,
            "reader": source.reader,
            "version": source.version,
            "confidence": source.confidence,
            "page": source.evidence.page if source.evidence else None,
        }
        for path, source in record.sources.items()
    ]


def _cell(value: object) -> object:
    """Return a value as its column takes it. A number too long for the column is left out; the JSON has it whole."""
    if isinstance(value, Decimal):
        with localcontext(prec=PRECISION * 2):
            return value.quantize(_STEP) if abs(value) < _LIMIT else None
    if isinstance(value, str):
        return keepable(str(value))
    return value
