"""Log lines cannot be faked from outside, and keep secrets out."""

import json
import logging
from collections.abc import Iterator
from uuid import UUID

import pytest
import structlog

from counterfoil.foundation.logging import about, configure_logging
from counterfoil.foundation.settings import LogFormat


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    handlers, level = logging.getLogger().handlers, logging.getLogger().level
    configured = structlog.get_config()
    yield
    logging.getLogger().handlers = handlers
    logging.getLogger().setLevel(level)
    structlog.configure(**configured)


def test_a_json_line_holds_event_keys_and_time(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogFormat.JSON, "INFO")
    structlog.get_logger().info("job_claimed", attempt=2)
    line = json.loads(capsys.readouterr().err)
    assert line["event"] == "job_claimed"
    assert line["attempt"] == 2
    assert line["level"] == "info"
    assert line["timestamp"].endswith("Z")


def test_secrets_are_removed_by_their_keys(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogFormat.JSON, "INFO")
    structlog.get_logger().info("called", notion_token="ntn_1", Authorization="Bearer x", name="kept")
    written = capsys.readouterr().err
    assert "ntn_1" not in written
    assert "Bearer" not in written
    assert "kept" in written


@pytest.mark.parametrize("log_format", list(LogFormat))
def test_what_comes_from_outside_fakes_no_line_and_no_colour(
    log_format: LogFormat, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(log_format, "INFO")
    structlog.get_logger().info("received", name="a.jpg\n2026-01-01 [error] faked\x1b[31m")
    written = capsys.readouterr().err
    assert written.count("\n") == 1
    assert "\x1b[31m" not in written


def test_libraries_log_in_the_same_form(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogFormat.JSON, "WARNING")
    logging.getLogger("some.library").warning("it is %s", "so")
    assert json.loads(capsys.readouterr().err)["event"] == "it is so"


def test_lines_say_what_they_are_about_while_it_lasts(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogFormat.JSON, "INFO")
    with about({"job_id": UUID(int=7), "attempt": 2}):
        structlog.get_logger().info("claimed", attempt=3)
        logging.getLogger("some.library").warning("odd")
    structlog.get_logger().info("over")
    ours, theirs, after = map(json.loads, capsys.readouterr().err.splitlines())
    assert (ours["job_id"], ours["attempt"]) == (str(UUID(int=7)), 3)
    assert (theirs["job_id"], theirs["attempt"]) == (str(UUID(int=7)), 2)
    assert "job_id" not in after


@pytest.mark.parametrize("log_format", list(LogFormat))
def test_an_error_is_told_without_the_values_that_were_at_hand(
    log_format: LogFormat, capsys: pytest.CaptureFixture[str]
) -> None:
    def read(document: str) -> None:
        raise RuntimeError(odd, len(document))

    odd = type("Odd", (), {"__repr__": lambda _: "19 signs\n2026-01-01 [error] faked\x1b[31m"})()
    configure_logging(log_format, "INFO")
    try:
        read("Tea for two " + "at noon")
    except RuntimeError:
        structlog.get_logger().exception("job_stumbled")
    written = capsys.readouterr().err
    assert "19 signs" in written
    assert "Tea for two at noon" not in written
    assert "\n2026-01-01 [error] faked" not in written
    assert "\x1b[31m" not in written
