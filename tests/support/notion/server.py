"""The stand-in itself: Notion's API on loopback, with what tests set up, look at and let go wrong.

    with Notion().serving() as notion:
        expenses = notion.database("Expenses", {"Name": "title", "Total": {"number": {"format": "euro"}}})
        client = Client(auth=notion.token, base_url=notion.url)  # the paths below it begin with /v1/
        notion.faults.plan(CUT_AFTER, method="POST", path="/pages$")
        ...
        assert [row["Total"] for row in expenses.rows()] == [12.3]
        assert notion.asked("POST", "/pages")[0].status == 0
        assert densest(notion.arrivals(), seconds=1) <= 3

People change things through `Desk` and `Table`; faults are in `faults`, limits in `limits`; `process` runs it beside
those that are measured. What Notion does and the stand-in does not is answered with 501, so that no test leans on it.
"""

import json
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from typing import Self

from tests.support.notion.bodies import VERSIONS
from tests.support.notion.calls import Call
from tests.support.notion.desk import Desk
from tests.support.notion.errors import NotionError
from tests.support.notion.faults import Ending, Fault, Faults, Raw, Request
from tests.support.notion.limits import Average, Limit, Limits
from tests.support.notion.routes import Endpoint, find
from tests.support.notion.store import Connection, Json, new_id
from tests.support.notion.tables import Table
from tests.support.notion.wire import Answer, Server

_MOST_BYTES = 500_000


