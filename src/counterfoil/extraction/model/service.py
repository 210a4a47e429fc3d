"""The book of the calls: none is made that is not written down before, and none is paid for twice."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from counterfoil.access.domain import WorkspaceId
from counterfoil.extraction.model.domain import (
    Budget,
    BudgetSpent,
    CallState,
    CallUnderWay,
    Ending,
    Fault,
    ModelCall,
    ModelCallId,
    Subject,
    answered_among,
    check_worth,
)
from counterfoil.extraction.model.protocols import ModelCallStore
from counterfoil.foundation.database import Database
from counterfoil.foundation.ids import IdSource
from counterfoil.foundation.paging import Page, Paging

_DEAD = Ending(state=CallState.UNCERTAIN, fault=Fault.DIED)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCalls:
    """What the rest of the house may ask about calls of the model."""

    database: Database
    store: ModelCallStore
    new_id: IdSource

    def kept(self, subject: Subject) -> ModelCall | None:
        """Return the call whose answer is kept, if there is one."""
        with self.database.reading(subject.workspace) as tx:
            return answered_among(self.store.about(tx, subject))

    def begin(self, subject: Subject, budget: Budget, most: Decimal, longest: timedelta) -> ModelCall:
        """Write down a call that is about to be made, and set aside the most that it may cost.

        If there is an answer by now, the call that gave it is returned instead. `longest` is how long a call may take.

        Raises:
            CallUnderWay: somebody else may be asking the same.
            AskedInVain, BudgetSpent: it must not be made.
        """
        self._give_up_dead(subject, longest)
        with self.database.transaction(subject.workspace) as tx:
            self.store.hold(tx, subject.workspace)
            now, calls = tx.now(), self.store.about(tx, subject)
            if answered := answered_among(calls):
                return answered
            if any(call.state is CallState.BEGUN for call in calls):
                raise CallUnderWay(now + longest)
            check_worth(calls)
            today = now.replace(hour=0, minute=0, second=0, microsecond=0)
            if not budget.covers(self.store.spent(tx, subject.workspace, today), most):
                raise BudgetSpent(budget.daily)
            call = ModelCall(
                id=ModelCallId(self.new_id()),
                workspace=subject.workspace,
                purpose=subject.purpose,
                sha256=subject.sha256,
                model=subject.model,
                prompt_version=subject.prompt_version,
                state=CallState.BEGUN,
                cost=most,
                begun_at=now,
            )
            self.store.add(tx, call)
        return call

    def end(self, call: ModelCall, ending: Ending) -> datetime:
        """Note how a call ended, and return when that is, by the database's clock."""
        with self.database.transaction(call.workspace) as tx:
            now = tx.now()
            self.store.end(tx, call, ending, now)
        return now

    def withdraw(self, call: ModelCall) -> None:
        """Forget a call that was not made after all."""
        with self.database.transaction(call.workspace) as tx:
            self.store.withdraw(tx, call)

    def page(self, workspace: WorkspaceId, paging: Paging) -> Page[ModelCall]:
        """Return a part of a workspace's calls, newest first."""
        with self.database.reading(workspace) as tx:
            return self.store.page(tx, workspace, paging)

    def _give_up_dead(self, subject: Subject, longest: timedelta) -> None:
        """Call those uncertain that were begun longer ago than a call can take: whoever began them has died.

        Raises:
            CallUnderWay: one was begun later than that.
        """
        with self.database.transaction(subject.workspace) as tx:
            now = tx.now()
            begun = [call for call in self.store.about(tx, subject) if call.state is CallState.BEGUN]
            for call in begun:
                if now < call.begun_at + longest:
                    raise CallUnderWay(call.begun_at + longest)
                self.store.end(tx, call, _DEAD, now)
