"""The order of the steps: the table of contents of the product.

    document received ─→ job read_document ─→ record drafted, review opened
                                                │ in doubt: a person answers the review
                                                ↓
                                          record accepted ─→ job plan_deliveries ─→ job deliver, for each target
    documents joined ─→ one document received; nothing more is made of its parts
      any change of a record ─→ job write_record_files ─→ JSON and Parquet files

`Steps` says what follows what, and is given to the services as their next steps. `Handlers` does the jobs' work.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from statistics import fmean
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from counterfoil.access.domain import WorkspaceId
from counterfoil.documents.domain import Document, DocumentId, PartAccepted
from counterfoil.documents.joining import JoinService
from counterfoil.documents.service import DocumentService
from counterfoil.extraction.domain import Extraction
from counterfoil.extraction.service import ExtractionService
from counterfoil.foundation.database import Transaction
from counterfoil.foundation.errors import NetworkError, ServiceUnavailable
from counterfoil.foundation.metrics import Metrics
from counterfoil.jobs.context import JobContext
from counterfoil.jobs.domain import Attempt, Backoff, BatchId, Job, JobId, Json, Order, Priority
from counterfoil.jobs.moves import Waiting
from counterfoil.jobs.schedules.domain import ScheduleNameTaken, Terms
from counterfoil.jobs.schedules.service import ScheduleService
from counterfoil.jobs.service import JobService
from counterfoil.jobs.types import Handled, JobType, JobTypes
from counterfoil.records.domain import Reason, ReasonCode, Record, RecordId, record_id_of
from counterfoil.records.protocols import RecordArchive
from counterfoil.records.service import RecordService
from counterfoil.reviews.domain import Review
from counterfoil.reviews.service import ReviewService
from counterfoil.targets.deliveries import DeliveryService
from counterfoil.targets.domain import Delivery, DeliveryId, DeliveryStatus, TargetId
from counterfoil.targets.errors import DeliveryInDoubt, DeliveryNotFound, TargetAway
from counterfoil.targets.n8n.service import N8nDeliveries

DOCUMENT_BACKOFF = Backoff(base=timedelta(seconds=10))


class ReadDocument(BaseModel):
    """Which document to read; `again` reads its bytes anew although they have been read before."""

    document_id: UUID
    again: bool = False


class PlanDeliveries(BaseModel):
    """Which record to bring to its targets."""

    record_id: UUID


class Deliver(BaseModel):
    """Which delivery to make."""

    delivery_id: UUID


class CheckTargets(BaseModel):
    """Nothing: all targets of the workspace are meant."""


class WriteRecordFiles(BaseModel):
    """Which record's files to write."""

    record_id: UUID