class Notion(Desk):
    """A workspace behind an API. What `Desk` has is done by people in the app, and needs no request.

    `versions` are those that the server offers; `latency` is how many seconds every answer takes, or says so of each;
    `limit` makes the limit of each connection and None lifts it.
    """

    def __init__(
        self,
        *,
        versions: Collection[str] = VERSIONS,
        limit: Callable[[], Limit] | None = Average,
        workspace_limit: Limit | None = None,
        latency: float | Callable[[], float] = 0,
    ) -> None:
        super().__init__()
        self.versions = versions
        self.limits = Limits(limit, workspace_limit)
        self.latency = latency
        self.faults = Faults()
        self.requests: list[Request] = []
        self._over = threading.Event()
        self._later: list[threading.Thread] = []

    @contextmanager
    def serving(self, port: int = 0) -> Iterator[Self]:
        """Listen on a free port."""
        server = Server(port, self._answer)
        self.store.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="notion")
        thread.start()
        try:
            yield self
        finally:
            self._over.set()
            server.shutdown()
            server.end()
            thread.join()
            for later in self._later:
                later.join()
        assert not server.mistakes, server.mistakes

    @property
    def url(self) -> str:
        return self.store.url

    def arrivals(self, token: str | None = None) -> list[float]:
        """Return when the requests of a token came, in seconds of the monotonic clock."""
        return [request.at for request in self.requests if request.token == (token or self.token)]

    def asked(self, method: str, path: str) -> list[Request]:
        """Return the requests of a method whose path ends so."""
        return [one for one in self.requests if one.method == method and one.path.endswith(path)]

    def _answer(self, request: Request, content: bytes) -> Answer:
        if request.path == "/stand-in/seen":
            return Answer(status=200, content=json.dumps(self._seen()).encode())
        self.requests.append(request)
        if request.path.startswith("/files/"):
            return self._file(request)
        self._over.wait(self.latency() if callable(self.latency) else self.latency)
        try:
            connection = self._admitted(request)
        except NotionError as error:
            return _refused(request, error)
        request.fault = self.faults.of(request)
        if request.fault is None:
            return self._worked(request, connection, content)
        return self._befallen(request.fault, request, connection, content)

    def _admitted(self, request: Request) -> Connection:
        connection = self.store.connections.get(request.token)
        if connection is None:
            raise NotionError(401, "unauthorized", "API token is invalid.")
        self.limits.check(request.token, time.monotonic())
        return connection

    def _worked(self, request: Request, connection: Connection, content: bytes) -> Answer:
        try:
            call, endpoint = self._call(request, connection, content)
            with self.store.lock:
                found = endpoint(call)
            request.status = 200
            content = json.dumps({**found, "request_id": new_id()}, separators=(",", ":")).encode()
            return Answer(status=200, content=content)
        except NotionError as error:
            return _refused(request, error)

    def _call(self, request: Request, connection: Connection, content: bytes) -> tuple[Call, Endpoint]:
        version = self._version(request)
        endpoint, ids = find(request.method, request.path, version)
        call = Call(
            store=self.store,
            connection=connection,
            version=version,
            ids=ids,
            query=request.query,
            content_type=next(iter(request.header("content-type")), ""),
            content=content,
            body=_json(request, content),
        )
        return call, endpoint

    def _version(self, request: Request) -> str:
        given = request.header("notion-version")
        rule = "Notion-Version header failed validation: Notion-Version header should be"
        if not given:
            raise NotionError(400, "missing_version", f"{rule} defined, instead was `undefined`.")
        if len(given) > 1 or given[0] not in self.versions:
            known = " or ".join(f'`"{version}"`' for version in self.versions)
            raise NotionError(400, "validation_error", f'{rule} {known}, instead was `"{", ".join(given)}"`.')
        return given[0]

    def _befallen(self, fault: Fault, request: Request, connection: Connection, content: bytes) -> Answer:
        if not fault.held:
            self._work_later(fault, request, connection, content)
            return Answer(ending=fault.ending)
        self._pause(fault.after)
        answer = self._worked(request, connection, content) if fault.works else Answer()
        if isinstance(fault.answer, Raw):
            answer = Answer(
                status=fault.answer.status,
                content=fault.answer.content,
                content_type=fault.answer.content_type,
                headers=fault.answer.headers,
            )
        answer.ending = fault.ending
        request.status = answer.status if fault.ending is Ending.ANSWERED else 0
        return answer

    def _pause(self, until: float | threading.Event) -> None:
        if isinstance(until, float | int):
            self._over.wait(until)
            return
        while not until.wait(0.01) and not self._over.is_set():
            pass

    def _work_later(self, fault: Fault, request: Request, connection: Connection, content: bytes) -> None:
        def work() -> None:
            self._pause(fault.after)
            if not self._over.is_set():
                self._worked(request, connection, content)

        self._later.append(threading.Thread(target=work, name="notion-later"))
        self._later[-1].start()

    def _seen(self) -> Json:
        rows = {source_id: Table(self.store, source_id).rows() for source_id in self.store.sources}
        with self.store.lock:
            words = {row["id"]: self.words(row["id"]) for several in rows.values() for row in several}
        return {"rows": rows, "words": words, "requests": [_told(one) for one in self.requests.copy()]}

    def _file(self, request: Request) -> Answer:
        if self.store.now().timestamp() > int(request.query["expires"][0]):
            return Answer(status=403, content=b"<Error>AccessDenied</Error>", content_type="application/xml")
        upload = self.store.uploads.get(request.path.split("/")[2])
        if upload is None or upload.content is None:
            return Answer(status=404, content=b"<Error>NoSuchKey</Error>", content_type="application/xml")
        return Answer(status=200, content=upload.content, content_type=upload.content_type or "")


def _told(request: Request) -> Json:
    keys = ("at", "method", "path", "status", "token")
    return {**{key: getattr(request, key) for key in keys}, "befallen": request.fault is not None}


def _json(request: Request, content: bytes) -> object:
    kind = next(iter(request.header("content-type")), "")
    if not content or kind.startswith("multipart/"):
        return None
    if len(content) > _MOST_BYTES:
        raise NotionError(
            400, "validation_error", f"body failed validation: body should be at most {_MOST_BYTES} bytes."
        )
    with suppress(ValueError):
        return json.loads(content)
    raise NotionError(400, "invalid_json", "Error parsing JSON body.")


def _refused(request: Request, error: NotionError) -> Answer:
    request.status = error.status
    return Answer(status=error.status, content=error.body(), headers=error.headers)
