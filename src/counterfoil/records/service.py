"""Drafting, accepting and correcting records; nothing of a record changes in any other way."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from counterfoil.access.domain import WorkspaceId
from counterfoil.documents.domain import DocumentId
from counterfoil.foundation.clock import Clock
from counterfoil.foundation.database import Database, Transaction
from counterfoil.foundation.ids import IdSource
from counterfoil.foundation.paging import Page, Paging
from counterfoil.records.checks import check
from counterfoil.records.domain import (
    ISSUE_DATE,
    MERCHANT,
    TOTAL,
    AcceptedBy,
    Change,
    ChangeId,
    ExtractionId,
    FieldPath,
    FieldValue,
    InvoiceData,
    Reason,
    ReasonCode,
    Record,
    RecordChanged,
    RecordId,
    RecordStatus,
    Sources,
    UnknownRecord,
    record_id_of,
)
from counterfoil.records.json_form import as_kept
from counterfoil.records.protocols import RecordStep, RecordStore
from counterfoil.records.purchases import purchase_key, same_purchase
from counterfoil.records.revision import corrected, differences, reread

COPIES = {ReasonCode.DUPLICATE, ReasonCode.LOOKS_ALIKE, ReasonCode.JOINED}
"""Reasons that tell of another document, which shows the same purchase."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordService:
    """What the rest of the house may ask about records.

    `threshold` is the confidence (0 to 1) asked of the important fields. `next_step` follows the acceptance of values
    that were not accepted before; `on_change` follows every change.
    """

    database: Database
    store: RecordStore
    clock: Clock
    new_id: IdSource
    threshold: float
    next_step: RecordStep
    on_change: RecordStep

    def draft(
        self,
        tx: Transaction,
        workspace: WorkspaceId,
        document_id: DocumentId,
        data: InvoiceData,
        sources: Sources,
        extraction_id: ExtractionId | None = None,
        extra_reasons: Sequence[Reason] = (),
    ) -> Record:
        """Make a document's record, or bring the one that there is up to a new reading.

        Drafting the same again changes nothing. `extra_reasons` are those that the values cannot show.
        """
        now = self.clock.now()
        held = self.store.hold(tx, workspace, record_id_of(document_id))
        before = held or Record(
            id=record_id_of(document_id),
            workspace=workspace,
            document_id=document_id,
            extraction_id=extraction_id,
            data=InvoiceData(),
            sources={},
            version=0,
            created_at=now,
            updated_at=now,
        )
        read = replace(reread(before, *as_kept(data, sources)), extraction_id=extraction_id)
        return self._save(tx, before, self._checked(tx, read, extra_reasons), by=None)

    def accept(self, tx: Transaction, workspace: WorkspaceId, record_id: RecordId, by: AcceptedBy) -> Record:
        """Take the record's values as right.

        Raises:
            UnknownRecord: there is none in this workspace.
        """
        record = self.hold(tx, workspace, record_id)
        accepted = replace(record, status=RecordStatus.ACCEPTED, accepted_by=by)
        saved = self._save(tx, record, accepted, by=None)
        if record.status is not RecordStatus.ACCEPTED:
            self.next_step(tx, saved)
        return saved

    def withdraw(self, tx: Transaction, workspace: WorkspaceId, record_id: RecordId) -> Record:
        """Take back an acceptance: a person says that the record is not right after all."""
        record = self.hold(tx, workspace, record_id)
        return self._save(tx, record, replace(record, status=RecordStatus.DRAFT, accepted_by=None), by=None)

    def set_aside(self, tx: Transaction, workspace: WorkspaceId, record_id: RecordId, reason: Reason) -> Record | None:
        """Say of a record, if it is there, why another stands for it, so that the two are not taken for copies."""
        record = self.store.hold(tx, workspace, record_id)
        if record is None:
            return None
        return self._save(tx, record, replace(record, reasons=(*record.reasons, reason)), by=None)

    def correct(
        self,
        tx: Transaction,
        workspace: WorkspaceId,
        record_id: RecordId,
        changes: Mapping[FieldPath, FieldValue],
        version: int,
        *,
        by: str,
    ) -> Record:
        """Set values for a person, who looked at `version` of the record.

        Raises:
            UnknownRecord: there is none in this workspace.
            RecordChanged: it is at another version.
            InvalidField: there is no such field.
        """
        record = self.hold(tx, workspace, record_id, version)
        given = [reason for reason in record.reasons if reason.code.given]
        return self._save(tx, record, self._checked(tx, corrected(record, changes), given), by=by)

    def get(self, workspace: WorkspaceId, record_id: RecordId) -> Record:
        """Return a record.

        Raises:
            UnknownRecord: there is none in this workspace.
        """
        with self.database.reading(workspace) as tx:
            return self.find(tx, workspace, record_id)

    def find(self, tx: Transaction, workspace: WorkspaceId, record_id: RecordId) -> Record:
        """Return a record as this transaction sees it."""
        record = self.store.find(tx, workspace, record_id)
        if record is None:
            raise UnknownRecord(record_id)
        return record

    def hold(self, tx: Transaction, workspace: WorkspaceId, record_id: RecordId, version: int | None = None) -> Record:
        """Return a record and keep others from changing it until the transaction ends."""
        record = self.store.hold(tx, workspace, record_id)
        if record is None:
            raise UnknownRecord(record_id)
        if version not in (None, record.version):
            raise RecordChanged(record_id, seen=version or 0, current=record.version)
        return record

    def page(self, workspace: WorkspaceId, paging: Paging, status: RecordStatus | None = None) -> Page[Record]:
        """Return a part of the workspace's records, newest first."""
        with self.database.reading(workspace) as tx:
            return self.store.page(tx, workspace, paging, status)

    def changes(self, workspace: WorkspaceId, record_id: RecordId, paging: Paging) -> Page[Change]:
        """Return a part of a record's history, newest first."""
        with self.database.reading(workspace) as tx:
            self.find(tx, workspace, record_id)
            return self.store.changes(tx, workspace, record_id, paging)

    def _checked(self, tx: Transaction, record: Record, given: Sequence[Reason]) -> Record:
        """Find anew what makes the record doubtful, besides the reasons that were given."""
        today = self.clock.now().date()
        found = check(record.data, record.sources, today=today, threshold=self.threshold)
        if not any(reason.code in COPIES for reason in given):  # that says it already
            found += tuple(self._told_before(tx, record))
        return replace(record, reasons=(*found, *given))

    def _told_before(self, tx: Transaction, record: Record) -> Iterator[Reason]:
        """Say so if another record tells of the same purchase; of several, the first. Of two, only one says so."""
        key = purchase_key(record.data)
        for other in self.store.with_purchase_key(tx, record.workspace, key) if key else ():
            if other.id != record.id and not _copies(other, record) and same_purchase(record.data, other.data):
                facts = {
                    "merchant": other.data.merchant.name or "",
                    "date": str(other.data.issue_date),
                    "total": str(other.data.total),
                    "record": str(other.id),
                }
                yield Reason(code=ReasonCode.SAME_PURCHASE, paths=(MERCHANT, ISSUE_DATE, TOTAL), facts=facts)
                return

    def _save(self, tx: Transaction, before: Record, after: Record, *, by: str | None) -> Record:
        """Save what changed and its history, by the person or else by each value's reader."""
        if before == after:
            return before
        saved = replace(after, version=before.version + 1, updated_at=self.clock.now())
        (self.store.save if before.version else self.store.add)(tx, saved)
        self.store.add_changes(tx, self._history(before, saved, by))
        self.on_change(tx, saved)
        return saved

    def _history(self, before: Record, after: Record, by: str | None) -> list[Change]:
        return [
            Change(
                id=ChangeId(self.new_id()),
                workspace=after.workspace,
                record_id=after.id,
                version=after.version,
                by=by or _reader(after, path),
                at=after.updated_at,
                path=path,
                before=old,
                after=new,
            )
            for path, old, new in differences(before, after)
        ]


def _copies(one: Record, other: Record) -> bool:
    """Tell whether a record is known as a copy, of another's document or of one that is not told."""
    return any(
        reason.code in COPIES or (reason.code is ReasonCode.SAME_PURCHASE and reason.facts["record"] == str(other.id))
        for reason in one.reasons
    )


def _reader(record: Record, path: FieldPath) -> str:
    """Name the reader of a value; where a new reading found none any more, the readers of the others."""
    sources = [record.sources[path]] if path in record.sources else record.sources.values()
    return ", ".join(sorted({f"{source.reader} {source.version}".strip() for source in sources})) or "reader"
