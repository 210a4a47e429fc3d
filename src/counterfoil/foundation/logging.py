"""Log lines as events with keys, for people on the console or as JSON for machines."""

import logging
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TextIO
from uuid import UUID

import structlog
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

from counterfoil.foundation.settings import LogFormat

_SECRETS = ("token", "password", "secret", "api_key", "authorization", "cookie")


def configure_logging(log_format: LogFormat, level: str) -> None:
    """Send everything logged, by us and by libraries, to standard error in one form."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        _with_facts,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _without_secrets,
    ]
    renderer: Processor
    if log_format is LogFormat.JSON:
        shared.append(structlog.processors.format_exc_info)
        renderer = structlog.processors.JSONRenderer()
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain_traceback)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    formatter = structlog.stdlib.ProcessorFormatter(
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _one_line, renderer],
        foreign_pre_chain=shared,
    )
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    # Requests are logged once, with their ids, by our own middleware; these would say it again.
    for noisy in ("uvicorn.access", "httpx", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


_facts: ContextVar[Mapping[str, object]] = ContextVar("facts")


@contextmanager
def about(facts: Mapping[str, object]) -> Iterator[None]:
    """Have every line that is logged meanwhile in this context say these facts; until then they are not written out."""
    before = _facts.set(facts)
    try:
        yield
    finally:
        _facts.reset(before)


def _with_facts(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    for name, value in _facts.get({}).items():
        event.setdefault(name, str(value) if isinstance(value, UUID) else value)
    return event


def _without_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    for key in event:
        if any(secret in key.lower() for secret in _SECRETS):
            event[key] = "[removed]"
    return event


def _one_line(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Keep what came from outside from faking lines or colouring the terminal."""
    for key, value in event.items():
        if isinstance(value, str) and key != "exception":
            event[key] = _printable(value)
    return event


def plain_traceback(out: TextIO, error: ExcInfo) -> None:
    """Write where an error came from, and none of the values there: they may be a document's, or a secret.

    Nor are they looked at, for other threads may be changing them. The text of the error can fake no line.
    """
    lines = "".join(traceback.format_exception(*error)).splitlines()
    out.write("".join(f"\n    {_printable(line)}" for line in lines))


def _printable(text: str) -> str:
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)
