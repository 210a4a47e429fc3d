"""What requests hold everywhere: rich text, dates, icons, covers and people.

The facts in this and the other modules of shapes are those of the request types in `@notionhq/client` 5.26.0
(November 2026) and of Notion's page on request limits. Where Notion takes more than those types say, as recorded
requests of June and July 2026 show, that is taken as well and said so.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.support.notion.shapes import Fields, Flag, Id, Items, Nullable, Tagged, Text, shown, words

SELECT_COLORS = words("default gray brown orange yellow green blue purple pink red")
COLORS = words([*SELECT_COLORS.values, *(f"{color}_background" for color in SELECT_COLORS.values)])  # type: ignore[list-item]
NOTICON_COLORS = words("gray lightgray brown yellow orange green blue purple pink red")
URL = Text(2000, "https://example.com/receipt")
EMAIL = Text(200, "somebody@example.com")
PHONE = Text(200, "+43 1 5550100")

_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?")


@dataclass(frozen=True, slots=True)
class Moment:
    """A date, or a time of it, in ISO 8601."""

    def faults(self, value: object, path: str) -> Iterator[str]:
        if not isinstance(value, str) or not _MOMENT.fullmatch(value):
            yield f"{path} should be a valid ISO 8601 date string, instead was {shown(value)}."

    def samples(self, spread: int) -> Iterator[str]:
        yield "2026-11-22"
        yield "2026-11-22T17:20:00.000+01:00"


DATE = Fields({"start": Moment()}, {"end": Nullable(Moment()), "time_zone": Nullable(Text(sample="Europe/Vienna"))})
USER = Fields({"id": Id()}, {"object": words("user")})
GROUP = Fields({"id": Id()}, {"object": words("group"), "name": Nullable(Text())})
BY_ID = Fields({"id": Id()})
EXTERNAL = Fields({"url": URL})

_ANNOTATIONS = Fields(
    optional={**dict.fromkeys(("bold", "italic", "strikethrough", "underline", "code"), Flag()), "color": COLORS}
)
CUSTOM_EMOJI = Fields({"id": Id()}, {"name": Text(), "url": Text()})
_TEMPLATE_MENTION = Tagged(
    {"template_mention_date": words("today now"), "template_mention_user": words("me")},
)
_MENTION = Tagged(
    {
        "user": USER,
        "date": DATE,
        "page": BY_ID,
        "database": BY_ID,
        "template_mention": _TEMPLATE_MENTION,
        "custom_emoji": CUSTOM_EMOJI,
    }
)
_LINK = Fields({"url": URL}, {"type": words("url")})  # the type is not in the types
RICH_TEXT = Items(
    Tagged(
        {
            "text": Fields({"content": Text(2000)}, {"link": Nullable(_LINK)}),
            "mention": _MENTION,
            "equation": Fields({"expression": Text(1000, "x^2")}),
        },
        # The last two are not in the types; Notion takes and forgets them.
        {"annotations": _ANNOTATIONS, "plain_text": Text(), "href": Nullable(Text())},
    )
)
ICON = Tagged(
    {
        "emoji": Text(sample="🧾"),
        "external": EXTERNAL,
        "file_upload": BY_ID,
        "custom_emoji": CUSTOM_EMOJI,
        "icon": Fields({"name": Text()}, {"color": NOTICON_COLORS}),
    }
)
COVER = Tagged({"external": EXTERNAL, "file_upload": BY_ID})
