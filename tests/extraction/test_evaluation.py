import json
import mimetypes
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from counterfoil.documents.domain import Box, MediaType, UnreadableDocument
from counterfoil.documents.protocols import OpenDocument
from counterfoil.extraction.cascade import Cascade
from counterfoil.extraction.domain import Extraction, PageText, WordOrigin
from counterfoil.extraction.evaluation.normalising import normal
from counterfoil.extraction.evaluation.predictions import PredictedValue, Prediction
from counterfoil.extraction.evaluation.running import evaluate, media_type_of
from counterfoil.extraction.evaluation.scoring import calibration_of, hits, score
from counterfoil.extraction.evaluation.truths import Truth
from counterfoil.extraction.reading import Reading
from counterfoil.records.domain import Evidence, FieldPath, InvoiceData, LineItem, Party, Source, Tax
from tests.support.readings import FakeDocument, FakeWordFinder


@pytest.mark.parametrize(
    ("field_name", "one", "other"),
    [
        ("total", "1234.5", "RM 1,234.50"),
        ("total", "1.234,50", "1234.50"),
        ("total", "-9.00", "(9.00)"),
        ("tax", "1,234", "1234.00"),
        ("date", "2018-1-5", "2018-01-05 10:20"),
        ("currency", " eur ", "EUR"),
        ("merchant", "B\u00e4ckerei Gro\u00df & Co.", "BACKEREI GROSS CO"),
    ],
)
def test_what_means_the_same_is_the_same(field_name: str, one: str, other: str) -> None:
    assert normal(field_name, one) == normal(field_name, other)


def test_what_is_not_there_is_no_value() -> None:
    assert [normal("total", value) for value in (None, "", "RM")] == [None, None, None]


def predicted(**values: str) -> dict[str, PredictedValue]:
    return {name: PredictedValue(value=value) for name, value in values.items()}


def test_the_figures_are_those_counted_by_hand() -> None:
    truths = [
        Truth(file="a", values={"merchant": "Alpha Ltd", "total": "10.00", "date": "2020-01-02"}),
        Truth(file="b", values={"merchant": "Beta", "total": "20.00"}, absent=("invoice_number",)),
        Truth(file="c", values={"merchant": "Gamma"}, alternatives={"merchant": ["Gam"]}),
        Truth(file="d", values={"merchant": "delta"}, contained=frozenset({"merchant"})),
    ]
    predictions = [
        Prediction(file="a", values=predicted(merchant="ALPHA, LTD.", total="10", date="2020-01-03")),
        Prediction(file="b", values=predicted(merchant="Bets", invoice_number="7")),
        Prediction(file="c", values=predicted(merchant="gam")),
    ]
    tally = score(predictions, truths)
    merchant, total = tally.fields["merchant"], tally.fields["total"]
    assert (merchant.true, merchant.predicted, merchant.right) == (4, 3, 2)
    assert merchant.ratio.recall == 2 / 4
    assert merchant.ratio.precision == 2 / 3
    assert merchant.ratio.f1 == pytest.approx(2 * (1 / 2) * (2 / 3) / (1 / 2 + 2 / 3))
    assert merchant.similarity == 1 + 0.75 + 1  # "bets" shares three of its four letters with "beta"
    assert (total.true, total.predicted, total.right) == (2, 1, 1)
    assert tally.fields["date"].right == 0
    assert tally.fields["invoice_number"].ratio.precision == 0
    assert (tally.documents, tally.unread, tally.judged, tally.all_right) == (4, 1, 4, 1)
    assert (tally.entities.right, tally.entities.predicted, tally.entities.true) == (3, 5, 7)


def test_of_wrong_values_the_surest_ones_are_named_and_missing_ones_are_counted_apart() -> None:
    files = [str(number) for number in range(12)]
    truths = [Truth(file=file, values={"total": "10.00", "merchant": "Beta"}) for file in files]
    predictions = [
        Prediction(file=file, values={"total": PredictedValue(value="19.00", confidence=int(file) / 20)})
        for file in files
    ]
    tally = score(predictions, truths)
    assert (len(tally.mistakes), tally.missing) == (12, 12)
    assert [one.file for one in tally.worst] == [str(number) for number in range(11, 1, -1)]
    worst = tally.worst[0]
    assert (worst.name, worst.said, worst.wanted, worst.confidence) == ("total", "19.00", "10.00", 0.55)


