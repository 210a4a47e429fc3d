"""Links and signed heads as they are exported and kept in files."""

from typing import Any
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from counterfoil.access.audit.domain import Head, Link
from counterfoil.access.audit.errors import HeadUnreadable
from counterfoil.access.domain import WorkspaceId


class SignedHead(BaseModel):
    """A head with our signature (Ed25519 over its statement, in base64)."""

    model_config = ConfigDict(extra="forbid")

    workspace: UUID
    position: int
    hash: str
    at: AwareDatetime
    signature: str

    @classmethod
    def of(cls, head: Head, signature: str) -> "SignedHead":
        return cls(workspace=head.workspace, position=head.position, hash=head.hash, at=head.at, signature=signature)

    @classmethod
    def read(cls, content: bytes) -> "SignedHead":
        """Return the head in a file.

        Raises:
            HeadUnreadable: there is none in it.
        """
        try:
            return cls.model_validate_json(content)
        except ValidationError:
            raise HeadUnreadable from None

    @property
    def head(self) -> Head:
        return Head(workspace=WorkspaceId(self.workspace), position=self.position, hash=self.hash, at=self.at)


def link_written(link: Link) -> dict[str, Any]:
    """Return a link as a line of an export."""
    entry = link.entry
    return {
        "position": link.position,
        "hash": link.hash,
        "id": str(entry.id),
        "at": entry.at.isoformat(),
        "actor": entry.actor,
        "action": entry.action,
        "subject": entry.subject,
        "address": entry.address,
        "details": dict(entry.details),
    }
