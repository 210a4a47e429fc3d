"""What goes wrong on a record's way into a table."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from counterfoil.foundation.errors import (
    Conflict,
    CounterfoilError,
    ExecutionFailed,
    InvalidInput,
    NetworkError,
    NotFound,
    Postponed,
    ServiceUnavailable,
)
from counterfoil.targets.domain import Delivery, DeliveryId, PropertyId, RowId, Run, Target


class Unsettled:
    """What may go on after its error was raised, for `settles_after` at most; None if nobody knows how long."""

    settles_after: timedelta | None = None


class TargetNotFound(NotFound):
    """There is no such target in this workspace."""

    code = "target_not_found"
    advice = "Check the id, or connect the table as a target first: GET /api/v1/targets lists those that there are."

    def __init__(self, relation: str, name: object) -> None:
        super().__init__(f"There is no target {relation} {str(name)[:100]!r}.")


class DeliveryNotFound(NotFound):
    """There is no such delivery in this workspace."""

    code = "delivery_not_found"

    def __init__(self, delivery_id: DeliveryId) -> None:
        super().__init__(f"There is no delivery {delivery_id}.")


class RowNotFound(NotFound):
    """There is no such row in this ledger."""

    code = "row_not_found"

    def __init__(self, row_id: RowId) -> None:
        super().__init__(f"There is no row {row_id} in this ledger.")


class UnknownTargetKind(InvalidInput):
    """No adapter of ours speaks to such a table."""

    code = "unknown_target_kind"
    advice = "Use one of the kinds named in the message."

    def __init__(self, kind: str, kinds: Collection[str]) -> None:
        super().__init__(f"{kind!r} is no kind of target; there are: {', '.join(sorted(kinds))}.")


class InvalidTargetSettings(InvalidInput):
    """The settings of a target are not those that its kind needs."""

    code = "invalid_target_settings"

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(f"These settings do not make a target of kind {kind}: {reason}")


class InvalidNotionId(InvalidInput):
    """What was given for a Notion database is neither its id nor its link."""

    code = "invalid_notion_id"
    advice = "Open the database in Notion as a full page and copy its link, or the 32 letters and digits in it."

    def __init__(self, given: str) -> None:
        super().__init__(f"{given[:100]!r} is no id and no link of a Notion database.")


class InvalidColumns(InvalidInput):
    """A ledger cannot have these columns."""

    code = "invalid_columns"

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(" ".join(problems))


class InvalidPlan(InvalidInput):
    """A plan that would write wrongly, or not at all."""

    code = "invalid_plan"
    advice = "Correct the entries that the message names; GET the target's schema for its properties."

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(" ".join(problems))


class ColumnNotFound(NotFound):
    """A table has no column that is called so, or several."""

    code = "column_not_found"
    advice = "Name the column as the target's plan shows it, or by its id."

    def __init__(self, called: str, reason: str) -> None:
        super().__init__(f"No one column is called {called!r}: {reason}")


class RequiredValueMissing(InvalidInput):
    """The table demands a value that the record does not have."""

    code = "required_value_missing"
    advice = "Add the value to the record in its review, or fill the column with a constant in the target's plan."

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(f"The target requires values for: {', '.join(names)}.")


class OptionUndecided(InvalidInput):
    """A value that is no option of its property, of which the plan says that a person decides."""

    code = "option_undecided"
    advice = "Add the option in the table or say in the plan what such a value becomes, then retry the delivery."

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(" ".join(problems))


class TargetUnusable(Conflict):
    """The table lets nothing be written as things are; its deliveries wait until a person has changed that.

    The message is the adapter's, which knows what its table's owner has to do and where.
    """

    code = "target_unusable"
    advice = (
        "Do what the message says. Then connect the table again or, if it is a target already, check it: counterfoil"
        " targets check ID, or POST /api/v1/targets/{id}/check."
    )


class TokenRefused(TargetUnusable):
    """The table's keeper does not know our token."""

    code = "target_token_refused"


class NotAllowedThere(TargetUnusable):
    """Our token may not do there what a delivery has to."""

    code = "target_forbids"


class NotShared(TargetUnusable):
    """The table is not there for our token: it is gone, or was not shared with it."""

    code = "target_not_shared"


class KeyPlaceMissing(TargetUnusable):
    """The table has no column for the keys of deliveries, without which a row could be written twice."""

    code = "key_place_missing"
    advice = "Have the column added: POST /api/v1/targets/{id}/key-property. Or add it by hand and check the target."

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name!r} has no column for the keys by which rows are found again: let one be added, or add a text column"
            " called “Counterfoil ID” where the table is."
        )


class WriteRefused(InvalidInput):
    """The table does not take what was sent; nothing was written."""

    code = "target_refused_values"
    advice = "Look at the target's preview of this record and change the plan, or correct the record."

    def __init__(self, service: str, reason: str) -> None:
        super().__init__(f"{service} does not take the row: {reason}")
        self.reason = reason


