"""The shapes in which n8n calls back."""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, Field

_NO_NUL = r"^[^\x00]*$"


def _word(given: object) -> object:
    """Take a number for its digits: what n8n calls an execution is a number to some of its nodes."""
    return str(given) if isinstance(given, int) and not isinstance(given, bool) else given


Word: TypeAlias = Annotated[str, BeforeValidator(_word), Field(max_length=200, pattern=_NO_NUL)]


class CallbackCreate(BaseModel):
    """How a run of the workflow ended. More than this may be said, and is not heard."""

    status: Literal["success", "failure"] = Field(description="Whether there is a page.", examples=["success"])
    message: str | None = Field(
        default=None,
        max_length=2000,
        pattern=_NO_NUL,
        description="What a person reads.",
        examples=["Receipt processed and saved to Notion."],
    )
    notion_page_url: str | None = Field(
        default=None,
        max_length=2000,
        pattern=r"^https?://[^\s\x00]+$",
        description="Where the page is.",
        examples=["https://www.notion.so/0123456789abcdef0123456789abcdef"],
    )
    notion_page_id: Word | None = Field(
        default=None, description="The page's id.", examples=["01234567-89ab-cdef-0123-456789abcdef"]
    )
    stage: Word | None = Field(default=None, description="Where the run failed.", examples=["Map Receipt"])
    execution_id: Word | None = Field(default=None, description="What n8n calls the run.", examples=["231"])
    fields: dict[str, Any] | None = Field(
        default=None, description="What was written, by the names of the properties.", examples=[{"Total": 12.3}]
    )


class CallbackRead(BaseModel):
    """That n8n was heard."""

    status: Literal["received"] = Field(default="received", description="It was.", examples=["received"])
