"""What a page shows below its properties: the document, the line items as a table, and a marker that is its own.

    the document (if no property holds it)
    line items, a table or several (if no property shows them)
    Counterfoil 0192…                       the marker: the delivery's key

By the marker a page is known as the one that a delivery has made, and the tables right above it as ours to change.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, Final

from counterfoil.records.domain import LineItem
from counterfoil.targets.expressions import as_text
from counterfoil.targets.infrastructure.notion.client import Json
from counterfoil.targets.infrastructure.notion.values import pieces

MARKER: Final = "Counterfoil"
_ROWS_OF_A_TABLE: Final = 99  # a hundred with the header
_MOST_ITEMS: Final = 495
"""Of the lines of an endless invoice, as many as one request can hold with all else; the document has them all."""
_LONGEST_CELL: Final = 200
_COLUMNS: Final[Mapping[str, str]] = {
    "Description": "description",
    "Quantity": "quantity",
    "Unit": "unit",
    "Unit price": "unit_price",
    "Tax %": "tax_rate",
    "Amount": "amount",
}

Cells = tuple[tuple[str, ...], ...]


def marker(key: str) -> str:
    """Return the text by which a page says which delivery made it."""
    return f"{MARKER} {key}"


def marker_block(key: str) -> Json:
    """Return the marker as a block."""
    text = {"type": "text", "text": {"content": marker(key)}, "annotations": {"color": "gray"}}
    return {"object": "block", "type": "paragraph", "paragraph": {"rich_text": [text]}}


def file_block(upload: str, media_type: str) -> Json:
    """Return the document as a block that shows as much of it as Notion can."""
    kind = "image" if media_type.startswith("image/") else "pdf" if media_type == "application/pdf" else "file"
    return {"object": "block", "type": kind, kind: {"type": "file_upload", "file_upload": {"id": upload}}}


def tables(items: Sequence[LineItem], currency: str | None) -> list[Json]:
    """Return line items as table blocks, each with a header; none for none."""
    return [_table(cells) for cells in cells_of(items, currency)]


def cells_of(items: Sequence[LineItem], currency: str | None) -> list[Cells]:
    """Return the texts of the tables' cells, row by row, the header first."""
    columns = {name: field for name, field in _COLUMNS.items() if any(_cell(one, field) for one in items)}
    header = tuple(f"{name} ({currency})" if currency and name == "Amount" else name for name in columns)
    rows = [tuple(_cell(one, field) for field in columns.values()) for one in items[:_MOST_ITEMS]]
    if len(items) > _MOST_ITEMS:
        more = f"… and {len(items) - _MOST_ITEMS} more lines, which the document shows."
        rows.append((more, *("" for _ in header[1:])))
    parts = [rows[at : at + _ROWS_OF_A_TABLE] for at in range(0, len(rows), _ROWS_OF_A_TABLE)]
    return [(header, *part) for part in parts] if columns else []


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Our part of a page: the ids of its tables in their order, and of its marker."""

    tables: tuple[str, ...]
    marker: str


def sections_of(blocks: Sequence[Json], key: str) -> list[Section]:
    """Return our part of a page, if its marker is still there; several, if a redrawing of it broke off."""
    return [_section(blocks, at) for at, block in enumerate(blocks) if plain_text(block) == marker(key)]


def _section(blocks: Sequence[Json], at: int) -> Section:
    above = takewhile(lambda block: block["type"] == "table", reversed(blocks[:at]))
    return Section(tables=tuple(reversed([block["id"] for block in above])), marker=blocks[at]["id"])


def cells_in(rows: Sequence[Json]) -> Cells:
    """Return the texts of a table's rows as Notion tells them."""
    cells = (row["table_row"]["cells"] for row in rows)
    return tuple(tuple(map(_plain, row)) for row in cells)


def plain_text(block: Json) -> str | None:
    """Return the text of a paragraph; None of anything else."""
    return _plain(block["paragraph"]["rich_text"]) if block.get("type") == "paragraph" else None


def _plain(texts: Sequence[Json]) -> str:
    return "".join(_of(one) for one in texts)


def _of(text: Mapping[str, Any]) -> str:
    return str(text.get("plain_text") or text.get("text", {}).get("content", ""))


def _table(cells: Cells) -> Json:
    table = {
        "table_width": len(cells[0]),
        "has_column_header": True,
        "has_row_header": False,
        "children": list(_rows(cells)),
    }
    return {"object": "block", "type": "table", "table": table}


def _rows(cells: Cells) -> Iterator[Json]:
    for row in cells:
        written = [[{"type": "text", "text": {"content": cell}}] if cell else [] for cell in row]
        yield {"object": "block", "type": "table_row", "table_row": {"cells": written}}


def _cell(item: LineItem, field: str) -> str:
    value = getattr(item, field)
    return "" if value is None else next(pieces(as_text(value), _LONGEST_CELL), "")