MODEL_PATIENCE = timedelta(hours=1)
"""How long a document waits for a model that is gone; then it is read without, and a person is asked."""
TARGET_PATIENCE = timedelta(days=1)
"""How long a delivery waits for a target that is away, before each try costs it an attempt."""
TARGET_PAUSE = timedelta(seconds=20)
READ_DOCUMENT = JobType(
    name="read_document",
    payload=ReadDocument,
    max_attempts=4,
    backoff=DOCUMENT_BACKOFF,
    timeout_seconds=300,
    memory_mb=1024,
)
PLAN_DELIVERIES = JobType(name="plan_deliveries", payload=PlanDeliveries, backoff=DOCUMENT_BACKOFF, light=True)
DELIVER = JobType(name="deliver", payload=Deliver, priority=Priority.HIGH, backoff=DOCUMENT_BACKOFF, light=True)
CHECK_TARGETS = JobType(
    name="check_targets", payload=CheckTargets, queue="low_priority", priority=Priority.LOW, light=True
)
# Light, since it handles nothing but our own data; guarded, it would take the place of a child that has OCR loaded.
WRITE_RECORD_FILES = JobType(
    name="write_record_files", payload=WriteRecordFiles, queue="low_priority", priority=Priority.LOW, light=True
)
JOB_TYPES = JobTypes([READ_DOCUMENT, PLAN_DELIVERIES, DELIVER, CHECK_TARGETS, WRITE_RECORD_FILES])
HOURLY = Terms(name="Check the targets", cron="17 * * * *", time_zone="UTC", job_type=CHECK_TARGETS.name, payload={})
"""How often it is looked whether tables elsewhere can still be written to, until somebody decides otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """What follows what. Each step is a job made in the transaction of the step before it."""

    jobs: JobService
    schedules: ScheduleService

    def start_reading(self, tx: Transaction, document: Document) -> JobId:
        """Follow a document that was received. The same bytes are never read twice at once."""
        return self._read(tx, document, ReadDocument(document_id=document.id))

    def start_reading_again(self, tx: Transaction, document: Document) -> JobId:
        """Follow a person's wish to have a document read anew."""
        return self._read(tx, document, ReadDocument(document_id=document.id, again=True))

    def start_reading_in_batch(self, tx: Transaction, document: Document, batch: BatchId) -> JobId:
        """Follow a document that was received with others."""
        return self._read(tx, document, ReadDocument(document_id=document.id), batch)

    def start_reading_again_in_batch(self, tx: Transaction, document: Document, batch: BatchId) -> JobId:
        """Follow a person's wish to have many documents read anew."""
        return self._read(tx, document, ReadDocument(document_id=document.id, again=True), batch)

    def plan_deliveries(self, tx: Transaction, record: Record) -> None:
        """Follow a record that was accepted."""
        payload = PlanDeliveries(record_id=record.id)
        self.jobs.enqueue(
            tx, record.workspace, PLAN_DELIVERIES, payload, Order(description="Plan a record's deliveries")
        )

    def start_delivery(self, tx: Transaction, workspace: WorkspaceId, delivery_id: DeliveryId) -> None:
        """Follow a delivery that was planned."""
        payload = Deliver(delivery_id=delivery_id)
        self.jobs.enqueue(tx, workspace, DELIVER, payload, Order(description="Deliver a record to its target"))

    def watch_targets(self, workspace: WorkspaceId) -> None:
        """Follow a table elsewhere that is connected."""
        with suppress(ScheduleNameTaken):
            self.schedules.create(workspace, HOURLY)

    def write_record_files(self, tx: Transaction, record: Record) -> None:
        """Follow a change of a record."""
        payload = WriteRecordFiles(record_id=record.id)
        self.jobs.enqueue(
            tx, record.workspace, WRITE_RECORD_FILES, payload, Order(description="Write a record's files")
        )

    def _read(self, tx: Transaction, document: Document, payload: ReadDocument, batch: BatchId | None = None) -> JobId:
        return self.jobs.enqueue(
            tx,
            document.workspace,
            READ_DOCUMENT,
            payload,
            Order(concurrency_key=f"read:{document.sha256}", batch=batch, description=f"Read {document.name}"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PartsAside:
    """Sets aside what was made of a document that is joined with others, so that nothing is asked or booked twice."""

    records: RecordService
    reviews: ReviewService
    deliveries: DeliveryService

    def __call__(self, tx: Transaction, part: Document, joined: Document) -> None:
        reason = Reason(code=ReasonCode.JOINED, facts={"document": joined.name})
        record = self.records.set_aside(tx, part.workspace, record_id_of(part.id), reason)
        if record is None:
            return
        # A record that is a draft again may have been delivered before.
        if record.accepted or self.deliveries.are_planned(tx, part.workspace, record.id):
            raise PartAccepted(part)
        self.reviews.close_joined(tx, record, f"Its pages are read in {joined.name}, document {joined.id}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Handlers:
    """What the jobs do."""

    steps: Steps
    documents: DocumentService
    joins: JoinService
    extractions: ExtractionService
    records: RecordService
    reviews: ReviewService
    deliveries: DeliveryService
    n8n: N8nDeliveries | None
    archive: RecordArchive
    public_url: str

    def by_type(self) -> Mapping[str, Handled[Any]]:
        """Return the handler of every job type, by the type's name."""
        handled: Sequence[Handled[Any]] = [
            Handled(type=READ_DOCUMENT, handler=self.read_document),
            Handled(type=PLAN_DELIVERIES, handler=self.plan_deliveries),
            Handled(type=DELIVER, handler=self.deliver),
            Handled(type=CHECK_TARGETS, handler=self.check_targets),
            Handled(type=WRITE_RECORD_FILES, handler=self.write_record_files),
        ]
        return {one.type.name: one for one in handled}

    def read_document(self, job: JobContext, payload: ReadDocument) -> Json | None:
        """Read a document, draft its record and open its review, the last two together with the job's completion.

        One that was joined with others, be it meanwhile, is read there.
        """
        document = self.documents.get(job.workspace, DocumentId(payload.document_id))
        if document.joined_into:
            return self._joined(document)
        job.progress(0, document.page_count, message=f"Reading {document.name}")
        extraction_id, extraction = self.extractions.read(
            document,
            self.documents.path(document),
            again=payload.again,
            last_try=job.last_attempt or job.now() - job.job.created_at > MODEL_PATIENCE,
        )
        lookalike = self._lookalike(document, extraction)
        job.log("Document read", reader=extraction.reader, version=extraction.version, values=len(extraction.sources))
        if use := extraction.model:
            job.log(
                "Model's earlier answer used" if use.kept else "Model asked",
                model=use.model,
                input_tokens=use.input_tokens,
                output_tokens=use.output_tokens,
                cost_usd=f"{use.cost:f}",
            )
        with job.transaction() as tx:
            document = self.documents.hold(tx, job.workspace, document.id)
            if document.joined_into:
                job.complete(tx, self._joined(document))
                return None
            record = self.records.draft(
                tx,
                job.workspace,
                document.id,
                extraction.data,
                extraction.sources,
                extraction_id,
                (*extraction.reasons, *(self._duplicate(tx, document) or lookalike)),
            )
            review = self.reviews.open(tx, job.workspace, record)
            job.complete(tx, self._result(document, record, review))
        return None

    def plan_deliveries(self, job: JobContext, payload: PlanDeliveries) -> None:
        """Find out where a record has to go, and start its way there, together with the job's completion."""
        record = self.records.get(job.workspace, RecordId(payload.record_id))
        document = self.documents.get(job.workspace, record.document_id)
        target = TargetId(document.target) if document.target else None
        with job.transaction() as tx:
            planned = self.deliveries.plan_deliveries(tx, job.workspace, record, target)
            for delivery in planned:
                self.steps.start_delivery(tx, job.workspace, delivery.id)
            job.complete(tx, {"delivery_ids": [str(delivery.id) for delivery in planned]})

    def deliver(self, job: JobContext, payload: Deliver) -> Json | Waiting:
        """Bring a record to its target; while that is away, the job comes back without losing an attempt."""
        try:
            delivery = self._deliver(job, DeliveryId(payload.delivery_id))
        except DeliveryNotFound:
            return {"delivery_id": str(payload.delivery_id), "message": "Its target was removed."}
        except (ServiceUnavailable, NetworkError) as error:
            if job.now() - job.job.created_at > TARGET_PATIENCE:
                raise
            settles_at = error.settles_at if isinstance(error, DeliveryInDoubt) else None
            raise TargetAway(error, settles_at or job.now() + TARGET_PAUSE) from error
        if isinstance(delivery, Waiting):
            return delivery
        return _told(delivery)

    def check_targets(self, job: JobContext, _payload: CheckTargets) -> Json:
        """Look whether tables elsewhere can be written to, before a delivery finds out."""
        found = Counter(self.deliveries.targets.check_all(job.workspace).values())
        return {str(status or "not_checked"): number for status, number in found.items()}

    def _deliver(self, job: JobContext, delivery: DeliveryId) -> Delivery | Waiting:
        if not (self.n8n and self.n8n.carries(job.workspace, delivery)):
            return self.deliveries.deliver(job.workspace, delivery)
        done = self.n8n.deliver(job, delivery)
        if isinstance(done, Waiting) or done.status is not DeliveryStatus.PENDING or done.external_id is None:
            return done
        return self._deliver(job, delivery)  # its page was found, and shows an older version

    def write_record_files(self, job: JobContext, payload: WriteRecordFiles) -> None:
        """Write a record's files as it stands now."""
        self.archive.write(self.records.get(job.workspace, RecordId(payload.record_id)))

    def _lookalike(self, document: Document, extraction: Extraction) -> Sequence[Reason]:
        found = self.extractions.lookalike(document, extraction, self.joins.parts(document))
        if found is None:
            return ()
        name = self.documents.get(document.workspace, found).name
        return (Reason(code=ReasonCode.LOOKS_ALIKE, facts={"document": name}),)

    def _duplicate(self, tx: Transaction, document: Document) -> Sequence[Reason]:
        first = self.documents.first_with_same_bytes(tx, document)
        return [Reason(code=ReasonCode.DUPLICATE, facts={"document": first.name})] if first else []

    def _joined(self, document: Document) -> Json:
        return {
            "file_name": document.name,
            "message": "It is read as a part of another document.",
            "page_url": f"{self.public_url}/api/v1/documents/{document.joined_into}",
        }

    def _result(self, document: Document, record: Record, review: Review) -> Json:
        confidences = [source.confidence for source in record.sources.values()]
        return {
            "file_name": document.name,
            "message": _summary(len(record.reasons)),
            "page_url": f"{self.public_url}/api/v1/records/{record.id}",
            "record_id": str(record.id),
            "review_id": str(review.id),
            "confidence": round(fmean(confidences), 4) if confidences else None,
        }


def _summary(questions: int) -> str:
    """Say in a sentence how a reading ended."""
    match questions:
        case 0:
            return "Read without a doubt."
        case 1:
            return "A person should look at it: one question."
        case _:
            return f"A person should look at it: {questions} questions."


def measure(metrics: Metrics, job: Job, attempt: Attempt) -> None:
    """Count documents that were read; `job` stands as the attempt has left it."""
    if job.type != READ_DOCUMENT.name:
        return
    metrics.documents.labels(status=job.status).inc()
    metrics.reading_seconds.observe((attempt.ended_at - attempt.started_at).total_seconds())
    confidence = (job.result or {}).get("confidence")
    if confidence is not None:
        metrics.confidence.observe(confidence)


def _told(delivery: Delivery) -> Json:
    """Return what the job of a delivery says in the end."""
    result: dict[str, object] = {
        "delivery_id": str(delivery.id),
        "status": delivery.status,
        "page_url": delivery.url,
    }
    if delivery.status is DeliveryStatus.WAITING:
        result["message"] = f"It waits for its target: {delivery.error}"
    if delivery.problems:
        result["problems"] = list(delivery.problems)
    return result
