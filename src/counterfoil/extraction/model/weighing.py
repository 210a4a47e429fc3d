"""A model's values weighed against the page and against what the layout reader found."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from counterfoil.extraction.domain import Considered, Extraction, ModelUse
from counterfoil.extraction.grounding import UNWRITTEN as UNWRITTEN_FIELDS
from counterfoil.extraction.grounding import Grounding
from counterfoil.extraction.layout.dates import folded
from counterfoil.extraction.model.confidence import GROUNDED, NOT_SHOWN, UNWRITTEN, agreed, contested
from counterfoil.records.domain import FieldPath, InvoiceData, LineItem, Reason, ReasonCode, Source, Tax, Value
from counterfoil.records.fields import LISTS, label, list_of, replaced, values, written

NAME: Final = "model"


def weigh(
    answer: InvoiceData, layout: Extraction, grounding: Grounding, *, version: str, sure: float, use: ModelUse
) -> Extraction:
    """Return the extraction that both readers make together. `sure` is the confidence that needs no person."""
    scales = _Scales(layout=layout, grounding=grounding, version=version, data=answer)
    twins, theirs = _twins(answer, layout.data), values(layout.data)
    for path, value in values(answer).items():
        twin = twins.get(path, path)
        if twin is not None and twin in theirs:
            scales.weigh_both(path, value, theirs[twin], layout.sources[twin])
        else:
            scales.weigh_alone(path, value)
    scales.keep_sure(sure)
    return Extraction(
        reader=NAME,
        version=version,
        data=scales.data,
        sources=scales.sources,
        pages=layout.pages,
        reasons=tuple(_reasons(scales.not_shown)),
        considered=tuple(_considered(scales.rivals, layout)),
        model=use,
    )


@dataclass(slots=True, kw_only=True)
class _Scales:
    """What has come out so far, path by path."""

    layout: Extraction
    grounding: Grounding
    version: str
    data: InvoiceData
    sources: dict[FieldPath, Source] = field(default_factory=dict)
    not_shown: list[FieldPath] = field(default_factory=list)
    rivals: dict[FieldPath, list[Considered]] = field(default_factory=dict)

    def weigh_alone(self, path: FieldPath, value: Value) -> None:
        """Take a value that only the model has."""
        self.sources[path] = mine = self._source(path, value)
        if mine.confidence == NOT_SHOWN:
            self.not_shown.append(path)

    def weigh_both(self, path: FieldPath, value: Value, other: Value, theirs: Source) -> None:
        """Take the model's value, or the layout reader's `other` if that is shown and the model's is not."""
        mine = self._source(path, value)
        if _same(value, other):
            confidence = agreed(mine.confidence, theirs.confidence)
            self.sources[path] = replace(mine, confidence=confidence, evidence=theirs.evidence or mine.evidence)
            return
        won = mine.evidence is not None or mine.confidence > max(theirs.confidence, NOT_SHOWN)
        if won:
            self.sources[path] = replace(mine, confidence=contested(mine.confidence, theirs.confidence))
        else:
            self.data = replaced(self.data, path, other)
            self.sources[path] = replace(theirs, confidence=contested(theirs.confidence, mine.confidence))
        rivals = [_as_considered(path, value, mine, taken=won), _as_considered(path, other, theirs, taken=not won)]
        self.rivals[path] = sorted(rivals, key=lambda one: not one.taken)

    def keep_sure(self, sure: float) -> None:
        """Keep what the layout reader has surely and the model has left empty; a list only as a whole."""
        given = {_whole(path) for path in self.sources}
        left = {path: value for path, value in values(self.layout.data).items() if _whole(path) not in given}
        least: dict[str, float] = {}
        for path in left:
            least[_whole(path)] = min(least.get(_whole(path), 1.0), self.layout.sources[path].confidence)
        for path, value in left.items():
            source = self.layout.sources[path]
            if least[_whole(path)] >= sure:
                self.data = replaced(self.data, path, value)
                self.sources[path] = source
            else:
                self.rivals[path] = [_as_considered(path, value, source, taken=False)]

    def _source(self, path: FieldPath, value: Value) -> Source:
        """Return how sure the model's value is by itself, and what shows it."""
        found = self.grounding.find(path, value)
        if found:
            confidence = GROUNDED * found.similarity
        else:
            confidence = UNWRITTEN if path.rpartition(".")[2] in UNWRITTEN_FIELDS else NOT_SHOWN
        evidence = found.evidence if found else None
        return Source(reader=NAME, version=self.version, confidence=confidence, evidence=evidence)


def _whole(path: FieldPath) -> str:
    return list_of(path) or path


def _same(one: Value, other: Value) -> bool:
    """Tell whether two readers mean the same: texts may differ in case, accents, blanks and points."""
    if isinstance(one, str) and isinstance(other, str):
        return _bare(one) == _bare(other)
    return one == other


def _bare(text: str) -> str:
    return "".join(letter for letter in folded(text) if letter.isalnum())


def _twins(answer: InvoiceData, layout: InvoiceData) -> Mapping[FieldPath, FieldPath | None]:
    """Return for each value in a row where the layout reader has its own of it; None if it has no such row.

    A row is the same if its amount is: one that was missed moves all that follow it.
    """
    twins: dict[FieldPath, FieldPath | None] = {}
    for name in LISTS:
        left = list(enumerate(getattr(layout, name)))
        for index, row in enumerate(getattr(answer, name)):
            match = next((one for one in left if _alike(row, one[1])), None)
            if match:
                left.remove(match)
            for part in row.__dataclass_fields__:
                twin = FieldPath(f"{name}.{match[0]}.{part}") if match else None
                twins[FieldPath(f"{name}.{index}.{part}")] = twin
    return twins


def _alike(one: Tax | LineItem, other: Tax | LineItem) -> bool:
    return one.amount is not None and one.amount == other.amount


def _as_considered(path: FieldPath, value: Value, source: Source, *, taken: bool) -> Considered:
    return Considered(
        path=path, value=written(value), words=source.confidence, sums=0.0, taken=taken, evidence=source.evidence
    )


def _considered(rivals: Mapping[FieldPath, list[Considered]], layout: Extraction) -> Iterator[Considered]:
    """Yield what was considered: where the readers differ, both values before the others of the layout reader."""
    yield from (one for several in rivals.values() for one in several)
    named = {(one.path, one.value) for several in rivals.values() for one in several}
    for one in layout.considered:
        if (one.path, one.value) not in named:
            yield replace(one, taken=one.taken and one.path not in rivals)


def _reasons(not_shown: list[FieldPath]) -> Iterator[Reason]:
    if not_shown:
        facts = {"fields": ", ".join(map(label, not_shown))}
        yield Reason(code=ReasonCode.NOT_ON_PAGE, paths=tuple(not_shown), facts=facts)
