"""Blocks: added below a page or another block, read, changed and deleted."""

from collections.abc import Sequence
from typing import Any

from tests.support.notion.block_shapes import MEDIA_BLOCKS, TEXT_BLOCKS, append, block_change
from tests.support.notion.bodies import trash
from tests.support.notion.calls import Call, page_of
from tests.support.notion.content import bot, kept, plain, shown_media
from tests.support.notion.errors import refuse
from tests.support.notion.schemas import trashed
from tests.support.notion.store import Block, Json, Page, moment, plain_id
from tests.support.notion.uploads import attach, media_type

MOST = 1000
_MADE_OF = {"image": ("image/",), "pdf": ("application/pdf",), "video": ("video/",), "audio": ("audio/", "video/mp4")}
_DEFAULTS: dict[str, Json] = {
    **{kind: {"color": "default"} for kind in TEXT_BLOCKS},
    **{f"heading_{level}": {"color": "default", "is_toggleable": False} for level in range(1, 5)},
    "to_do": {"color": "default", "checked": False},
    "paragraph": {"color": "default", "icon": None},
    "callout": {"color": "default", "icon": None},
    "code": {"caption": []},
    "table": {"has_column_header": False, "has_row_header": False},
    **{kind: {"caption": []} for kind in (*MEDIA_BLOCKS, "embed", "bookmark")},
}


def append_children(call: Call) -> Json:
    """Add blocks at the end, or after one of those that are there."""
    call.need("insert_content")
    body = call.json(append(call.version))
    parent = call.store.node(call.connection, call.ids[0])
    _refuse_trash(call, parent)
    made = add_blocks(call, parent, body["children"], _place(parent, body))
    return page_of([shown_block(call, one) for one in made], {}, "block")


def list_children(call: Call) -> Json:
    """Return the blocks of a page or a block."""
    call.need("read_content")
    parent = call.store.node(call.connection, call.ids[0])
    children = [call.store.nodes[child] for child in parent.children]
    shown = [shown_block(call, child) for child in children if not child.in_trash]
    return page_of(shown, call.paging(), "block")


def retrieve_block(call: Call) -> Json:
    """Return a block."""
    call.need("read_content")
    return shown_block(call, call.store.node(call.connection, call.ids[0]))


def change_block(call: Call) -> Json:
    """Change what a block holds, or put it into the trash and back."""
    call.need("update_content")
    body = call.json(block_change(trash(call.version)))
    node = call.store.node(call.connection, call.ids[0])
    to_trash = trashed(call, body, default=node.in_trash)
    if node.in_trash and to_trash:
        _refuse_trash(call, node)
    kind = next((key for key in body if key not in {"type", "in_trash", "archived"}), None)
    if kind is not None:
        _change(call, node, kind, body[kind])
    node.in_trash = to_trash
    node.changed_at, node.changed_by = call.store.now(), call.connection.bot_id
    return shown_block(call, node)


def delete_block(call: Call) -> Json:
    """Put a block or a page into the trash."""
    call.need("update_content")
    node = call.store.node(call.connection, call.ids[0])
    _refuse_trash(call, node)
    node.in_trash = True
    node.changed_at, node.changed_by = call.store.now(), call.connection.bot_id
    return shown_block(call, node)


def add_blocks(call: Call, parent: Page | Block, children: Sequence[Json], at: int | None = None) -> list[Block]:
    """Add blocks with all that is below them; either all can be made or none is."""
    if _count(children) > MOST:
        refuse(f"body failed validation: body.children should hold at most {MOST} blocks.")
    made: list[Block] = []
    top = [_made(call, parent.id, child, made) for child in children]
    call.store.nodes.update({block.id: block for block in made})
    at = len(parent.children) if at is None else at
    parent.children[at:at] = [block.id for block in top]
    return top


