"""Fits the curves of the layout reader's confidences on labelled documents.

    python benchmarks/fit_confidence.py --words FOLDER TRUTH.jsonl… > src/counterfoil/extraction/layout/confidence.json

For each field with enough labelled values a logistic curve is fitted, drawn towards the curve of all fields together,
by Newton's method. Five folds over the documents tell what it is worth on documents that it was not fitted on. The
words of each document are kept in FOLDER, so that OCR runs once.
"""

import argparse
import json
import pickle
import sys
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from zlib import crc32

import numpy as np

from counterfoil.access.domain import DEFAULT_WORKSPACE
from counterfoil.documents.domain import Sha256
from counterfoil.documents.infrastructure.pages import DecodedPages
from counterfoil.extraction.domain import PageText
from counterfoil.extraction.evaluation.predictions import PATHS
from counterfoil.extraction.evaluation.running import media_type_of
from counterfoil.extraction.evaluation.scoring import ItemScore, calibration_of, score_items
from counterfoil.extraction.evaluation.truths import Truth, read_truths
from counterfoil.extraction.infrastructure.ocr import RapidOcrWords
from counterfoil.extraction.layout.confidence import OTHERS, features
from counterfoil.extraction.layout.paper import paper_of
from counterfoil.extraction.layout.reader import LayoutReader, choice_on
from counterfoil.extraction.reading import Reading
from counterfoil.foundation.files import digest_of
from counterfoil.records.domain import FieldPath, LineItem, Tax

FOLDS = 5
FEWEST = 40  # values of a field that has a curve of its own
DRAWN = 1.0  # how strongly a curve is drawn towards that of all fields

Example = tuple[FieldPath, int, tuple[float, ...], bool]  # path, fold, features, whether it was right


def main() -> None:
    """Read the documents, fit, and print the curves; what they are worth goes to the error stream."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--words", type=Path, required=True, metavar="FOLDER")
    arguments.add_argument("truths", type=Path, nargs="+")
    given = arguments.parse_args()
    given.words.mkdir(parents=True, exist_ok=True)
    examples = [example for file in given.truths for example in _examples(file, given.words)]
    _report(examples)
    sys.stdout.write(json.dumps({"curves": _curves(examples)}, indent=1) + "\n")


def _examples(file: Path, words: Path) -> Iterator[Example]:
    for truth in read_truths(file):
        fold = crc32(truth.file.encode()) % FOLDS
        chosen = choice_on(paper_of(_pages(file.parent, truth.file, words))).chosen
        taxes = [one.candidate.value for one in chosen if isinstance(one.candidate.value, Tax)]
        tax = sum((one.amount or Decimal() for one in taxes), Decimal())
        for one in chosen:
            right = _is_right(one.candidate.path, one.candidate.value, tax, truth)
            if right is not None:
                yield one.candidate.path, fold, features(one), right


def _is_right(path: FieldPath, value: object, tax: Decimal, truth: Truth) -> bool | None:
    """Say whether a value is right; None if the truth does not know."""
    name = next((name for name, one in PATHS.items() if one == path), None)
    if isinstance(value, Tax):
        return truth.accepts("tax", str(tax)) if "tax" in truth.values else None
    if isinstance(value, LineItem) and truth.items is not None:
        tally = ItemScore()
        score_items(tally, [{"description": value.description, "amount": str(value.amount)}], truth.items)
        return tally.right == 1
    return truth.accepts(name, str(value)) if name and name in truth.values else None


def _pages(folder: Path, file: str, words: Path) -> tuple[PageText, ...]:
    kept = words / f"{file.replace('/', '__')}.pickle"
    if not kept.exists():
        path = folder / file
        with DecodedPages().open(path, media_type_of(file)) as document:
            sha256 = Sha256(digest_of(path))
            reading = Reading(document=document, workspace=DEFAULT_WORKSPACE, sha256=sha256, word_finder=_WORDS)
            kept.write_bytes(pickle.dumps(LayoutReader().read(reading).pages))
    pages: tuple[PageText, ...] = pickle.loads(kept.read_bytes())  # noqa: S301 # written by this program
    return pages


_WORDS = RapidOcrWords()


def _curves(examples: Sequence[Example]) -> dict[FieldPath, list[float]]:
    common = _fitted(examples, np.zeros(len(examples[0][2])), 0.1)
    curves = {OTHERS: common}
    for path in sorted({example[0] for example in examples}):
        own = [example for example in examples if example[0] == path]
        if len(own) >= FEWEST:
            curves[path] = _fitted(own, common, DRAWN)
    return {path: [round(float(weight), 3) for weight in curve] for path, curve in curves.items()}


def _fitted(examples: Sequence[Example], centre: np.ndarray, drawn: float) -> np.ndarray:
    """Return the weights that make what happened likeliest, with a penalty on their distance from `centre`."""
    known = np.array([example[2] for example in examples])
    right = np.array([example[3] for example in examples], dtype=float)
    weights = centre.astype(float).copy()
    for _ in range(50):
        sure = 1 / (1 + np.exp(-known @ weights))
        slope = known.T @ (right - sure) - drawn * (weights - centre)
        bend = (known.T * (sure * (1 - sure))) @ known + drawn * np.eye(len(weights))
        weights += np.linalg.solve(bend, slope)
    return weights


def _report(examples: Sequence[Example]) -> None:
    judged: list[tuple[FieldPath, float, bool]] = []
    for fold in range(FOLDS):
        curves = _curves([example for example in examples if example[1] != fold])
        for path, _, known, right in (example for example in examples if example[1] == fold):
            height = float(np.dot(curves.get(path, curves[OTHERS]), known))
            judged.append((path, 1 / (1 + np.exp(-height)), right))
    for path in [FieldPath(""), *sorted({one[0] for one in judged})]:
        of_path = [(sure, right) for name, sure, right in judged if path in ("", name)]
        found = calibration_of(of_path)
        sys.stderr.write(
            f"{path or 'all':18} n {found.values:5}  right {sum(right for _, right in of_path) / len(of_path):.3f}"
            f"  ECE {found.expected_error:.3f}  kept at 98 % {found.kept:.1%}\n"
        )


if __name__ == "__main__":
    main()
