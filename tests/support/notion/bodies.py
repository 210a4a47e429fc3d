"""What the bodies of requests look like, in each version of the API. See `texts` for where the facts are from."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from tests.support.notion.block_shapes import append, block_change, blocks
from tests.support.notion.query_shapes import query
from tests.support.notion.shapes import (
    EMPTY,
    Either,
    Fields,
    Flag,
    Id,
    Items,
    Keyed,
    Nullable,
    Number,
    Shape,
    Tagged,
    Text,
    Word,
    words,
)
from tests.support.notion.texts import (
    BY_ID,
    COVER,
    DATE,
    EMAIL,
    EXTERNAL,
    GROUP,
    ICON,
    PHONE,
    RICH_TEXT,
    SELECT_COLORS,
    URL,
    USER,
)

OLD, SOURCES, NEWEST = VERSIONS = ("2022-06-28", "2025-09-03", "2026-03-11")

_OPTION_EXTRAS: Mapping[str, Shape] = {"color": SELECT_COLORS, "description": Nullable(Text())}
_OPTION = Either(
    (
        Fields({"id": Text()}, {"name": Text(), **_OPTION_EXTRAS}),
        Fields({"name": Text()}, {"id": Text(), **_OPTION_EXTRAS}),
    )
)
_FILE = Either(
    (
        Tagged({"file_upload": BY_ID}, {"name": Text()}),
        Fields({"external": EXTERNAL, "name": Text()}, {"type": words("external")}),
        Fields(
            {"file": Fields({"url": Text()}, {"expiry_time": Text()}), "name": Text()},
            {"type": words("file")},
        ),
    )
)
_NAMES = dict.fromkeys(("name", "address", "aws_place_id", "google_place_id"), Nullable(Text()))
VALUES: Mapping[str, Shape] = {
    "title": RICH_TEXT,
    "rich_text": RICH_TEXT,
    "number": Nullable(Number()),
    "url": Nullable(URL),
    "select": Nullable(_OPTION),
    "multi_select": Items(_OPTION),
    "people": Items(Either((GROUP, USER))),
    "email": Nullable(EMAIL),
    "phone_number": Nullable(PHONE),
    "date": Nullable(DATE),
    "checkbox": Flag(),
    # `has_more` is not in the types; Notion takes and forgets it.
    "relation": Items(Fields({"id": Id()})),
    "files": Items(_FILE),
    "status": Nullable(_OPTION),
    "place": Nullable(Fields({"lat": Number(), "lon": Number()}, _NAMES)),
    "verification": Either(
        (Fields({"state": words("unverified")}), Fields({"state": words("verified")}, {"date": DATE}))
    ),
}
"""What can be written into a page, by the type of the property."""

_PROPERTIES = Keyed(Tagged(VALUES, {"has_more": Flag()}))
_TITLE_ALONE = Fields({"title": RICH_TEXT})


class _Properties:
    """Values by the names or ids of properties, or the short form that Notion takes of a title alone."""

    def faults(self, value: object, path: str) -> Iterator[str]:
        short = isinstance(value, dict) and isinstance(value.get("title"), list)
        return (_TITLE_ALONE if short else _PROPERTIES).faults(value, path)

    def samples(self, spread: int) -> Iterator[Any]:
        yield from _TITLE_ALONE.samples(0)
        yield from _PROPERTIES.samples(spread)


_TEMPLATE = Either(
    (
        Fields({"type": words("default")}, {"timezone": Text()}),
        Fields({"type": words("template_id"), "template_id": Id()}, {"timezone": Text()}),
    )
)


@cache
def trash(version: str) -> tuple[str, ...]:
    """Return the keys that put something into the trash: `archived` is gone in 2026-03-11."""
    return ("in_trash",) if version >= NEWEST else ("in_trash", "archived")


@cache
def page_made(version: str) -> Shape:
    """Return the shape of a page to be made."""
    parents: dict[str, Shape] = {"page_id": Id(), "database_id": Id()}
    if version >= SOURCES:
        parents |= {"data_source_id": Id(), "workspace": Word((True,))}
    optional: dict[str, Shape] = {
        "properties": _Properties(),
        "icon": Nullable(ICON),
        "cover": Nullable(COVER),
        "children": blocks(),
        "content": blocks(),
        "markdown": Text(None),
        "allow_async": Flag(),
        "template": Either((Fields({"type": words("none")}), _TEMPLATE)),
        "position": Either(
            (
                Fields({"type": words("page_start page_end")}),
                Fields({"type": words("after_block"), "after_block": BY_ID}),
            )
        ),
    }
    return Fields({"parent": Tagged(parents)}, optional)


@cache
def page_changed(version: str) -> Shape:
    """Return the shape of a change of a page."""
    return Fields(
        optional={
            "properties": _Properties(),
            "icon": Nullable(ICON),
            "cover": Nullable(COVER),
            "is_locked": Flag(),
            "erase_content": Flag(),
            "template": _TEMPLATE,
            "is_archived": Flag(),
            **dict.fromkeys(trash(version), Flag()),
        }
    )


_FUNCTIONS = words(
    "count count_values empty not_empty unique show_unique percent_empty percent_not_empty sum average median min max "
    "range earliest_date latest_date date_range checked unchecked percent_checked percent_unchecked count_per_group "
    "percent_per_group show_original"
)
_OPTIONS = Fields(optional={"options": Items(_OPTION)})


def _related(parent: str) -> Shape:
    synced = Fields(optional={"synced_property_id": Text(), "synced_property_name": Text()})
    single = Fields({parent: Id(), "single_property": EMPTY}, {"type": words("single_property")})
    return Either((single, Fields({parent: Id(), "dual_property": synced}, {"type": words("dual_property")})))


def _rollup() -> Shape:
    ways = [
        (f"relation_property_{one}", f"rollup_property_{other}") for one in ("name", "id") for other in ("name", "id")
    ]
    return Either(tuple(Fields({"function": _FUNCTIONS, relation: Text(), of: Text()}) for relation, of in ways))


def _columns(version: str) -> Shape:
    plain = "title rich_text url people files email phone_number date checkbox created_by created_time last_edited_by"
    configs: dict[str, Shape] = {
        "number": Fields(optional={"format": Text(sample="euro")}),
        "formula": Fields(optional={"expression": Text()}),
        "select": _OPTIONS,
        "multi_select": _OPTIONS,
        "status": _OPTIONS,
        "relation": _related("database_id" if version < SOURCES else "data_source_id"),
        "rollup": _rollup(),
        "unique_id": Fields(optional={"prefix": Nullable(Text())}),
        **dict.fromkeys([*plain.split(), "last_edited_time", "place"], EMPTY),
    }
    renamed = Fields({"name": Text()})
    # `id` is not in the types.
    common: Mapping[str, Shape] = {"id": Text(), "name": Text(), "description": Nullable(Text())}
    return Keyed(Nullable(Either((renamed, Tagged(configs, common)))))


_PARENT = Either(
    (
        Fields({"type": words("workspace"), "workspace": Word((True,))}),
        Fields({"type": words("page_id"), "page_id": Id()}),
    )
)


@cache
def database_changed(version: str) -> Shape:
    """Return the shape of a change of a database, which had the properties until data sources came."""
    optional: dict[str, Shape] = {
        "title": RICH_TEXT,
        "description": RICH_TEXT,
        "is_inline": Flag(),
        "icon": Nullable(ICON) if version < SOURCES else ICON,
        "cover": Nullable(COVER) if version < SOURCES else COVER,
        **dict.fromkeys(trash(version), Flag()),
    }
    more: dict[str, Shape] = {"parent": _PARENT, "is_locked": Flag()}
    return Fields(optional=optional | ({"properties": _columns(version)} if version < SOURCES else more))


@cache
def source_changed(version: str) -> Shape:
    """Return the shape of a change of a data source."""
    return Fields(
        optional={
            "title": RICH_TEXT,
            "icon": Nullable(ICON),
            "properties": _columns(version),
            "parent": Tagged({"database_id": Id()}),
            **dict.fromkeys(trash(version), Flag()),
        }
    )


UPLOAD_MADE = Fields(
    optional={
        "mode": words("single_part multi_part external_url"),
        "filename": Text(sample="receipt.pdf"),
        "content_type": Text(sample="application/pdf"),
        "number_of_parts": Number(whole=True),
        "external_url": Text(sample="https://example.com/receipt.pdf"),
    }
)


@cache
def search(version: str) -> Shape:
    """Return the shape of a search."""
    found = words("page database" if version < SOURCES else "page data_source")
    trashed = {"in_trash": Flag()}
    by_kind = Fields({"property": words("object"), "value": found}, trashed if version >= SOURCES else {})
    newest_first = Fields({"timestamp": words("last_edited_time"), "direction": words("ascending descending")})
    return Fields(
        optional={
            "query": Text(),
            "sort": Either((Fields({"property": words("relevance")}), newest_first)),
            "filter": Either((Fields(trashed), by_kind)),
            "start_cursor": Nullable(Id()),
            "page_size": Number(whole=True, most=100),
        }
    )


def bodies(version: str) -> Mapping[str, Shape]:
    """Return the shapes of all bodies in a version, by the request."""
    old = version < SOURCES
    return {
        "POST pages": page_made(version),
        "PATCH pages": page_changed(version),
        "PATCH blocks": block_change(trash(version)),
        "PATCH children": append(version),
        "PATCH databases": database_changed(version),
        **({} if old else {"PATCH data_sources": source_changed(version)}),
        f"POST {'databases' if old else 'data_sources'}/query": query(version),
        "POST file_uploads": UPLOAD_MADE,
        "POST search": search(version),
    }
