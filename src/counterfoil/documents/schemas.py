"""Documents as they go over HTTP."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from counterfoil.documents.domain import Document, MediaType, Received
from counterfoil.jobs.domain import JobId

_DOCUMENT_ID = "01941f29-7c00-7000-8000-00000000d0c1"
_JOB_ID = "01941f29-7c00-7000-8000-0000000000b1"
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
        )
