"""What blocks look like in requests: those that are appended, two levels deep, and those that change one.

See `texts` for where the facts are from.
"""

from collections.abc import Mapping
from functools import cache

from tests.support.notion.shapes import (
    EMPTY,
    Either,
    Fields,
    Flag,
    Id,
    Items,
    Later,
    Nullable,
    Number,
    Shape,
    Tagged,
    Text,
    Word,
    words,
)
from tests.support.notion.texts import BY_ID, COLORS, EXTERNAL, ICON, RICH_TEXT, URL

_ONE_WORD = words(
    "abap abc agda arduino assembly bash basic bnf c c# c++ clojure coffeescript coq css dart dhall diff docker "
    "ebnf elixir elm erlang f# flow fortran gherkin glsl go graphql groovy haskell hcl html idris java javascript "
    "json julia kotlin latex less lisp livescript lua makefile markdown markup matlab mathematica mermaid nix "
    "objective-c ocaml pascal perl php powershell prolog protobuf purescript python r racket reason ruby rust sass "
    "scala scheme scss shell smalltalk solidity sql swift toml typescript vb.net verilog vhdl webassembly xml yaml "
    "java/c/c++/c# "
)
LANGUAGES = Word((*_ONE_WORD.values, "ascii art", "llvm ir", "notion formula", "plain text", "visual basic"))
_TEXT = {"rich_text": RICH_TEXT}
_HEADINGS = ("heading_1", "heading_2", "heading_3", "heading_4")
_MEDIA = ("image", "video", "pdf", "audio")
_COMMON: Mapping[str, Shape] = {"object": words("block")}
_LINK = Tagged({"page_id": Id(), "database_id": Id(), "comment_id": Id()})
_SYNCED_FROM = Nullable(Tagged({"block_id": Id()}))
_ROW = Fields({"cells": Items(RICH_TEXT)})
_CAPTION: Mapping[str, Shape] = {"caption": RICH_TEXT}

# What text blocks have besides their text, each a key that may be left out.
_EXTRAS: Mapping[str, Mapping[str, Shape]] = {
    **{kind: {"color": COLORS, "is_toggleable": Flag()} for kind in _HEADINGS},
    **{kind: {"color": COLORS} for kind in ("bulleted_list_item", "numbered_list_item", "quote", "toggle")},
    "paragraph": {"color": COLORS, "icon": ICON},
    "to_do": {"color": COLORS, "checked": Flag()},
    "callout": {"color": COLORS, "icon": ICON},
    "template": {},
}
TEXT_BLOCKS = tuple(_EXTRAS)
MEDIA_BLOCKS = (*_MEDIA, "file")


def _media(**more: Shape) -> Shape:
    return Tagged({"external": EXTERNAL, "file_upload": BY_ID}, {**_CAPTION, **more})


_LEAVES: Mapping[str, Shape] = {
    **dict.fromkeys(_MEDIA, _media()),
    "file": _media(name=Text()),
    **dict.fromkeys(("embed", "bookmark"), Fields({"url": URL}, _CAPTION)),
    "code": Fields({**_TEXT, "language": LANGUAGES}, _CAPTION),
    "equation": Fields({"expression": Text(1000)}),
    "divider": EMPTY,
    "breadcrumb": EMPTY,
    "table_of_contents": Fields(optional={"color": COLORS}),
    "link_to_page": _LINK,
    "table_row": _ROW,
}
_TABLE = Fields(
    {"table_width": Number(whole=True), "children": Items(Tagged({"table_row": _ROW}, _COMMON))},
    {"has_column_header": Flag(), "has_row_header": Flag()},
)


@cache
def blocks(below: int = 2) -> Shape:
    """Return the shape of a list of blocks that may have so many levels of children."""
    children: Mapping[str, Shape] = {"children": Later(lambda: blocks(below - 1))} if below else {}
    variants: dict[str, Shape] = {
        **{kind: Fields(_TEXT, {**extras, **children}) for kind, extras in _EXTRAS.items()},
        "synced_block": Fields({"synced_from": _SYNCED_FROM}, children),
        **_LEAVES,
    }
    if below:
        variants |= {"table": _TABLE, "tab": Fields({"children": Later(lambda: _tabs(below - 1))})}
    if below == 2:
        column = Fields({"children": Later(lambda: blocks(1))}, {"width_ratio": Number()})
        variants |= {"column": column, "column_list": Fields({"children": Items(Tagged({"column": column}, _COMMON))})}
    return Items(Tagged(variants, _COMMON))


def _tabs(below: int) -> Shape:
    children: Mapping[str, Shape] = {"children": blocks(below - 1)} if below else {}
    return Items(Tagged({"paragraph": Fields(_TEXT, {**_EXTRAS["paragraph"], **children})}, _COMMON))


def _change(kind: str) -> Shape:
    text_is_optional = kind in {"paragraph", "to_do", "callout"}
    return Fields({} if text_is_optional else _TEXT, {**(_TEXT if text_is_optional else {}), **_EXTRAS[kind]})


@cache
def block_change(trash: tuple[str, ...]) -> Shape:
    """Return the shape of a change of a block; `trash` are the keys that may put it into the trash."""
    media = Fields(optional={**_CAPTION, "external": EXTERNAL, "file_upload": BY_ID})
    variants: dict[str, Shape] = {
        **_LEAVES,
        **{kind: _change(kind) for kind in _EXTRAS},
        **dict.fromkeys(_MEDIA, media),
        "file": Fields(optional={**media.optional, "name": Text()}),
        **dict.fromkeys(("embed", "bookmark"), Fields(optional={"url": URL, **_CAPTION})),
        "code": Fields(optional={**_TEXT, "language": LANGUAGES, **_CAPTION}),
        "synced_block": Fields({"synced_from": _SYNCED_FROM}),
        "table": Fields(optional={"has_column_header": Flag(), "has_row_header": Flag()}),
        "column": Fields(optional={"width_ratio": Number()}),
        "tab": EMPTY,
    }
    return Tagged(variants, dict.fromkeys(trash, Flag()), bare=True)


def append(version: str) -> Shape:
    """Return the shape of an append: `after` until 2025-09-03, `position` from 2026-03-11 on."""
    at: Mapping[str, Shape] = {"after": Id()}
    if version >= "2026-03-11":
        position = Either(
            (
                Fields({"type": words("start end")}),
                Fields({"type": words("after_block"), "after_block": BY_ID}),
            )
        )
        at = {"position": position}
    return Fields({"children": blocks()}, at)
