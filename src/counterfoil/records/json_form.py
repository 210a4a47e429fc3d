"""Records as JSON and back, as the database and the files keep them: numbers as text, so that they stay exact."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, time
from decimal import Decimal
from typing import Any, TypeVar

from counterfoil.documents.domain import Box
from counterfoil.records.domain import (
    Evidence,
    FieldPath,
    InvoiceData,
    Kind,
    LineItem,
    Party,
    PaymentMethod,
    Reason,
    ReasonCode,
    Source,
    Sources,
    Tax,
)
from counterfoil.records.fields import LISTS, PARTIES, PARTY_FIELDS, ROW_FIELDS, SCALARS, written

_UNKEEPABLE = re.compile(r"[\x00\ud800-\udfff]")
"""What PostgreSQL refuses in text; broken text layers have it."""

_RESTORE: Mapping[str, Callable[[str], Any]] = {
    **dict.fromkeys(("subtotal", "tip", "discount", "total", "rate", "base", "amount", "quantity"), Decimal),
    **dict.fromkeys(("unit_price", "tax_rate"), Decimal),
    **dict.fromkeys(("issue_date", "due_date"), date.fromisoformat),
    "issue_time": time.fromisoformat,
    "kind": Kind,
    "payment_method": PaymentMethod,
}
"""What a field's text is made into; the others stay text."""

Part = TypeVar("Part", Party, Tax, LineItem)


def data_to_json(data: InvoiceData) -> dict[str, Any]:
    """Return the data as a JSON object, without what is None."""
    parties = {name: _part_to_json(getattr(data, name), PARTY_FIELDS) for name in PARTIES}
    lists = {name: [_part_to_json(row, ROW_FIELDS[name]) for row in getattr(data, name)] for name in LISTS}
    return _part_to_json(data, SCALARS) | parties | lists


def data_from_json(content: Mapping[str, Any]) -> InvoiceData:
    """Return the data that `data_to_json` wrote."""
    return InvoiceData(
        **_restored(content, SCALARS),
        merchant=_part(Party, content.get("merchant", {}), PARTY_FIELDS),
        buyer=_part(Party, content.get("buyer", {}), PARTY_FIELDS),
        taxes=tuple(_part(Tax, row, ROW_FIELDS["taxes"]) for row in content.get("taxes", ())),
        line_items=tuple(_part(LineItem, row, ROW_FIELDS["line_items"]) for row in content.get("line_items", ())),
    )


def as_kept(data: InvoiceData, sources: Sources) -> tuple[InvoiceData, Sources]:
    """Return both as they come back when they are kept, so that what is compared later is the same."""
    return data_from_json(data_to_json(data)), sources_from_json(sources_to_json(sources))


def keepable(text: str) -> str:
    """Return the text without what a database cannot keep."""
    return _UNKEEPABLE.sub("", text)


def fingerprint(data: InvoiceData) -> str:
    """Return a digest that is the same for the same values and for no others."""
    return hashlib.sha256(json.dumps(data_to_json(data), sort_keys=True).encode()).hexdigest()


def _part_to_json(part: object, names: Iterable[str]) -> dict[str, Any]:
    found = {name: getattr(part, name) for name in names}
    return {name: keepable(written(value)) for name, value in found.items() if value is not None}


def _restored(content: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: _RESTORE.get(name, str)(content[name]) for name in names if name in content}


def _part(kind: type[Part], content: Mapping[str, Any], names: Iterable[str]) -> Part:
    return kind(**_restored(content, names))


def sources_to_json(sources: Sources) -> dict[str, Any]:
    """Return the sources as a JSON object by path."""
    return {path: _source_to_json(source) for path, source in sources.items()}


def sources_from_json(content: Mapping[str, Any]) -> Sources:
    """Return the sources that `sources_to_json` wrote."""
    return {FieldPath(path): _source(source) for path, source in content.items()}


def _source_to_json(source: Source) -> dict[str, Any]:
    content: dict[str, Any] = {
        "reader": source.reader,
        "version": source.version,
        "confidence": source.confidence,
    }
    if source.evidence:
        box = source.evidence.box
        content["evidence"] = {
            "page": source.evidence.page,
            "box": [box.x0, box.y0, box.x1, box.y1],
            "text": keepable(source.evidence.text),
        }
    return content


def _source(content: Mapping[str, Any]) -> Source:
    found = content.get("evidence")
    return Source(
        reader=content["reader"],
        version=content["version"],
        confidence=content["confidence"],
        evidence=_evidence(found) if found else None,
    )


def _evidence(content: Mapping[str, Any]) -> Evidence:
    x0, y0, x1, y1 = content["box"]
    return Evidence(page=content["page"], box=Box(x0=x0, y0=y0, x1=x1, y1=y1), text=content["text"])


def reasons_to_json(reasons: Iterable[Reason]) -> list[Any]:
    """Return the reasons as a JSON list."""
    return [
        {"code": reason.code.value, "paths": list(reason.paths), "facts": _facts(reason.facts)} for reason in reasons
    ]


def _facts(facts: Mapping[str, str]) -> dict[str, str]:
    return {name: keepable(fact) for name, fact in facts.items()}


def reasons_from_json(content: Iterable[Mapping[str, Any]]) -> tuple[Reason, ...]:
    """Return the reasons that `reasons_to_json` wrote."""
    return tuple(
        Reason(
            code=ReasonCode(reason["code"]),
            paths=tuple(FieldPath(path) for path in reason["paths"]),
            facts=reason["facts"],
        )
        for reason in content
    )
