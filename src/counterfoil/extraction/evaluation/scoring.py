"""How good predictions are, field by field, item by item, and how far their confidences can be trusted."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from difflib import SequenceMatcher

from counterfoil.extraction.evaluation.normalising import is_text, letters, normal, number
from counterfoil.extraction.evaluation.predictions import PixelBox, PredictedValue, Prediction
from counterfoil.extraction.evaluation.truths import Truth

ENTITIES = ("merchant", "date", "address", "total")
_BINS = 10
_PRECISE = 0.98
_WORST = 10
_ALIKE = 0.8  # descriptions of the same item
_GROWN = 0.25  # of its height, by which a box is grown before a centre is looked for in it
_OVERLAP = 0.3  # of two boxes' union


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """How many were right of those predicted and of those that there are."""

    right: int
    predicted: int
    true: int

    @property
    def precision(self) -> float:
        return _share(self.right, self.predicted)

    @property
    def recall(self) -> float:
        return _share(self.right, self.true)

    @property
    def f1(self) -> float:
        return _share(2 * self.precision * self.recall, self.precision + self.recall)


@dataclass(slots=True, kw_only=True)
class FieldScore:
    """The tally of one field."""

    true: int = 0
    predicted: int = 0
    right: int = 0
    invented: int = 0  # predicted though known not to be there
    similarity: float = 0.0
    boxes: int = 0
    boxes_hit: int = 0

    @property
    def ratio(self) -> Ratio:
        return Ratio(right=self.right, predicted=self.predicted + self.invented, true=self.true)


@dataclass(slots=True, kw_only=True)
class ItemScore:
    """The tally of line items: right by amount and description, by amount alone, and how many quantities were right."""

    true: int = 0
    predicted: int = 0
    right: int = 0
    right_amounts: int = 0
    quantities: int = 0
    right_quantities: int = 0

    @property
    def ratio(self) -> Ratio:
        return Ratio(right=self.right, predicted=self.predicted, true=self.true)

    @property
    def by_amount(self) -> Ratio:
        return Ratio(right=self.right_amounts, predicted=self.predicted, true=self.true)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """How far confidences can be trusted.

    `expected_error` is over ten bins, `kept` the share of values that stay, the surest first, while 98 % are right.
    """

    values: int
    expected_error: float
    kept: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """A wrong value, and how sure its reader was. Worse than a missing one, the more the surer it was."""

    file: str
    name: str
    said: str
    wanted: str
    confidence: float


@dataclass(slots=True, kw_only=True)
class Score:
    """All tallies of a set of documents."""

    documents: int = 0
    unread: int = 0  # without a prediction
    judged: int = 0  # with a single-valued field that is known
    all_right: int = 0
    fields: dict[str, FieldScore] = field(default_factory=dict)
    items: ItemScore | None = None
    surenesses: list[tuple[float, bool]] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)

    @property
    def entities(self) -> Ratio:
        """Return the score over merchant, date, address and total together."""
        ratios = [self.fields[name].ratio for name in ENTITIES if name in self.fields]
        return Ratio(
            right=sum(one.right for one in ratios),
            predicted=sum(one.predicted for one in ratios),
            true=sum(one.true for one in ratios),
        )

    @property
    def missing(self) -> int:
        """Return how many values are there that nothing was said of."""
        return sum(one.true - one.predicted for one in self.fields.values())

    @property
    def worst(self) -> Sequence[Mistake]:
        """Return the mistakes of which their reader was surest."""
        return sorted(self.mistakes, key=lambda one: -one.confidence)[:_WORST]

    @property
    def calibration(self) -> Calibration | None:
        return calibration_of(self.surenesses) if self.surenesses else None


def score(predictions: Iterable[Prediction], truths: Sequence[Truth]) -> Score:
    """Hold predictions against the truths."""
    by_file = {prediction.file: prediction for prediction in predictions}
    tally = Score(documents=len(truths))
    for truth in truths:
        prediction = by_file.get(truth.file)
        tally.unread += prediction is None
        _score_document(tally, prediction or Prediction(file=truth.file), truth)
    return tally


def _score_document(tally: Score, prediction: Prediction, truth: Truth) -> None:
    right = [_score_value(tally, name, prediction.values.get(name), truth) for name in truth.values]
    for name in truth.absent:
        invented = name in prediction.values
        if invented:
            tally.fields.setdefault(name, FieldScore()).invented += 1
        right.append(not invented)
    if truth.items is not None:
        tally.items = tally.items or ItemScore()
        score_items(tally.items, prediction.items, truth.items)
    if right:
        tally.judged += 1
        tally.all_right += all(right)


def _score_value(tally: Score, name: str, predicted: PredictedValue | None, truth: Truth) -> bool:
    of_field = tally.fields.setdefault(name, FieldScore())
    of_field.true += 1
    if predicted is None or normal(name, predicted.value) is None:
        return False
    right = truth.accepts(name, predicted.value)
    of_field.predicted += 1
    of_field.right += right
    if is_text(name):
        of_field.similarity += 1.0 if right else max(alike(predicted.value, one) for one in truth.accepted(name))
    if predicted.confidence is not None:
        tally.surenesses.append((predicted.confidence, right))
        if not right:
            mistake = Mistake(
                file=truth.file,
                name=name,
                said=predicted.value,
                wanted=truth.accepted(name)[0],
                confidence=predicted.confidence,
            )
            tally.mistakes.append(mistake)
    if right and predicted.box and truth.boxes.get(name):
        of_field.boxes += 1
        of_field.boxes_hit += hits(predicted.box, truth.boxes[name])
    return right


def alike(one: str, other: str) -> float:
    """Return how much two texts are alike, from 0 to 1."""
    return SequenceMatcher(None, letters(one), letters(other), autojunk=False).ratio()


def hits(box: PixelBox, places: Iterable[PixelBox]) -> bool:
    """Say whether a box is at one of the places: its centre is on it or near it, or they overlap well."""
    return any(_is_at(box, place) for place in places)


def _is_at(box: PixelBox, place: PixelBox) -> bool:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    margin = _GROWN * (place[3] - place[1])
    if place[0] - margin <= x <= place[2] + margin and place[1] - margin <= y <= place[3] + margin:
        return True
    width = max(min(box[2], place[2]) - max(box[0], place[0]), 0.0)
    height = max(min(box[3], place[3]) - max(box[1], place[1]), 0.0)
    union = _area(box) + _area(place) - width * height
    return union > 0 and width * height / union >= _OVERLAP


def _area(box: PixelBox) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def score_items(
    tally: ItemScore, predicted: Sequence[Mapping[str, str | None]], true: Sequence[Mapping[str, str]]
) -> None:
    """Pair each true item with the predicted one of the same amount whose description is most alike."""
    free = list(predicted)
    unpaired: list[Decimal | None] = []
    tally.predicted += len(predicted)
    tally.true += len(true)
    for item in true:
        amount = number(item["amount"])
        pair = max(_of_amount(free, amount), key=lambda one: _same_words(one, item), default=None)
        if pair is None or _same_words(pair, item) < _ALIKE:
            unpaired.append(amount)
            continue
        _remove(free, pair)
        tally.right += 1
        tally.right_amounts += 1
        if item.get("quantity"):
            tally.quantities += 1
            tally.right_quantities += bool(pair.get("quantity")) and number(pair["quantity"]) == number(
                item["quantity"]
            )
    for amount in unpaired:
        for pair in _of_amount(free, amount)[:1]:
            _remove(free, pair)
            tally.right_amounts += 1


def _of_amount(items: Iterable[Mapping[str, str | None]], amount: Decimal | None) -> list[Mapping[str, str | None]]:
    return [item for item in items if normal("total", item.get("amount")) == amount]


def _remove(items: list[Mapping[str, str | None]], item: Mapping[str, str | None]) -> None:
    """Take this very item out, not one that is equal to it."""
    del items[next(index for index, one in enumerate(items) if one is item)]


def _same_words(item: Mapping[str, str | None], truth: Mapping[str, str]) -> float:
    given, wanted = item.get("description") or "", truth["description"]
    contained = bool(letters(wanted)) and letters(wanted) in letters(given)
    return max(alike(given, wanted), _ALIKE if contained else 0.0)


def calibration_of(surenesses: Sequence[tuple[float, bool]]) -> Calibration:
    """Return how well confidences foretell what is right."""
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(_BINS)]
    for sure, right in surenesses:
        bins[min(_BINS - 1, max(0, int(sure * _BINS)))].append((sure, right))
    error = sum(abs(sum(sure - right for sure, right in one)) for one in bins) / len(surenesses)
    right_so_far = kept = 0
    for count, (_, right) in enumerate(sorted(surenesses, key=lambda one: -one[0]), 1):
        right_so_far += right
        if right_so_far / count >= _PRECISE:
            kept = count
    return Calibration(values=len(surenesses), expected_error=error, kept=kept / len(surenesses))


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
