"""The store of keys keeps its promises on SQLite and PostgreSQL alike."""

import re
from datetime import UTC, datetime, timedelta

from sqlalchemy import text, update

from counterfoil.access.domain import Permission, WorkspaceId
from counterfoil.access.infrastructure.keys import ApiKeyRow, SqlApiKeyStore
from counterfoil.access.keys.domain import Secret
from counterfoil.foundation.database import Database
from counterfoil.foundation.paging import Paging
from tests.support.keys import Keys, make_key
from tests.support.stores import plan

STORE = SqlApiKeyStore()
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def test_a_key_is_found_by_the_hash_of_its_secret_alone(database: Database, workspace: WorkspaceId) -> None:
    key, secret = make_key(workspace, last_used_at=NOW, expires_at=NOW, revoked_at=NOW), Secret.new()
    with database.transaction() as tx:
        STORE.add(tx, key, secret.sha256)
        assert STORE.find(tx, secret.sha256) == STORE.get(tx, workspace, key.id) == key
        assert STORE.find(tx, Secret.new().sha256) is None
        assert STORE.find(tx, secret.text) is None


def test_to_find_a_key_takes_one_look_into_an_index(database: Database, workspace: WorkspaceId) -> None:
    with database.transaction() as tx:
        for _ in range(1000):
            STORE.add(tx, make_key(workspace), Secret.new().sha256)
        if tx.dialect == "postgresql":
            tx.execute(text("ANALYZE api_keys"))
    found = plan(database, lambda tx: STORE.find(tx, Secret.new().sha256))
    assert "api_keys_sha256" in found
    assert not re.search("SCAN api_keys|Seq Scan", found)


def test_a_permission_of_a_newer_version_is_left_out(database: Database, workspace: WorkspaceId) -> None:
    key, _ = Keys(database).made(workspace)
    with database.transaction() as tx:
        tx.execute(update(ApiKeyRow).values(permissions=["jobs:read", "moon:visit"]))
    with database.reading() as tx:
        found = STORE.get(tx, workspace, key.id)
    assert found
    assert found.permissions == {Permission.JOBS_READ}


def test_of_two_uses_in_a_minute_one_is_kept(
    database: Database, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    key, neighbour = make_key(workspace), make_key(other_workspace)
    with database.transaction() as tx:
        STORE.add(tx, key, "a")
        STORE.add(tx, neighbour, "b")
        for seconds in (0, 59, 61):
            STORE.note_use(tx, workspace, key.id, NOW + timedelta(seconds=seconds))
            STORE.note_use(tx, workspace, neighbour.id, NOW)
            found = STORE.get(tx, workspace, key.id)
            assert found
            assert found.last_used_at == NOW + timedelta(seconds=61 if seconds == 61 else 0)
        others = STORE.page(tx, other_workspace, Paging()).items
    assert [one.last_used_at for one in others] == [None]
