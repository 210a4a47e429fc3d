"""Use cases of batches: hand many documents in together, follow them, cancel what is left of them.

What if the process dies in the middle? The batch is committed before the first file is looked at. Each file is then
accepted in a transaction of its own: document, job and hand-in are there together or not at all. At the end the batch
is sealed. One that was not is open for an hour after its latest file and then known as broken off: what was accepted is
read and shown all the same. The request, repeated with its idempotency key, goes on where it broke off, for a file is
known by its position; two such requests at once share the work. Without a key, a repetition is a new batch, whose
duplicates say so.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO
from uuid import UUID

from counterfoil.access.domain import WorkspaceId
from counterfoil.documents.archives import ArchiveEntry, refusing
from counterfoil.documents.domain import Document, DocumentId, Received, safe_path
from counterfoil.documents.hand_ins import (
    Batch,
    BatchCancelled,
    BatchDetail,
    BatchKeyReused,
    BatchNotFound,
    BatchOver,
    BatchStatus,
    BatchTooFull,
    BatchView,
    BatchWithoutFiles,
    FileToHandIn,
    HandIn,
    HandInStatus,
    Opener,
    Outcome,
    Refusal,
)
from counterfoil.documents.protocols import Archives, BatchJobs, BatchStep, BatchStore
from counterfoil.documents.service import DocumentService
from counterfoil.foundation.database import Database, Transaction
from counterfoil.foundation.errors import CounterfoilError
from counterfoil.foundation.paging import Page, Paging
from counterfoil.jobs.domain import BatchId

MAX_FILES = 1000
MAX_BYTES = 500 << 20
AT_MOST = 10
_PIECE = 1 << 20
_NAMELESS = "document"


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchService:
    """What the rest of the house may ask about batches. `at_most` of a batch's documents are read at once."""

    database: Database
    store: BatchStore
    documents: DocumentService
    jobs: BatchJobs
    archives: Archives
    next_step: BatchStep
    read_again: BatchStep
    at_most: int = AT_MOST
    max_files: int = MAX_FILES
    max_bytes: int = MAX_BYTES
    """Of what is unpacked from archives. What is sent is limited where it arrives."""

    def receive(
        self,
        workspace: WorkspaceId,
        files: Sequence[FileToHandIn],
        *,
        document_ids: Sequence[DocumentId] = (),
        description: str = "",
        target_id: UUID | None = None,
        notion_database_id: str | None = None,
        idempotency_key: str | None = None,
        on_hand_in: Callable[[HandIn], None] = lambda _: None,
    ) -> BatchDetail:
        """Accept every file that can be, and say of the others why not. `on_hand_in` is told of each as it is done.

        When this raises, what it has accepted so far is safe, and the same call with its key goes on from there.

        Raises:
            BatchWithoutFiles, BatchTooFull, BatchKeyReused, NotFound: nothing was begun.
            ServiceUnavailable: no fault of a file.
        """
        again = list(dict.fromkeys(document_ids))
        if not files and not again:
            raise BatchWithoutFiles
        if len(files) + len(again) > self.max_files:
            raise BatchTooFull(self.max_files)
        target = self.documents.target(workspace, target_id, notion_database_id)
        fingerprint = _fingerprint(files, again, target) if idempotency_key else None
        batch = self._begun(workspace, description or _described(files, again), idempotency_key, fingerprint)
        if batch.takes_more:
            _HandingIn(service=self, batch=batch, target=target, on_hand_in=on_hand_in).run(files, again)
            with self.database.transaction(workspace) as tx:
                self.store.seal(tx, workspace, batch.id)
        return self.get(workspace, batch.id)

    def get(self, workspace: WorkspaceId, batch_id: BatchId) -> BatchDetail:
        """Return a batch with what became of each of its files."""
        with self.database.reading(workspace) as tx:
            batch = self._found(tx, workspace, batch_id)
            hand_ins = self.store.hand_ins(tx, workspace, batch_id)
            now = tx.now()
        jobs = {job.id: job for job in self.jobs.jobs(workspace, batch_id)}
        view = BatchView(batch=batch, jobs=Counter(job.status for job in jobs.values()), now=now)
        outcomes = [Outcome(hand_in=one, job=jobs.get(one.job_id) if one.job_id else None) for one in hand_ins]
        return BatchDetail(view=view, outcomes=outcomes)

    def page(self, workspace: WorkspaceId, paging: Paging) -> Page[BatchView]:
        """Return a page of batches, the newest first."""
        with self.database.reading(workspace) as tx:
            page = self.store.page(tx, workspace, paging)
            now = tx.now()
        views = [
            BatchView(batch=batch, jobs=self.jobs.get(workspace, batch.id).counts, now=now) for batch in page.items
        ]
        return Page(items=views, next_after=page.next_after)

    def cancel(self, workspace: WorkspaceId, batch_id: BatchId) -> BatchDetail:
        """Accept no more files, and cancel the jobs that are not finished. May be repeated, should it break off.

        Raises:
            BatchOver: everything is finished.
        """
        if self.get(workspace, batch_id).view.status is BatchStatus.COMPLETED:
            raise BatchOver
        with self.database.transaction(workspace) as tx:
            self.store.cancel(tx, workspace, batch_id)
        self.jobs.cancel(workspace, batch_id)
        return self.get(workspace, batch_id)

    def _found(self, tx: Transaction, workspace: WorkspaceId, batch_id: BatchId) -> Batch:
        batch = self.store.find(tx, workspace, batch_id)
        if batch is None:
            raise BatchNotFound(batch_id)
        return batch

    def _begun(self, workspace: WorkspaceId, description: str, key: str | None, fingerprint: str | None) -> Batch:
        known = self._known(workspace, key, fingerprint)
        if known:
            return known
        try:
            return self._new(workspace, description, key, fingerprint)
        except BatchKeyReused:  # by the same request, a moment ago, unless its files are others
            known = self._known(workspace, key, fingerprint)
            if known is None:
                raise
            return known

    def _known(self, workspace: WorkspaceId, key: str | None, fingerprint: str | None) -> Batch | None:
        if key is None:
            return None
        with self.database.reading(workspace) as tx:
            known = self.store.with_key(tx, workspace, key)
        if known and known.fingerprint != fingerprint:
            raise BatchKeyReused
        return known

    def _new(self, workspace: WorkspaceId, description: str, key: str | None, fingerprint: str | None) -> Batch:
        with self.database.transaction(workspace) as tx:
            now = tx.now()
            batch = Batch(
                id=self.jobs.start(tx, workspace, description=description, at_most=self.at_most),
                workspace=workspace,
                description=description,
                created_at=now,
                touched_at=now,
                idempotency_key=key,
                fingerprint=fingerprint,
            )
            if not self.store.add(tx, batch):
                raise BatchKeyReused
        return batch


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """What is to become one hand-in: how to get at its document, and how to accept that."""

    name: str
    admit: Callable[[], Document]
    accept: Callable[[Transaction, Document], Received]


