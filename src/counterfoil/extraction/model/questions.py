"""What a model is asked, and the form in which it has to answer."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel

from counterfoil.extraction.model.domain import Purpose

AnswerT = TypeVar("AnswerT", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question(Generic[AnswerT]):
    """What is the same for all calls of a kind, or for one: what the model is told, and what it answers with.

    `most_input` are the tokens that all of it takes, at most, by any provider's count; pictures come on top.
    """

    purpose: Purpose
    version: str
    """Answers to another version are not used again; it changes with the instructions and with the answer's form."""
    instructions: str
    text: str
    answer: type[AnswerT]
    most_input: int
