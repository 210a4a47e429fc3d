"""How a connection to PostgreSQL is held: nothing is waited for without end, and a pooler in between is noticed."""

import time
from typing import Any, cast
from uuid import UUID

import psycopg
from psycopg.abc import RV, PQGen
from sqlalchemy import Connection, Dialect, Engine, event

from counterfoil.foundation.database import BEGUN, WALLED_ROLE, WORKSPACE_SETTING

# Above what the server is told, so that a living server answers first, and says why.
GRACE_SECONDS = 5
STATEMENT_SECONDS = 30
# A transaction keeps its locks while its process is stopped or thinks; its successor must not wait for them for long.
IDLE_SECONDS = 15


class PatientConnection(psycopg.Connection[Any]):
    """A connection that is given up when the server has not answered within `patience` seconds.

    TCP's own timeouts do not notice a server that is stopped, or a middle-man that still acknowledges.
    """

    greeting_seconds = 10.0  # how long it may take to connect, and to begin
    patience = greeting_seconds

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        try:
            return super().wait(gen, interval, self.patience if timeout is None else timeout)
        except psycopg.OperationalError:
            if self.pgconn.transaction_status == psycopg.pq.TransactionStatus.ACTIVE:
                self.pgconn.finish()  # its answer, should it still come, would be taken for the next statement's
            raise


def hold_patiently(engine: Engine) -> None:
    """Make the engine open patient connections, and begin every transaction with its limits."""
    event.listen(engine, "do_connect", _connect)
    event.listen(engine, "begin", _begin)


def _connect(_dialect: Dialect, _record: object, args: list[Any], options: dict[str, Any]) -> PatientConnection:
    connection = PatientConnection.connect(*args, autocommit=True, **options)  # we say BEGIN ourselves, below
    try:
        connection.patience = connection.greeting_seconds = max(2.0, float(options["connect_timeout"]))
        _notice_pooler(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _notice_pooler(connection: PatientConnection) -> None:
    """Prepare no statements behind a pooler such as PgBouncer: the next transaction may be on another session."""
    if is_lent_out(connection):
        connection.prepare_threshold = None


def is_lent_out(connection: psycopg.Connection[Any]) -> bool:
    """Tell whether a pooler lends us a session of the server for each transaction.

    A pooler makes up the process id that it greets with, for it does not know the one that will answer.
    """
    answering = connection.execute("SELECT pg_backend_pid()", prepare=False).fetchone()
    return answering != (connection.info.backend_pid,)


def _begin(connection: Connection) -> None:
    """Begin, and set the limits on the same way: they end with the transaction, so that they pass any pooler.

    It is also what finds out whether a kept connection is still alive.
    """
    held = _held(connection)
    held.patience = held.greeting_seconds
    workspace: UUID | None = connection.get_execution_options().get("workspace")
    begun = connection.exec_driver_sql(_BEGIN if workspace is None else f"{_BEGIN}; {_wall_off(workspace)}")
    connection.info[BEGUN] = (begun.scalar_one(), time.monotonic())
    held.patience = STATEMENT_SECONDS + GRACE_SECONDS


def _wall_off(workspace: UUID) -> str:
    """Take on the role that meets the policies; until the end only, so that the connection's next user starts bare."""
    return f"SET LOCAL ROLE {WALLED_ROLE}; SET LOCAL {WORKSPACE_SETTING} = '{workspace}'"


def allow(connection: Connection, statement_seconds: float) -> None:
    """Set the limit of each further statement of a transaction."""
    connection.exec_driver_sql(_limit(statement_seconds))
    _held(connection).patience = statement_seconds + GRACE_SECONDS


def _limit(seconds: float) -> str:
    return f"SET LOCAL statement_timeout = {_ms(seconds)}"


def _ms(seconds: float) -> int:
    return int(seconds * 1000)


# The time first, for it is the first answer that a driver gives; it stands within the transaction all the same.
_BEGIN = (
    "SELECT clock_timestamp(); BEGIN; "
    f"SET LOCAL idle_in_transaction_session_timeout = {_ms(IDLE_SECONDS)}; {_limit(STATEMENT_SECONDS)}"
)


def _held(connection: Connection) -> PatientConnection:
    return cast("PatientConnection", connection.connection.driver_connection)
