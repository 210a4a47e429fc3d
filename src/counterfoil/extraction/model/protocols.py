"""What asking a model needs from outside: the model, and a store of the calls."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from counterfoil.access.domain import WorkspaceId
from counterfoil.extraction.model.domain import Ending, ModelCall, Picture, Subject, Tokens
from counterfoil.extraction.model.questions import AnswerT, Question
from counterfoil.foundation.database import Transaction
from counterfoil.foundation.paging import Page, Paging


class ModelClient(Protocol):
    """Asks one model."""

    @property
    def name(self) -> str:
        """The provider's name and the model's, with a colon between them."""
        ...

    def ask(self, question: Question[AnswerT], pictures: Sequence[Picture]) -> tuple[AnswerT, Tokens]:
        """Ask a question once, and show the pictures with it; nothing is repeated.

        Raises:
            TooManyCalls: the provider wants to be asked less often.
            ModelUnavailable, ModelUnreachable: it gave no answer, surely, and may give one later.
            ModelSilent: it may have worked for us, and its answer did not come.
            ModelRejected: it does not take what it was sent.
            AnswerUnusable: it refused, broke off, or answered with something else.
        """
        ...


class ModelCallStore(Protocol):
    """Remembers calls."""

    def hold(self, tx: Transaction, workspace: WorkspaceId) -> None:
        """Let nobody else begin a call for the workspace until the transaction ends."""
        ...

    def about(self, tx: Transaction, subject: Subject) -> Sequence[ModelCall]:
        """Return the calls about a subject, oldest first."""
        ...

    def spent(self, tx: Transaction, workspace: WorkspaceId, since: datetime) -> Decimal:
        """Return what the calls begun since then cost, or may cost."""
        ...

    def add(self, tx: Transaction, call: ModelCall) -> None:
        """Remember a call that is about to be made."""
        ...

    def end(self, tx: Transaction, call: ModelCall, ending: Ending, at: datetime) -> None:
        """Note how a call ended."""
        ...

    def withdraw(self, tx: Transaction, call: ModelCall) -> None:
        """Forget a call that was not made after all."""
        ...

    def page(self, tx: Transaction, workspace: WorkspaceId, paging: Paging) -> Page[ModelCall]:
        """Return a part of a workspace's calls, newest first."""
        ...
