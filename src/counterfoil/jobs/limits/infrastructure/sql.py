"""Rate limits and breakers in SQL, on SQLite and PostgreSQL with the same statements."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    and_,
    case,
    cast,
    delete,
    extract,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Transaction
from counterfoil.foundation.ids import IdSource
from counterfoil.foundation.paging import Page, Paging
from counterfoil.jobs.limits.domain import (
    LONGEST_CLOSING,
    LONGEST_PATIENCE,
    Breaker,
    BreakerState,
    Caller,
    Period,
    Probe,
    Rate,
    RateLimit,
    RateLimitId,
    Turn,
)
from counterfoil.jobs.limits.infrastructure.tables import BreakerRow, RateLimitRow

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlRateLimitStore:
    """Keeps rate limits in SQL."""

    new_id: IdSource

    def take(self, tx: Transaction, caller: Caller, rate: Rate, tokens: int, patience: timedelta) -> Turn:
        """Take tokens with one statement; only who gets none needs a second one, to learn when to come back.

        PostgreSQL asks its clock anew in each place and does so once it has the row: what it looks at first is never
        later than what it writes, and so no wait for the row gives anybody more than the rate.
        """
        now, wait = _now(tx), patience // _MICROSECOND
        cost, full = rate.interval * tokens // _MICROSECOND, rate.interval * rate.at_once // _MICROSECOND
        # No taking leads further ahead: a clock was set back, or the rate raised. One turn is left of it.
        beyond = RateLimitRow.arrival > now + full + max(wait, LONGEST_PATIENCE // _MICROSECOND)
        arrival = case((beyond, now + full - cost), else_=RateLimitRow.arrival)
        start = _last(tx, arrival + cost - full, RateLimitRow.closed_until)
        over = RateLimitRow.window_start + rate.period.length // _MICROSECOND <= now
        common = {**_rate_values(rate), "last_request_at": _moment_now(tx)}
        taken = (
            _dialect(tx)
            .insert(RateLimitRow)
            .values(
                id=self.new_id(),
                workspace_id=caller.workspace,
                key=caller.key,
                service=caller.service,
                arrival=now + cost,
                closed_until=0,
                appointed=0,
                requests=tokens,
                window_start=now,
                **common,
            )
            .on_conflict_do_update(
                index_elements=["workspace_id", "key"],
                set_={
                    "arrival": _last(tx, arrival, RateLimitRow.closed_until, now) + cost,
                    "requests": case((over, tokens), else_=RateLimitRow.requests + tokens),
                    "window_start": case((over, now), else_=RateLimitRow.window_start),
                    **common,
                },
                where=start <= now + wait,
            )
            .returning(_last(tx, RateLimitRow.arrival - full, RateLimitRow.closed_until), now)
        )
        granted = tx.execute(taken).one_or_none()
        if granted:
            return _turn(granted, granted=True)
        refused = self._appointed(tx, start, now, cost, wait) if wait else select(start, now)
        return _turn(tx.execute(refused.where(_of(caller))).one(), granted=False)

    def _appointed(
        self, tx: Transaction, start: ColumnElement[int], now: ColumnElement[int], cost: int, wait: int
    ) -> Any:
        """Return a statement that gives whoever is refused a time of their own, as far from the others' as tokens are.

        All told the same, they would come back together, and all but a few in vain. They are told to come sooner by
        half of their patience, so that one who is late does not leave a token unused, but never while the service wants
        to be left alone.
        """
        # No appointment is further ahead: a clock was set back, or very many were refused. Both begin anew.
        beyond = RateLimitRow.appointed > now + 2 * LONGEST_CLOSING // _MICROSECOND
        turn = case((beyond, start), else_=_last(tx, RateLimitRow.appointed, start))
        told = _last(tx, RateLimitRow.appointed - cost - wait // 2, RateLimitRow.closed_until)
        return update(RateLimitRow).values(appointed=turn + cost).returning(told, now)

    def close(self, tx: Transaction, caller: Caller, until: datetime) -> None:
        later = _last(tx, RateLimitRow.closed_until, literal(_microseconds(until), BigInteger))
        tx.execute(update(RateLimitRow).where(_of(caller)).values(closed_until=later))

    def page(self, tx: Transaction, workspace: WorkspaceId, paging: Paging) -> Page[RateLimit]:
        query = select(*RateLimitRow.__table__.columns).where(RateLimitRow.workspace_id == workspace)
        if paging.after:
            query = query.where(RateLimitRow.id < paging.after)
        rows = tx.execute(query.order_by(RateLimitRow.id.desc()).limit(paging.limit + 1)).all()
        now = tx.now()
        return Page.of([_rate_limit(row, now) for row in rows], paging, lambda limit: limit.id)

    def forget_idle(self, tx: Transaction, before: datetime) -> int:
        """Remove what is idle; what is not full again or closed is kept, for it still keeps somebody back."""
        now = _now(tx)
        idle = and_(
            RateLimitRow.last_request_at < before, RateLimitRow.arrival <= now, RateLimitRow.closed_until <= now
        )
        return tx.execute(delete(RateLimitRow).where(idle)).rowcount


class SqlBreakerStore:
    """Keeps breakers in SQL."""

    def find(self, tx: Transaction, workspace: WorkspaceId, service: str, connection: str) -> Breaker | None:
        query = select(*BreakerRow.__table__.columns).where(_between(workspace, service, connection))
        row = tx.execute(query).one_or_none()
        return _breaker(row) if row else None

    def hold(self, tx: Transaction, workspace: WorkspaceId, service: str, connection: str) -> Breaker:
        new = Breaker(workspace=workspace, service=service, connection=connection)
        tx.execute(_dialect(tx).insert(BreakerRow).values(_breaker_values(new, tx.now())).on_conflict_do_nothing())
        query = select(*BreakerRow.__table__.columns).where(_between(workspace, service, connection))
        return _breaker(tx.execute(query.with_for_update()).one())

    def save(self, tx: Transaction, breaker: Breaker) -> None:
        mine = _between(breaker.workspace, breaker.service, breaker.connection)
        tx.execute(update(BreakerRow).where(mine).values(_breaker_values(breaker, tx.now())))

    def newest(self, tx: Transaction, workspace: WorkspaceId, limit: int) -> Sequence[Breaker]:
        query = select(*BreakerRow.__table__.columns).where(BreakerRow.workspace_id == workspace)
        return [_breaker(row) for row in tx.execute(query.order_by(BreakerRow.changed_at.desc()).limit(limit))]

    def forget_idle(self, tx: Transaction, before: datetime) -> int:
        """Remove what is idle; what still keeps calls back then, or has a probe under way, is kept."""
        waiting = or_(BreakerRow.probe_at.is_(None), BreakerRow.probe_at < before)
        return tx.execute(delete(BreakerRow).where(BreakerRow.changed_at < before, waiting)).rowcount


def _dialect(tx: Transaction) -> Any:
    return sqlite if tx.dialect == "sqlite" else postgresql


def _now(tx: Transaction) -> ColumnElement[int]:
    """Return the database's time in microseconds."""
    if tx.dialect == "sqlite":
        return literal(_microseconds(tx.now()), BigInteger)
    return cast(extract("epoch", func.clock_timestamp()) * 1_000_000, BigInteger)


