"""How API keys look over HTTP. Nothing of the secret goes out but its last signs, save once, when it is made."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from counterfoil.access.domain import Permission
from counterfoil.access.keys.domain import LONGEST_NAME, ApiKey, Secret

_NAME = Field(description="What people call it; several may have one name.", examples=["n8n mailbox"])
_PERMISSIONS = Field(
    description="What it may do, at most what its maker may.",
    examples=[["documents:write", "jobs:read"]],
    json_schema_extra={"items": {"type": "string", "enum": [str(one) for one in sorted(Permission)]}},
)
_EXPIRES_AT = Field(description="From when on it lets nobody in; null for never.", examples=["2027-03-01T12:00:00Z"])


class ApiKeyCreate(BaseModel):
    """An API key that is to be made."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_NAME, strip_whitespace=True), _NAME]
    permissions: Annotated[list[str], Field(min_length=1, max_length=100), _PERMISSIONS]
    expires_at: Annotated[AwareDatetime | None, _EXPIRES_AT] = None


class ApiKeyRead(BaseModel):
    """An API key as it stands now."""

    id: UUID = Field(description="The key's id.", examples=["01950000-0000-7000-8000-000000000001"])
    name: Annotated[str, _NAME]
    permissions: Annotated[list[str], _PERMISSIONS]
    hint: str = Field(description="The last four signs of its secret, to recognise it by.", examples=["3xQa"])
    created_by: str = Field(
        description="Who made it: a user, a key, or nobody who is known.",
        examples=["user:01950000-0000-7000-8000-000000000002"],
    )
    created_at: datetime = Field(description="When it was made.", examples=["2026-03-01T12:00:00Z"])
    expires_at: Annotated[datetime | None, _EXPIRES_AT]
    last_used_at: datetime | None = Field(
        description="When it last let a program in, to the minute; null if it never did.",
        examples=["2026-03-02T08:15:00Z"],
    )
    revoked_at: datetime | None = Field(description="When it was revoked, if it was.", examples=[None])

    @classmethod
    def of(cls, key: ApiKey) -> Self:
        return cls(
            id=key.id,
            name=key.name,
            permissions=sorted(key.permissions),
            hint=key.hint,
            created_by=key.created_by,
            created_at=key.created_at,
            expires_at=key.expires_at,
            last_used_at=key.last_used_at,
            revoked_at=key.revoked_at,
        )


class ApiKeyMade(ApiKeyRead):
    """A new API key, and its secret, which is not shown again."""

    secret: str = Field(
        repr=False,
        description="What the program sends: `Authorization: Bearer` and this. It cannot be had again.",
        examples=["cfk_…"],
    )

    @classmethod
    def with_secret(cls, key: ApiKey, secret: Secret) -> Self:
        return cls(**ApiKeyRead.of(key).model_dump(), secret=secret.text)
