"""The HTTP process: the API, its documentation, and the health and metrics routes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import APIRouter, FastAPI

from counterfoil import bootstrap
from counterfoil.bootstrap import House
from counterfoil.foundation import problems
from counterfoil.foundation.health import router as operation
from counterfoil.foundation.logging import configure_logging
from counterfoil.foundation.requests import RequestLog
from counterfoil.foundation.settings import read_settings

API = "/api/v1"


def create_app(house: House) -> FastAPI:
    """Return the application of a house that has been built."""
    app = FastAPI(
        title="Counterfoil",
        version="0.1.0",
        summary="Turns receipts and invoices into records, and never loses one.",
        lifespan=_lifespan,
        docs_url="/docs",
        redoc_url=None,
    )
    app.state.services = house.services
    api = APIRouter(prefix=API, responses=problems.problems(500))
    for router in bootstrap.ROUTERS:
        api.include_router(router)
    app.include_router(api)
    app.include_router(operation)
    problems.install(app)
    for layer in house.http_layers:
        app.add_middleware(layer.kind, **layer.options)
    app.add_middleware(RequestLog, metrics=house.metrics, new_id=house.new_id)
    return app


def app() -> FastAPI:
    """Build the application from the environment, for `uvicorn --factory counterfoil.main:app`."""
    settings = read_settings()
    configure_logging(settings.log_format, settings.log_level)
    return create_app(bootstrap.build(settings))


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    watch = asyncio.create_task(app.state.services[bootstrap.Metrics].watch_event_loop())
    yield
    watch.cancel()
    with suppress(asyncio.CancelledError):
        await watch
