"""How a route gets its service: by type, from what `bootstrap.py` built."""

from collections.abc import Callable, Mapping
from typing import TypeVar, cast

from starlette.requests import HTTPConnection

Service = TypeVar("Service")


def provided(kind: type[Service]) -> Callable[[HTTPConnection], Service]:
    """Return a FastAPI dependency that hands out the house's one service of this type."""

    def service(connection: HTTPConnection) -> Service:
        services: Mapping[type, object] = connection.app.state.services
        return cast("Service", services[kind])

    return service
