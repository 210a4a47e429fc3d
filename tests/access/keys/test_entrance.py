"""Who shows a key is let in as it says, and who shows one that is not valid learns nothing of it."""

import logging
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from counterfoil.access.domain import Permission, Principal, Role, WorkspaceId
from counterfoil.access.keys.domain import ApiKey, KeyRefused, Secret
from counterfoil.foundation.database import Database, DatabaseUnavailable
from tests.support.clock import FixedClock, TimedDatabase
from tests.support.injection import Fault, Faults, FaultyDatabase
from tests.support.keys import Keys, owner_of, showing

HOUR = timedelta(hours=1)


@pytest.fixture
def keys(database: Database, clock: FixedClock) -> Iterator[Keys]:
    timed = TimedDatabase(database.url, clock)
    yield Keys(timed)
    timed.close()


def refused(keys: Keys, secret: str) -> tuple[str, Mapping[str, Any]]:
    """Return what whoever shows this is told, and what is logged of it."""
    with capture_logs() as logged, pytest.raises(KeyRefused) as told:
        keys.entrance.principal(showing(secret))
    (line,) = logged
    return str(told.value), line


def last_use(keys: Keys, key: ApiKey) -> datetime | None:
    return keys.service.get(key.workspace, key.id).last_used_at


def test_a_key_lets_its_program_into_its_workspace_with_its_permissions(
    keys: Keys, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    ours, secret = keys.made(workspace, permissions=["jobs:read"])
    theirs, others_secret = keys.made(other_workspace, permissions=Role.VIEWER.permissions)
    assert keys.enter(secret) == Principal(
        workspace=workspace, permissions=frozenset({Permission.JOBS_READ}), actor=f"key:{ours.id}"
    )
    assert keys.enter(others_secret) == Principal(
        workspace=other_workspace, permissions=Role.VIEWER.permissions, actor=f"key:{theirs.id}"
    )
    assert keys.failures == 0


def test_two_keys_of_one_name_are_two(keys: Keys, workspace: WorkspaceId) -> None:
    (first, one), (second, other) = keys.made(workspace), keys.made(workspace)
    keys.service.revoke(workspace, first.id)
    still_in = keys.enter(other)
    assert still_in
    assert still_in.actor == second.actor
    with pytest.raises(KeyRefused):
        keys.enter(one)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": "Bearer eyJhbGciOi.e30.x"},
        {"authorization": "Basic Y2ZrXzpjZmtf"},
        {"authorization": "Bearer é"},
        {"cookie": "cfk_1"},
    ],
)
def test_who_shows_something_else_is_left_to_the_other_entrances(keys: Keys, headers: Mapping[str, str]) -> None:
    assert keys.entrance.principal(headers) is None
    assert keys.failures == 0


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER   "])
def test_the_scheme_is_read_as_http_has_it(keys: Keys, workspace: WorkspaceId, scheme: str) -> None:
    _, secret = keys.made(workspace)
    assert keys.entrance.principal({"authorization": f"{scheme}{secret.text} "})


def test_all_refusals_sound_alike_and_only_the_log_says_why(
    keys: Keys, workspace: WorkspaceId, clock: FixedClock
) -> None:
    revoked, revoked_secret = keys.made(workspace)
    keys.service.revoke(workspace, revoked.id)
    expired, expired_secret = keys.made(workspace, expires_at=clock.now() + HOUR)
    whole = Secret.new().text
    clock.pass_by(HOUR)
    shown = {
        "revoked": (revoked_secret.text, str(revoked.id)),
        "expired": (expired_secret.text, str(expired.id)),
        "unknown": (whole, None),
        "malformed": (whole[:-1] + ("0" if whole[-1] != "0" else "1"), None),
    }
    told = set()
    for reason, (secret, key) in shown.items():
        message, line = refused(keys, secret)
        told.add(message)
        assert (line["event"], line["reason"], line["key"]) == ("key_refused", reason, key)
        assert secret[4:] not in str(line)
    assert len(told) == 1
    assert keys.failures == len(shown)


