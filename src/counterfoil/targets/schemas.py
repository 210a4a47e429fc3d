"""The shapes of targets, schemas, plans, ledger rows and deliveries over HTTP."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, Self, TypeAlias, assert_never
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, model_validator

from counterfoil.records.domain import FieldPath, InvoiceData, RecordId
from counterfoil.records.schemas import InvoiceDataRead
from counterfoil.targets import expressions
from counterfoil.targets.domain import (
    Author,
    Delivery,
    DeliveryStatus,
    Entries,
    Entry,
    LedgerRow,
    OptionPolicy,
    Plan,
    PlanProposal,
    Property,
    PropertyId,
    PropertyType,
    Schema,
    Target,
    TargetStatus,
)
from counterfoil.targets.filling import Filling
from counterfoil.targets.planning import DECIDED, Drift
from counterfoil.targets.values import JsonValue, encode

_NO_NUL = r"^[^\x00]*$"
Text: TypeAlias = Annotated[str, StringConstraints(max_length=2000, pattern=_NO_NUL)]
Name: TypeAlias = Annotated[
    str, StringConstraints(min_length=1, max_length=500, pattern=_NO_NUL, strip_whitespace=True)
]


ColumnId: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=_NO_NUL)]
"""As the table has it, be it with a space at an end."""

_INVOICE_DATA = TypeAdapter(InvoiceData)


class _Strict(BaseModel):
    """What comes in: a key that nobody reads is a mistake worth telling."""

    model_config = ConfigDict(extra="forbid")


class TargetCreate(_Strict):
    """A table to connect."""

    kind: Name = Field(description="What sort of table it is.", examples=["ledger"])
    name: Name | None = Field(
        default=None,
        description="What people call it; if that is not said, what it is called where it is.",
        examples=["Office ledger"],
    )
    settings: dict[Name, Text] = Field(
        default={}, description="Where the table is; a ledger needs none.", examples=[{}], max_length=20
    )
    is_default: bool = Field(
        default=False, description="Whether records go here from now on when nobody names a target.", examples=[True]
    )


class TargetPatch(_Strict):
    """What is to be changed of a target; what is left out stays as it is."""

    name: Name | None = Field(default=None, description="What people call it.", examples=["Office ledger"])
    is_default: Literal[True] | None = Field(
        default=None,
        description="Have records go here when nobody names a target, and no longer to the default one until now.",
        examples=[True],
    )


class TargetRead(BaseModel):
    """A table that records are delivered to."""

    id: UUID = Field(description="The target's id.", examples=["01920000-0000-7000-8000-000000000001"])
    kind: str = Field(description="What sort of table it is.", examples=["ledger"])
    name: str = Field(description="What people call it.", examples=["Ledger"])
    settings: dict[str, str] = Field(description="Where the table is.", examples=[{}])
    is_default: bool = Field(description="Whether records go here when nobody names a target.", examples=[True])
    status: TargetStatus = Field(description="Whether deliveries are made or wait.", examples=["active"])
    paused_because: str | None = Field(
        description="What a person has to decide before deliveries go on.", examples=["“Total” is gone."]
    )
    created_at: datetime = Field(description="When it was connected.", examples=["2026-03-01T12:00:00Z"])

    @classmethod
    def of(cls, target: Target) -> Self:
        return cls(
            id=target.id,
            kind=target.kind,
            name=target.name,
            settings=dict(target.settings),
            is_default=target.is_default,
            status=target.status,
            paused_because=target.paused_because,
            created_at=target.created_at,
        )


class PropertyRead(BaseModel):
    """One column of a target."""

    id: str = Field(description="Stays when the column is renamed.", examples=["total"])
    name: str = Field(description="What people call it.", examples=["Total"])
    type: PropertyType = Field(description="What it holds.", examples=["number"])
    options: list[str] = Field(description="What can be chosen, in a select or status.", examples=[["EUR", "USD"]])
    open_options: bool = Field(description="Whether a delivery may add an option.", examples=[False])
    required: bool = Field(description="Whether each row must have a value.", examples=[False])
    read_only: bool = Field(description="Whether the table fills it by itself.", examples=[False])
    related: str | None = Field(description="The table whose rows a relation points to.", examples=[None])
    percent: bool = Field(description="Whether a number is shown a hundred times as large.", examples=[False])

    @classmethod
    def of(cls, one: Property) -> Self:
        return cls(
            id=one.id,
            name=one.name,
            type=one.type,
            options=list(one.options),
            open_options=one.open_options,
            required=one.required,
            read_only=one.read_only,
            related=one.related,
            percent=one.percent,
        )


class SchemaRead(BaseModel):
    """The columns of a target as they are now."""

    version: str = Field(description="Changes with the columns.", examples=["0123456789abcdef"])
    properties: list[PropertyRead] = Field(description="The columns in their order.")

    @classmethod
    def of(cls, schema: Schema) -> Self:
        return cls(version=schema.version, properties=[PropertyRead.of(one) for one in schema.properties])


class ColumnPut(_Strict):
    """A column that a ledger is to have."""

    id: Name | None = Field(
        default=None, description="Of a column that is there; null for a new one.", examples=["total"]
    )
    name: Name = Field(description="What people call it.", examples=["Total"])
    type: PropertyType = Field(description="What it holds.", examples=["number"])
    options: list[Name] = Field(default=[], description="What can be chosen.", examples=[[]], max_length=500)
    open_options: bool = Field(
        default=False, description="Whether values outside the options are taken, too.", examples=[False]
    )
    required: bool = Field(default=False, description="Whether each row must have a value.", examples=[False])

    def domain(self) -> Property:
        return Property(
            id=PropertyId(self.id or ""),
            name=self.name,
            type=self.type,
            options=tuple(self.options),
            open_options=self.open_options,
            required=self.required,
        )


class ColumnsPut(_Strict):
    """All columns that a ledger is to have, in order. One that is left out goes; its values are kept unseen."""

    schema_version: str = Field(description="Of the columns that were looked at.", examples=["0123456789abcdef"])
    columns: list[ColumnPut] = Field(description="The columns.", min_length=1, max_length=200)


class FieldExpression(_Strict):
    """The record's value at a path."""

    kind: Literal["field"] = Field(description="Says which expression this is.", examples=["field"])
    path: Text = Field(description="`total`, `merchant.name`, `taxes.0.amount`, …", examples=["total"])

    def domain(self) -> expressions.Simple:
        return expressions.FieldOf(path=FieldPath(self.path))


