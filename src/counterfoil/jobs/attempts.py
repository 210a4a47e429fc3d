"""Running a handler once and saying how it ended, whatever it did."""

import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any, TypeAlias

import structlog

from counterfoil.foundation import errors
from counterfoil.foundation.database import Database, DatabaseUnavailable
from counterfoil.foundation.errors import Cancelled, CounterfoilError
from counterfoil.foundation.ids import IdSource
from counterfoil.foundation.logging import about
from counterfoil.foundation.pauses import growing_pauses
from counterfoil.jobs.context import LOG_PAUSE, JobContext, Settled
from counterfoil.jobs.domain import Failure, Job, JobId
from counterfoil.jobs.errors import LeaseLost, UnknownJobType
from counterfoil.jobs.journal import Journal
from counterfoil.jobs.moves import Completed, Failed, Postponed, Stopped, Waiting
from counterfoil.jobs.plain import plain_json, plain_text
from counterfoil.jobs.protocols import LeaseStore
from counterfoil.jobs.types import Handled

MAX_MESSAGE = 2_000
MAX_STACK = 16_000
KEEPING_SECONDS = 10.0

Ended: TypeAlias = Completed | Failed | Postponed | Waiting | Stopped | Settled | None
"""How a handler ended. None: another attempt has taken the job over, and there is nothing left to do."""

log = structlog.get_logger()


class Scribe:
    """Keeps the lines of handlers that take their time, so that people can follow them."""

    def __init__(self) -> None:
        self._open: dict[JobId, JobContext] = {}
        self._started = threading.Lock()

    @contextmanager
    def following(self, context: JobContext) -> Iterator[None]:
        """Keep what is logged through this context while the handler runs."""
        if self._started.acquire(blocking=False):  # once and for all: it is never given back
            threading.Thread(target=self._write, name="scribe", daemon=True).start()
        self._open[context.job.id] = context
        try:
            yield
        finally:
            self._open.pop(context.job.id, None)

    def _write(self) -> None:
        while True:
            time.sleep(LOG_PAUSE.total_seconds())
            for context in list(self._open.values()):
                try:
                    if context.is_slow():
                        context.keep_lines()
                except Exception as error:  # noqa: BLE001 - it is tried again, and at the latest when the attempt ends
                    log.warning("lines_not_kept", job_id=str(context.job.id), error=repr(error))


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRunner:
    """Calls handlers. It runs in the worker for light jobs, in a child process for the others."""

    handlers: Mapping[str, Handled[Any]]
    database: Database
    store: LeaseStore
    new_id: IdSource
    scribe: Scribe = field(default_factory=Scribe)

    def run(self, job: Job, journal: Journal | None = None) -> Ended:
        """Return how the attempt ended. Lines that are not kept by then stay in the journal that the caller gave.

        Nothing that a handler raises gets past this function, so that no job vanishes with its worker.
        """
        assert job.lease  # noqa: S101 - true of every claimed job
        handled = self.handlers.get(job.type)
        context = JobContext(
            job=job,
            lease=job.lease,
            database=self.database,
            store=self.store,
            new_id=self.new_id,
            journal=journal or Journal(),
            version=handled.type.version if handled else 0,
        )
        facts = {"job_id": job.id, "job_type": job.type, "workspace_id": job.workspace, "attempt": job.attempts}
        with about(facts):
            ended = self._outcome(context, handled)
            if journal is None:
                _keep_lines(context)
            return ended

    def _outcome(self, context: JobContext, handled: Handled[Any] | None) -> Ended:
        try:
            if handled is None:
                raise UnknownJobType(context.job.type)  # noqa: TRY301 - told like what the handler raises
            with self.scribe.following(context):
                return self._call(context, handled)
        except BaseException as error:  # noqa: BLE001 - also SystemExit and KeyboardInterrupt raised by a handler
            # What is done is done, whatever the handler still stumbled over.
            return context.settled or _stumbled(error)

    def _call(self, context: JobContext, handled: Handled[Any]) -> Ended:
        result = handled.handler(context, handled.type.checked(context.job.payload))
        if context.settled:
            return context.settled
        if isinstance(result, Waiting):
            return result
        return Completed(result=None if result is None else plain_json(result))


def _keep_lines(context: JobContext) -> None:
    """Write what is left, for so long as an outage may be short; the outcome matters more."""
    over = time.monotonic() + KEEPING_SECONDS
    for pause in takewhile(lambda pause: time.monotonic() + pause < over, growing_pauses()):
        try:
            context.keep_lines()
        except DatabaseUnavailable as error:
            _log("lines_not_kept", error=repr(error))
            time.sleep(pause)
        except Exception as error:  # noqa: BLE001 - the outcome must not be lost with the lines
            _log("lines_not_kept", error=repr(error))
            return
        else:
            return


def _stumbled(error: BaseException) -> Failed | Postponed | Stopped | None:
    match error:
        case LeaseLost():
            _log("lease_lost")
            return None
        case Cancelled():
            _log("attempt_cancelled")
            return Stopped()
        case errors.Postponed():
            _log("attempt_postponed", code=error.code, until=error.retry_at.isoformat())
            return Postponed(until=error.retry_at, reason=str(error))
        case CounterfoilError():
            failed = Failed(failure=failure_of(error, error.code), retry=error.retry)
            _log("attempt_failed", code=error.code, error=failed.failure.message)
        case MemoryError():
            failed = Failed(failure=failure_of(error, "task_memory_exceeded"))
            _log("attempt_failed", code=failed.failure.code, error=failed.failure.message)
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
