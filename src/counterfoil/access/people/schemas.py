"""How people, their sessions and their workspaces look over HTTP."""

from datetime import datetime
from typing import Annotated, Self, TypeAlias
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr
from pydantic_core import PydanticCustomError

from counterfoil.access.domain import Permission, Role
from counterfoil.access.people.domain import Belonging, Link, Member, Session, SessionId, User

_ID = "019c1d5e-0000-7000-8000-000000000000"
_MOMENT = "2026-03-01T12:00:00Z"


def _whole(secret: SecretStr) -> SecretStr:
    """Refuse halves of signs, which JSON can hold and UTF-8 cannot."""
    try:
        secret.get_secret_value().encode()
    except UnicodeEncodeError:
        raise PydanticCustomError("password", "it holds half a sign") from None
    return secret


Email: TypeAlias = Annotated[
    str, Field(max_length=1000, description="An email address, in any case.", examples=["name@example.com"])
]
Name: TypeAlias = Annotated[str, Field(max_length=1000, description="What people call it.", examples=["First Last"])]
Password: TypeAlias = Annotated[
    SecretStr,
    AfterValidator(_whole),
    Field(max_length=1000, description="The password, of any characters.", examples=["four words or more"]),
]
Proof: TypeAlias = Annotated[
    SecretStr, Field(max_length=200, description="What stands behind the # of the link.", examples=["k3v…"])
]


class _Strict(BaseModel):
    """What comes in: a key that nobody reads is a mistake worth telling."""

    model_config = ConfigDict(extra="forbid")


class FirstStartCreate(_Strict):
    """The first user, who will own the default workspace."""

    ticket: Proof
    email: Email
    name: Name
    password: Password


class LogInCreate(_Strict):
    """Who wants to log in."""

    email: Email
    password: Password


class PasswordPatch(_Strict):
    """A new password in place of the old one."""

    old: Password
    new: Password


class ResetCreate(_Strict):
    """A new password in place of one that was lost."""

    ticket: Proof
    password: Password


class InvitationAccept(_Strict):
    """Who comes by an invitation: with a new password, or with theirs if they have one."""

    ticket: Proof
    password: Password
    name: Name = ""


class UserRead(BaseModel):
    """Who somebody is."""

    id: UUID = Field(description="The user's id.", examples=[_ID])
    email: Email
    name: Name

    @classmethod
    def of(cls, user: User) -> Self:
        return cls(id=user.id, email=user.email, name=user.name)


class WorkspaceRead(BaseModel):
    """A workspace, and what who asks may do there."""

    id: UUID = Field(description="The workspace's id, for X-Workspace.", examples=[_ID])
    name: Name
    role: Role = Field(description="What you are there.", examples=["owner"])
    permissions: list[Permission] = Field(description="What you may do there.", examples=[["documents:read"]])

    @classmethod
    def of(cls, belonging: Belonging) -> Self:
        return cls(
            id=belonging.workspace,
            name=belonging.name,
            role=belonging.role,
            permissions=sorted(belonging.role.permissions),
        )


class WorkspacesRead(BaseModel):
    """The workspaces of who asks."""

    items: list[WorkspaceRead] = Field(description="The workspaces, the one joined first before others.")


class WorkspaceCreate(_Strict):
    """A workspace to make, or its new name."""

    name: Annotated[str, Field(max_length=1000, description="What people call it.", examples=["Acme"])]


class WorkspaceNamed(BaseModel):
    """A workspace and its name."""

    id: UUID = Field(description="The workspace's id.", examples=[_ID])
    name: Annotated[str, Field(description="What people call it.", examples=["Acme"])]


class StateRead(BaseModel):
    """Whether there are users yet, and who asks."""

    set_up: bool = Field(
        description="Whether there is a user; without one, the first start is to be made.", examples=[True]
    )
    user: UserRead | None = Field(description="Who is logged in; null if nobody is.")
    workspace: UUID | None = Field(
        description="The workspace that this request works in; null without one.", examples=[_ID]
    )
    workspaces: list[WorkspaceRead] = Field(description="Where the user is a member.")


class SessionRead(BaseModel):
    """A log-in that lasts."""

    id: UUID = Field(description="The session's id.", examples=[_ID])
    device: str = Field(description="How the browser calls itself.", examples=["Mozilla/5.0 …"])
    created_at: datetime = Field(description="When it began.", examples=[_MOMENT])
    last_seen_at: datetime = Field(description="When it was used last, to the minute.", examples=[_MOMENT])
    current: bool = Field(description="Whether it is the one that asks.", examples=[True])

    @classmethod
    def of(cls, session: Session, current: SessionId) -> Self:
        return cls(
            id=session.id,
            device=session.device,
            created_at=session.created_at,
            last_seen_at=session.last_seen_at,
            current=session.id == current,
        )


class SessionsRead(BaseModel):
    """The sessions of who asks."""

    items: list[SessionRead] = Field(description="The sessions, newest first.")


class MemberCreate(_Strict):
    """Who is invited, and what to be."""

    email: Email
    role: Role = Field(description="What they will be.", examples=["reviewer"])


class MemberPatch(_Strict):
    """What somebody is from now on."""

    role: Role = Field(description="Their new role.", examples=["operator"])


class MemberRead(BaseModel):
    """A member of the workspace, or somebody who is invited: of them, no more is known than who invited them said."""

    id: UUID = Field(description="The id of the membership.", examples=[_ID])
    user_id: UUID | None = Field(description="The user's id, once they have accepted.", examples=[_ID])
    email: Email
    name: Annotated[str, Field(description="Their name, once they have accepted.", examples=["First Last"])]
    role: Role = Field(description="What they are, or will be.", examples=["reviewer"])
    created_at: datetime = Field(description="When they were invited.", examples=[_MOMENT])
    accepted_at: datetime | None = Field(description="When they accepted; null until then.", examples=[_MOMENT])
    disabled: bool = Field(description="Whether they are kept from logging in.", examples=[False])

    @classmethod
    def of(cls, member: Member) -> Self:
        user, membership = member.user, member.membership
        there = membership.accepted_at is not None
        return cls(
            id=membership.id,
            user_id=user.id if there else None,
            email=user.email,
            name=user.name if there else "",
            role=membership.role,
            created_at=membership.created_at,
            accepted_at=membership.accepted_at,
            disabled=there and user.disabled_at is not None,
        )


class LinkRead(BaseModel):
    """A link that works once, for whom it was made; it is shown this once."""

    link: str = Field(description="What they open.", examples=["http://127.0.0.1:8000/invitation#k3v…"])
    expires_at: datetime = Field(description="Until when it works.", examples=[_MOMENT])

    @classmethod
    def of(cls, link: Link) -> Self:
        return cls(link=link.url, expires_at=link.expires_at)


class InvitedRead(LinkRead):
    """An invitation: who is invited, and the link to give to them."""

    member: MemberRead = Field(description="Who is invited, and what to be.")