class ConstantExpression(_Strict):
    """The same value for each record."""

    kind: Literal["constant"] = Field(description="Says which expression this is.", examples=["constant"])
    value: Text = Field(description="The value as text, read as the column's type.", examples=["Office"])

    def domain(self) -> expressions.Simple:
        return expressions.Constant(value=self.value)


class FormatExpression(_Strict):
    """A text with paths in braces."""

    kind: Literal["format"] = Field(description="Says which expression this is.", examples=["format"])
    template: Text = Field(description="The text.", examples=["{merchant.name}, {issue_date}"])

    def domain(self) -> expressions.Simple:
        return expressions.Format(template=self.template)


class NothingExpression(_Strict):
    """The column is left alone."""

    kind: Literal["nothing"] = Field(description="Says which expression this is.", examples=["nothing"])

    def domain(self) -> expressions.Simple:
        return expressions.Nothing()


SimpleExpression: TypeAlias = Annotated[
    FieldExpression | ConstantExpression | FormatExpression | NothingExpression, Field(discriminator="kind")
]


class LookupExpression(_Strict):
    """What a table gives for the record's value at a path; by `merchant.name`, these are rules by vendor."""

    kind: Literal["lookup"] = Field(description="Says which expression this is.", examples=["lookup"])
    path: Text = Field(description="Whose value is looked up.", examples=["merchant.name"])
    values: dict[Name, Text] = Field(
        description="What is given for which value; case, accents and signs do not matter.",
        examples=[{"Deutsche Bahn": "Travel"}],
        max_length=1000,
    )
    otherwise: SimpleExpression = Field(
        default=NothingExpression(kind="nothing"), description="What is given for all other values."
    )

    def domain(self) -> expressions.Expression:
        return expressions.Lookup(path=FieldPath(self.path), values=self.values, otherwise=self.otherwise.domain())


