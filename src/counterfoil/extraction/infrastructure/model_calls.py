"""Calls of the model in SQL.

Costs are whole billionths of a dollar, so that both databases add them up exactly.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, Uuid, delete, func, insert, select, update
from sqlalchemy.orm import Mapped, mapped_column

from counterfoil.access.domain import WorkspaceId
from counterfoil.documents.domain import Sha256
from counterfoil.extraction.model.domain import (
    LEAST_COST,
    CallState,
    Ending,
    Fault,
    ModelCall,
    ModelCallId,
    Purpose,
    Subject,
    Tokens,
)
from counterfoil.foundation.database import Row, Transaction
from counterfoil.foundation.paging import Page, Paging

_LOCK = 0x0C0F_0003


class ModelCallRow(Row):
    """A call of a model, written before it is made."""

    __tablename__ = "model_calls"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("workspaces.id", ondelete="CASCADE"))
    purpose: Mapped[str] = mapped_column(server_default=Purpose.READING)
    sha256: Mapped[str]
    model: Mapped[str]
    prompt_version: Mapped[str]
    state: Mapped[str]
    fault: Mapped[str | None]
    input_tokens: Mapped[int] = mapped_column(BigInteger)
    output_tokens: Mapped[int] = mapped_column(BigInteger)
    cost_nanodollars: Mapped[int] = mapped_column(BigInteger)
    answer: Mapped[dict[str, Any] | None]
    begun_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        Index("model_calls_of_workspace", "workspace_id", "id"),
        Index("model_calls_about", "workspace_id", "sha256"),
        Index("model_calls_by_day", "workspace_id", "begun_at"),
    )


class SqlModelCallStore:
    """Remembers calls in SQL."""

    def hold(self, tx: Transaction, workspace: WorkspaceId) -> None:
        """Wait for those who are adding up; on SQLite, who writes is alone anyway."""
        if tx.dialect == "postgresql":
            tx.execute(select(func.pg_advisory_xact_lock(_LOCK, func.hashtext(str(workspace)))))

    def about(self, tx: Transaction, subject: Subject) -> Sequence[ModelCall]:
        query = select(*ModelCallRow.__table__.columns).where(
            ModelCallRow.workspace_id == subject.workspace,
            ModelCallRow.purpose == subject.purpose,
            ModelCallRow.sha256 == subject.sha256,
            ModelCallRow.model == subject.model,
            ModelCallRow.prompt_version == subject.prompt_version,
        )
        return [_call(row) for row in tx.execute(query.order_by(ModelCallRow.id))]

    def spent(self, tx: Transaction, workspace: WorkspaceId, since: datetime) -> Decimal:
        query = select(func.sum(ModelCallRow.cost_nanodollars)).where(
            ModelCallRow.workspace_id == workspace, ModelCallRow.begun_at >= since
        )
        return _dollars(int(tx.execute(query).scalar_one() or 0))

    def add(self, tx: Transaction, call: ModelCall) -> None:
        row = {
            "id": call.id,
            "workspace_id": call.workspace,
            "purpose": call.purpose,
            "sha256": call.sha256,
            "model": call.model,
            "prompt_version": call.prompt_version,
            "state": call.state,
            "fault": call.fault,
            "input_tokens": call.tokens.input,
            "output_tokens": call.tokens.output,
            "cost_nanodollars": _nanodollars(call.cost),
            "answer": call.answer,
            "begun_at": call.begun_at,
            "ended_at": call.ended_at,
        }
        tx.execute(insert(ModelCallRow), row)

    def end(self, tx: Transaction, call: ModelCall, ending: Ending, at: datetime) -> None:
        """Note how a call ended. An answer that comes after the call was given up is still an answer."""
        values = {
            "state": ending.state,
            "fault": ending.fault,
            "input_tokens": ending.tokens.input,
            "output_tokens": ending.tokens.output,
            "answer": ending.answer,
            "ended_at": at,
        }
        if ending.cost is not None:
            values["cost_nanodollars"] = _nanodollars(ending.cost)
        tx.execute(update(ModelCallRow).where(*_this(call)).values(values))

    def withdraw(self, tx: Transaction, call: ModelCall) -> None:
        tx.execute(delete(ModelCallRow).where(*_this(call)))

    def page(self, tx: Transaction, workspace: WorkspaceId, paging: Paging) -> Page[ModelCall]:
        query = select(*ModelCallRow.__table__.columns).where(ModelCallRow.workspace_id == workspace)
        if paging.after:
            query = query.where(ModelCallRow.id < paging.after)
        rows = tx.execute(query.order_by(ModelCallRow.id.desc()).limit(paging.limit + 1)).all()
        return Page.of([_call(row) for row in rows], paging, lambda call: call.id)


def _this(call: ModelCall) -> tuple[Any, ...]:
    return ModelCallRow.workspace_id == call.workspace, ModelCallRow.id == call.id


def _nanodollars(cost: Decimal) -> int:
    return int(cost / LEAST_COST)


def _dollars(nanodollars: int) -> Decimal:
    return (nanodollars * LEAST_COST).normalize()


def _call(row: Any) -> ModelCall:
    return ModelCall(
        id=ModelCallId(row.id),
        workspace=WorkspaceId(row.workspace_id),
        purpose=Purpose(row.purpose),
        sha256=Sha256(row.sha256),
        model=row.model,
        prompt_version=row.prompt_version,
        state=CallState(row.state),
        fault=Fault(row.fault) if row.fault else None,
        tokens=Tokens(input=row.input_tokens, output=row.output_tokens),
        cost=_dollars(row.cost_nanodollars),
        answer=row.answer,
        begun_at=row.begun_at,
        ended_at=row.ended_at,
    )
