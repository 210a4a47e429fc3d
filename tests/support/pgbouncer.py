"""PgBouncer in transaction mode before a server: the next transaction of a client may be on another session."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tests.support.postgres import PostgresServer, folder_for_servers, unprivileged
from tests.support.waiting import wait_until

# Few sessions for many clients, so that every test shares them.
_CONFIGURATION = """
[databases]
* = host={server} port=5432 user=postgres
[pgbouncer]
listen_addr =
listen_port = 5432
unix_socket_dir = {folder}
unix_socket_mode = 0777
auth_type = any
pool_mode = transaction
default_pool_size = 20
max_client_conn = 500
server_idle_timeout = 5
logfile = {folder}/log
"""


@contextmanager
def pooled(server: PostgresServer) -> Iterator[PostgresServer]:
    """Return the server as it is reached through a PgBouncer of its own, which needs Debian's package."""
    program = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin")
    assert program is not None, "PgBouncer is not installed: apt-get install pgbouncer"
    with folder_for_servers() as folder:
        settings = folder / "pgbouncer.ini"
        settings.write_text(_CONFIGURATION.format(server=server.folder, folder=folder))
        process = subprocess.Popen([program, "-q", str(settings)], **unprivileged())
        try:
            wait_until(lambda: _listens(folder / ".s.PGSQL.5432"))
            yield replace(server, front=folder)
        finally:
            process.terminate()
            process.wait(timeout=30)


def _listens(address: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(address)) == 0
