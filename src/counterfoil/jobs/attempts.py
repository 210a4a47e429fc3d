"""Running a handler once and saying how it ended, whatever it did."""

import traceback
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from pydantic import ValidationError

from counterfoil.foundation.database import Database
from counterfoil.foundation.errors import CounterfoilError
from counterfoil.foundation.ids import IdSource
from counterfoil.jobs.context import JobContext
from counterfoil.jobs.domain import Completed, Failed, Failure, Job, LeaseLost
from counterfoil.jobs.protocols import JobStore
from counterfoil.jobs.types import JobTypes

MAX_MESSAGE = 2_000
MAX_STACK = 16_000

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRunner:
    """Calls handlers. It runs in the worker for light jobs, in a child process for the others."""

    types: JobTypes
    database: Database
    store: JobStore
    new_id: IdSource

    def run(self, job: Job) -> Completed | Failed | None:
        """Return how the attempt ended, or None if there is nothing left to settle.

        That is so where the handler completed the job itself, or where another attempt has taken it over.
        Nothing that a handler raises gets past this function, so that no job vanishes with its worker.
        """
        with structlog.contextvars.bound_contextvars(
            job_id=str(job.id), job_type=job.type, workspace_id=str(job.workspace), attempt=job.attempts
        ):
            try:
                return self._call(job)
            except LeaseLost:
                log.warning("lease_lost")
                return None
            except CounterfoilError as error:
                log.warning("attempt_failed", code=error.code, error=str(error))
                return Failed(failure=failure_of(error, error.code), retry=error.retry)
            except BaseException as error:  # noqa: BLE001 - also SystemExit and KeyboardInterrupt raised by a handler
                failure = failure_of(error, "task_execution_failed")
                log.error("attempt_crashed", error=failure.message, stack=failure.stack)  # noqa: TRY400 - its own text is bounded
                return Failed(failure=failure)

    def _call(self, job: Job) -> Completed | Failed | None:
        handled = self.types.get(job.type)
        try:
            payload = handled.type.payload.model_validate(job.payload)
        except ValidationError as error:
            return Failed(failure=failure_of(error, "validation_error"), retry=False)
        assert job.lease  # noqa: S101 - true of every claimed job
        context = JobContext(job=job, lease=job.lease, database=self.database, store=self.store, new_id=self.new_id)
        result = handled.handler(context, payload)
        return None if context.settled else Completed(result=result)


def failure_of(error: BaseException, code: str) -> Failure:
    """Describe an error in bounded text that every database takes, even if the error cannot describe itself."""
    message = _described(lambda: str(error)) or type(error).__name__
    stack = _described(lambda: "".join(traceback.format_exception(error, limit=-30)))
    return Failure(code=code, message=_clean(message, MAX_MESSAGE), stack=_clean(stack, MAX_STACK))


def _described(describe: Callable[[], str]) -> str:
    try:
        return describe()
    except Exception:  # noqa: BLE001 - a `__str__` of somebody else's may do anything
        return "(the error cannot describe itself)"


def _clean(text: str, longest: int) -> str:
    """Keep the end of a long text, for there stands what went wrong; drop what PostgreSQL refuses."""
    kept = text if len(text) <= longest else "…" + text[-longest:]
    return kept.encode("utf-8", "replace").decode().replace("\x00", "")
