"""Documents as they go over HTTP."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from counterfoil.documents.domain import MAX_NAME_LENGTH, MAX_PARTS, Document, MediaType, Received
from counterfoil.documents.hand_ins import BatchDetail, BatchStatus, BatchView, HandIn, HandInStatus, Outcome, Refusal
from counterfoil.jobs.domain import JobId, JobStatus
from counterfoil.jobs.schemas import FailureRead, ProgressRead

_DOCUMENT_ID = "01941f29-7c00-7000-8000-00000000d0c1"
_JOB_ID = "01941f29-7c00-7000-8000-0000000000b1"
_BATCH_ID = "01941f29-7c00-7000-8000-0000000000ba"
_RECORD_ID = "01941f29-7c00-7000-8000-00000000003e"
_SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


class UploadRead(BaseModel):
    """What an accepted upload has become."""

    job_id: UUID = Field(description="The job that reads the document.", examples=[_JOB_ID])
    status: Literal["queued"] = Field(
        default="queued", description="The document waits to be read.", examples=["queued"]
    )
    document_id: UUID = Field(description="The document.", examples=[_DOCUMENT_ID])
    same_as: UUID | None = Field(
        description="The first document with the same bytes, if they were handed in before.", examples=[None]
    )

    @classmethod
    def of(cls, received: Received) -> "UploadRead":
        return cls(job_id=received.job_id, document_id=received.document.id, same_as=received.same_as)


class JoinCreate(BaseModel):
    """Documents whose pages are one receipt or invoice."""

    model_config = ConfigDict(extra="forbid")

    document_ids: list[UUID] = Field(
        description="The documents, in the order of their pages.",
        min_length=2,
        max_length=MAX_PARTS,
        examples=[[_DOCUMENT_ID, "01941f29-7c00-7000-8000-00000000d0c2"]],
    )
    name: str = Field(
        default="",
        description="The new document's name; without one, it is called after the first part.",
        max_length=MAX_NAME_LENGTH,
        examples=["hotel.pdf"],
    )


class ReprocessRead(BaseModel):
    """A new reading that waits to begin."""

    job_id: UUID = Field(description="The job that reads the document again.", examples=[_JOB_ID])
    status: Literal["queued"] = Field(
        default="queued", description="The document waits to be read.", examples=["queued"]
    )

    @classmethod
    def of(cls, job_id: JobId) -> "ReprocessRead":
        return cls(job_id=job_id)


class DocumentRead(BaseModel):
    """One file handed in."""

    id: UUID = Field(description="The document's id.", examples=[_DOCUMENT_ID])
    name: str = Field(description="The file's name, made safe to show.", examples=["taxi.jpg"])
    media_type: MediaType = Field(description="What the file is by its content.", examples=["image/jpeg"])
    sha256: str = Field(description="The SHA-256 of its bytes; the same bytes have the same.", examples=[_SHA256])
    size: int = Field(description="Its length in bytes.", examples=[184_320])
    page_count: int = Field(description="How many pages it has.", examples=[1])
    received_at: datetime = Field(description="When it was handed in.", examples=["2026-03-01T12:00:00Z"])
    joined_into: UUID | None = Field(
        description="The document in which its pages are read with others; then it is not read by itself.",
        examples=[None],
    )

    @classmethod
    def of(cls, document: Document) -> "DocumentRead":
        return cls(
            id=document.id,
            name=document.name,
            media_type=document.media_type,
            sha256=document.sha256,
            size=document.size,
            page_count=document.page_count,
            received_at=document.received_at,
            joined_into=document.joined_into,
        )


class RefusalRead(BaseModel):
    """Why a file was refused."""

    code: str = Field(description="A stable word for programs.", examples=["unsupported_media_type"])
    message: str = Field(
        description="What is wrong, and what a person can do.", examples=["This file is empty. Check the file."]
    )

    @classmethod
    def of(cls, error: Refusal | None) -> "RefusalRead | None":
        return cls(code=error.code, message=error.message) if error else None


class HandInRead(BaseModel):
    """What became of one file of a batch when it was handed in."""

    name: str = Field(description="The file's name, made safe to show.", examples=["march.zip/taxi.jpg"])
    status: HandInStatus = Field(
        description="A duplicate is accepted as well; its bytes were handed in before.", examples=["accepted"]
    )
    document_id: UUID | None = Field(description="The document; null if refused.", examples=[_DOCUMENT_ID])
    job_id: UUID | None = Field(description="The job that reads it; null if refused.", examples=[_JOB_ID])
    same_as: UUID | None = Field(description="The first document with the same bytes.", examples=[None])
    error: RefusalRead | None = Field(description="Why it was refused, if it was.", examples=[None])

    @classmethod
    def of(cls, hand_in: HandIn) -> "HandInRead":
        return cls(
            name=hand_in.name,
            status=hand_in.status,
            document_id=hand_in.document_id,
            job_id=hand_in.job_id,
            same_as=hand_in.same_as,
            error=RefusalRead.of(hand_in.error),
        )


class OutcomeRead(HandInRead):
    """What became of one file of a batch, and where the reading of its document stands."""

    job_status: JobStatus | None = Field(
        description="Where its job stands; null if there is none, or none any more.", examples=["completed"]
    )
    record_id: UUID | None = Field(description="The record that was drafted, once it is known.", examples=[_RECORD_ID])
    message: str | None = Field(description="What its job said when it was done.", examples=["Read without a doubt."])
    job_error: FailureRead | None = Field(description="What went wrong in reading it.", examples=[None])

    @classmethod
    def of_outcome(cls, outcome: Outcome) -> "OutcomeRead":
        job = outcome.job
        result = (job.result or {}) if job else {}
        return cls(
            **HandInRead.of(outcome.hand_in).model_dump(),
            job_status=job.status if job else None,
            record_id=result.get("record_id"),
            message=result.get("message"),
            job_error=FailureRead.of(job.failure) if job else None,
        )


class BatchRead(BaseModel):
    """Documents handed in together, as they stand now."""

    id: UUID = Field(description="The batch's id.", examples=[_BATCH_ID])
    description: str = Field(description="What it is, for people.", examples=["march.zip"])
    status: BatchStatus = Field(description="Where it stands.", examples=["running"])
    broken_off: bool = Field(
        description="Whether it was never handed in to its end. What was accepted is read all the same.",
        examples=[False],
    )
    progress: ProgressRead = Field(description="How far it is; files that were refused count as done in vain.")
    created_at: datetime = Field(description="When it was begun.", examples=["2026-03-01T12:00:00Z"])

    @classmethod
    def of(cls, view: BatchView) -> "BatchRead":
        return cls(
            id=view.batch.id,
            description=view.batch.description,
            status=view.status,
            broken_off=view.broken_off,
            progress=ProgressRead.of(view.progress),
            created_at=view.batch.created_at,
        )


class BatchDetailRead(BatchRead):
    """A batch with what became of each of its files."""

    documents: list[OutcomeRead] = Field(description="The files in the order in which they were handed in.")

    @classmethod
    def of_detail(cls, detail: BatchDetail) -> "BatchDetailRead":
        shown = [OutcomeRead.of_outcome(outcome) for outcome in detail.outcomes]
        return cls(**BatchRead.of(detail.view).model_dump(), documents=[one.model_dump() for one in shown])


class BatchReceipt(BaseModel):
    """What became of files that were handed in together."""

    batch_id: UUID = Field(description="The batch.", examples=[_BATCH_ID])
    status: BatchStatus = Field(description="Where it stands.", examples=["running"])
    files: list[HandInRead] = Field(description="Every file, those of archives one by one, in order.")

    @classmethod
    def of(cls, detail: BatchDetail) -> "BatchReceipt":
        files = [HandInRead.of(outcome.hand_in) for outcome in detail.outcomes]
        return cls(batch_id=detail.view.batch.id, status=detail.view.status, files=files)


class BatchChange(BaseModel):
    """What may be asked of a batch."""

    status: Literal["cancelled"] = Field(description="Where it is to stand.", examples=["cancelled"])
