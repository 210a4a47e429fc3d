"""What people may change about jobs: cancel, try again, correct, remove; and what outside systems call back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database, Transaction
from counterfoil.jobs.context import hash_of
from counterfoil.jobs.domain import Callback, Job, JobId, JobStatus, Json
from counterfoil.jobs.errors import (
    CallbackNotFound,
    CallbackRefused,
    IllegalMove,
    JobNotFound,
    RetriesUsedUp,
    StillAwaited,
)
from counterfoil.jobs.following import Following
from counterfoil.jobs.moves import Answered, CancelWanted, Retried, move
from counterfoil.jobs.plain import plain_json, plain_payload
from counterfoil.jobs.protocols import Bell, JobFilter, JobStore
from counterfoil.jobs.types import JobTypes

AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class JobChanges:
    """Moves that come from outside the engine."""

    database: Database
    store: JobStore
    types: JobTypes
    following: Following
    upkeep: Bell
    retry_limit: int
    retry_delay: timedelta

    def cancel(self, workspace: WorkspaceId, job: JobId) -> Job:
        """Cancel a job: at once if it is not being processed, else as soon as its handler looks up.

        Raises:
            IllegalMove: it is final already.
        """
        with self.database.transaction(workspace) as tx:
            before = self._held(tx, workspace, job)
            after = move(before, CancelWanted(), tx.now())
            self.store.save(tx, after)
        if after.status.final:
            self.following.ended([after])
        return after

    def cancel_many(self, workspace: WorkspaceId, wanted: JobFilter) -> int:
        """Cancel all jobs that match and are not final; return how many."""
        return self._each(workspace, replace(wanted, unfinished=True, not_to_be_cancelled=True), self._cancel_held)

    def retry(self, workspace: WorkspaceId, job: JobId, payload: Json | None = None) -> Job:
        """Give a dead letter a fresh allowance of attempts, and a corrected payload if one is given.

        Raises:
            IllegalMove: the job is no dead letter, or no longer.
            InvalidPayload: the corrected payload does not fit the job's type.
            RetriesUsedUp: it has been retried too often.
        """
        with self.database.transaction(workspace) as tx:
            before = self._held(tx, workspace, job)
            if payload is not None:
                checked = self.types.get(before.type).checked(plain_json(payload))
                before = before.changed(payload=plain_payload(checked))
            (after,) = self._retry_held(tx, [before])
        return after

    def retry_many(self, workspace: WorkspaceId, wanted: JobFilter) -> int:
        """Retry all dead letters that match and may be; return how many."""
        retriable = replace(wanted, status=JobStatus.DEAD_LETTER, retries_below=self.retry_limit)
        return self._each(workspace, retriable, self._retry_held)

    def remove(self, workspace: WorkspaceId, job: JobId) -> None:
        """Remove a final job with its history.

        Raises:
            IllegalMove: it is not final; cancel it first.
            StillAwaited: another job waits for it and others, and has yet to hear how it ended.
        """
        with self.database.transaction(workspace) as tx:
            held = self._held(tx, workspace, job)
            if not held.status.final:
                raise IllegalMove(held, "removed")
            if not self.store.remove(tx, workspace, [job]):
                raise StillAwaited(job)

    def remove_many(self, workspace: WorkspaceId, wanted: JobFilter) -> int:
        """Remove all dead letters that match, and that no other job waits for; return how many."""
        dead = replace(wanted, status=JobStatus.DEAD_LETTER, not_awaited=True)
        return self._each(workspace, dead, self._remove_held)

    def answer(self, token: str, answer: Json, *, job: JobId | None = None) -> JobId:
        """Take what an outside system says to the job that gave it the token. Said twice, it counts once.

        An answer that comes before the job waits for it is kept until it does. Who names the job as well is refused
        if the token is another's.

        Raises:
            CallbackNotFound: nobody gave out such a token.
            CallbackRefused: the attempt that gave it out is over, or was told something else before.
        """
        return self._answer(lambda tx: self.store.callback(tx, hash_of(token)), answer, job)

    def answer_newest(self, job: JobId, answer: Json) -> JobId:
        """Take what an outside system says to the newest attempt at a job that asked for it.

        Its caller has made sure by other means than a token that this is for them to say.

        Raises:
            CallbackNotFound: there is no such job, or none of its attempts asked.
            CallbackRefused: as for `answer`.
        """
        return self._answer(lambda tx: self.store.newest_callback(tx, job), answer, job)

    def _answer(
        self, find: Callable[[Transaction], tuple[WorkspaceId, Callback] | None], answer: Json, job: JobId | None
    ) -> JobId:
        answer = plain_json(answer)
        with self.database.transaction() as tx:
            found = find(tx)
            if found is None:
                raise CallbackNotFound
            workspace, callback = found
            if job not in {None, callback.job}:
                raise CallbackNotFound
            if callback.answered_at:
                return _repeated(callback, answer)
            after = self._answered(tx, workspace, callback, answer)
        if after.status.final:
            self.following.ended([after])
        return after.id

    def _answered(self, tx: Transaction, workspace: WorkspaceId, callback: Callback, answer: Json) -> Job:
        job = self._held(tx, workspace, callback.job)
        if job.lease != callback.lease:
            raise CallbackRefused
        self.store.keep_answer(tx, workspace, callback, answer, tx.now())
        if job.status is JobStatus.WAITING:
            job = move(job, Answered(answer=answer, final=callback.final), tx.now())
            self.store.save(tx, job)
            tx.after_commit(self.upkeep.ring)
        return job

    def _each(
        self, workspace: WorkspaceId, wanted: JobFilter, act: Callable[[Transaction, Sequence[Job]], Sequence[Job]]
    ) -> int:
        """Do something with all jobs that match, so many in a transaction that none is long; return with how many.

        Jobs that somebody holds just now, and those that come while it goes on, are left alone.
        """
        done = 0
        while True:
            with self.database.transaction(workspace) as tx:
                held = self.store.held(tx, workspace, wanted, AT_ONCE)
                changed = act(tx, held)
            self.following.ended([job for job in changed if job.status.final])
            done += len(changed)
            if len(held) < AT_ONCE or not changed:
                return done

    def _cancel_held(self, tx: Transaction, held: Sequence[Job]) -> Sequence[Job]:
        now = tx.now()
        changed = [move(job, CancelWanted(), now) for job in held]
        for job in changed:
            self.store.save(tx, job)
        return changed

    def _retry_held(self, tx: Transaction, held: Sequence[Job]) -> Sequence[Job]:
        if not held:
            return ()
        held_back = self.store.held_back(tx, held[0].workspace, [job.id for job in held])
        changed = [self._retried(tx, job, held_back=job.id in held_back) for job in held]
        for job in changed:
            self.store.save(tx, job)
        tx.after_commit(self.upkeep.ring)
        return changed

    def _remove_held(self, tx: Transaction, held: Sequence[Job]) -> Sequence[Job]:
        if held:
            self.store.remove(tx, held[0].workspace, [job.id for job in held])
        return held

    def _retried(self, tx: Transaction, job: Job, *, held_back: bool) -> Job:
        if job.status is JobStatus.DEAD_LETTER and job.retries >= self.retry_limit:
            raise RetriesUsedUp(job)
        now = tx.now()
        return move(job, Retried(not_before=now + self.retry_delay, held_back=held_back), now)

    def _held(self, tx: Transaction, workspace: WorkspaceId, job: JobId) -> Job:
        found = self.store.get(tx, workspace, job, hold=True)
        if found is None:
            raise JobNotFound(job)
        return found


def _repeated(callback: Callback, answer: Json) -> JobId:
    if callback.answer != answer:
        raise CallbackRefused
    return callback.job
