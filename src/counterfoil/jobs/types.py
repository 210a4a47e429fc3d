"""What kinds of jobs there are: a name, a payload model, how it is run and tried again; and who handles it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from counterfoil.jobs.context import JobContext
from counterfoil.jobs.domain import Backoff, Json, Priority
from counterfoil.jobs.errors import InvalidPayload, UnknownJobType
from counterfoil.jobs.moves import Waiting

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
    version: int = 1
    """Of the handler: what the steps of another version gave is not used."""

    def checked(self, payload: Json) -> Payload:
        """Return the payload as the handler is given it.

        Raises:
            InvalidPayload: it does not fit; the message names the first field that is wrong.
        """
        try:
            return self.payload.model_validate(dict(payload))
        except ValidationError as error:
            first = error.errors()[0]
            raise InvalidPayload(self.name, ".".join(map(str, first["loc"])), first["msg"]) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Handled(Generic[Payload]):
    """A job type together with what does its work."""

    type: JobType[Payload]
    handler: Callable[[JobContext, Payload], Json | Waiting | None]


class JobTypes:
    """The job types of this house, by name."""

    def __init__(self, types: Iterable[JobType[Any]]) -> None:
        self._types = {one.name: one for one in types}

    def __iter__(self) -> Iterator[JobType[Any]]:
        return iter(self._types.values())

    def __contains__(self, name: str) -> bool:
        return name in self._types

    def get(self, name: str) -> JobType[Any]:
        """Return the job type of this name.

        Raises:
            UnknownJobType: nobody has registered it.
        """
        try:
            return self._types[name]
        except KeyError:
            raise UnknownJobType(name) from None
