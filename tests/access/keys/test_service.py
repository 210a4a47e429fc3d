"""Keys are made of what their maker may do, looked at, and revoked, in their own workspace alone."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import delete, select

from counterfoil.access.domain import Permission, Role, WorkspaceId
from counterfoil.access.errors import WorkspaceNotFound
from counterfoil.access.infrastructure.keys import ApiKeyRow
from counterfoil.access.infrastructure.sql import WorkspaceRow
from counterfoil.access.keys.domain import (
    ApiKeyId,
    ApiKeyNotFound,
    InvalidExpiry,
    InvalidKeyName,
    KeyRefused,
    PermissionsBeyondOwn,
    UnknownPermission,
)
from counterfoil.foundation.database import Database
from counterfoil.foundation.ids import new_id
from counterfoil.foundation.paging import Paging
from tests.support.keys import Keys, owner_of

ALL = Paging(limit=50)


@pytest.fixture
def keys(database: Database) -> Keys:
    return Keys(database)


def test_a_key_is_kept_as_it_was_made(keys: Keys, workspace: WorkspaceId) -> None:
    key, secret = keys.service.make(owner_of(workspace), " n8n ", ["jobs:read", "documents:write"])
    assert keys.service.get(workspace, key.id) == key
    assert key.permissions == {Permission.JOBS_READ, Permission.DOCUMENTS_WRITE}
    assert (key.name, key.hint) == ("n8n", secret.text[-4:])
    assert (key.created_by, key.expires_at, key.last_used_at, key.revoked_at) == ("tester", None, None, None)


def test_a_key_may_do_no_more_than_its_maker(keys: Keys, workspace: WorkspaceId) -> None:
    operator = owner_of(workspace, Role.OPERATOR)
    key, _ = keys.service.make(operator, "as much", Role.OPERATOR.permissions)
    assert key.permissions == Role.OPERATOR.permissions
    with pytest.raises(
        PermissionsBeyondOwn,
        match="you may not give audit:read, keys:manage, targets:manage, users:manage, workspace:manage, which",
    ):
        keys.service.make(operator, "more", Role.OWNER.permissions)
    assert keys.service.page(workspace, ALL).items == [key]


def test_a_key_that_makes_keys_gives_no_more_than_it_has(keys: Keys, workspace: WorkspaceId) -> None:
    _, secret = keys.made(workspace, permissions=["keys:manage", "jobs:read"])
    maker = keys.enter(secret)
    assert maker
    made, _ = keys.service.make(maker, "child", ["jobs:read"])
    assert made.created_by == maker.actor
    with pytest.raises(PermissionsBeyondOwn):
        keys.service.make(maker, "child", ["jobs:read", "jobs:manage"])


def test_what_there_can_be_no_key_of_is_said(keys: Keys, workspace: WorkspaceId) -> None:
    key, _ = keys.made(workspace)
    with pytest.raises(InvalidKeyName):
        keys.made(workspace, name="a\tb")
    with pytest.raises(UnknownPermission):
        keys.made(workspace, permissions=["jobs:own"])
    with pytest.raises(InvalidExpiry):
        keys.made(workspace, expires_at=key.created_at)
    assert keys.service.page(workspace, ALL).items == [key]


def test_a_workspace_that_is_not_there_has_no_keys(keys: Keys) -> None:
    nowhere = WorkspaceId(new_id())
    with pytest.raises(WorkspaceNotFound, match=str(nowhere)):
        keys.made(nowhere)
    assert keys.service.page(nowhere, ALL).items == []


def test_a_revoked_key_stays_revoked_from_the_first_time_on(keys: Keys, workspace: WorkspaceId) -> None:
    key, secret = keys.made(workspace)
    keys.service.revoke(workspace, key.id)
    revoked_at = keys.service.get(workspace, key.id).revoked_at
    keys.service.revoke(workspace, key.id)
    after = keys.service.get(workspace, key.id)
    assert revoked_at
    assert after == replace(key, revoked_at=revoked_at)
    with pytest.raises(KeyRefused):
        keys.enter(secret)


def test_keys_of_another_workspace_are_not_there(
    keys: Keys, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    ours, _ = keys.made(workspace)
    theirs, secret = keys.made(other_workspace)
    with pytest.raises(ApiKeyNotFound):
        keys.service.get(workspace, theirs.id)
    with pytest.raises(ApiKeyNotFound):
        keys.service.revoke(workspace, theirs.id)
    with pytest.raises(ApiKeyNotFound):
        keys.service.revoke(workspace, ApiKeyId(UUID(int=1)))
    assert keys.service.page(workspace, ALL).items == [ours]
    assert keys.enter(secret)


def test_keys_are_listed_newest_first_page_by_page(
    keys: Keys, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    made = [keys.made(workspace, name=str(number))[0].id for number in range(5)]
    keys.made(other_workspace)
    first = keys.service.page(workspace, Paging(limit=3))
    rest = keys.service.page(workspace, Paging(limit=3, after=first.next_after))
    assert [key.id for key in (*first.items, *rest.items)] == made[::-1]
    assert rest.next_after is None


def test_the_database_holds_the_hash_alone_and_no_two_of_one(
    keys: Keys, workspace: WorkspaceId, database: Database
) -> None:
    key, secret = keys.made(workspace, expires_at=None)
    with database.reading() as tx:
        row = tx.execute(select(*ApiKeyRow.__table__.columns)).one()
    assert row.sha256 == secret.sha256
    assert secret.text[4:43] not in str(row)
    assert row.created_at - key.created_at < timedelta(seconds=1)


def test_keys_go_with_their_workspace(keys: Keys, workspace: WorkspaceId, database: Database) -> None:
    _, secret = keys.made(workspace)
    with database.transaction() as tx:
        tx.execute(delete(WorkspaceRow).where(WorkspaceRow.id == workspace))
    with pytest.raises(KeyRefused):
        keys.enter(secret)
