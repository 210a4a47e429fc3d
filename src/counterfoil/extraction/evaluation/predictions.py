"""What a reader said of a document, as a line of JSON that a truth can be held against."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from counterfoil.extraction.domain import Extraction
from counterfoil.records.domain import FieldPath, LineItem

PATHS = {
    "merchant": FieldPath("merchant.name"),
    "address": FieldPath("merchant.address"),
    "date": FieldPath("issue_date"),
    "due_date": FieldPath("due_date"),
    "invoice_number": FieldPath("number"),
    "currency": FieldPath("currency"),
    "subtotal": FieldPath("subtotal"),
    "total": FieldPath("total"),
}
PixelBox = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictedValue:
    """A value with its confidence and its box, in pixels of the first page's picture."""

    value: str
    confidence: float | None = None
    box: PixelBox | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What was read from a file; `seconds` by the clock, `cpu_seconds` of the processor."""

    file: str
    values: dict[str, PredictedValue] = field(default_factory=dict)
    items: tuple[dict[str, str | None], ...] = ()
    pages: int = 0
    seconds: float | None = None
    cpu_seconds: float | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the prediction as it is written into a file."""
        fields: dict[str, Any] = {
            name: {"value": one.value, "confidence": one.confidence, "bbox": list(one.box) if one.box else None}
            for name, one in self.values.items()
        }
        return {
            "file": self.file,
            "fields": {**fields, "line_items": list(self.items)},
            "pages": self.pages,
            "seconds": self.seconds,
            "cpu_seconds": self.cpu_seconds,
        }


def prediction_of(file: str, extraction: Extraction, size: tuple[int, int]) -> Prediction:
    """Return an extraction in the words of a truth. `size` is the first page's, in pixels."""
    values = {name: found for name, path in PATHS.items() if (found := _value(extraction, path, size))}
    if tax := _tax(extraction, size):
        values["tax"] = tax
    return Prediction(
        file=file,
        values=values,
        items=tuple(_item(one) for one in extraction.data.line_items),
        pages=len(extraction.pages),
    )


def _value(extraction: Extraction, path: FieldPath, size: tuple[int, int]) -> PredictedValue | None:
    value: object = extraction.data
    for part in path.split("."):
        value = getattr(value, part)
    if value is None:
        return None
    source = extraction.sources[path]
    return PredictedValue(value=str(value), confidence=source.confidence, box=_box(extraction, path, size))


def _tax(extraction: Extraction, size: tuple[int, int]) -> PredictedValue | None:
    """Return the sum of all taxes, as sure as the least sure of them."""
    amounts = {
        FieldPath(f"taxes.{index}.amount"): tax.amount
        for index, tax in enumerate(extraction.data.taxes)
        if tax.amount is not None
    }
    if not amounts:
        return None
    return PredictedValue(
        value=str(sum(amounts.values())),
        confidence=min(extraction.sources[path].confidence for path in amounts),
        box=_box(extraction, next(iter(amounts)), size) if len(amounts) == 1 else None,
    )


def _box(extraction: Extraction, path: FieldPath, size: tuple[int, int]) -> PixelBox | None:
    evidence = extraction.sources[path].evidence
    if evidence is None or evidence.page != 1:
        return None
    width, height = size
    box = evidence.box
    return box.x0 * width, box.y0 * height, box.x1 * width, box.y1 * height


def _item(item: LineItem) -> dict[str, str | None]:
    parts: Sequence[tuple[str, object]] = (
        ("description", item.description),
        ("quantity", item.quantity),
        ("unit_price", item.unit_price),
        ("amount", item.amount),
    )
    return {name: None if value is None else str(value) for name, value in parts}
