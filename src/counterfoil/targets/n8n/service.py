"""Deliveries that n8n makes: it is shown the document, makes the page, and calls back.

    deliver ─→ run asked for, the job waits ─→ called back ─→ deliver ─→ delivered
                                          └─→ overdue ─→ deliver ─→ the page is looked for by its marker
                                                                       ├─→ there: delivered
                                                                       └─→ not there: another run

What a run makes has the job's id in it as a marker, so that a page whose callback was lost is found before a second run
is asked for. A run that was asked for is in doubt until it has called back, or has had its time.
"""

import secrets
from dataclasses import dataclass, replace
from datetime import timedelta

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.errors import CounterfoilError, Unauthorized
from counterfoil.jobs.changes import JobChanges
from counterfoil.jobs.context import JobContext
from counterfoil.jobs.domain import JobId, Json
from counterfoil.jobs.moves import Waiting
from counterfoil.targets.book import DeliveryBook
from counterfoil.targets.domain import (
    NOTION,
    CorrectionNotCarried,
    Delivery,
    DeliveryId,
    DeliveryInDoubt,
    Run,
    RunFailed,
    RunUnanswered,
    Target,
)
from counterfoil.targets.n8n.protocols import Pictures, RunOrder, WorkflowRunner
from counterfoil.targets.notion_address import notion_id
from counterfoil.targets.protocols import DeliverableRecord, RecordSource, Sought, TargetAdapter, Written
from counterfoil.targets.service import TargetService

_BEFORE_THE_PAGE = {"Get Notion Schema", "Image File", "Map Receipt", "Check Payload"}
"""The nodes of the workflow that come before it asks for a page: when one of them fails, there is none."""


class CallbackUnauthorized(Unauthorized):
    """A callback without the secret that n8n and we share."""

    code = "callback_unauthorized"
    advice = "Give the workflow's callback credential the header X-Callback-Token with CALLBACK_SECRET_TOKEN's value."

    def __init__(self) -> None:
        super().__init__("The callback's secret is missing or wrong.")


@dataclass(frozen=True, slots=True, kw_only=True)
class N8nCallbacks:
    """Hears what n8n says. `secret` is what it has to know; without one, nobody is heard."""

    changes: JobChanges
    secret: str

    def hear(self, job: JobId, answer: Json, secret: str | None, token: str | None) -> None:
        """Take what n8n says of a job. Said twice, it counts once.

        Raises:
            CallbackUnauthorized: the secret is another.
            CallbackNotFound: there is no such job, or it never asked n8n.
            CallbackRefused: the job no longer waits for this, or was told something else.
        """
        if not (self.secret and secret and secrets.compare_digest(self.secret.encode(), secret.encode())):
            raise CallbackUnauthorized
        if token:
            self.changes.answer(token, answer, job=job)
        else:
            self.changes.answer_newest(job, answer)


@dataclass(frozen=True, slots=True, kw_only=True)
class N8nDeliveries:
    """Brings records to Notion by n8n. `notion` looks for pages, if there is a token for that (`can_look`)."""

    book: DeliveryBook
    targets: TargetService
    records: RecordSource
    runner: WorkflowRunner
    pictures: Pictures
    notion: TargetAdapter
    can_look: bool
    deadline: timedelta
    public_url: str

    def carries(self, workspace: WorkspaceId, delivery_id: DeliveryId) -> bool:
        """Tell whether n8n makes this delivery; what it has made before, we correct ourselves.

        Raises:
            CorrectionNotCarried: for that, a token of Notion's is missing.
        """
        delivery = self.book.get(workspace, delivery_id)
        if self.targets.get(workspace, delivery.target_id).kind != NOTION:
            return False
        if delivery.external_id is None or delivery.has(delivery.record_version):
            return delivery.external_id is None
        if not self.can_look:
            raise CorrectionNotCarried
        return False

    def deliver(self, job: JobContext, delivery_id: DeliveryId) -> Delivery | Waiting:
        """Have the record's page made, or learn how that went; `Waiting` when n8n is at work.

        Raises:
            DeliveryInDoubt: an earlier run may still be at work.
            RunFailed: n8n could not make the page.
            RunUnanswered: n8n did not call back, and we have no token to look for the page.
        """
        delivery = self.book.get(job.workspace, delivery_id)
        record = self.records.get(job.workspace, delivery.record_id)
        if delivery.has(record.version) or not record.accepted:
            return delivery
        target = self.targets.get(job.workspace, delivery.target_id)
        answer = job.answer()
        if answer is not None and _awaits(delivery, job):
            return self._ended(delivery, answer)
        found = self._found(delivery, target)
        if found and delivery.run:
            return self.book.succeed(delivery, delivery.run.version, found)
        return self._run(job, delivery, record, target)

    def _ended(self, delivery: Delivery, answer: Json) -> Delivery:
        """Write down what n8n said."""
        assert delivery.run  # noqa: S101 - it was awaited
        delivery = replace(delivery, run=replace(delivery.run, execution=answer.get("execution_id")))
        assert delivery.run  # noqa: S101 - as before
        if answer.get("execution_id"):
            self.book.note_run(delivery, delivery.run)
        if answer["status"] == "success":
            url = answer.get("notion_page_url")
            page = answer.get("notion_page_id") or notion_id(url or "") or str(delivery.run.job)
            return self.book.succeed(delivery, delivery.run.version, Written(external_id=page, url=url))
        failed = RunFailed(answer.get("stage"), answer.get("message"))
        self.book.fail(delivery, failed, in_doubt=answer.get("stage") not in _BEFORE_THE_PAGE)
        raise failed

    def _found(self, delivery: Delivery, target: Target) -> Written | None:
        """Look for the page of a run that did not call back."""
        since, run = delivery.in_doubt_since, delivery.run
        if since is None or run is None:
            return None
        found = None
        if self.can_look:
            sought = Sought(key=str(run.job), since=since, others=self.book.rows_of_others(delivery))
            found = self.notion.find(target, sought)
        if found is None and self.book.clock.now() < since + self.deadline:
            raise DeliveryInDoubt(delivery.id, settles_at=since + self.deadline)
        if not self.can_look:
            unanswered = RunUnanswered(run)
            self.book.fail(delivery, unanswered, in_doubt=True)
            raise unanswered
        return found

    def _run(self, job: JobContext, delivery: Delivery, record: DeliverableRecord, target: Target) -> Waiting:
        document = self.targets.documents.get(job.workspace, record.document_id)
        picture = self.pictures.jpeg(document)
        token = job.callback_token()
        order = RunOrder(
            job=job.job.id,
            picture=picture,
            file_name=document.name,
            database_id=target.settings["database_id"],
            callback_url=f"{self.public_url}/api/v1/jobs/{job.job.id}/callback?token={token}",
        )
        started = self.book.begin(delivery, record.version, run=Run(job=job.job.id, version=record.version))
        try:
            execution = self.runner.start(job.workspace, order)
        except CounterfoilError as error:
            self.book.fail(started, error)
            raise
        job.log("Given to n8n", execution=execution)
        if execution and started.run:
            self.book.note_run(started, replace(started.run, execution=execution))
        return job.wait(self.deadline.total_seconds())


def _awaits(delivery: Delivery, job: JobContext) -> bool:
    """Tell whether the delivery waits for the answer to a run that this job asked for."""
    return delivery.in_doubt_since is not None and delivery.run is not None and delivery.run.job == job.job.id
