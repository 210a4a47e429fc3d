"""Routes to see who belongs to a workspace, to invite and remove people, and to help them to a new password."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request

from counterfoil.access.api import who_may
from counterfoil.access.domain import Permission, Principal
from counterfoil.access.people.api import keep_nowhere
from counterfoil.access.people.domain import MembershipId
from counterfoil.access.people.members import Members
from counterfoil.access.people.schemas import InvitedRead, LinkRead, MemberCreate, MemberPatch, MemberRead
from counterfoil.foundation.paging import PageRead, PagingParameters, page_read
from counterfoil.foundation.problems import problems
from counterfoil.foundation.routing import provided

router = APIRouter(prefix="/users", tags=["people"], dependencies=[Depends(keep_nowhere)])

Manager = Annotated[Principal, who_may(Permission.USERS_MANAGE)]
TheMembers = Annotated[Members, Depends(provided(Members))]
MemberKey = Annotated[
    UUID, Path(description="The id of the membership.", examples=["019c1d5e-0000-7000-8000-000000000000"])
]


@router.get("", responses=problems(422))
def list_members(
    members: TheMembers, manager: Manager, paging: PagingParameters, request: Request
) -> PageRead[MemberRead]:
    """List who belongs to the workspace or is invited to it, newest first."""
    return page_read(members.page(manager.workspace, paging), request, MemberRead.of)


@router.post("", status_code=201, responses=problems(409, 422))
def invite_member(members: TheMembers, manager: Manager, body: MemberCreate) -> InvitedRead:
    """Invite somebody, or invite them anew: then the links before work no longer. The link is shown this once."""
    invited = members.invite(manager, body.email, body.role)
    link = LinkRead.of(invited.link)
    return InvitedRead(member=MemberRead.of(invited.member), link=link.link, expires_at=link.expires_at)


@router.patch("/{member_id}", responses=problems(404, 409, 422))
def change_member(members: TheMembers, manager: Manager, member_id: MemberKey, body: MemberPatch) -> MemberRead:
    """Give somebody another role."""
    return MemberRead.of(members.change_role(manager, MembershipId(member_id), body.role))


@router.delete("/{member_id}", status_code=204, responses=problems(404, 409, 422))
def remove_member(members: TheMembers, manager: Manager, member_id: MemberKey) -> None:
    """Remove somebody from the workspace, or take their invitation back."""
    members.remove(manager, MembershipId(member_id))


@router.post("/{member_id}/reset", status_code=201, responses=problems(404, 422))
def make_reset_link(members: TheMembers, manager: Manager, member_id: MemberKey) -> LinkRead:
    """Make a link by which somebody sets a new password; it is shown this once."""
    return LinkRead.of(members.reset_link(manager, MembershipId(member_id)))