AnyExpression: TypeAlias = Annotated[
    FieldExpression | ConstantExpression | FormatExpression | NothingExpression | LookupExpression,
    Field(discriminator="kind"),
]


class EntryRead(BaseModel):
    """What fills one column, and why."""

    property_id: str = Field(description="The column's id.", examples=["total"])
    property_name: str = Field(description="Its name when the plan was made.", examples=["Total"])
    expression: AnyExpression = Field(description="What fills it.")
    reason: str = Field(description="Why.", examples=["“Total” is English for the total."])
    score: float = Field(description="How sure that is, 0 to 1.", examples=[1.0])
    unknown_option: OptionPolicy = Field(
        description="What is done with a value that no option is like.", examples=["add"]
    )


class PlanRead(BaseModel):
    """How records become rows of a target, and how the table has changed since that was decided."""

    version: int = Field(description="Counts from 1; name it when putting a changed plan.", examples=[1])
    schema_version: str = Field(description="Of the columns that it was made for.", examples=["0123456789abcdef"])
    made_by: Author = Field(description="Who made it.", examples=["rules"])
    made_at: datetime = Field(description="When.", examples=["2026-03-01T12:00:00Z"])
    entries: list[EntryRead] = Field(description="One for each column, in their order.")
    drift: list[str] = Field(description="What has changed in the table since.", examples=[["“Tip” (number) is new."]])
    doubts: list[str] = Field(
        description="What a person has to decide before deliveries are made.", examples=[["“Total” is gone."]]
    )

    @classmethod
    def of(cls, plan: Plan, drift: Drift, doubts: Sequence[str] = ()) -> Self:
        return cls(
            version=plan.version,
            schema_version=plan.schema.version,
            made_by=plan.made_by,
            made_at=plan.made_at,
            entries=[_entry(one, plan.entries[one.id]) for one in plan.schema.properties if one.id in plan.entries],
            drift=list(drift.sentences()),
            doubts=list(doubts),
        )


class ProposalRead(BaseModel):
    """What might fill the columns, to be looked at and put as the plan."""

    version: int = Field(description="Of the plan that it would follow; name it when putting this.", examples=[1])
    schema_version: str = Field(description="Of the columns that it was made for.", examples=["0123456789abcdef"])
    entries: list[EntryRead] = Field(description="One for each column, in their order.")
    problem: str | None = Field(
        description="Why no model has helped; null if one has, or if nothing had to be asked.",
        examples=["No model helped: MODEL is not set."],
    )

    @classmethod
    def of(cls, proposal: PlanProposal) -> Self:
        entries = proposal.entries
        return cls(
            version=proposal.version,
            schema_version=proposal.schema.version,
            entries=[_entry(one, entries[one.id]) for one in proposal.schema.properties if one.id in entries],
            problem=proposal.problem,
        )


class EntryPut(_Strict):
    """What is to fill one column."""

    property_id: ColumnId = Field(description="The column's id.", examples=["total"])
    expression: AnyExpression = Field(description="What fills it.")
    property_name: Any = Field(default=None, description="As it was read; ignored.", examples=["Total"])
    reason: Any = Field(
        default=None,
        description="As it was read; ignored: an entry keeps its reason and score unless what fills it changes.",
        examples=["“Total” is English for the total."],
    )
    score: Any = Field(default=None, description="As it was read; ignored.", examples=[1.0])
    unknown_option: OptionPolicy = Field(
        default=OptionPolicy.ADD,
        description="What is done with a value that no option is like: add it where the table allows that, leave it"
        " out (nearest), or ask a person before anything is written.",
        examples=["nearest"],
    )


