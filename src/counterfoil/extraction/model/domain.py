"""Calls of a model: each is recorded before it is made, since it costs money and nobody may learn how it went.

              ┌──→ answered    with an answer that is kept, and never paid for again
       begun ─┼──→ failed      surely without one, and what that cost is known
              └──→ uncertain   perhaps charged: cut off, timed out, or its process died

What was shown, what for, the model and the prompt version together are what a call is about, its subject.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_UP, Decimal
from enum import StrEnum
from typing import Any, ClassVar, Final, NewType
from uuid import UUID

from counterfoil.access.domain import WorkspaceId
from counterfoil.documents.domain import Sha256
from counterfoil.foundation.errors import (
    Conflict,
    ExecutionFailed,
    NetworkError,
    Postponed,
    ServiceUnavailable,
)

ModelCallId = NewType("ModelCallId", UUID)

SERVICE: Final = "model"
"""What limits, breakers and metrics call the model, whichever it is."""
MOST_UNCERTAIN: Final = 3
"""Calls about one subject that may have been charged for nothing, at most."""
MOST_UNUSABLE: Final = 2
"""Answers about one subject that cannot be used, at most."""
LEAST_COST: Final = Decimal("0.000000001")
"""Dollars that costs are counted in, rounded up."""

_MILLION: Final = 1_000_000


class Purpose(StrEnum):
    """What a model is asked for."""

    READING = "reading"
    """What a document says."""
    PLANNING = "planning"
    """What fills the columns of a table."""


class CallState(StrEnum):
    """Where a call stands."""

    BEGUN = "begun"
    ANSWERED = "answered"
    FAILED = "failed"
    UNCERTAIN = "uncertain"


class Fault(StrEnum):
    """Why a call gave no answer."""

    REFUSED = "refused"
    TRUNCATED = "truncated"
    WRONG_TYPE = "wrong_type"
    BUSY = "busy"
    UNAVAILABLE = "unavailable"
    UNREACHABLE = "unreachable"
    SILENT = "silent"
    DIED = "died"
    REJECTED = "rejected"

    @property
    def unusable(self) -> bool:
        """Tell whether there was an answer, only not one that can be used; another may be better."""
        return self in {Fault.TRUNCATED, Fault.WRONG_TYPE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """How much went in and came out."""

    input: int = 0
    output: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a million tokens cost, in US dollars."""

    input: Decimal
    output: Decimal

    def of(self, tokens: Tokens) -> Decimal:
        """Return what tokens cost, rounded up."""
        exact = (self.input * tokens.input + self.output * tokens.output) / _MILLION
        return exact.quantize(LEAST_COST, rounding=ROUND_UP).normalize()


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a call is about: what a workspace shows, asked of this model with this prompt.

    `sha256` is the digest of what is shown: of a document's bytes, or of the question where that holds everything.
    """

    workspace: WorkspaceId
    purpose: Purpose
    sha256: Sha256
    model: str
    prompt_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCall:
    """One call. Until it is known what it cost, `cost` (US dollars) is the most that it may have cost."""

    id: ModelCallId
    workspace: WorkspaceId
    purpose: Purpose
    sha256: Sha256
    model: str
    prompt_version: str
    state: CallState
    fault: Fault | None = None
    tokens: Tokens = Tokens()
    cost: Decimal
    answer: dict[str, Any] | None = None
    begun_at: datetime
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a call ended. `cost` is None where nobody knows: then it keeps the most that it may be."""

    state: CallState
    fault: Fault | None = None
    tokens: Tokens = Tokens()
    cost: Decimal | None = None
    answer: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A page picture, ready to be sent."""

    content: bytes
    media_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What may be spent: the most a workspace may spend in a day, 0 for any amount; and what things cost."""

    price: Price
    daily: Decimal

    def covers(self, spent: Decimal, more: Decimal) -> bool:
        """Tell whether there is room for more."""
        return not self.daily or not more or spent + more <= self.daily


def answered_among(calls: Iterable[ModelCall]) -> ModelCall | None:
    """Return the call whose answer is kept."""
    return next((call for call in calls if call.state is CallState.ANSWERED), None)


