"""A model that is no model: it gives what a test has written down for it, and the book of its calls on a database.

`python -m tests.support.models.scripted URL WORKSPACE` asks it once, in a process that may die of it.
"""

import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from counterfoil.access.domain import WorkspaceId
from counterfoil.documents.domain import Sha256
from counterfoil.extraction.infrastructure.model_calls import SqlModelCallStore
from counterfoil.extraction.model.answer import Answer
from counterfoil.extraction.model.asking import ModelAsking
from counterfoil.extraction.model.domain import AnswerUnusable, Budget, Fault, ModelCall, Picture, Price, Tokens
from counterfoil.extraction.model.prompt import READING
from counterfoil.extraction.model.questions import AnswerT, Question
from counterfoil.extraction.model.service import ModelCalls
from counterfoil.foundation.database import Database
from counterfoil.foundation.ids import new_id
from counterfoil.foundation.paging import Paging
from counterfoil.jobs.limits.domain import BreakerRules, Period, Rate
from tests.support.limits import breakers, rate_limits
from tests.support.readings import SHA256

TOKENS = Tokens(input=3000, output=400)
COST = Decimal("0.0034")
MOST = Decimal("0.061")
"""What a call about one page sets aside."""


@dataclass
class ScriptedClient:
    """Gives one thing after the other, an answer or an error, and then always the same answer.

    What is no answer to the question is none that can be used, as with a real client.
    """

    said: list[Any] = field(default_factory=list)
    answer: Any = field(default_factory=lambda: Answer(total="10.70"))
    name: str = "openai:gpt-4o"
    asked: int = 0
    questions: list[Question[Any]] = field(default_factory=list)
    meanwhile: Callable[[], object] = lambda: None
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def ask(self, question: Question[AnswerT], pictures: Sequence[Picture]) -> tuple[AnswerT, Tokens]:
        with self._turn:
            self.asked += 1
            self.questions.append(question)
            said = self.said.pop(0) if self.said else self.answer
        self.meanwhile()
        if isinstance(said, Exception):
            raise said
        try:
            return question.answer.model_validate(said), TOKENS
        except ValidationError:
            raise AnswerUnusable(Fault.WRONG_TYPE, TOKENS) from None


@dataclass(kw_only=True)
class Asker:
    """A model's client within its limits, on a database. A thousand tokens cost a thousandth of a dollar."""

    database: Database
    client: Any = field(default_factory=ScriptedClient)
    daily: Decimal = Decimal(5)
    timeout: timedelta = timedelta(seconds=60)
    rate: Rate = field(default_factory=lambda: Rate(count=10_000, period=Period.MINUTE))
    rules: BreakerRules = field(default_factory=BreakerRules)
    prompt_version: str = "1"

    @property
    def calls(self) -> ModelCalls:
        return ModelCalls(database=self.database, store=SqlModelCallStore(), new_id=new_id)

    @property
    def asking(self) -> ModelAsking:
        price = Price(input=Decimal(1), output=Decimal(1))
        # One page sets aside 5 000 + 4 000 + 16 000 tokens.
        return ModelAsking(
            calls=self.calls,
            client=self.client,
            limits=rate_limits(self.database),
            breakers=breakers(self.database, self.rules),
            rate=self.rate,
            budget=Budget(price=price, daily=self.daily),
            timeout=self.timeout,
        )

    def ask(self, workspace: WorkspaceId, sha256: Sha256 = SHA256) -> Any:
        """Ask about a document of one page."""
        question = replace(READING, version=self.prompt_version)
        return self.asking.ask(workspace, sha256, question, lambda: [Picture(content=b"", media_type="image/jpeg")])

    def book(self, workspace: WorkspaceId) -> Sequence[ModelCall]:
        """Return the calls of a workspace, oldest first."""
        return list(reversed(self.calls.page(workspace, Paging()).items))


if __name__ == "__main__":
    Asker(database=Database(sys.argv[1])).ask(WorkspaceId(UUID(sys.argv[2])))
