"""Asking the model within its limits: written down before, paid once, and known to the breaker.

No transaction is open during a call.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, TypeAlias, assert_never

import structlog

from counterfoil.access.domain import WorkspaceId
from counterfoil.documents.domain import Sha256
from counterfoil.extraction.domain import ModelUse
from counterfoil.extraction.model.domain import (
    SERVICE,
    AnswerUnusable,
    Budget,
    CallState,
    Ending,
    Fault,
    ModelCall,
    ModelRejected,
    ModelSilent,
    ModelUnavailable,
    ModelUnreachable,
    Picture,
    Subject,
    Tokens,
    TooManyCalls,
)
from counterfoil.extraction.model.protocols import ModelClient
from counterfoil.extraction.model.questions import AnswerT, Question
from counterfoil.extraction.model.service import ModelCalls
from counterfoil.foundation.failpoints import failpoint
from counterfoil.jobs.limits.domain import LONGEST_CLOSING, BreakerOpen, Rate, RateLimited
from counterfoil.jobs.limits.service import Breakers, RateLimits

MOST_OUTPUT: Final = 16_000
"""Tokens that an answer may have: some three hundred lines sold."""
MOST_A_PICTURE: Final = 40_000
"""Tokens that a page picture takes, at most, by any provider's count: small models' are said to be counted dearest."""
DEFAULT_PAUSE: Final = timedelta(seconds=30)
"""How long a provider is left alone that has had too many calls and does not say until when."""
AFTERWARDS: Final = timedelta(seconds=15)
"""How long it may take to write down how a call ended."""

NoAnswer: TypeAlias = AnswerUnusable | ModelRejected | ModelSilent | ModelUnavailable | ModelUnreachable
"""What ends a call that was made."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAsking:
    """Asks the model, as often as it may be asked."""

    calls: ModelCalls
    client: ModelClient
    limits: RateLimits
    breakers: Breakers
    rate: Rate
    budget: Budget
    timeout: timedelta

    def version(self, question: Question[AnswerT]) -> str:
        """Name the model and the prompt: another version may answer otherwise."""
        return f"{self.client.name}/{question.version}"

    def ask(
        self,
        workspace: WorkspaceId,
        sha256: Sha256,
        question: Question[AnswerT],
        pictures: Callable[[], Sequence[Picture]] = tuple,
    ) -> tuple[AnswerT, ModelUse]:
        """Return what the model answers; an answer that was paid for before is used again.

        `sha256` is the digest of what it is shown. An answer that cannot be used is asked for once more.

        Raises:
            CallUnderWay, RateLimited, BreakerOpen: not now.
            ModelUnavailable, ModelUnreachable, ModelSilent: it may be well another time.
            ModelRejected, AnswerUnusable, AskedInVain, BudgetSpent: it will not be.
        """
        subject = self._subject(workspace, sha256, question)
        if kept := self.calls.kept(subject):
            return _answer_of(kept, question)
        shown = pictures()
        while True:
            self.limits.take(workspace, SERVICE, self.rate)
            call = self.calls.begin(subject, self.budget, self._most(question, shown), self.timeout + AFTERWARDS)
            if call.state is CallState.ANSWERED:
                return _answer_of(call, question)
            try:
                return self._ask(call, question, shown)
            except AnswerUnusable as error:
                # If it is not worth another call, the book says so when it is to be begun.
                log.warning("model_answer_unusable", model=subject.model, fault=error.fault)

    def _subject(self, workspace: WorkspaceId, sha256: Sha256, question: Question[AnswerT]) -> Subject:
        return Subject(
            workspace=workspace,
            purpose=question.purpose,
            sha256=sha256,
            model=self.client.name,
            prompt_version=question.version,
        )

    def _ask(
        self, call: ModelCall, question: Question[AnswerT], pictures: Sequence[Picture]
    ) -> tuple[AnswerT, ModelUse]:
        failpoint("model.recorded")
        try:
            answer, tokens = self._call(call.workspace, question, pictures)
        except BreakerOpen:
            self.calls.withdraw(call)
            raise
        except TooManyCalls as error:
            ended = self.calls.end(call, Ending(state=CallState.FAILED, fault=Fault.BUSY, cost=Decimal(0)))
            raise self._postponed(call, error, ended) from None
        except (AnswerUnusable, ModelRejected, ModelSilent, ModelUnavailable, ModelUnreachable) as error:
            self.calls.end(call, self._ending(error))
            raise
        failpoint("model.answered")
        cost, content = self.budget.price.of(tokens), answer.model_dump(mode="json", exclude_none=True)
        self.calls.end(call, Ending(state=CallState.ANSWERED, tokens=tokens, cost=cost, answer=content))
        return answer, _use(call, tokens, cost, kept=False)

    def _call(
        self, workspace: WorkspaceId, question: Question[AnswerT], pictures: Sequence[Picture]
    ) -> tuple[AnswerT, Tokens]:
        with self.breakers.calling(workspace, SERVICE, self.client.name) as outside:
            try:
                return self.client.ask(question, pictures)
            except (AnswerUnusable, ModelRejected):
                outside.answered()  # it is there, if of no help
                raise

    def _ending(self, error: NoAnswer) -> Ending:
        """Return how a call ended that gave no answer."""
        match error:
            case ModelSilent():
                return Ending(state=CallState.UNCERTAIN, fault=error.fault)
            case AnswerUnusable():
                cost = self.budget.price.of(error.tokens)
                return Ending(state=CallState.FAILED, fault=error.fault, tokens=error.tokens, cost=cost)
            case ModelRejected() | ModelUnavailable() | ModelUnreachable():
                return Ending(state=CallState.FAILED, fault=error.fault, cost=Decimal(0))
            case _:
                assert_never(error)

    def _postponed(self, call: ModelCall, error: TooManyCalls, now: datetime) -> RateLimited:
        """Leave the provider alone for as long as it wants, whichever worker would ask next."""
        pause = DEFAULT_PAUSE if error.seconds is None else timedelta(seconds=error.seconds)
        until = now + min(pause, LONGEST_CLOSING)
        self.limits.postpone(call.workspace, SERVICE, until)
        return RateLimited(SERVICE, until)

    def _most(self, question: Question[AnswerT], pictures: Sequence[Picture]) -> Decimal:
        """Return the most that a call may cost."""
        most = Tokens(input=question.most_input + MOST_A_PICTURE * len(pictures), output=MOST_OUTPUT)
        return self.budget.price.of(most)


def _answer_of(call: ModelCall, question: Question[AnswerT]) -> tuple[AnswerT, ModelUse]:
    return question.answer.model_validate(call.answer), _use(call, call.tokens, call.cost, kept=True)


def _use(call: ModelCall, tokens: Tokens, cost: Decimal, *, kept: bool) -> ModelUse:
    return ModelUse(
        model=call.model,
        prompt_version=call.prompt_version,
        input_tokens=tokens.input,
        output_tokens=tokens.output,
        cost=cost,
        kept=kept,
    )
