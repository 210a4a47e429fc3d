"""The order of the steps: the table of contents of the product.

    document received ─→ job read_document ─→ record drafted, review opened
                                                │ in doubt: a person answers the review
                                                ↓
                                          record accepted ─→ job deliver ─→ row in the target
          any change of a record ─→ job write_record_files ─→ Parquet file

`Steps` says what follows what, and is given to the services as their next steps. `Handlers` does the jobs' work.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from pydantic import BaseModel

from counterfoil.access.domain import WorkspaceId
from counterfoil.documents.domain import Document, DocumentId
from counterfoil.documents.service import DocumentService
from counterfoil.extraction.domain import Extraction
from counterfoil.extraction.service import ExtractionService
from counterfoil.foundation.database import Transaction
from counterfoil.jobs.context import JobContext
from counterfoil.jobs.domain import Backoff, JobId, Json, Priority
from counterfoil.jobs.service import JobService
from counterfoil.jobs.types import Handled, JobType
from counterfoil.records.domain import Reason, ReasonCode, Record, RecordId
from counterfoil.records.protocols import RecordArchive
from counterfoil.records.service import RecordService
from counterfoil.reviews.service import ReviewService
from counterfoil.targets.domain import DeliveryId
from counterfoil.targets.service import TargetService

DOCUMENT_BACKOFF = Backoff(base=timedelta(seconds=10))


class ReadDocument(BaseModel):
    """Which document to read; `again` reads its bytes anew although they have been read before."""

    document_id: UUID
    again: bool = False


class Deliver(BaseModel):
    """Which delivery to make."""

    delivery_id: UUID


class WriteRecordFiles(BaseModel):
    """Which record's files to write."""

    record_id: UUID


READ_DOCUMENT = JobType(
    name="read_document",
    payload=ReadDocument,
    max_attempts=4,
    backoff=DOCUMENT_BACKOFF,
    timeout_seconds=300,
    memory_mb=1024,
)
DELIVER = JobType(name="deliver", payload=Deliver, priority=Priority.HIGH, max_attempts=8, backoff=DOCUMENT_BACKOFF, light=True)
WRITE_RECORD_FILES = JobType(
    name="write_record_files", payload=WriteRecordFiles, queue="low_priority", priority=Priority.LOW, light=True
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """What follows what. Each step is a job made in the transaction of the step before it."""

    jobs: JobService

    def start_reading(self, tx: Transaction, document: Document) -> JobId:
        """Follow a document that was received. The same bytes are never read twice at once."""
        return self._read(tx, document, ReadDocument(document_id=document.id))

    def start_reading_again(self, tx: Transaction, document: Document) -> JobId:
        """Follow a person's wish to have a document read anew."""
        return self._read(tx, document, ReadDocument(document_id=document.id, again=True))

    def start_delivery(self, tx: Transaction, workspace: WorkspaceId, delivery_id: DeliveryId) -> JobId:
        """Follow a delivery that was planned."""
        return self.jobs.enqueue(
            tx, workspace, DELIVER, Deliver(delivery_id=delivery_id), description="Deliver a record to its target"
        )

    def start_writing_files(self, tx: Transaction, record: Record) -> None:
        """Follow a change of a record. Files of one record are written one after the other, so the newest stays."""
        self.jobs.enqueue(
            tx,
            record.workspace,
            WRITE_RECORD_FILES,
            WriteRecordFiles(record_id=record.id),
            concurrency_key=f"record-files:{record.id}",
            description="Write a record's files",
        )

    def _read(self, tx: Transaction, document: Document, payload: ReadDocument) -> JobId:
        return self.jobs.enqueue(
            tx,
            document.workspace,
            READ_DOCUMENT,
            payload,
            concurrency_key=f"read:{document.sha256}",
            description=f"Read {document.name}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Handlers:
    """What the jobs do."""

    documents: DocumentService
    extractions: ExtractionService
    records: RecordService
    reviews: ReviewService
    targets: TargetService
    archive: RecordArchive

    def all(self) -> Iterable[Handled[BaseModel]]:
        """Return every job type with its handler."""
        return [
            Handled(type=READ_DOCUMENT, handler=self.read_document),
            Handled(type=DELIVER, handler=self.deliver),
            Handled(type=WRITE_RECORD_FILES, handler=self.write_record_files),
        ]

    def read_document(self, job: JobContext, payload: ReadDocument) -> None:
        """Read a document, draft its record and open its review, the last two together with the job's completion."""
        document = self.documents.get(job.workspace, DocumentId(payload.document_id))
        job.progress(0, document.page_count, message=f"Reading {document.name}")
        extraction_id, extraction = self.extractions.read(document, self.documents.path(document), again=payload.again)
        job.log("Document read", reader=extraction.reader, version=extraction.version, values=len(extraction.sources))
        job.progress(document.page_count, document.page_count, message="Drafting the record")
        with job.transaction() as tx:
            record = self.records.draft(
                tx,
                job.workspace,
                document.id,
                extraction.data,
                extraction.sources,
                extraction_id,
                self._duplicates(tx, document),
            )
            review = self.reviews.open(tx, job.workspace, record)
            job.complete(tx, _result(document, extraction, record, review.id))

    def deliver(self, job: JobContext, payload: Deliver) -> Json:
        """Bring a record to its target."""
        delivery = self.targets.deliver(job.workspace, DeliveryId(payload.delivery_id))
        return {"delivery_id": str(delivery.id), "status": delivery.status, "page_url": delivery.url}

    def write_record_files(self, job: JobContext, payload: WriteRecordFiles) -> None:
        """Write a record's files as it stands now."""
        self.archive.write(self.records.get(job.workspace, RecordId(payload.record_id)))
