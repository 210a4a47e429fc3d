"""What those who call outside services ask first: whether it is their turn, and whether the service answers.

Both open transactions of their own, and both fail closed: when the database does not answer, DatabaseUnavailable is
raised and the service is not called, for nobody can tell how often it has been. They are asked outside any other
transaction; on SQLite, which has one write lock, one inside another would wait for itself.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database, DatabaseUnavailable, Transaction
from counterfoil.foundation.ids import IdSource
from counterfoil.foundation.paging import MAX_LIMIT, Page, Paging
from counterfoil.jobs.limits.domain import (
    LONGEST_CLOSING,
    PATIENCE,
    Asked,
    Breaker,
    BreakerRules,
    BreakerState,
    Caller,
    Ended,
    Event,
    MoreThanBurst,
    Probe,
    Rate,
    RateLimit,
    RateLimited,
    Verdict,
    move,
    verdict_of,
)
from counterfoil.jobs.limits.protocols import BreakerStore, Observer, RateLimitStore

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimits:
    """Gives out the turns to call a service, to all workers together."""

    database: Database
    store: RateLimitStore
    observer: Observer
    patience: timedelta = PATIENCE
    sleep: Callable[[float], None] = time.sleep

    def take(
        self,
        workspace: WorkspaceId,
        service: str,
        rate: Rate,
        *,
        user: str | None = None,
        tokens: int = 1,
        patience: timedelta | None = None,
    ) -> None:
        """Return when the service may be called; wait for that at most as long as patience lasts, ours or the caller's.

        A turn that is waited for is ours already, so that those who wait are served in the order in which they came.

        Raises:
            RateLimited: it is nobody's turn for longer than that.
            MoreThanBurst: there are never so many tokens.
        """
        if not 1 <= tokens <= rate.at_once:
            raise MoreThanBurst(tokens, rate)
        caller = Caller(workspace=workspace, service=service, user=user)
        with self.database.transaction(workspace) as tx:
            turn = self.store.take(tx, caller, rate, tokens, self.patience if patience is None else patience)
        if not turn.granted:
            self.observer.rate_limit_exceeded(service)
            raise RateLimited(service, turn.at)
        if turn.wait > timedelta(0):
            self.sleep(turn.wait.total_seconds())

    def postpone(self, workspace: WorkspaceId, service: str, until: datetime, *, user: str | None = None) -> None:
        """Let nobody call until then, a day from now at the latest, because the service has said so."""
        caller = Caller(workspace=workspace, service=service, user=user)
        with self.database.transaction(workspace) as tx:
            self.store.close(tx, caller, min(until, tx.now() + LONGEST_CLOSING))
        self.observer.rate_limit_exceeded(service)

    def page(self, workspace: WorkspaceId, paging: Paging) -> Page[RateLimit]:
        """Return the rate limits of a workspace, newest first."""
        with self.database.reading(workspace) as tx:
            return self.store.page(tx, workspace, paging)

    def forget_idle(self, tx: Transaction, before: datetime) -> int:
        """Remove rate limits that nobody has asked for since then; return how many."""
        return self.store.forget_idle(tx, before)


@dataclass(slots=True, kw_only=True)
class Call:
    """A call that was let through. What it says of the service goes before what its error tells."""

    workspace: WorkspaceId
    service: str
    connection: str
    probe: Probe | None
    after_failures: bool
    verdict: Verdict | None = None

    def answered(self) -> None:
        """Say that the service answers, even if with words that end in an error."""
        self.verdict = Verdict.ANSWERED

    def failed(self) -> None:
        """Say that the service does not do its work, even if no error tells of it."""
        self.verdict = Verdict.FAILED


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakers:
    """Keeps calls from connections that fail, for all workers together."""

    database: Database
    store: BreakerStore
    observer: Observer
    new_id: IdSource
    rules: BreakerRules = field(default_factory=BreakerRules)

    @contextmanager
    def calling(self, workspace: WorkspaceId, service: str, connection: str) -> Iterator[Call]:
        """Let one call to the service through, and note how it went. Nothing but the call belongs inside.

        An error that says that a service or the way to it broke is a failure. One that says that something was wrong
        with what was asked, or that it is not our turn, says nothing about the service.

        Raises:
            BreakerOpen: the service has failed too often and is left alone; the error says until when.
        """
        call = self._enter(workspace, service, connection)
        try:
            yield call
        except BaseException as error:
            self._leave(call, call.verdict or verdict_of(error))
            raise
        self._leave(call, call.verdict or Verdict.ANSWERED)

    def newest(self, workspace: WorkspaceId) -> Sequence[Breaker]:
        """Return the breakers of a workspace that have seen failures, the one that moved last first."""
        with self.database.reading(workspace) as tx:
            return self.store.newest(tx, workspace, MAX_LIMIT)

    def forget_idle(self, tx: Transaction, before: datetime) -> int:
        """Remove breakers that nothing has happened to since then; return how many."""
        return self.store.forget_idle(tx, before)

    def _enter(self, workspace: WorkspaceId, service: str, connection: str) -> Call:
        asked = Asked(probe=Probe(self.new_id()))
        with self.database.reading(workspace) as tx:
            breaker = self.store.find(tx, workspace, service, connection)
            if breaker is not None and breaker.state is not BreakerState.CLOSED:
                move(breaker, asked, tx.now(), self.rules)  # refuses without a lock, as it does most of the time
        call = Call(
            workspace=workspace,
            service=service,
            connection=connection,
            probe=None,
            after_failures=breaker is not None and breaker.failures > 0,
        )
        if breaker is not None and breaker.state is not BreakerState.CLOSED:
            call.probe = self._move(call, asked).probe
        return call

    def _leave(self, call: Call, verdict: Verdict) -> None:
        """Note how a call went, unless that changes nothing.

        If it cannot be noted, the call still went as it did; a probe's lease then runs out by itself.
        """
        expected = verdict is Verdict.UNKNOWN or (verdict is Verdict.ANSWERED and not call.after_failures)
        if call.probe is None and expected:
            return
        try:
            self._move(call, Ended(verdict=verdict, probe=call.probe))
        except DatabaseUnavailable:
            log.warning("breaker_not_told", service=call.service, connection=call.connection, verdict=verdict)

    def _move(self, call: Call, event: Event) -> Breaker:
        with self.database.transaction(call.workspace) as tx:
            before = self.store.hold(tx, call.workspace, call.service, call.connection)
            after = move(before, event, tx.now(), self.rules)
            if after != before:
                self.store.save(tx, after)
        self._tell(before, after)
        return after

    def _tell(self, before: Breaker, after: Breaker) -> None:
        if before.state is after.state:
            return
        log.warning(
            "breaker_moved",
            workspace_id=str(after.workspace),
            service=after.service,
            connection=after.connection,
            state=after.state,
        )
        if before.state is BreakerState.CLOSED:
            self.observer.breaker_tripped(after.service)
