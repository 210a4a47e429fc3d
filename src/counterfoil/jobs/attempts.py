"""Running a handler once and saying how it ended, whatever it did."""

import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias

import structlog
from pydantic import ValidationError

from counterfoil.foundation.database import Database
from counterfoil.foundation.errors import CounterfoilError
from counterfoil.foundation.ids import IdSource
from counterfoil.jobs.context import JobContext, Settled
from counterfoil.jobs.domain import Completed, Failed, Failure, Job, Json, LeaseLost
from counterfoil.jobs.plain import plain_json, plain_text
from counterfoil.jobs.protocols import JobStore
from counterfoil.jobs.types import JobTypes

MAX_MESSAGE = 2_000
MAX_STACK = 16_000

Ended: TypeAlias = Completed | Failed | Settled | None
"""How a handler ended. None: another attempt has taken the job over, and there is nothing left to do."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRunner:
    """Calls handlers. It runs in the worker for light jobs, in a child process for the others."""

    types: JobTypes
    database: Database
    store: JobStore
    new_id: IdSource

    def run(self, job: Job) -> Ended:
        """Return how the attempt ended.

        Nothing that a handler raises gets past this function, so that no job vanishes with its worker.
        """
        assert job.lease  # noqa: S101 - true of every claimed job
        context = JobContext(job=job, lease=job.lease, database=self.database, store=self.store, new_id=self.new_id)
        with structlog.contextvars.bound_contextvars(
            job_id=str(job.id), job_type=job.type, workspace_id=str(job.workspace), attempt=job.attempts
        ):
            try:
                return self._call(context)
            except BaseException as error:  # noqa: BLE001 - also SystemExit and KeyboardInterrupt raised by a handler
                # What is done is done, whatever the handler still stumbled over.
                return context.settled or _stumbled(error)

    def _call(self, context: JobContext) -> Ended:
        handled = self.types.get(context.job.type)
        try:
            payload = handled.type.payload.model_validate(context.job.payload)
        except ValidationError as error:
            return Failed(failure=failure_of(error, "validation_error"), retry=False)
        result: Json | None = handled.handler(context, payload)
        return context.settled or Completed(result=None if result is None else plain_json(result))


def _stumbled(error: BaseException) -> Failed | None:
    match error:
        case LeaseLost():
            _log("lease_lost")
            return None
        case CounterfoilError():
            failed = Failed(failure=failure_of(error, error.code), retry=error.retry)
            _log("attempt_failed", code=error.code, error=failed.failure.message)
        case _:
            failed = Failed(failure=failure_of(error, "task_execution_failed"))
            _log("attempt_crashed", error=failed.failure.message, stack=failed.failure.stack)
    return failed


def _log(event: str, **facts: str | None) -> None:
    with suppress(OSError, ValueError):  # a handler may have closed the streams that the log goes to
        log.warning(event, **facts)


def failure_of(error: BaseException, code: str) -> Failure:
    """Describe an error in bounded text that every database takes, even if the error cannot describe itself."""
    message = plain_text(_end(_described(lambda: str(error)), MAX_MESSAGE))
    stack = _described(lambda: "".join(traceback.format_exception(error, limit=-30)))
    return Failure(code=code, message=message or type(error).__name__, stack=plain_text(_end(stack, MAX_STACK)))


def _described(describe: Callable[[], str]) -> str:
    try:
        return describe()
    except BaseException:  # noqa: BLE001 - a `__str__` of somebody else's may do anything
        return "(the error cannot describe itself)"


def _end(text: str, longest: int) -> str:
    """Keep the end of a long text, for there stands what went wrong."""
    return text if len(text) <= longest else "…" + text[1 - longest :]
