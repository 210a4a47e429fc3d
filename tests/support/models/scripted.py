"""A model that is no model: it gives what a test has written down for it, and the book of its calls on a database.

`python -m tests.support.models.scripted URL WORKSPACE` asks it once, in a process that may die of it.
"""

import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from counterfoil.access.domain import WorkspaceId
from counterfoil.documents.domain import Sha256
from counterfoil.extraction.infrastructure.model_calls import SqlModelCallStore
from counterfoil.extraction.model.answer import Answer
from counterfoil.extraction.model.asking import ModelAsking
from counterfoil.extraction.model.domain import Budget, ModelCall, Picture, Price, Subject, Tokens
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
    """Gives one thing after the other, an answer or an error, and then always the same answer."""

    said: list[Answer | Exception] = field(default_factory=list)
    answer: Answer = field(default_factory=lambda: Answer(total="10.70"))
    name: str = "openai:gpt-4o"
    asked: int = 0
    meanwhile: Callable[[], object] = lambda: None
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def ask(self, pictures: Sequence[Picture]) -> tuple[Answer, Tokens]:
        with self._turn:
            self.asked += 1
            said = self.said.pop(0) if self.said else self.answer
        self.meanwhile()
        if isinstance(said, Exception):
            raise said
        return said, TOKENS


@dataclass(kw_only=True)
class Asker:
    """A model's client within its limits, on a database. A thousand tokens cost a thousandth of a dollar."""

    database: Database
    client: ScriptedClient = field(default_factory=ScriptedClient)
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
            prompt_version=self.prompt_version,
        )

    def subject(self, workspace: WorkspaceId, sha256: Sha256 = SHA256) -> Subject:
        return Subject(workspace=workspace, sha256=sha256, model=self.client.name, prompt_version=self.prompt_version)

    def ask(self, workspace: WorkspaceId, sha256: Sha256 = SHA256) -> Any:
        """Ask about a document of one page."""
        return self.asking.ask(self.subject(workspace, sha256), lambda: [Picture(content=b"", media_type="image/jpeg")])

    def book(self, workspace: WorkspaceId) -> Sequence[ModelCall]:
        """Return the calls of a workspace, oldest first."""
        return list(reversed(self.calls.page(workspace, Paging()).items))


if __name__ == "__main__":
    Asker(database=Database(sys.argv[1])).ask(WorkspaceId(UUID(sys.argv[2])))
