"""Joining: the pages of several documents become one document, which is read instead of them.

What is on disk at a crash: before the one transaction, nothing but bytes that no document names; after it, the new
document with its job, and its parts set aside. The same parts asked for again are the same document.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import PurePosixPath

from counterfoil.access.domain import WorkspaceId
from counterfoil.documents.domain import (
    MAX_PARTS,
    Document,
    DocumentId,
    DocumentJoined,
    InvalidParts,
    Join,
    PartsForDifferentTargets,
    Received,
)
from counterfoil.documents.hand_ins import FileToHandIn
from counterfoil.documents.protocols import JoinStore, SetAside
from counterfoil.documents.service import DocumentService
from counterfoil.foundation.database import Database, Transaction
from counterfoil.jobs.errors import KeyUsedOtherwise


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinService:
    """What the rest of the house may ask about documents that are parts of one."""

    database: Database
    store: JoinStore
    documents: DocumentService
    set_aside: SetAside

    def join(
        self,
        workspace: WorkspaceId,
        part_ids: Sequence[DocumentId],
        *,
        name: str = "",
        idempotency_key: str | None = None,
    ) -> Received:
        """Join documents that were handed in, in the order of their pages.

        Raises:
            DocumentNotFound, InvalidParts, PartIsEInvoice, PartsForDifferentTargets: these cannot be joined.
            DocumentJoined, PartAccepted: one of them was joined, or its record accepted, before.
            KeyUsedOtherwise: the idempotency key belongs to another request.
            InvalidInput: what came of it would not be accepted as a document.
        """
        if not 2 <= len(set(part_ids)) == len(part_ids) <= MAX_PARTS:
            raise InvalidParts
        with self.database.reading(workspace) as tx:
            parts = [self.documents.find(tx, workspace, part) for part in part_ids]
            if known := self._known(tx, workspace, parts, idempotency_key):
                return known
        joined = self._joined(workspace, parts, name)
        with self.database.transaction(workspace) as tx:
            held = {part: self.documents.hold(tx, workspace, part) for part in sorted(part_ids)}
            parts = [held[part] for part in part_ids]
            if known := self._known(tx, workspace, parts, idempotency_key):
                return known
            for part in parts:
                self.set_aside(tx, part, joined)
            self.documents.store.mark_joined(tx, workspace, part_ids, joined.id)
            return self._accept(tx, joined, parts, idempotency_key)

    def receive(
        self,
        workspace: WorkspaceId,
        files: Sequence[FileToHandIn],
        *,
        name: str = "",
        on_part: Callable[[Document], None] = lambda _: None,
    ) -> Received:
        """Accept files that are parts of one document: all of them and what they are joined into, or none.

        `on_part` is told of each file that could be accepted. The errors are those of hand-ins and of `join`.
        """
        if not 2 <= len(files) <= MAX_PARTS:
            raise InvalidParts
        parts = []
        for file in files:
            with file.open() as content:
                parts.append(self.documents.admit(workspace, file.name, content, None))
            on_part(parts[-1])
        joined = self._joined(workspace, parts, name)
        with self.database.transaction(workspace) as tx:
            for part in parts:
                self.documents.store.add(tx, workspace, replace(part, joined_into=joined.id))
            return self._accept(tx, joined, parts, None)

    def parts(self, document: Document) -> frozenset[DocumentId]:
        """Return what a document was joined of, and what that was joined of in its turn."""
        found: set[DocumentId] = set()
        left = [document.id]
        with self.database.reading(document.workspace) as tx:
            while left:
                if join := self.store.find(tx, document.workspace, left.pop()):
                    found.update(join.parts)
                    left += join.parts
        return frozenset(found)

    def _known(
        self, tx: Transaction, workspace: WorkspaceId, parts: Sequence[Document], key: str | None
    ) -> Received | None:
        """Return what the same request made before."""
        wanted = tuple(part.id for part in parts)
        keyed = self.store.with_key(tx, workspace, key) if key else None
        if key and keyed and keyed.parts != wanted:
            raise KeyUsedOtherwise(key)
        into = parts[0].joined_into
        join = keyed or (self.store.find(tx, workspace, into) if into else None)
        if join and join.parts == wanted:
            document = self.documents.find(tx, workspace, join.document)
            first = self.documents.first_with_same_bytes(tx, document)
            return Received(document=document, job_id=join.job, same_as=first.id if first else None)
        for part in parts:
            if part.joined_into:
                raise DocumentJoined(part)
        return None

    def _joined(self, workspace: WorkspaceId, parts: Sequence[Document], name: str) -> Document:
        """Bring the joined bytes to their place; they are a document once it is accepted as well."""
        targets = {part.target for part in parts if part.target}
        if len(targets) > 1:
            raise PartsForDifferentTargets
        target = next(iter(targets), None)  # which may have been removed since, as it may be of any document
        places = [(self.documents.path(part), part.media_type) for part in parts]
        content = self.documents.decoder.join(places, self.documents.max_bytes)
        called = name or f"{PurePosixPath(parts[0].name).stem}-joined.pdf"
        return self.documents.admit(workspace, called, BytesIO(content), target)

    def _accept(self, tx: Transaction, joined: Document, parts: Sequence[Document], key: str | None) -> Received:
        received = self.documents.accept(tx, joined, self.documents.next_step)
        join = Join(
            document=joined.id,
            workspace=joined.workspace,
            parts=tuple(part.id for part in parts),
            job=received.job_id,
            idempotency_key=key,
        )
        if not self.store.add(tx, join):  # a moment ago, with other parts: the same ones would have been waited for
            raise KeyUsedOtherwise(key or "")
        return received
