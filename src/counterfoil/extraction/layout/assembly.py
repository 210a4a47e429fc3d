"""Chosen candidates put together as the data of an invoice, with the source of every value."""

from collections.abc import Sequence
from dataclasses import fields as fields_of
from typing import Any

from counterfoil.extraction.layout.choice import MANY, Chosen
from counterfoil.extraction.layout.confidence import confidence
from counterfoil.extraction.layout.rows import Span
from counterfoil.records.domain import FieldPath, InvoiceData, Party, Source


def assemble(chosen: Sequence[Chosen], *, reader: str, version: str) -> tuple[InvoiceData, dict[FieldPath, Source]]:
    """Return the data, and a source for every value in it."""
    values: dict[str, Any] = {}
    parties: dict[str, dict[str, Any]] = {}
    sources: dict[FieldPath, Source] = {}

    def note(path: str, one: Chosen, span: Span) -> None:
        sources[FieldPath(path)] = Source(
            reader=reader, version=version, confidence=confidence(one), evidence=span.evidence
        )

    for one in chosen:
        path, value = one.candidate.path, one.candidate.value
        if path in MANY:
            entries = values.setdefault(path, [])
            for name in _parts_given(value):
                note(f"{path}.{len(entries)}.{name}", one, one.candidate.parts.get(name, one.candidate.span))
            entries.append(value)
            continue
        note(path, one, one.candidate.span)
        party, _, part = path.partition(".")
        if part:
            parties.setdefault(party, {})[part] = value
        else:
            values[path] = value
    values |= {name: tuple(values[name]) for name in MANY if name in values}
    values |= {name: Party(**parts) for name, parts in parties.items()}
    return InvoiceData(**values), sources


def _parts_given(value: object) -> list[str]:
    return [part.name for part in fields_of(value) if getattr(value, part.name) is not None]  # type: ignore[arg-type]  # Tax and LineItem are dataclasses
