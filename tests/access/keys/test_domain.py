"""A secret tells whether it is whole, and says nothing of itself."""

import re
import string
from datetime import UTC, datetime, timedelta

import pytest

from counterfoil.access.domain import Permission
from counterfoil.access.keys.domain import (
    Flaw,
    InvalidExpiry,
    InvalidKeyName,
    Secret,
    UnknownPermission,
    checked_expiry,
    checked_name,
    permissions_named,
)
from tests.conftest import ACME
from tests.support.keys import make_key

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_a_secret_is_recognised_by_its_form_and_no_two_are_alike() -> None:
    drawn = [Secret.new() for _ in range(200)]
    assert all(re.fullmatch(r"cfk_[0-9A-Za-z]{49}", one.text) for one in drawn)
    assert len({one.sha256 for one in drawn}) == len({one.text for one in drawn}) == len(drawn)
    signs = {sign for one in drawn for sign in one.text[4:47]}
    assert signs == set(string.digits + string.ascii_letters)
    assert all(Secret.read(one.text) == one and one.text.endswith(one.hint) for one in drawn)


def test_every_mistyped_sign_is_noticed_and_so_are_two_that_changed_places() -> None:
    whole = Secret.new().text
    for place in range(len(whole)):
        for other in "0aZ-é \n":
            if other != whole[place]:
                assert Secret.read(whole[:place] + other + whole[place + 1 :]) is None
    for place in range(4, len(whole) - 1):
        swapped = whole[:place] + whole[place + 1] + whole[place] + whole[place + 2 :]
        assert swapped == whole or Secret.read(swapped) is None


def test_what_was_cut_off_or_pasted_twice_is_noticed() -> None:
    whole = Secret.new().text
    assert [length for length in range(len(whole)) if Secret.read(whole[:length])] == []
    assert Secret.read(whole[1:]) is Secret.read(whole * 2) is Secret.read(f"{whole}\n") is None


def test_a_secret_is_in_no_repr() -> None:
    secret = Secret.new()
    assert secret.text[4:] not in f"{secret!r} {secret} {[secret]}"


def test_a_key_that_is_revoked_or_expired_has_a_flaw_from_that_moment_on() -> None:
    lasting, ending = make_key(ACME), make_key(ACME, expires_at=NOW)
    revoked = make_key(ACME, revoked_at=NOW, expires_at=NOW)
    assert lasting.flaw(NOW) is None
    assert ending.flaw(NOW - timedelta(microseconds=1)) is None
    assert ending.flaw(NOW) is Flaw.EXPIRED
    assert revoked.flaw(NOW) is Flaw.REVOKED


def test_a_use_is_to_be_noted_once_a_minute() -> None:
    assert not make_key(ACME).used_lately(NOW)
    used = make_key(ACME, last_used_at=NOW)
    assert used.used_lately(NOW)
    assert used.used_lately(NOW + MINUTE - timedelta(microseconds=1))
    assert not used.used_lately(NOW + MINUTE)


@pytest.mark.parametrize(
    "name", ["", "  ", "\n", "x" * 101, "a\x00b", "a\nb", "a\x1b[31m", "a\u2028b", "a\x85b", "a\ud800"]
)
def test_a_name_that_breaks_or_steers_a_line_is_refused(name: str) -> None:
    with pytest.raises(InvalidKeyName):
        checked_name(name)


@pytest.mark.parametrize("name", ["n", "x" * 100, "Büro: n8n", "给会计的钥匙", "می‌خواهم"])
def test_any_other_name_is_taken_without_the_blanks_around_it(name: str) -> None:
    assert checked_name(f" {name}\t") == name


def test_permissions_are_known_by_their_names() -> None:
    assert permissions_named(["jobs:read", "jobs:read"]) == {Permission.JOBS_READ}
    with pytest.raises(UnknownPermission, match=r"there is no 'jobs:own'; there are .*jobs:read"):
        permissions_named(["jobs:read", "jobs:own"])
    with pytest.raises(UnknownPermission) as refused:
        permissions_named(["x" * 100_000, *map(str, range(1000))])
    assert len(str(refused.value)) < 1000


def test_a_key_expires_in_times_to_come_or_never() -> None:
    assert checked_expiry(None, NOW) is None
    for right in (NOW + timedelta(microseconds=1), NOW + timedelta(days=36_500)):
        assert checked_expiry(right, NOW) == right
    for wrong in (NOW, NOW - MINUTE, datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)):
        with pytest.raises(InvalidExpiry):
            checked_expiry(wrong, NOW)