def _made(call: Call, parent_id: str, child: Json, made: list[Block]) -> Block:
    now, me = call.store.now(), call.connection.bot_id
    kind = next(key for key in child if key not in {"object", "type"})
    content = {key: value for key, value in child[kind].items() if key != "children"}
    content = {**_DEFAULTS.get(kind, {}), **kept(content, call.store)}
    block = Block(
        parent_id=parent_id, made_by=me, made_at=now, changed_by=me, changed_at=now, type=kind, content=content
    )
    _attach(call, block)
    _check_table(child, kind)
    made.append(block)
    block.children = [_made(call, block.id, below, made).id for below in child[kind].get("children", ())]
    return block


def _count(children: Sequence[Json]) -> int:
    return sum(
        1 + _count(value.get("children", ()))
        for child in children
        for value in child.values()
        if isinstance(value, dict)
    )


def _check_table(child: Json, kind: str) -> None:
    if kind != "table":
        return
    width = child["table"]["table_width"]
    rows = child["table"]["children"]
    if not rows or any(len(row["table_row"]["cells"]) != width for row in rows):
        refuse("Number of cells in table row must match the table width of the parent table.")


def _attach(call: Call, block: Block) -> None:
    if block.type not in MEDIA_BLOCKS:
        return
    kind = "file_upload" if "file_upload" in block.content else "external"
    block.content["type"] = kind
    if kind == "external":
        name = block.content["external"]["url"].rpartition("/")[2]
    else:
        upload = attach(call.store, call.connection, block.content["file_upload"]["id"])
        name = upload.filename or ""
        kinds = _MADE_OF.get(block.type, ("",))
        if not media_type(call.store, upload.id).startswith(kinds):
            refuse(f"A file of the type {upload.content_type} cannot be in a block of the type {block.type}.")
    if block.type == "file":
        block.content.setdefault("name", name)


def _place(parent: Page | Block, body: Json) -> int:
    position = body.get("position") or {"type": "after_block", "after_block": {"id": body.get("after")}}
    if position["type"] == "start":
        return 0
    after = position.get("after_block", {}).get("id")
    if after is None:
        return len(parent.children)
    if plain_id(after) not in parent.children:
        refuse(f"Block {after} is not a child of {parent.id}.")
    return parent.children.index(plain_id(after)) + 1


def _refuse_trash(call: Call, node: Page | Block) -> None:
    if call.store.in_trash(node):
        refuse("Can't edit block that is archived. You must unarchive the block before editing.")


def _change(call: Call, node: Page | Block, kind: str, change: Json) -> None:
    if not isinstance(node, Block) or node.type != kind:
        refuse(f"body failed validation: body.{kind} should be not present: the block is of another type.")
    if kind in MEDIA_BLOCKS and {"external", "file_upload"} & set(change):
        node.content = {key: value for key, value in node.content.items() if key not in {"external", "file_upload"}}
    node.content = {**node.content, **kept(change, call.store)}
    _attach(call, node)


def shown_block(call: Call, node: Page | Block) -> Json:
    """Return a block as it is read; a page among blocks is its title."""
    store = call.store
    kind, content = ("child_page", _as_child(node)) if isinstance(node, Page) else (node.type, _shown(call, node))
    above = store.nodes.get(node.parent_id)
    parent = "block_id" if isinstance(above, Block) else "page_id"
    return {
        "object": "block",
        "id": node.id,
        "parent": {"type": parent, parent: node.parent_id},
        "created_time": moment(node.made_at),
        "last_edited_time": moment(node.changed_at),
        "created_by": bot(node.made_by),
        "last_edited_by": bot(node.changed_by),
        "has_children": any(not store.nodes[child].in_trash for child in node.children),
        **call.trash(store.in_trash(node)),
        "type": kind,
        kind: content,
    }


def _as_child(page: Page) -> Json:
    return {"title": plain(page.values.get("title") or [])}


def _shown(call: Call, block: Block) -> Any:
    if block.type in MEDIA_BLOCKS:
        return shown_media(block.content, call.store)
    return block.content
