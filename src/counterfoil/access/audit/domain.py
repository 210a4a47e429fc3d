"""The entries of the audit log and the chain that holds them.

Each link's hash covers its entry and the hash before it: who changes one entry has to change all hashes after it. A
signed head says what the last hash was; whoever keeps one can tell whether the chain still leads through it.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeAlias
from uuid import UUID

from counterfoil.access.domain import WorkspaceId

Json: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One act: `actor` did `action` to `subject`, from `address`. `details` hold no secrets and no content."""

    id: UUID
    workspace: WorkspaceId
    at: datetime
    actor: str
    action: str
    subject: str | None = None
    address: str | None = None
    details: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """An entry at its place in its workspace's chain. `position` counts from 1; `hash` is SHA-256 in hex."""

    entry: Entry
    position: int
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Where a workspace's chain ended at a moment."""

    workspace: WorkspaceId
    position: int
    hash: str
    at: datetime

    @property
    def statement(self) -> bytes:
        """What is signed of it."""
        return _canonical(
            {"at": _time(self.at), "hash": self.hash, "position": self.position, "workspace": str(self.workspace)}
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """Where a chain does not hold, and why."""

    position: int
    sentence: str


def start_of(workspace: WorkspaceId) -> str:
    """Return what stands in for the hash before a workspace's first link."""
    return hashlib.sha256(b"counterfoil audit log of " + workspace.bytes).hexdigest()


def linked(entry: Entry, position: int, previous: str) -> Link:
    """Return an entry as the next link of a chain whose last hash is `previous`."""
    content = {
        "action": entry.action,
        "actor": entry.actor,
        "address": entry.address,
        "at": _time(entry.at),
        "details": entry.details,
        "id": str(entry.id),
        "position": position,
        "previous": previous,
        "subject": entry.subject,
        "workspace": str(entry.workspace),
    }
    return Link(entry=entry, position=position, hash=hashlib.sha256(_canonical(content)).hexdigest())


def first_break(workspace: WorkspaceId, links: Iterable[Link], heads: Iterable[Head] = ()) -> Break | None:
    """Return where a whole chain, in its order, does not hold; None if it does and leads through all the heads."""
    expected = {head.position: head.hash for head in heads}
    previous, position = start_of(workspace), 0
    for link in links:
        position += 1
        if link.position != position:
            return Break(position=position, sentence=f"Entry {position} is missing.")
        if link.hash != linked(link.entry, position, previous).hash:
            return Break(position=position, sentence=f"Entry {position} is not as it was written.")
        if expected.pop(position, link.hash) != link.hash:
            return Break(position=position, sentence=f"The log was written anew up to entry {position}.")
        previous = link.hash
    if expected:
        return Break(position=position + 1, sentence=f"The log ends before entry {min(expected)}, which it once had.")
    return None


def _canonical(content: Json) -> bytes:
    """Return content as the same bytes always, whatever database it comes from."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
