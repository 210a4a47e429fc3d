"""Release: due jobs become ready while there is a place for them, so that a claim needs to look at nothing else."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from counterfoil.foundation.database import Database
from counterfoil.foundation.failpoints import failpoint
from counterfoil.jobs.domain import Call
from counterfoil.jobs.protocols import Candidate, Dispatcher, Room, UpkeepStore

AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Makes due jobs ready, in one process at a time."""

    database: Database
    store: UpkeepStore
    dispatcher: Dispatcher

    def __call__(self) -> int:
        """Return how many jobs were released. While none is due, this only reads."""
        with self.database.reading() as tx:
            if not self.store.due(tx, tx.now()):
                return 0
        with self.database.transaction() as tx:
            if not self.store.may_release(tx):
                return 0
            now, room = tx.now(), self.store.room(tx)
            calls = chosen(self.store.candidates(tx, now, room, AT_ONCE), room)
            if calls:
                self.store.release(tx, now, [call.job for call in calls])
                failpoint("release.releasing")
                tx.after_commit(lambda: self.dispatcher.ring(calls))
            return len(calls)


def chosen(candidates: Sequence[Candidate], room: Room) -> Sequence[Call]:
    """Return those that may be ready together: none beyond the room of its queue or batch, one for each key."""
    queues, batches = Counter[str](), Counter[object]()
    keys = set()
    calls = []
    for one in candidates:
        left_in_queue = room.queues.get(one.call.queue)
        left_in_batch = room.batches.get(one.batch) if one.batch else None
        if one.key in keys:
            continue
        if left_in_queue is not None and queues[one.call.queue] >= left_in_queue:
            continue
        if left_in_batch is not None and batches[one.batch] >= left_in_batch:
            continue
        queues[one.call.queue] += 1
        batches[one.batch] += 1
        if one.key:
            keys.add(one.key)
        calls.append(one.call)
    return calls
