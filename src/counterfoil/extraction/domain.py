"""An extraction is what one reader made of one document; the pages' words are what it read from."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from counterfoil.documents.domain import DocumentId, MediaType, Word
from counterfoil.foundation.errors import ExecutionFailed, NotFound
from counterfoil.records.domain import Evidence, FieldPath, InvoiceData, Reason, Sources


class WordOrigin(StrEnum):
    """How the words of a page were come by."""

    TEXT_LAYER = "text_layer"
    OCR = "ocr"


@dataclass(frozen=True, slots=True, kw_only=True)
class PageText:
    """The words of one page in reading order. `width` and `height` are the page picture's, in pixels.

    `turned` says by how many degrees clockwise the picture had to be turned to read it (0, 90, 180 or 270);
    the words' boxes are on the picture as it came.
    """

    number: int
    width: int
    height: int
    origin: WordOrigin
    words: tuple[Word, ...]
    turned: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Considered:
    """A value that might have been a field's, taken or not, and what spoke for it.

    `words` (0 to 1) is how strongly the words around it say so; `sums` is what other amounts add to that, or take away.
    """

    path: FieldPath
    value: str
    words: float
    sums: float
    taken: bool
    evidence: Evidence | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelUse:
    """What an answer of a model took, in tokens and US dollars; `kept`: it had been given and paid before."""

    model: str
    prompt_version: str
    input_tokens: int
    output_tokens: int
    cost: Decimal
    kept: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Extraction:
    """The fields that a reader found in a document.

    `sources` has an entry for every value in `data` that is not None, and none for others. `reasons` are what the
    reader found doubtful that the values themselves do not show. `considered` has the likeliest values of a field, the
    best first, if its reader chose among several. `model` is there if a model was asked for them.
    """

    reader: str
    version: str
    data: InvoiceData
    sources: Sources
    pages: tuple[PageText, ...] = ()
    reasons: tuple[Reason, ...] = ()
    considered: tuple[Considered, ...] = ()
    model: ModelUse | None = None


class ExtractionMissing(NotFound):
    """The document has not been read yet, or what was read is gone."""

    code = "extraction_missing"
    advice = "Wait until its job is completed, or have it read again."

    def __init__(self, document: DocumentId) -> None:
        super().__init__(f"There is no extraction of document {document}.")


class NoReader(ExecutionFailed):
    """No reader knows this kind of document."""

    code = "no_reader"
    retry = False
    advice = "Check which readers are configured."

    def __init__(self, media_type: MediaType) -> None:
        super().__init__(f"No reader takes {media_type}.")
