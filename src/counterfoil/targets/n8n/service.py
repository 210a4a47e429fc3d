"""Deliveries that n8n makes: it is shown the document, makes the page, and calls back.

    deliver ─→ run asked for, the job waits ─→ called back ─→ deliver ─→ delivered
                                          └─→ overdue ─→ deliver ─→ the page is looked for by its marker
                                                                       ├─→ there: delivered
                                                                       └─→ not there: another run

What a run makes has the job's id in it as a marker, so that a page whose callback was lost is found before a second run
is asked for. A run that was asked for is in doubt until it has called back, or has had its time.
"""

import secrets
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta

from counterfoil.access.domain import WorkspaceId
from counterfoil.documents.domain import Document
from counterfoil.foundation.errors import CounterfoilError, Unauthorized
from counterfoil.jobs.changes import JobChanges
from counterfoil.jobs.context import JobContext
from counterfoil.jobs.domain import JobId, Json
from counterfoil.jobs.moves import Waiting
from counterfoil.targets.book import DeliveryBook
from counterfoil.targets.domain import NOTION, Delivery, DeliveryId, Run, Target
from counterfoil.targets.errors import CorrectionNotCarried, DeliveryInDoubt, RunFailed, RunUnanswered, TargetUnusable
from counterfoil.targets.n8n.protocols import Pictures, RunOrder, WorkflowRunner
from counterfoil.targets.notion_address import notion_id
from counterfoil.targets.protocols import DeliverableRecord, RecordSource, Sought, TargetAdapter, Written
from counterfoil.targets.service import TargetService

_BEFORE_THE_PAGE = {"Get Notion Schema", "Image File", "Map Receipt", "Check Payload"}
"""The nodes of the workflow that come before it asks for a page: when one of them fails, there is none."""

_LEFT_OUT = "Left out: "


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
        """Tell whether n8n makes this delivery; a page that is there we correct ourselves, if we can find it."""
        delivery = self.book.get(workspace, delivery_id)
        if self.targets.get(workspace, delivery.target_id).kind != NOTION:
            return False
        return delivery.external_id is None or not self.can_look or _is_unknown(delivery)

    def deliver(self, job: JobContext, delivery_id: DeliveryId) -> Delivery | Waiting:
        """Have the record's page made, or learn how that went; `Waiting` when n8n is at work.

        A delivery that comes back pending has a page now that shows an older version.

        Raises:
            DeliveryInDoubt: an earlier run may still be at work.
            RunFailed: n8n could not make the page.
            RunUnanswered: n8n did not call back, and we have no token to look for the page.
            CorrectionNotCarried: there is a page, and we have no token to correct it.
        """
        delivery = self.book.get(job.workspace, delivery_id)
        record = self.records.get(job.workspace, delivery.record_id)
        if delivery.has(record.version) or not record.accepted:
            return delivery
        target = self.targets.get(job.workspace, delivery.target_id)
        answer = job.answer()
        if answer is not None and _awaits(delivery, job):
            return self._ended(job, delivery, target, answer)
        with self.book.telling(delivery):
            if delivery.external_id is not None:
                raise CorrectionNotCarried
            if found := self._found(delivery, target):
                # Of a page that n8n did not make nobody knows what it shows.
                return self.book.succeed(delivery, delivery.run.version if delivery.run else 0, found)
            document = self.targets.documents.get(job.workspace, record.document_id)
            picture = self.pictures.jpeg(document)
        return self._run(job, delivery, record, target, document, picture)

    def _ended(self, job: JobContext, delivery: Delivery, target: Target, answer: Json) -> Delivery:
        """Write down what n8n said."""
        assert delivery.run  # noqa: S101 - it was awaited
        run = replace(delivery.run, execution=answer.get("execution_id") or delivery.run.execution)
        if answer["status"] == "success":
            self.book.note_run(delivery, run)
            url = answer.get("notion_page_url")
            page = notion_id(answer.get("notion_page_id", "")) or notion_id(url or "") or self._marked(delivery, target)
            job.log(answer.get("message") or "n8n has made the page", fields=answer.get("fields") or {})
            made = Written(external_id=page or str(run.job), url=url)
            return self.book.succeed(delivery, run.version, made, left_out(answer.get("message") or ""))
        self.book.note_run(delivery, replace(run, answered=True))
        # A page that was asked for may come for as long as Notion works at it.
        failed = RunFailed(answer.get("stage"), answer.get("message"), settles_after=self.notion.settles_after)
        self.book.fail(delivery, failed, in_doubt=answer.get("stage") not in _BEFORE_THE_PAGE)
        raise failed

    def _found(self, delivery: Delivery, target: Target) -> Written | None:
        """Look for the page of an attempt whose end is unknown."""
        doubt = delivery.doubt
        if doubt is None:
            return None
        try:
            found = self._look(delivery, target)
        except TargetUnusable:
            # n8n may see a table that is not shown to us: whether its page is there, a person has to say.
            raise RunUnanswered(delivery.run) if delivery.run else DeliveryInDoubt(delivery.id) from None
        if found is None and self.book.clock.now() < doubt.settles_at:
            raise DeliveryInDoubt(delivery.id, settles_at=doubt.settles_at)
        if delivery.run and not self.can_look:
            raise RunUnanswered(delivery.run)
        return found

    def _look(self, delivery: Delivery, target: Target) -> Written | None:
        if not (self.can_look and delivery.doubt):
            return None
        others = self.book.rows_of_others(delivery)
        sought = Sought(key=delivery.marker_key, since=delivery.doubt.since, others=others)
        return self.notion.find(target, sought)

    def _marked(self, delivery: Delivery, target: Target) -> str | None:
        """Return the id of the page that n8n made, when it did not say so and we are shown the table."""
        with suppress(TargetUnusable):
            found = self._look(delivery, target)
            return found.external_id if found else None
        return None

    def _run(
        self,
        job: JobContext,
        delivery: Delivery,
        record: DeliverableRecord,
        target: Target,
        document: Document,
        picture: bytes,
    ) -> Waiting:
        token = job.callback_token()
        order = RunOrder(
            job=job.job.id,
            picture=picture,
            file_name=document.name,
            database_id=target.settings["database_id"],
            callback_url=f"{self.public_url}/api/v1/jobs/{job.job.id}/callback?token={token}",
        )
        run = Run(job=job.job.id, version=record.version)
        started = self.book.begin(delivery, record.version, settles_after=self.deadline, run=run)
        try:
            execution = self.runner.start(job.workspace, order)
        except CounterfoilError as error:
            self.book.fail(started, error)
            raise
        job.log("Given to n8n", execution=execution)
        if execution:
            self.book.note_run(started, replace(run, execution=execution))
        return job.wait(self.deadline.total_seconds())


def left_out(message: str) -> tuple[str, ...]:
    """Return what a workflow says that it has left out, each in a sentence; of a message of another form, nothing."""
    _, *told = (one.strip() for one in message.split(_LEFT_OUT))
    return tuple(one if one.endswith(".") else f"{one}…" for one in told if one)  # a long message is cut anywhere


def _is_unknown(delivery: Delivery) -> bool:
    """Tell whether n8n made the page without saying which it is."""
    return delivery.run is not None and delivery.external_id == str(delivery.run.job)


def _awaits(delivery: Delivery, job: JobContext) -> bool:
    """Tell whether the delivery waits for the answer to a run that this job asked for."""
    run = delivery.run
    return delivery.doubt is not None and run is not None and run.job == job.job.id and not run.answered