class PlanPut(_Strict):
    """A plan that a person made, in the shape in which plans and proposals are read.

    Columns that are left out are left alone.
    """

    version: int = Field(description="Of the plan that it was made from.", examples=[1])
    entries: list[EntryPut] = Field(description="What fills the columns.", max_length=1000)
    schema_version: Any = Field(default=None, description="As it was read; ignored.", examples=["0123456789abcdef"])
    made_by: Any = Field(default=None, description="As it was read; ignored.", examples=["rules"])
    made_at: Any = Field(default=None, description="As it was read; ignored.", examples=["2026-03-01T12:00:00Z"])
    drift: Any = Field(default=None, description="As it was read; ignored.", examples=[[]])
    doubts: Any = Field(default=None, description="As it was read; ignored.", examples=[[]])
    problem: Any = Field(default=None, description="Of a proposal, as it was read; ignored.", examples=[None])

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len({one.property_id for one in self.entries}) < len(self.entries):
            raise ValueError("Name each property once.")
        return self

    def domain(self) -> Entries:
        return {
            PropertyId(one.property_id): Entry(
                expression=one.expression.domain(),
                reason=DECIDED,
                score=1.0,
                unknown_option=one.unknown_option,
            )
            for one in self.entries
        }


class PreviewCreate(_Strict):
    """What to show the rows of: a record, or data."""

    record_id: UUID | None = Field(
        default=None, description="A record.", examples=["01920000-0000-7000-8000-000000000002"]
    )
    data: InvoiceDataRead | None = Field(
        default=None,
        description="What a receipt might say, in the shape of a record's `data`.",
        examples=[{"merchant": {"name": "Corner Bakery"}, "total": "12.30", "currency": "EUR"}],
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.record_id is None) == (self.data is None):
            raise ValueError("Give either record_id or data.")
        return self

    def domain(self) -> RecordId | InvoiceData:
        if self.data is not None:
            return _INVOICE_DATA.validate_python(self.data.model_dump())
        return RecordId(self.record_id or UUID(int=0))


class FillingRead(BaseModel):
    """What one column would get."""

    property_id: str = Field(description="The column's id.", examples=["total"])
    property_name: str = Field(description="Its name.", examples=["Total"])
    type: PropertyType = Field(description="What it holds.", examples=["number"])
    value: JsonValue | None = Field(description="What would be written; amounts as digits.", examples=["12.30"])
    names: list[str] = Field(
        description="What is called so where the value is ids, of a relation or of people.", examples=[[]]
    )
    problem: str | None = Field(description="Why there is no value, if it would not fit.", examples=[None])
    expression: AnyExpression = Field(description="What fills it.")
    reason: str = Field(description="Why.", examples=["“Total” is English for the total."])

    @classmethod
    def of(cls, one: Filling) -> Self:
        return cls(
            property_id=one.property.id,
            property_name=one.property.name,
            type=one.property.type,
            value=None if one.value is None else encode(one.value),
            names=list(one.names),
            problem=one.problem,
            expression=_expression(one.entry.expression),
            reason=one.entry.reason,
        )


class PreviewRead(BaseModel):
    """The row that would be written."""

    properties: list[FillingRead] = Field(description="The columns in their order.")


class RowRead(BaseModel):
    """A row of a ledger."""

    id: UUID = Field(description="The row's id.", examples=["01920000-0000-7000-8000-000000000003"])
    key: str = Field(description="Of the delivery; the record's id.", examples=["01920000-0000-7000-8000-000000000002"])
    record_version: int = Field(description="The version of the record that it shows.", examples=[1])
    values: dict[str, JsonValue | None] = Field(
        description="By column name, in the columns' order; amounts as digits, dates in ISO 8601.",
        examples=[{"Merchant": "Corner Bakery", "Total": "12.30"}],
    )
    created_at: datetime = Field(description="When it was made.", examples=["2026-03-01T12:00:00Z"])
    updated_at: datetime = Field(description="When it was last changed.", examples=["2026-03-01T12:00:00Z"])

    @classmethod
    def of(cls, row: LedgerRow, schema: Schema) -> Self:
        return cls(
            id=row.id,
            key=row.key,
            record_version=row.record_version,
            values={one.name: row.values.get(one.id) for one in schema.properties},
            created_at=row.created_at,
            updated_at=row.updated_at,
        )