@dataclass(slots=True, kw_only=True)
class _HandingIn:
    """One walk through the files of a batch."""

    service: BatchService
    batch: Batch
    target: UUID | None
    on_hand_in: Callable[[HandIn], None]
    taken: int = 0
    unpacked: int = 0  # bytes

    def run(self, files: Sequence[FileToHandIn], again: Sequence[DocumentId]) -> None:
        """Hand in what is not there yet from an earlier walk."""
        with self.service.database.reading(self.batch.workspace) as tx:
            there = self.service.store.hand_ins(tx, self.batch.workspace, self.batch.id)
        done = {one.position for one in there}
        for position, piece in enumerate(self._pieces(files, again)):
            self.taken = position + 1
            if position not in done:
                self._hand_in(position, piece)

    def _pieces(self, files: Sequence[FileToHandIn], again: Sequence[DocumentId]) -> Iterator[_Piece]:
        for number, file in enumerate(files, 1):
            others = len(files) - number + len(again)
            yield from self._of_file(file, self.service.max_files - self.taken - others)
        yield from map(self._of_document, again)

    def _of_file(self, file: FileToHandIn, room: int) -> Iterator[_Piece]:
        """Yield the file itself, or, of an archive, each file in it, of which there is room for so many."""
        with ExitStack() as stack:
            try:
                content = stack.enter_context(file.open())
            except CounterfoilError as error:
                yield self._new(file.name, refusing(error))
                return
            if self.service.archives.recognises(content):
                yield from self._of_archive(file.name, content, room)
                return
        yield self._new(file.name, file.open)

    def _of_archive(self, name: str, content: BinaryIO, room: int) -> Iterator[_Piece]:
        left = self.service.max_bytes - self.unpacked
        try:
            entries: Sequence[ArchiveEntry] = self.service.archives.entries(content, max_entries=room, max_bytes=left)
        except CounterfoilError as error:
            yield self._new(name, refusing(error))
            return
        self.unpacked += sum(entry.size for entry in entries)
        for entry in entries:
            yield self._new(entry.name, entry.open, shown=f"{name}/{entry.name}")

    def _new(self, name: str, open_: Opener, shown: str = "") -> _Piece:
        def admit() -> Document:
            with open_() as content:
                return self.service.documents.admit(self.batch.workspace, name, content, self.target)

        next_step = partial(self.service.next_step, batch=self.batch.id)
        return _Piece(
            name=safe_path(shown or name) or _NAMELESS,
            admit=admit,
            accept=partial(self.service.documents.accept, next_step=next_step),
        )

    def _of_document(self, document_id: DocumentId) -> _Piece:
        documents = self.service.documents

        def admit() -> Document:
            return documents.to_read_again(self.batch.workspace, document_id)

        def accept(tx: Transaction, document: Document) -> Received:
            job_id = self.service.read_again(tx, document, batch=self.batch.id)
            return Received(document=document, job_id=job_id, same_as=None)

        return _Piece(name=str(document_id), admit=admit, accept=accept)

    def _hand_in(self, position: int, piece: _Piece) -> None:
        try:
            self._accept(position, piece, piece.admit())
        except CounterfoilError as error:
            if error.retry:  # no fault of the file
                raise
            self._refuse(position, piece, error)

    def _accept(self, position: int, piece: _Piece, document: Document) -> None:
        with self.service.database.transaction(self.batch.workspace) as tx:
            if self._held(tx).cancelled_at:
                raise BatchCancelled
            if self._is_there(tx, position):
                return
            received = piece.accept(tx, document)
            hand_in = HandIn(
                position=position,
                name=document.name if piece.name == str(document.id) else piece.name,
                status=HandInStatus.DUPLICATE if received.same_as else HandInStatus.ACCEPTED,
                document_id=document.id,
                job_id=received.job_id,
                same_as=received.same_as,
            )
            self._keep(tx, hand_in)

    def _refuse(self, position: int, piece: _Piece, error: CounterfoilError) -> None:
        hand_in = HandIn(position=position, name=piece.name, status=HandInStatus.REFUSED, error=Refusal.of(error))
        with self.service.database.transaction(self.batch.workspace) as tx:
            self._held(tx)
            if not self._is_there(tx, position):
                self._keep(tx, hand_in)

    def _held(self, tx: Transaction) -> Batch:
        held = self.service.store.hold(tx, self.batch.workspace, self.batch.id)
        if held is None:
            raise BatchNotFound(self.batch.id)
        return held

    def _is_there(self, tx: Transaction, position: int) -> bool:
        return self.service.store.has_hand_in(tx, self.batch.workspace, self.batch.id, position)

    def _keep(self, tx: Transaction, hand_in: HandIn) -> None:
        self.service.store.add_hand_in(tx, self.batch.workspace, self.batch.id, hand_in)
        tx.after_commit(partial(self.on_hand_in, hand_in))


def _described(files: Sequence[FileToHandIn], again: Sequence[DocumentId]) -> str:
    if len(files) == 1 and not again:
        return safe_path(files[0].name) or _NAMELESS
    return f"{len(files) + len(again)} documents"


def _fingerprint(files: Sequence[FileToHandIn], again: Sequence[DocumentId], target: UUID | None) -> str:
    """Return what two requests share if and only if they ask for the same."""
    whole = hashlib.sha256()
    for file in files:
        with file.open() as content:
            whole.update(repr((file.name, _sha256(content))).encode("utf-8", "backslashreplace"))
    whole.update(repr([*map(str, again), str(target)]).encode())
    return whole.hexdigest()


def _sha256(content: BinaryIO) -> str:
    sha256 = hashlib.sha256()
    while piece := content.read(_PIECE):
        sha256.update(piece)
    return sha256.hexdigest()