def test_a_value_that_says_more_is_right_where_the_truth_allows_it() -> None:
    truth = Truth(file="d", values={"merchant": "delta"}, contained=frozenset({"merchant"}))
    assert truth.accepts("merchant", "Delta Supermarkt GmbH")
    assert not truth.accepts("merchant", "")
    assert not Truth(file="d", values={"merchant": "delta"}).accepts("merchant", "Delta Supermarkt GmbH")


def test_items_are_paired_by_amount_and_description() -> None:
    truth = Truth(
        file="a",
        values={},
        items=[
            {"description": "Blue pen", "amount": "3.00", "quantity": "2"},
            {"description": "Red pen", "amount": "3.00", "quantity": "1"},
            {"description": "Lamp", "amount": "50.00"},
            {"description": "Desk", "amount": "90.00"},
        ],
    )
    read: tuple[dict[str, str | None], ...] = (
        {"description": "RED PEN", "amount": "3.00", "quantity": "1"},
        {"description": "2 x Blue pen", "amount": "3.00", "quantity": "3"},
        {"description": "something else", "amount": "50.00"},
        {"description": "Desk", "amount": "99.00"},
        {"description": None, "amount": None},
    )
    items = score([Prediction(file="a", items=read)], [truth]).items
    assert items is not None
    assert (items.true, items.predicted, items.right, items.right_amounts) == (4, 5, 2, 3)
    assert (items.quantities, items.right_quantities) == (2, 1)
    assert items.ratio.f1 == pytest.approx(2 * 0.4 * 0.5 / 0.9)


def test_a_box_hits_by_its_centre_or_by_its_overlap() -> None:
    place = (100.0, 100.0, 200.0, 120.0)
    assert hits((150, 105, 160, 115), [place])
    assert hits((198, 100, 210, 120), [place])  # the centre is within a quarter of the height
    assert hits((50, 80, 205, 121), [place])
    assert not hits((300, 100, 400, 120), [place])
    assert not hits((0, 0, 0, 0), [(5, 5, 5, 5)])


def test_calibration_is_counted_over_ten_bins_and_down_to_98_percent() -> None:
    found = calibration_of([(0.95, True), (0.95, True), (0.85, False), (0.85, True), (0.15, False)])
    # bins: |1.9 - 2| + |1.7 - 1| + |0.15 - 0|
    assert found.expected_error == pytest.approx((0.1 + 0.7 + 0.15) / 5)
    assert found.kept == 2 / 5
    assert calibration_of([(0.5, False)]).kept == 0


@dataclass
class FakePages:
    opened: list[tuple[Path, MediaType]] = field(default_factory=list)

    @contextmanager
    def open(self, path: Path, media_type: MediaType) -> Iterator[OpenDocument]:
        self.opened.append((path, media_type))
        if path.stem == "broken":
            raise UnreadableDocument(media_type)
        yield FakeDocument()


class FakeReader:
    """Says the same of every document."""

    name = "fake"
    version = "1"
    exact = True

    def read(self, reading: Reading) -> Extraction | None:
        box = Box(x0=0.1, y0=0.2, x1=0.3, y1=0.4)
        source = Source(reader="fake", version="1", confidence=0.9, evidence=Evidence(page=1, box=box, text="x"))
        paths = ("merchant.name", "issue_date", "total", "taxes.0.amount", "taxes.1.amount")
        return Extraction(
            reader="fake",
            version="1",
            data=InvoiceData(
                merchant=Party(name="Alpha Ltd"),
                issue_date=date(2020, 1, 2),
                total=Decimal("10.00"),
                taxes=(Tax(amount=Decimal("1.00")), Tax(amount=Decimal("0.50"))),
                line_items=(LineItem(description="Pen", quantity=Decimal(2), amount=Decimal("10.00")),),
            ),
            sources={FieldPath(path): source for path in paths},
            pages=(PageText(number=1, width=100, height=200, origin=WordOrigin.OCR, words=()),),
        )