class DeliveryRetry(_Strict):
    """How to try a delivery again."""

    make_anew: bool = Field(
        default=False, description="Whether to make a new row for one that was deleted.", examples=[False]
    )


class DeliveryRead(BaseModel):
    """One record's way into one target."""

    id: UUID = Field(description="The delivery's id.", examples=["01920000-0000-7000-8000-000000000004"])
    target_id: UUID = Field(description="Where it goes.", examples=["01920000-0000-7000-8000-000000000001"])
    record_id: UUID = Field(description="What goes there.", examples=["01920000-0000-7000-8000-000000000002"])
    status: DeliveryStatus = Field(description="Where it stands.", examples=["delivered"])
    record_version: int = Field(description="The newest version of the record that was asked for.", examples=[1])
    delivered_version: int | None = Field(description="The newest that is known to be there.", examples=[1])
    external_id: str | None = Field(
        description="The row's id in the target.", examples=["01920000-0000-7000-8000-000000000003"]
    )
    url: str | None = Field(description="Where to look at the row.", examples=["https://example.com/row"])
    attempt: int = Field(description="How many attempts were begun.", examples=[1])
    in_doubt_since: datetime | None = Field(
        description="When an attempt was begun whose end is not known.", examples=[None]
    )
    settles_at: datetime | None = Field(description="When that attempt can make no row any more.", examples=[None])
    problems: list[str] = Field(description="Values that did not fit their column, and were left out.", examples=[[]])
    error: str | None = Field(description="How the last attempt failed, or why it waits.", examples=[None])
    execution: str | None = Field(
        description="What n8n calls the execution that was to make the row.", examples=["231"]
    )
    created_at: datetime = Field(description="When it was first asked for.", examples=["2026-03-01T12:00:00Z"])
    updated_at: datetime = Field(description="When it last changed.", examples=["2026-03-01T12:00:00Z"])

    @classmethod
    def of(cls, delivery: Delivery) -> Self:
        return cls(
            id=delivery.id,
            target_id=delivery.target_id,
            record_id=delivery.record_id,
            status=delivery.status,
            record_version=delivery.record_version,
            delivered_version=delivery.delivered_version,
            external_id=delivery.external_id,
            url=delivery.url,
            attempt=delivery.attempt,
            in_doubt_since=delivery.doubt.since if delivery.doubt else None,
            settles_at=delivery.doubt.settles_at if delivery.doubt else None,
            problems=list(delivery.problems),
            error=delivery.error,
            execution=delivery.run.execution if delivery.run else None,
            created_at=delivery.created_at,
            updated_at=delivery.updated_at,
        )


def _entry(prop: Property, entry: Entry) -> EntryRead:
    return EntryRead(
        property_id=prop.id,
        property_name=prop.name,
        expression=_expression(entry.expression),
        reason=entry.reason,
        score=entry.score,
        unknown_option=entry.unknown_option,
    )


def _expression(expression: expressions.Expression) -> AnyExpression:
    match expression:
        case expressions.Lookup(path=path, values=values, otherwise=otherwise):
            return LookupExpression(kind="lookup", path=path, values=dict(values), otherwise=_simple(otherwise))
        case _:
            return _simple(expression)


def _simple(expression: expressions.Simple) -> SimpleExpression:
    match expression:
        case expressions.FieldOf(path=path):
            return FieldExpression(kind="field", path=path)
        case expressions.Constant(value=value):
            return ConstantExpression(kind="constant", value=value)
        case expressions.Format(template=template):
            return FormatExpression(kind="format", template=template)
        case expressions.Nothing():
            return NothingExpression(kind="nothing")
        case _:
            assert_never(expression)