def _moment_now(tx: Transaction) -> Any:
    return tx.now() if tx.dialect == "sqlite" else func.clock_timestamp()


def _last(tx: Transaction, *times: Any) -> ColumnElement[int]:
    return func.max(*times) if tx.dialect == "sqlite" else func.greatest(*times)


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def _moment(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


def _turn(row: Any, *, granted: bool) -> Turn:
    at, now = row
    return Turn(granted=granted, at=_moment(at), wait=timedelta(microseconds=at - now))


def _of(caller: Caller) -> ColumnElement[bool]:
    return and_(RateLimitRow.workspace_id == caller.workspace, RateLimitRow.key == caller.key)


def _between(workspace: WorkspaceId, service: str, connection: str) -> ColumnElement[bool]:
    return and_(
        BreakerRow.workspace_id == workspace, BreakerRow.service == service, BreakerRow.connection == connection
    )


def _rate_values(rate: Rate) -> dict[str, Any]:
    return {"max_requests": rate.count, "period": rate.period, "burst": rate.at_once}


def _rate_limit(row: Any, now: datetime) -> RateLimit:
    return RateLimit(
        id=RateLimitId(row.id),
        workspace=WorkspaceId(row.workspace_id),
        key=row.key,
        service=row.service,
        rate=Rate(count=row.max_requests, period=Period(row.period), burst=row.burst),
        arrival=_moment(row.arrival),
        closed_until=_moment(row.closed_until) if row.closed_until else None,
        requests=row.requests,
        window_start=_moment(row.window_start),
        last_request_at=row.last_request_at,
        seen_at=now,
    )


def _breaker_values(breaker: Breaker, now: datetime) -> dict[str, Any]:
    return {
        "workspace_id": breaker.workspace,
        "service": breaker.service,
        "connection": breaker.connection,
        "state": breaker.state,
        "failures": breaker.failures,
        "last_failed_at": breaker.last_failed_at,
        "opened_at": breaker.opened_at,
        "openings": breaker.openings,
        "probe": breaker.probe,
        "probe_at": breaker.probe_at,
        "changed_at": now,
    }


def _breaker(row: Any) -> Breaker:
    return Breaker(
        workspace=WorkspaceId(row.workspace_id),
        service=row.service,
        connection=row.connection,
        state=BreakerState(row.state),
        failures=row.failures,
        last_failed_at=row.last_failed_at,
        opened_at=row.opened_at,
        openings=row.openings,
        probe=None if row.probe is None else Probe(row.probe),
        probe_at=row.probe_at,
    )