CASCADE = Cascade(readers=[FakeReader()], word_finder=FakeWordFinder())
TRUTHS = (
    {
        "file": "set/a.jpg",
        "fields": {
            "merchant": "Alpha",
            "date": "2020-01-02",
            "total": "10.00",
            "tax": "1.50",
            "line_items": [{"description": "Pen", "amount": "10.00", "quantity": "2"}],
        },
        "match": {"merchant": "contains"},
        "boxes": {"total": [[100, 200, 300, 400]]},
        "image_size": [1000, 1000],
        "quick": True,
    },
    {"file": "set/broken.png", "fields": {"total": "1.00"}},
    {"file": "set/letter.docx", "fields": {"total": "1.00"}, "alt": {"total": ["2.00"]}},
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "set").mkdir()
    for row in TRUTHS:
        (tmp_path / str(row["file"])).touch()
    return tmp_path


def test_a_truth_file_is_read_document_by_document_and_reported(folder: Path) -> None:
    file = folder / "truth.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in TRUTHS) + "\n", encoding="utf-8")
    pages, steps = FakePages(), list[tuple[int, int, str]]()
    predictions, report = evaluate(
        file, CASCADE, pages, progress=lambda done, all_, one: steps.append((done, all_, one.file))
    )
    assert pages.opened == [
        (folder / "set/a.jpg", MediaType.JPEG),
        (folder / "set/broken.png", MediaType.PNG),
    ]
    assert steps == [(1, 3, "set/a.jpg"), (2, 3, "set/broken.png"), (3, 3, "set/letter.docx")]
    figures = report.as_json()
    assert figures["fields"]["total"]["accuracy"] == pytest.approx(1 / 3)
    assert figures["fields"]["total"]["box_hit"] == 1
    assert figures["fields"]["tax"]["accuracy"] == 1
    assert figures["line_items"]["f1"] == 1
    assert figures["line_items"]["quantity_accuracy"] == 1
    assert figures["confidence"]["n"] == 4
    assert figures["all_fields_right"] == pytest.approx(1 / 3)
    assert (figures["wrong"], figures["wrong_and_sure"], figures["worst"]) == (0, 0, [])
    assert [round(share, 2) for share in figures["folds"]] == [1, 0, 0]
    assert figures["seconds"]["max"] >= 0
    assert figures["peak_memory_mb"] > 0
    assert predictions[0].as_json()["fields"]["total"] == {
        "value": "10.00",
        "confidence": 0.9,
        "bbox": [100, 200, 300, 400],
    }
    assert predictions[0].as_json()["fields"]["tax"]["bbox"] is None  # it is the sum of two
    assert predictions[1].as_json()["fields"] == {"line_items": []}


def test_the_subset_is_what_is_marked_as_quick(folder: Path) -> None:
    file = folder / "truth.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in TRUTHS), encoding="utf-8")
    predictions, report = evaluate(file, CASCADE, FakePages(), subset=True)
    assert [one.file for one in predictions] == ["set/a.jpg"]
    assert report.score.documents == 1


def test_an_empty_truth_file_gives_an_empty_report(tmp_path: Path) -> None:
    file = tmp_path / "truth.jsonl"
    file.write_text("", encoding="utf-8")
    _, report = evaluate(file, CASCADE, FakePages())
    figures = report.as_json()
    assert (figures["documents"], figures["seconds"], figures["confidence"], figures["line_items"]) == (
        0,
        None,
        None,
        None,
    )


def test_xml_is_known_on_a_machine_without_a_list_of_types() -> None:
    usual = mimetypes.guess_type("invoice.xml")[0] or "text/xml"
    try:
        mimetypes.add_type("text/xml", ".xml")
        assert media_type_of("invoice.xml") is MediaType.XML
    finally:
        mimetypes.add_type(usual, ".xml")
