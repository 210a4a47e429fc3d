"""The HTTP process: the API, its documentation, health and metrics; and, for one machine, a worker beside it."""

import asyncio
import errno
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext, suppress

import uvicorn
from fastapi import APIRouter, FastAPI
from fastapi_swagger import patch_fastapi

from counterfoil import bootstrap
from counterfoil.bootstrap import House
from counterfoil.documents.api import UPLOAD_PATH
from counterfoil.documents.batch_api import BATCHES_PATH
from counterfoil.documents.domain import DocumentTooLarge
from counterfoil.documents.hand_ins import BatchTooLarge
from counterfoil.documents.service import DocumentService
from counterfoil.foundation import problems
from counterfoil.foundation.body_limit import BodyLimit, RouteLimit
from counterfoil.foundation.errors import Conflict, CounterfoilError
from counterfoil.foundation.head_limit import HeadLimit
from counterfoil.foundation.health import router as operation
from counterfoil.foundation.logging import configure_logging
from counterfoil.foundation.metrics import Metrics
from counterfoil.foundation.requests import RequestLog
from counterfoil.foundation.settings import Settings, read_settings
from counterfoil.foundation.signals import when_told_to_end
from counterfoil.jobs.events.service import Watch

API = "/api/v1"
FORM_BYTES = 64 * 2**10
PART_BYTES = 2**10


def create_app(house: House) -> FastAPI:
    """Return the application of a house that has been built."""
    app = FastAPI(
        title="Counterfoil",
        version="0.1.0",
        summary="Turns receipts and invoices into records, and never loses one.",
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
    )
    # FastAPI's own page loads its scripts from elsewhere, and stays empty without a network.
    patch_fastapi(app, docs_url="/docs", redirect_from_root_to_docs=False)
    app.state.services = house.services
    app.state.house = house
    api = APIRouter(prefix=API, responses=problems.problems(401, 403, 500, 503))  # what any route of it may answer
    for router in bootstrap.ROUTERS:
        api.include_router(router)
    app.include_router(api)
    app.include_router(operation)
    if dashboard := bootstrap.rq_dashboard(house.settings):
        app.mount("/rq", dashboard)
    problems.install(app)
    app.add_middleware(BodyLimit, routes=[_upload_limit(house.settings), _batch_limit(house.settings)])
    app.add_middleware(RequestLog, metrics=house.metrics, new_id=house.new_id)
    return app


def _upload_limit(settings: Settings) -> RouteLimit:
    """Let through documents up to the limit, and what a form puts around them."""
    most = settings.max_upload_bytes
    return RouteLimit(path=API + UPLOAD_PATH, max_bytes=most + FORM_BYTES, error=DocumentTooLarge(most))


def _batch_limit(settings: Settings) -> RouteLimit:
    """Let through batches up to the limit, and what a form puts around each of their files."""
    most = settings.max_batch_bytes
    around = FORM_BYTES + settings.max_batch_files * PART_BYTES
    return RouteLimit(path=API + BATCHES_PATH, max_bytes=most + around, error=BatchTooLarge(most))


class AddressInUse(Conflict):
    """Another program listens there already."""

    code = "address_in_use"
    advice = "Stop the other program, or choose another port with --port."

    def __init__(self, host: str, port: int) -> None:
        super().__init__(f"Something is listening on {host}:{port} already.")


def serve(settings: Settings, *, host: str, port: int) -> None:
    """Serve the API and run a worker in this process until SIGTERM, SIGINT or SIGHUP; a broker's workers are elsewhere.

    The first line on standard output is the address, so that a program that started us on port 0 can find us.
    """
    configure_logging(settings.log_format, settings.log_level)
    listener = _listen(host, port)
    house = bootstrap.build(settings)
    config = uvicorn.Config(
        create_app(house),
        http=HeadLimit,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=int(settings.shutdown_seconds),
        proxy_headers=False,
    )
    listener.listen(config.backlog)  # who comes as soon as we say where we are waits until the server is up
    print(f"Counterfoil is at http://{host}:{listener.getsockname()[1]}", flush=True)  # noqa: T201 - for who started us
    server = _Server(config, house.engine.watch)
    when_told_to_end(server.stop)
    with bootstrap.working(house) if house.engine.broker is None else nullcontext():
        server.run(sockets=[listener])


class _Server(uvicorn.Server):
    """Ends the streams of those who watch before it waits for open requests, which they would be for ever."""

    def __init__(self, config: uvicorn.Config, watch: Watch) -> None:
        super().__init__(config)
        self._watch = watch

    def stop(self) -> None:
        """End soon. What uvicorn was told itself it says again when it has ended: then the worker has yet to end."""
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._watch.close()
        await super().shutdown(sockets)


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise AddressInUse(host, port) from None
        raise
    return listener


def app() -> FastAPI:
    """Build the application from the environment, for `uvicorn --factory counterfoil.main:app`."""
    settings = read_settings()
    configure_logging(settings.log_format, settings.log_level)
    return create_app(bootstrap.build(settings))


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    services = app.state.services
    watch = asyncio.create_task(services[Metrics].watch_event_loop())
    warm_up = asyncio.create_task(asyncio.to_thread(services[DocumentService].warm_up))
    with app.state.house.engine.upkept():
        yield
    with suppress(CounterfoilError):  # whoever hands in next is told the same
        await warm_up
    watch.cancel()
    with suppress(asyncio.CancelledError):
        await watch
