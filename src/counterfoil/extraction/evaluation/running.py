"""Reading all documents of a truth file, and the report of how it went."""

import mimetypes
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean, median_high
from typing import Any

from counterfoil.access.domain import DEFAULT_WORKSPACE
from counterfoil.documents.domain import MediaType, Sha256
from counterfoil.documents.protocols import OpenDocument, PageSource
from counterfoil.extraction.cascade import Cascade
from counterfoil.extraction.domain import Extraction
from counterfoil.extraction.evaluation.normalising import is_text
from counterfoil.extraction.evaluation.predictions import Prediction, prediction_of
from counterfoil.extraction.evaluation.scoring import Ratio, Score, score
from counterfoil.extraction.evaluation.truths import Truth, read_truths
from counterfoil.foundation.errors import InvalidInput, Postponed
from counterfoil.foundation.files import digest_of

SURE = 0.85
"""The confidence from which on nobody is asked, by default."""
FOLDS = 5
_XML_ON_SOME_MACHINES = "text/xml"  # on those without a list of types
Progress = Callable[[int, int, Prediction], None]
"""Told after each document: how many are done, of how many, and what was read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Durations:
    """How long documents took, in seconds by the clock, and what a page cost, in seconds of the processor."""

    mean: float
    median: float
    longest: float
    cpu_per_page: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A score with what it cost. `peak_memory` is the most that this process has held, in bytes.

    `folds` has the share of right values in each of five parts of the documents: what differs between them is chance.
    """

    score: Score
    folds: Sequence[float]
    durations: Durations | None
    peak_memory: int

    def as_json(self) -> dict[str, Any]:
        """Return the figures for a script."""
        tally = self.score
        return {
            "documents": tally.documents,
            "without_prediction": tally.unread,
            "all_fields_right": tally.all_right / tally.judged if tally.judged else 0.0,
            "fields": {
                name: {
                    "n": one.true,
                    "accuracy": one.ratio.recall,
                    "precision": one.ratio.precision,
                    "f1": one.ratio.f1,
                    "similarity": one.similarity / one.true if one.true and is_text(name) else None,
                    "box_hit": one.boxes_hit / one.boxes if one.boxes else None,
                    "false_positives": one.invented,
                }
                for name, one in tally.fields.items()
            },
            "entities": _ratio(tally.entities),
            "line_items": _items(tally),
            "confidence": _calibration(tally),
            "missing": tally.missing,
            "wrong": len(tally.mistakes),
            "wrong_and_sure": sum(one.confidence >= SURE for one in tally.mistakes),
            "worst": [asdict(one) for one in tally.worst],
            "folds": self.folds,
            "seconds": _durations(self.durations),
            "peak_memory_mb": round(self.peak_memory / 2**20),
        }


def evaluate(
    truth_file: Path, cascade: Cascade, pages: PageSource, *, subset: bool = False, progress: Progress | None = None
) -> tuple[tuple[Prediction, ...], Report]:
    """Read every document of a truth file and hold what was read against it."""
    truths = read_truths(truth_file, subset=subset)
    predictions = []
    for done, prediction in enumerate(predictions_for(truths, truth_file.parent, cascade, pages), 1):
        predictions.append(prediction)
        if progress:
            progress(done, len(truths), prediction)
    return tuple(predictions), report_of(predictions, truths)


def report_of(predictions: Sequence[Prediction], truths: Sequence[Truth]) -> Report:
    """Hold predictions against the truths, and add what they cost."""
    return Report(
        score=score(predictions, truths),
        folds=[_share_right(predictions, fold) for number in range(FOLDS) if (fold := truths[number::FOLDS])],
        durations=durations_of(predictions),
        peak_memory=_peak_memory(),
    )


def _share_right(predictions: Sequence[Prediction], truths: Sequence[Truth]) -> float:
    fields = score(predictions, truths).fields.values()
    return sum(one.right for one in fields) / max(sum(one.true for one in fields), 1)


def predictions_for(truths: Sequence[Truth], folder: Path, cascade: Cascade, pages: PageSource) -> Iterator[Prediction]:
    """Read the truths' documents one after the other, each from `folder`."""
    for truth in truths:
        clock, processor = time.perf_counter(), time.process_time()
        prediction = _prediction(truth, folder, cascade, pages)
        yield replace(prediction, seconds=time.perf_counter() - clock, cpu_seconds=time.process_time() - processor)


def _prediction(truth: Truth, folder: Path, cascade: Cascade, pages: PageSource) -> Prediction:
    """Return what the readers say; nothing of a document that cannot be opened or that none of them knows."""
    try:
        with pages.open(folder / truth.file, media_type_of(truth.file)) as opened:
            extraction = _read(opened, cascade, folder / truth.file)
    except (ValueError, InvalidInput):
        extraction = None
    if extraction is None:
        return Prediction(file=truth.file)
    first = extraction.pages[0]
    return prediction_of(truth.file, extraction, truth.picture_size or (first.width, first.height))


def _read(opened: OpenDocument, cascade: Cascade, path: Path) -> Extraction | None:
    """Have a document read, however often an outside service wants to be asked later."""
    sha256 = Sha256(digest_of(path))
    while True:
        try:
            return cascade.read(opened, DEFAULT_WORKSPACE, sha256)
        except Postponed as later:
            time.sleep(max((later.retry_at - datetime.now(UTC)).total_seconds(), 0))


def media_type_of(file: str) -> MediaType:
    """Return the type that a file's name promises.

    Raises:
        ValueError: documents of that type are not accepted.
    """
    promised = mimetypes.guess_type(file)[0] or ""
    return MediaType.XML if promised == _XML_ON_SOME_MACHINES else MediaType(promised)


def durations_of(predictions: Sequence[Prediction]) -> Durations | None:
    """Return how long the predictions took; None if that was not measured."""
    seconds = [one.seconds for one in predictions if one.seconds is not None]
    if not seconds:
        return None
    cpu = sum(one.cpu_seconds or 0.0 for one in predictions)
    return Durations(
        mean=mean(seconds),
        median=median_high(seconds),
        longest=max(seconds),
        cpu_per_page=cpu / max(sum(one.pages for one in predictions), 1),
    )


def _peak_memory() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _ratio(ratio: Ratio) -> dict[str, float]:
    return {"precision": ratio.precision, "recall": ratio.recall, "f1": ratio.f1}


def _items(tally: Score) -> dict[str, float | None] | None:
    if not (items := tally.items):
        return None
    quantities = items.right_quantities / items.quantities if items.quantities else None
    return {
        "n": items.true,
        **_ratio(items.ratio),
        "amount_only_f1": items.by_amount.f1,
        "quantity_accuracy": quantities,
    }


def _calibration(tally: Score) -> dict[str, float] | None:
    if not (found := tally.calibration):
        return None
    return {"n": found.values, "ece": found.expected_error, "kept_at_98pct_precision": found.kept}


def _durations(durations: Durations | None) -> dict[str, float] | None:
    if not durations:
        return None
    return {
        "mean": durations.mean,
        "median": durations.median,
        "max": durations.longest,
        "cpu_per_page": durations.cpu_per_page,
    }
