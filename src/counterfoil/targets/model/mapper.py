"""Improves what the rules have planned by a model's answer, as far as there is one and it can be carried out."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import structlog

from counterfoil.access.domain import WorkspaceId
from counterfoil.extraction.model.asking import ModelAsking
from counterfoil.extraction.model.domain import (
    AskedInVain,
    BudgetSpent,
    CallUnderWay,
    ModelRejected,
    ModelSilent,
    ModelUnavailable,
    ModelUnreachable,
)
from counterfoil.jobs.limits.domain import BreakerOpen, RateLimited
from counterfoil.targets.domain import Author, Entries, Entry, OptionPolicy, Property, PropertyId, Schema
from counterfoil.targets.model.answer import PlanAnswer, Proposal, Unfit
from counterfoil.targets.model.question import Asked, asked_about
from counterfoil.targets.planning import problems

SCORE: Final = 0.7
"""How sure a model's proposals are taken to be, whatever it says of itself: a judgement, not counted."""

_NO_TIME: Final = (CallUnderWay, RateLimited, BreakerOpen)
_NO_ANSWER: Final = (ModelUnavailable, ModelUnreachable, ModelSilent, ModelRejected, AskedInVain, BudgetSpent)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Improved:
    """A plan's entries as a model left them. `problem` says why it was of no help, if it was asked for any."""

    entries: Entries
    made_by: Author = Author.RULES
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelMapper:
    """Asks a model about what the rules left open or are unsure of, all of a table in one call."""

    asking: ModelAsking

    def improve(self, workspace: WorkspaceId, schema: Schema, entries: Entries) -> Improved:
        """Return the entries with what the model proposes and can be carried out; without it, they stand.

        Why it is so is said in each entry that was asked about. Call this outside of a transaction: it may take as long
        as the model may.
        """
        asked = asked_about(schema, entries)
        if asked is None:
            return Improved(entries=entries)
        try:
            answer, use = self.asking.ask(workspace, asked.sha256, asked.question)
        except (*_NO_TIME, *_NO_ANSWER) as error:
            problem = f"No model helped: {_why(error)}."
            log.warning("mapped_without_model", error=error.code, problem=problem)
            return Improved(entries=_noted(entries, dict.fromkeys(asked.keys, problem)), problem=problem)
        improved = _merged(schema, entries, asked, answer)
        taken = [one for one in asked.keys if improved[one].expression != entries[one].expression]
        log.info("model_mapped", asked=len(asked.keys), taken=len(taken), cost=str(use.cost), kept=use.kept)
        return Improved(entries=improved, made_by=Author.MODEL if taken else Author.RULES)


def _why(error: Exception) -> str:
    match error:
        case CallUnderWay():
            return "it is being asked the same just now"
        case RateLimited():
            return "it may not be asked so often"
        case BreakerOpen():
            return "its provider has failed several times in a row"
        case _:
            return str(getattr(error, "why", error))


def _merged(schema: Schema, entries: Entries, asked: Asked, answer: PlanAnswer) -> Entries:
    left_out = dict.fromkeys(asked.left_out, "There was no room to ask a model about it.")
    by_id = schema.by_id
    decided = {one: _decided(by_id[one], entries[one], answer.of(key)) for one, key in asked.keys.items()}
    return {**_noted(entries, left_out), **decided}


def _decided(prop: Property, before: Entry, said: Proposal | None) -> Entry:
    """Return the entry of a column after a model was asked about it."""
    if said is None:
        return _note(before, "A model said nothing of it.")
    if isinstance(said, Unfit):
        return _note(before, "What a model proposed cannot be.")
    proposed = _proposed(prop, said)
    if not proposed.fills:
        return _note(before, _because("A model found nothing that surely fills it", said))
    if proposed.expression == before.expression:
        return _note(before, "A model proposed the same.")
    if wrong := problems(Schema(properties=(prop,)), {prop.id: proposed}):
        log.warning("proposal_refused", property_id=prop.id, problems=wrong)
        return _note(before, "What a model proposed cannot be.")
    return proposed


def _proposed(prop: Property, said: Proposal) -> Entry:
    """Return what a model proposes as an entry, which makes no new options beside those that people have made."""
    return Entry(
        expression=said.expression(),
        reason=_because("A model proposed it", said),
        score=SCORE,
        unknown_option=OptionPolicy.NEAREST if prop.options else OptionPolicy.ADD,
    )


def _because(what: str, said: Proposal) -> str:
    return f"{what}: “{said.reason}”" if said.reason else f"{what}."


def _noted(entries: Entries, notes: Mapping[PropertyId, str]) -> Entries:
    return {one: _note(entry, notes[one]) if one in notes else entry for one, entry in entries.items()}


def _note(entry: Entry, note: str) -> Entry:
    return replace(entry, reason=f"{entry.reason} {note}")
