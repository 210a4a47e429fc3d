"""Calls of the model as they go out over HTTP."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from counterfoil.extraction.model.domain import CallState, Fault, ModelCall, Purpose
from counterfoil.records.schemas import Amount


class ModelCallRead(BaseModel):
    """One call of a model."""

    id: UUID = Field(description="The call's id.", examples=["019c1d5e-0000-7000-8000-000000000000"])
    purpose: Purpose = Field(
        description="What it was asked for: what a document says, or what fills the columns of a table.",
        examples=["reading"],
    )
    sha256: str = Field(
        description="Of what it was shown: of the document's bytes, or of the question itself.", examples=["ab" * 32]
    )
    model: str = Field(description="Its provider and its name.", examples=["openai:gpt-4o"])
    prompt_version: str = Field(description="The version of what it was told.", examples=["1"])
    state: CallState = Field(
        description="Begun, answered, failed for sure, or uncertain: then it may have been charged.",
        examples=["answered"],
    )
    fault: Fault | None = Field(description="Why there is no answer; null if there is one.", examples=[None])
    input_tokens: int = Field(description="How many tokens went in, as far as is known.", examples=[3120])
    output_tokens: int = Field(description="How many tokens came out, as far as is known.", examples=[412])
    cost: Amount = Field(
        description="What it cost, in US dollars; the most that it may cost while nobody knows.", examples=["0.01192"]
    )
    begun_at: datetime = Field(description="When it was written down to be made.", examples=["2026-03-01T12:00:00Z"])
    ended_at: datetime | None = Field(
        description="When it was known how it ended; null before.", examples=["2026-03-01T12:00:04Z"]
    )

    @classmethod
    def of(cls, call: ModelCall) -> "ModelCallRead":
        return cls(
            id=call.id,
            purpose=call.purpose,
            sha256=call.sha256,
            model=call.model,
            prompt_version=call.prompt_version,
            state=call.state,
            fault=call.fault,
            input_tokens=call.tokens.input,
            output_tokens=call.tokens.output,
            cost=call.cost,
            begun_at=call.begun_at,
            ended_at=call.ended_at,
        )