def check_worth(calls: Sequence[ModelCall]) -> None:
    """Return if it is worth to ask once more, after these calls about the same subject.

    Raises:
        AskedInVain: it is not.
    """
    faults = [call.fault for call in calls if call.fault]
    if Fault.REFUSED in faults:
        raise AskedInVain("it has refused to answer")
    if sum(fault.unusable for fault in faults) >= MOST_UNUSABLE:
        raise AskedInVain("its answers were in a form that cannot be used")
    if sum(call.state is CallState.UNCERTAIN for call in calls) >= MOST_UNCERTAIN:
        raise AskedInVain("nobody knows how the calls about this ended")


class CallUnderWay(Postponed):
    """Somebody else is asking the model the same just now, or died while asking."""

    code = "model_call_under_way"

    def __init__(self, retry_at: datetime) -> None:
        super().__init__("The model is being asked the same already.", retry_at)


class ModelUnavailable(ServiceUnavailable):
    """The model's provider cannot answer just now, and says so."""

    code = "model_unavailable"
    advice = "Wait; it is asked again, and the work is done without the model if it stays away."
    fault: ClassVar[Fault] = Fault.UNAVAILABLE
    why: ClassVar[str] = "its provider could not answer"

    def __init__(self, model: str, status: int | None) -> None:
        super().__init__(f"{model} is not available" + (f" (status {status})." if status else "."))


class ModelUnreachable(NetworkError):
    """The model's provider cannot be reached; nothing was sent."""

    code = "model_unreachable"
    advice = "Check the network and MODEL_BASE_URL; the model is asked again."
    fault: ClassVar[Fault] = Fault.UNREACHABLE
    why: ClassVar[str] = "its provider could not be reached"

    def __init__(self, model: str) -> None:
        super().__init__(f"The provider of {model} cannot be reached.")


class ModelSilent(NetworkError):
    """The model was asked, and no answer came: nobody knows whether it was charged."""

    code = "model_silent"
    advice = "Nothing needs to be done: it is asked again a bounded number of times, and counted as paid."
    fault: ClassVar[Fault] = Fault.SILENT
    why: ClassVar[str] = "it did not answer in time"

    def __init__(self, model: str) -> None:
        super().__init__(f"{model} was asked, and did not answer.")


class ModelRejected(ExecutionFailed):
    """The model's provider does not take what it is sent: the key, the model's name, the question."""

    code = "model_rejected"
    retry = False
    advice = "Check MODEL, MODEL_API_KEY and MODEL_BASE_URL, and the account at the provider."
    fault: ClassVar[Fault] = Fault.REJECTED

    def __init__(self, why: str) -> None:
        super().__init__(f"The model was not asked in a way that its provider takes: {why}.")
        self.why = why


class AnswerUnusable(ExecutionFailed):
    """The model has answered, but not with what was asked for."""

    code = "model_answer_unusable"
    retry = False
    advice = "Do without the model what it was asked for, or try another."

    def __init__(self, fault: Fault, tokens: Tokens) -> None:
        super().__init__(f"The model's answer cannot be used: {fault}.")
        self.fault = fault
        self.tokens = tokens


class AskedInVain(ExecutionFailed):
    """The model has been asked about the same often enough."""

    code = "model_asked_in_vain"
    retry = False
    advice = "Do without the model what it was asked for, or try another."

    def __init__(self, why: str) -> None:
        super().__init__(f"The model is not asked again: {why}.")
        self.why = why


class BudgetSpent(Conflict):
    """What a workspace may spend on the model in a day is spent."""

    code = "model_budget_spent"
    advice = "Wait until tomorrow (UTC) and have the work done again, or raise MODEL_DAILY_SPEND."

    def __init__(self, daily: Decimal) -> None:
        self.why = f"today's {daily:f} US dollars for it are spent"
        super().__init__(f"The model is not asked: {self.why}.")


class TooManyCalls(Exception):
    """The provider wants to be asked less often; `seconds` from now it may be asked again, if it has said so."""

    def __init__(self, seconds: float | None) -> None:
        super().__init__(seconds)
        self.seconds = seconds
