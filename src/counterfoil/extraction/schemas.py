"""Extractions as they go out over HTTP."""

from uuid import UUID

from pydantic import BaseModel, Field

from counterfoil.extraction.domain import Considered, Extraction, ModelUse, PageText, WordOrigin
from counterfoil.records.domain import ExtractionId
from counterfoil.records.fields import label, values, written
from counterfoil.records.schemas import Amount, EvidenceRead, InvoiceDataRead


class FoundRead(BaseModel):
    """One value that was read, and what shows it."""

    path: str = Field(description="Which value it is.", examples=["total"])
    label: str = Field(description="What people call it.", examples=["total"])
    value: str = Field(description="The value as text.", examples=["11.90"])
    confidence: float = Field(description="How sure it is, from 0 to 1.", examples=[0.97])
    evidence: EvidenceRead | None = Field(description="Where it was read; null if nothing on the page shows it.")


class ConsideredRead(BaseModel):
    """A value that might have been a field's, and what spoke for it."""

    path: str = Field(description="Which field it might have been.", examples=["total"])
    value: str = Field(description="The value as text.", examples=["19.00"])
    words: float = Field(description="How strongly the words around it say so, from 0 to 1.", examples=[0.6])
    sums: float = Field(description="What other amounts add to that, or take away.", examples=[-0.35])
    taken: bool = Field(description="Whether it was taken.", examples=[False])
    evidence: EvidenceRead | None = Field(description="Where it stands.")


class WordRead(BaseModel):
    """A word on a page."""

    text: str = Field(description="Its letters.", examples=["TOTAL"])
    box: tuple[float, float, float, float] = Field(
        description="Left, top, right and bottom edge, as fractions of the page's width and height.",
        examples=[[0.12, 0.81, 0.22, 0.84]],
    )
    score: float = Field(description="How sure its letters are, from 0 to 1.", examples=[0.99])


class PageTextRead(BaseModel):
    """What stands on a page."""

    number: int = Field(description="The page, from 1.", examples=[1])
    width: int = Field(description="Of the page picture that was read, in pixels.", examples=[1440])
    height: int = Field(description="Of the page picture that was read, in pixels.", examples=[1920])
    origin: WordOrigin = Field(description="How the words were come by.", examples=["ocr"])
    turned: int = Field(description="By how many degrees clockwise it had to be turned to be read.", examples=[0])
    words: list[WordRead] = Field(description="Its words in reading order.")

    @classmethod
    def of(cls, page: PageText) -> "PageTextRead":
        words = [
            WordRead(text=word.text, box=(word.box.x0, word.box.y0, word.box.x1, word.box.y1), score=word.score)
            for word in page.words
        ]
        return cls(
            number=page.number,
            width=page.width,
            height=page.height,
            origin=page.origin,
            turned=page.turned,
            words=words,
        )


class ModelUseRead(BaseModel):
    """What an answer of a model took."""

    model: str = Field(description="Its provider and its name.", examples=["openai:gpt-4o"])
    prompt_version: str = Field(description="The version of what it was told.", examples=["1"])
    input_tokens: int = Field(description="How many tokens went in.", examples=[3120])
    output_tokens: int = Field(description="How many tokens came out.", examples=[412])
    cost: Amount = Field(description="What that cost, in US dollars.", examples=["0.01192"])
    kept: bool = Field(description="Whether the answer had been given and paid before.", examples=[False])

    @classmethod
    def of(cls, use: ModelUse | None) -> "ModelUseRead | None":
        if use is None:
            return None
        return cls(
            model=use.model,
            prompt_version=use.prompt_version,
            input_tokens=use.input_tokens,
            output_tokens=use.output_tokens,
            cost=use.cost,
            kept=use.kept,
        )


class ExtractionRead(BaseModel):
    """What a reader made of a document."""

    id: UUID | None = Field(
        description="The extraction's id; null if it is not kept.", examples=["01950000-0000-7000-8000-000000000002"]
    )
    reader: str = Field(description="Which reader it was.", examples=["layout"])
    version: str = Field(description="The reader's version.", examples=["1"])
    data: InvoiceDataRead = Field(description="What the document says.")
    fields: list[FoundRead] = Field(description="Every value that was found.")
    considered: list[ConsideredRead] = Field(description="The likeliest values of each field, the best first.")
    pages: list[PageTextRead] = Field(description="The words that it was read from.")
    model: ModelUseRead | None = Field(description="What a model took for it; null if none gave an answer.")

    @classmethod
    def of(cls, extraction_id: ExtractionId | None, extraction: Extraction) -> "ExtractionRead":
        return cls(
            id=extraction_id,
            reader=extraction.reader,
            version=extraction.version,
            data=InvoiceDataRead.model_validate(extraction.data),
            fields=_found(extraction),
            considered=[_considered(one) for one in extraction.considered],
            pages=[PageTextRead.of(page) for page in extraction.pages],
            model=ModelUseRead.of(extraction.model),
        )


def _considered(one: Considered) -> ConsideredRead:
    return ConsideredRead(
        path=one.path,
        value=one.value,
        words=round(one.words, 3),
        sums=round(one.sums, 3),
        taken=one.taken,
        evidence=EvidenceRead.of(one.evidence),
    )


def _found(extraction: Extraction) -> list[FoundRead]:
    return [
        FoundRead(
            path=path,
            label=label(path),
            value=written(value),
            confidence=extraction.sources[path].confidence,
            evidence=EvidenceRead.of(extraction.sources[path].evidence),
        )
        for path, value in values(extraction.data).items()
    ]
