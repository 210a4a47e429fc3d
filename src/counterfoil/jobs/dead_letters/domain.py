"""What can be said about dead letters together."""

from dataclasses import dataclass
from datetime import datetime

from counterfoil.foundation.errors import NotFound
from counterfoil.jobs.domain import JobId


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Dead letters of one type that died of the same error."""

    type: str
    error_code: str | None
    number: int
    oldest: datetime
    newest: datetime


class DeadLetterNotFound(NotFound):
    """No such dead letter in this workspace; a job of this id may live."""

    code = "dead_letter_not_found"
    advice = "Look at the job itself: it may have been retried, or been removed."

    def __init__(self, job: JobId) -> None:
        super().__init__(f"Job {job} is no dead letter.")
