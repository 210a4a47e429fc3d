"""The moves of a delivery, and what makes two schemas the same."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from counterfoil.records.domain import RecordId
from counterfoil.targets.domain import (
    Delivery,
    DeliveryId,
    DeliveryStatus,
    Doubt,
    PropertyId,
    PropertyType,
    TargetId,
    asked,
    begun,
    failed,
    put_off,
    succeeded,
)
from tests.conftest import ACME
from tests.support.targets import column, schema

NOW = datetime(2026, 3, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LATER = NOW + MINUTE
NEW = Delivery(
    id=DeliveryId(UUID(int=1)),
    workspace=ACME,
    target_id=TargetId(UUID(int=2)),
    record_id=RecordId(UUID(int=3)),
    key="key",
    record_version=1,
    created_at=NOW,
    updated_at=NOW,
)
AT_ONCE = Doubt(since=NOW, settles_at=LATER)
DOUBT = Doubt(since=LATER, settles_at=LATER + MINUTE, key_property=PropertyId("key"))
TITLE = PropertyId("title")


def test_an_attempt_is_in_doubt_from_its_beginning_to_its_confirmation() -> None:
    started = begun(NEW, 1, [TITLE], DOUBT)
    assert (started.status, started.attempt, started.doubt) == (DeliveryStatus.WRITING, 1, DOUBT)
    done = succeeded(started, 1, 1, [], LATER)
    assert (done.status, done.delivered_version, done.doubt) == (DeliveryStatus.DELIVERED, 1, None)
    assert done.written == {TITLE}


def test_the_success_of_an_older_version_is_no_news_where_a_newer_one_is() -> None:
    done = succeeded(begun(NEW, 2, [], AT_ONCE), 1, 2, [], NOW)
    assert succeeded(done, 1, 1, [], LATER) == done


def test_the_success_of_an_attempt_leaves_another_one_in_doubt() -> None:
    twice = begun(begun(NEW, 1, [], AT_ONCE), 1, [], DOUBT)
    assert succeeded(twice, 1, 1, [], LATER).doubt == DOUBT


def test_a_success_is_not_the_end_when_a_newer_version_was_asked_for() -> None:
    wanted = asked(begun(NEW, 1, [], AT_ONCE), 2, NOW)
    assert succeeded(wanted, 1, 1, [], LATER).status is DeliveryStatus.PENDING


def test_the_failure_of_an_attempt_that_was_overtaken_is_old_news() -> None:
    done = succeeded(begun(begun(NEW, 1, [], AT_ONCE), 1, [], AT_ONCE), 2, 1, [], NOW)
    assert failed(done, 1, "late", LATER, DOUBT) == done
    assert failed(done, 2, "late", LATER, DOUBT) == done


def test_a_failure_keeps_the_doubt_unless_nothing_was_written() -> None:
    started = begun(NEW, 1, [], AT_ONCE)
    assert failed(started, 1, "lost", LATER, started.doubt).doubt == started.doubt
    assert failed(started, 1, "refused", LATER, None).doubt is None


def test_asking_for_an_older_version_does_not_forget_the_newer() -> None:
    assert asked(replace(NEW, record_version=3), 2, LATER).record_version == 3


def test_asking_for_what_is_there_changes_nothing() -> None:
    done = succeeded(begun(NEW, 1, [], AT_ONCE), 1, 1, [], NOW)
    assert asked(done, 1, LATER) == done


def test_waiting_keeps_the_doubt() -> None:
    waiting = put_off(begun(NEW, 1, [], AT_ONCE), "paused", LATER)
    assert (waiting.status, waiting.doubt, waiting.error) == (
        DeliveryStatus.WAITING,
        AT_ONCE,
        "paused",
    )


def test_the_same_columns_have_the_same_version_and_any_change_another() -> None:
    total = column("Total", PropertyType.NUMBER)
    version = schema(total).version
    assert schema(column("Total", PropertyType.NUMBER)).version == version
    for other in (
        replace(total, name="Sum"),
        replace(total, required=True),
        replace(total, type=PropertyType.TEXT),
        replace(total, options=("a",)),
    ):
        assert schema(other).version != version
