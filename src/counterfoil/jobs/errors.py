"""What can go wrong with jobs, for those who asked for them."""

from collections.abc import Sequence

from counterfoil.foundation.errors import Conflict, InvalidInput, NotFound, ServiceUnavailable
from counterfoil.jobs.domain import BatchId, Job, JobId


class JobNotFound(NotFound):
    """No such job in this workspace."""

    code = "job_not_found"

    def __init__(self, job: JobId) -> None:
        super().__init__(f"There is no job {job}.")


class BatchNotFound(NotFound):
    """No such batch in this workspace."""

    code = "job_batch_not_found"

    def __init__(self, batch: BatchId) -> None:
        super().__init__(f"There is no batch {batch}.")


class ParentNotFound(InvalidInput):
    """A job is to wait for one that is not there, or not any more."""

    code = "parent_not_found"
    advice = "Name jobs of this workspace that exist; finished ones are removed after a while."

    def __init__(self, missing: Sequence[JobId]) -> None:
        super().__init__(f"There is no job {missing[0]} to wait for.")


class UnknownJobType(InvalidInput):
    """A job of a type that nobody has registered."""

    code = "unknown_job_type"
    advice = "Use one of the registered job types; check that API and workers run the same version."

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no job type {name[:100]!r}.")


class InvalidPayload(InvalidInput):
    """A payload that its job type cannot use."""

    code = "validation_error"
    advice = "Correct the field that the message names; the job type says what it takes."

    def __init__(self, job_type: str, field: str, fault: str) -> None:
        super().__init__(f"The payload of {job_type} is wrong at {field or 'its top'}: {fault}.")


class NotJson(InvalidInput):
    """What a job was given or gave cannot be kept as JSON."""

    code = "not_json"
    advice = "Give objects of text, finite numbers, lists and objects only."

    def __init__(self, reason: Exception) -> None:
        super().__init__(f"This cannot be kept as JSON: {str(reason)[:200]}.")


class PayloadTooLarge(InvalidInput):
    """A payload that does not belong into a row."""

    code = "payload_too_large"
    advice = "Keep what is large elsewhere and let the payload say where."

    def __init__(self, size: int, most: int) -> None:
        super().__init__(f"The payload has {size} bytes of JSON; {most} are allowed.")


class IllegalMove(Conflict):
    """A job cannot do this from where it stands."""

    code = "illegal_move"

    def __init__(self, job: Job, event: str) -> None:
        super().__init__(f"A job that is {job.status} cannot be {event}.")


class StillAwaited(Conflict):
    """A job cannot be removed yet: another one waits for it and others, and has to hear how it ended."""

    code = "job_still_awaited"
    advice = "Remove it once the jobs that wait for it have gone on, or cancel those."

    def __init__(self, job: JobId) -> None:
        super().__init__(f"Other jobs still wait to hear how job {job} ended.")


class RetriesUsedUp(Conflict):
    """A dead letter has been retried as often as is allowed."""

    code = "retries_used_up"
    advice = "Find out why it fails; make a new job if it has to be done all the same."

    def __init__(self, job: Job) -> None:
        super().__init__(f"Job {job.id} has been retried {job.retries} times.")


class KeyUsedOtherwise(Conflict):
    """An idempotency key comes again with another request."""

    code = "idempotency_key_reused"
    advice = "Send the same request again, or choose a new key for another one."

    def __init__(self, key: str) -> None:
        super().__init__(f"The idempotency key {key[:100]!r} belongs to another request.")


class LeaseLost(Conflict):
    """Another attempt has taken the job over; what this one still wants to write is refused."""

    code = "lease_lost"
    advice = "Nothing is to be done: the job goes on in its newer attempt."

    def __init__(self, job: JobId) -> None:
        super().__init__(f"Job {job} has been taken over by another attempt.")


class CallbackRefused(Conflict):
    """A callback for an attempt that is over, or one that was answered before."""

    code = "callback_refused"
    advice = "Nothing is to be done: the job has gone on without this answer."

    def __init__(self) -> None:
        super().__init__("The job no longer waits for this callback.")


class CallbackNotFound(NotFound):
    """A callback with a token that no job has given out."""

    code = "callback_not_found"
    advice = "Use the callback's address exactly as it was given."

    def __init__(self) -> None:
        super().__init__("No job waits for this callback.")


class RedisUnavailable(ServiceUnavailable):
    """Redis does not answer."""

    code = "redis_unavailable"
    advice = "Start Redis, or correct REDIS_URL. No job is lost: workers are told again once it answers."

    def __init__(self) -> None:
        super().__init__("Redis does not answer.")
