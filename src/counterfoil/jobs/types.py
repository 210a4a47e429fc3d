"""What kinds of jobs there are: a name, a payload model, how it is run and tried again; and who handles it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from counterfoil.jobs.context import JobContext
from counterfoil.jobs.domain import Backoff, Json, Priority, UnknownJobType

Payload = TypeVar("Payload", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobType(Generic[Payload]):
    """One kind of job. Light ones run in a thread of the worker, the others guarded in a child process."""

    name: str
    payload: type[Payload]
    queue: str = "default"
    priority: int = Priority.MEDIUM
    max_attempts: int = 5
    backoff: Backoff = field(default_factory=Backoff)
    timeout_seconds: int = 15 * 60
    memory_mb: int = 512
    light: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Handled(Generic[Payload]):
    """A job type together with what does its work."""

    type: JobType[Payload]
    handler: Callable[[JobContext, Payload], Json | None]


class JobTypes:
    """The job types that this house can work on, by name."""

    def __init__(self, handled: Iterable[Handled[Any]]) -> None:
        self._types = {one.type.name: one for one in handled}

    def __contains__(self, name: str) -> bool:
        return name in self._types

    def get(self, name: str) -> Handled[Any]:
        """Return the job type of this name and its handler.

        Raises:
            UnknownJobType: nobody has registered it.
        """
        try:
            return self._types[name]
        except KeyError:
            raise UnknownJobType(name) from None
