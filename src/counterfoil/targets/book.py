"""What is on disk of each delivery before and after every step, so that a crash between two leaves a way to go on."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

import structlog

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.clock import Clock
from counterfoil.foundation.database import Database, Transaction
from counterfoil.foundation.errors import CounterfoilError
from counterfoil.targets.domain import Delivery, DeliveryId, Doubt, PropertyId, Run, begun, failed, put_off, succeeded
from counterfoil.targets.errors import DeliveryInDoubt, DeliveryNotFound, TargetUnusable, Unsettled
from counterfoil.targets.protocols import NOTHING_WRITTEN, DeliveryStore, Written

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryBook:
    """Writes down how deliveries go, each entry in a transaction of its own."""

    database: Database
    store: DeliveryStore
    clock: Clock

    def get(self, workspace: WorkspaceId, delivery_id: DeliveryId) -> Delivery:
        with self.database.reading(workspace) as tx:
            return self.find(tx, workspace, delivery_id)

    def find(self, tx: Transaction, workspace: WorkspaceId, delivery_id: DeliveryId, *, lock: bool = False) -> Delivery:
        """Return a delivery as this transaction sees it, and keep others from changing it if `lock`."""
        delivery = self.store.get(tx, workspace, delivery_id, lock=lock)
        if delivery is None:
            raise DeliveryNotFound(delivery_id)
        return delivery

    def rows_of_others(self, delivery: Delivery) -> Callable[[Sequence[str]], Collection[str]]:
        """Return what tells which rows of a target other deliveries have made."""

        def among(rows: Sequence[str]) -> Collection[str]:
            with self.database.reading(delivery.workspace) as tx:
                return self.store.rows_of_others(tx, delivery, rows)

        return among

    def begin(
        self,
        seen: Delivery,
        version: int,
        written: Collection[PropertyId] = (),
        *,
        settles_after: timedelta,
        key_property: PropertyId | None = None,
        row: str | None = None,
        run: Run | None = None,
    ) -> Delivery:
        """Put on disk that an attempt begins, unless another has begun since and must not be crossed.

        For `settles_after` it may make its row; zero says that attempts may overlap (`TargetAdapter.settles_after`).
        `row` was found as that of an earlier attempt. It is kept whatever becomes of this one, for when this one writes
        nothing, no doubt remains for which anybody would look again.
        """
        with self.database.transaction(seen.workspace) as tx:
            held = self.find(tx, seen.workspace, seen.id, lock=True)
            if held.has(version):
                return held
            if held.attempt != seen.attempt and settles_after:
                raise DeliveryInDoubt(seen.id)
            known = replace(held, external_id=held.external_id or row, run=run)
            now = self.clock.now()
            doubt = Doubt(since=now, settles_at=now + settles_after, key_property=key_property)
            started = begun(known, version, written, doubt)
            self.store.save(tx, started)
        return started

    def succeed(self, started: Delivery, version: int, written: Written, problems: Sequence[str] = ()) -> Delivery:
        """Put on disk that an attempt's write was confirmed."""
        with self.database.transaction(started.workspace) as tx:
            held = self.find(tx, started.workspace, started.id, lock=True)
            late = held.has(version + 1)
            place = held if late else replace(held, external_id=written.external_id, url=written.url)
            done = succeeded(place, started.attempt, version, problems, self.clock.now())
            self.store.save(tx, done)
        log.info("record_delivered", delivery_id=str(done.id), target_id=str(done.target_id), version=version)
        return done

    def fail(self, started: Delivery, error: CounterfoilError, *, in_doubt: bool | None = None) -> None:
        """Put on disk that an attempt failed; what its error leaves open stays in doubt for as long as that says."""
        doubtful = not isinstance(error, NOTHING_WRITTEN) if in_doubt is None else in_doubt
        doubt = started.doubt if doubtful else None
        if doubt and isinstance(error, Unsettled) and error.settles_after is not None:
            doubt = replace(doubt, settles_at=self.clock.now() + error.settles_after)
        self._fail(started, error, doubt)

    @contextmanager
    def telling(self, delivery: Delivery) -> Iterator[None]:
        """Keep with the delivery why an attempt could not even begin; what earlier attempts left stays in doubt."""
        try:
            yield
        except (DeliveryInDoubt, TargetUnusable):
            raise
        except CounterfoilError as error:
            self._fail(delivery, error, delivery.doubt)
            raise

    def _fail(self, tried: Delivery, error: CounterfoilError, doubt: Doubt | None) -> None:
        with self.database.transaction(tried.workspace) as tx:
            held = self.find(tx, tried.workspace, tried.id, lock=True)
            reason = f"{error.code}: {error}"
            self.store.save(tx, failed(held, tried.attempt, reason, self.clock.now(), doubt))

    def put_off(self, tx: Transaction, delivery: Delivery, reason: str) -> Delivery:
        """Let a delivery wait for its target, unless there is nothing to wait for any more."""
        held = self.find(tx, delivery.workspace, delivery.id, lock=True)
        waiting = held if held.has(held.record_version) else put_off(held, reason, self.clock.now())
        self.store.save(tx, waiting)
        return waiting

    def note_run(self, started: Delivery, run: Run) -> None:
        """Put on disk more of the run that an attempt started."""
        with self.database.transaction(started.workspace) as tx:
            held = self.find(tx, started.workspace, started.id, lock=True)
            if held.attempt == started.attempt:
                self.store.save(tx, replace(held, run=run))