class RowGone(Conflict):
    """The row that a record was delivered to is not there any more; it is not made again without being asked for."""

    code = "row_gone"
    advice = "Restore it in the table and retry the delivery, or retry it with `make_anew` to have a new row made."

    def __init__(self, external_id: str) -> None:
        super().__init__(f"The row {external_id} was deleted where the table is.")


class RowThere(Conflict):
    """A row was to be made anew that nobody knows to be gone."""

    code = "row_not_gone"
    advice = "Retry without `make_anew`: the row that is there is brought up to date."

    def __init__(self, delivery: Delivery) -> None:
        super().__init__(f"Nothing says that the row of delivery {delivery.id} is gone.")


class RunRefused(ServiceUnavailable):
    """n8n does not take orders from us; nothing was started, and deliveries come back until it does."""

    code = "run_refused"
    advice = "Do what the message says; the deliveries that wait then go on by themselves."

    def __init__(self, reason: str) -> None:
        super().__init__(reason)


class RunUnanswered(Conflict):
    """A workflow elsewhere did not say how it ended, and we cannot look for what it made."""

    code = "run_unanswered"
    advice = (
        "Look in the table for a page with the text that the message names. If there is none, retry the delivery with"
        " `make_anew`. With NOTION_TOKEN set, this is looked up by itself."
    )

    def __init__(self, run: Run) -> None:
        called = f" (execution {run.execution})" if run.execution else ""
        super().__init__(f"The workflow{called} did not call back; it marks its page with “Counterfoil {run.job}”.")


class RunFailed(ExecutionFailed, Unsettled):
    """A workflow elsewhere says that it could not make the row."""

    code = "run_failed"
    advice = "Look at the execution in n8n. What was wrong there can be set right; then retry the job."

    def __init__(self, stage: str | None, message: str | None, settles_after: timedelta) -> None:
        where = f" at “{stage}”" if stage else ""
        super().__init__(f"The workflow failed{where}: {message or 'it does not say why'}")
        self.settles_after = settles_after


class CorrectionNotCarried(Conflict):
    """A correction of what a workflow made, which we may not change ourselves."""

    code = "correction_not_carried"
    advice = "Set NOTION_TOKEN, so that corrections are brought to the page, or correct the page by hand."

    def __init__(self) -> None:
        super().__init__("The workflow makes pages, but does not change them.")


class NothingToShow(InvalidInput):
    """A workflow is shown pictures of pages, and the document has none."""

    code = "nothing_to_show"
    advice = "Deliver such documents with WORKFLOW=builtin, which needs no picture."

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} has no pages that could be shown to the workflow.")


class TargetTaken(Conflict):
    """The table is connected to another workspace of this installation."""

    code = "target_taken"
    advice = "Hand documents in there, or have the target removed there first."

    def __init__(self) -> None:
        super().__init__("This table is connected to another workspace.")


class TargetExists(Conflict):
    """The table is a target of this workspace already."""

    code = "target_exists"
    advice = "Use that target; it can be renamed: PATCH /api/v1/targets/{id}, or counterfoil targets rename."

    def __init__(self, target: Target) -> None:
        super().__init__(f"This table is connected already, as {target.name!r}: target {target.id}.")


class TargetIsDefault(Conflict):
    """The target that records go to when nobody names one was to be removed."""

    code = "target_is_default"
    advice = "Make another target the default one first: PATCH /api/v1/targets/{id}, or counterfoil targets default."

    def __init__(self, target: Target) -> None:
        super().__init__(f"{target.name!r} is the default target, which a workspace always has.")


class DeliveriesUnfinished(Conflict):
    """A target was to be removed that records are still on their way to."""

    code = "deliveries_unfinished"
    advice = (
        "Retry those that failed, and let the others be made; GET /api/v1/deliveries?target_id={id} lists them. Or have"
        " the default target get them: DELETE /api/v1/targets/{id}?move=true, or counterfoil targets remove --move."
    )

    def __init__(self, target: Target, number: int) -> None:
        super().__init__(f"Deliveries to {target.name!r} that are not finished: {number}.")


class AttemptUnderWay(Conflict):
    """A delivery was to be moved elsewhere while its row may still come into being."""

    code = "attempt_under_way"
    advice = "Try it again then."

    def __init__(self, target: Target, until: datetime) -> None:
        super().__init__(f"A row may still be made in {target.name!r}, until {until:%Y-%m-%d %H:%M:%S} UTC.")


class LedgerNotEmpty(Conflict):
    """A ledger with rows was to be removed; they are nowhere else."""

    code = "ledger_not_empty"
    advice = "Keep it; it may have another name: PATCH /api/v1/targets/{id}, or counterfoil targets rename."

    def __init__(self, target: Target) -> None:
        super().__init__(f"The ledger {target.name!r} has rows, which would be gone with it.")