def test_a_key_ends_by_the_clock_of_the_database(keys: Keys, workspace: WorkspaceId, clock: FixedClock) -> None:
    _, secret = keys.made(workspace, expires_at=clock.now() + HOUR)
    clock.pass_by(HOUR - timedelta(seconds=1))
    assert keys.enter(secret)
    clock.pass_by(timedelta(seconds=1))
    with pytest.raises(KeyRefused):
        keys.enter(secret)


@pytest.mark.parametrize(
    "wrong", ["cfk_", "cfk_é" * 10, "cfk_\x00", "cfk_ a", "cfk_" + "a" * 2**20, "cfk_" + "\xff" * 49]
)
def test_what_can_be_no_key_costs_no_look_into_the_database(database_url: str, wrong: str) -> None:
    faults = Faults()
    keys = Keys(FaultyDatabase(database_url, faults))
    message, line = refused(keys, wrong)
    assert (line["reason"], line["key"]) == ("malformed", None)
    assert len(message) + len(str(line)) < 300
    assert faults.calls("reading") == faults.calls("writing") == 0


def test_a_request_costs_one_read_and_its_use_is_noted_once_a_minute(
    database: Database, workspace: WorkspaceId
) -> None:
    faults = Faults()
    keys = Keys(FaultyDatabase(database.url, faults))
    key, secret = Keys(database).made(workspace)
    for _ in range(5):
        assert keys.enter(secret)
    assert (faults.calls("reading"), faults.calls("writing")) == (5, 1)
    assert last_use(Keys(database), key)
    keys.database.close()


def test_the_last_use_is_known_to_the_minute(keys: Keys, workspace: WorkspaceId, clock: FixedClock) -> None:
    key, secret = keys.made(workspace)
    assert last_use(keys, key) is None
    begun = clock.now()
    for seconds, noted in ((0, 0), (59, 0), (60, 60), (61, 60), (200, 200)):
        clock.moment = begun + timedelta(seconds=seconds)
        keys.enter(secret)
        assert last_use(keys, key) == begun + timedelta(seconds=noted)


@pytest.mark.parametrize("fault", Fault)
def test_a_request_whose_use_cannot_be_noted_is_answered_all_the_same(
    database: Database, workspace: WorkspaceId, fault: Fault
) -> None:
    key, secret = Keys(database).made(workspace)
    keys = Keys(FaultyDatabase(database.url, Faults(at={("writing", 1): fault})))
    with capture_logs() as logged:
        assert keys.enter(secret)
    assert [(line["event"], line["key"]) for line in logged] == [("key_use_not_noted", str(key.id))]
    keys.database.close()


def test_many_requests_at_once_are_all_let_in(database: Database, workspace: WorkspaceId) -> None:
    keys = Keys(database)
    key, secret = keys.made(workspace)
    with ThreadPoolExecutor(8) as threads:
        entered = list(threads.map(lambda _: keys.enter(secret), range(40)))
    assert {one.actor for one in entered if one} == {key.actor}
    assert len(entered) == 40
    assert last_use(keys, key)


def test_a_secret_is_neither_logged_nor_kept(
    keys: Keys, workspace: WorkspaceId, caplog: pytest.LogCaptureFixture, clock: FixedClock
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("sqlalchemy.engine").setLevel(logging.DEBUG)
    try:
        with capture_logs() as logged:
            made = keys.service.make(owner_of(workspace), "n8n", ["jobs:read"], clock.now() + HOUR)
            keys.enter(made[1])
            clock.pass_by(HOUR)
            with pytest.raises(KeyRefused) as told:
                keys.enter(made[1])
    finally:
        logging.getLogger("sqlalchemy.engine").setLevel(logging.NOTSET)
    assert "api_keys" in caplog.text
    secret = made[1].text[4:]
    assert secret not in f"{caplog.text} {logged} {made!r} {told.value!r} {vars(told.value)}"


def test_a_database_that_is_away_lets_nobody_in(database_url: str) -> None:
    keys = Keys(FaultyDatabase(database_url, Faults(at={("reading", 1): Fault.UNAVAILABLE})))
    with pytest.raises(DatabaseUnavailable):
        keys.enter(Secret.new())
    assert keys.failures == 0