class SeveralTables(Conflict):
    """What was named holds several tables, and only a person can say which is meant."""

    code = "several_tables"
    advice = "Connect again with the setting that the message names."

    def __init__(self, setting: str, tables: Mapping[str, str]) -> None:
        choices = ", ".join(f"{id_} ({name})" for id_, name in tables.items())
        super().__init__(f"There are {len(tables)} tables; set {setting} to one of: {choices}.")


class KeyPlaceRefused(Conflict):
    """The table cannot have a column for the keys of deliveries."""

    code = "key_place_refused"
    advice = "If the target waits for such a column, add one by hand; else rows are told apart by a marker in them."

    def __init__(self, target: Target, reason: str = "it keeps them where nobody sees them.") -> None:
        super().__init__(f"{target.name!r} gets no column for keys: {reason}")


class TargetUnreachable(NetworkError):
    """There is no way to the table's keeper just now; it has not seen the call."""

    code = "target_unreachable"

    def __init__(self, service: str) -> None:
        super().__init__(f"{service} cannot be reached.")


class WriteNotBegun(ServiceUnavailable):
    """What has to be done before a row is asked for did not go well; the row itself was not asked for."""

    code = "write_not_begun"

    def __init__(self, error: CounterfoilError) -> None:
        super().__init__(f"{error} The row itself was not asked for.")


class UploadTooSlow(ServiceUnavailable):
    """To bring the document there took so long that its row was not asked for any more."""

    code = "upload_too_slow"
    advice = "It is tried again by itself. If the line stays slow, leave the files column out of the target's plan."

    def __init__(self, name: str, seconds: float) -> None:
        super().__init__(f"To upload {name} took longer than {seconds:.0f} s.")


class TargetSilent(NetworkError, Unsettled):
    """The way to the table's keeper broke, or it took too long; the call may have done its work."""

    code = "target_silent"

    def __init__(self, service: str, settles_after: timedelta | None = None) -> None:
        super().__init__(f"{service} did not answer; it may have done what it was asked.")
        self.settles_after = settles_after


class TargetUnavailable(ServiceUnavailable, Unsettled):
    """The table's keeper says that it cannot do its work just now."""

    code = "target_unavailable"

    def __init__(self, service: str, status: int, settles_after: timedelta | None = None) -> None:
        super().__init__(f"{service} answers with status {status}.")
        self.settles_after = settles_after


class RowUnfinished(ServiceUnavailable):
    """The row is there, but not yet all that belongs into it."""

    code = "row_unfinished"

    def __init__(self, service: str, error: CounterfoilError) -> None:
        super().__init__(f"The row is in {service}, but without its document: {error}")


class TargetChanging(ServiceUnavailable):
    """Somebody changed the same row at the same moment; nothing was written."""

    code = "target_changing"

    def __init__(self, service: str) -> None:
        super().__init__(f"{service} says that something else is changing the row at this moment.")


class TargetAway(Postponed):
    """The table's keeper does not do its work; the delivery comes back by itself, and has lost no attempt."""

    code = "target_away"

    def __init__(self, error: CounterfoilError, retry_at: datetime) -> None:
        super().__init__(f"{error} It is tried again at {retry_at:%Y-%m-%d %H:%M:%S} UTC.", retry_at)


class NotALedger(Conflict):
    """Columns and rows of our own were asked of a table elsewhere."""

    code = "not_a_ledger"
    advice = "Look at the table where it lives, or use a target of kind ledger."

    def __init__(self, target: Target) -> None:
        super().__init__(f"The target {target.name!r} is of kind {target.kind}, not a ledger.")


class PlanNotFound(NotFound):
    """The target's plan never had this version."""

    code = "plan_not_found"
    advice = "Versions count from 1; GET the plan without one to see the newest."

    def __init__(self, version: int) -> None:
        super().__init__(f"The plan has no version {version}.")


class PlanChanged(Conflict):
    """Somebody else has changed the plan since it was read."""

    code = "plan_changed"

    def __init__(self, version: int) -> None:
        super().__init__(f"The plan has moved on to version {version}.")


class SchemaChanged(Conflict):
    """The columns have changed since they were read."""

    code = "schema_changed"

    def __init__(self, version: str) -> None:
        super().__init__(f"The columns have moved on to version {version}.")


class UnknownProperty(Conflict):
    """A draft names properties that the table does not have, or no longer; nothing was written."""

    code = "unknown_property"
    retry = True  # the next attempt reads the schema anew and sees what changed
    advice = "The table's columns have changed; look at the target's plan."

    def __init__(self, unknown: Collection[PropertyId]) -> None:
        super().__init__(f"The table has no property {', '.join(sorted(unknown))}.")


class DeliveryInDoubt(ServiceUnavailable):
    """An earlier attempt may still be writing; a second one now could write twice."""

    code = "delivery_in_doubt"
    advice = "Wait: it is looked up and tried again by itself."

    def __init__(self, delivery_id: DeliveryId, settles_at: datetime | None = None) -> None:
        super().__init__(f"An attempt at delivery {delivery_id} has not ended yet, or its end is unknown.")
        self.settles_at = settles_at
        """From when on it will be known; None if nobody can tell."""
