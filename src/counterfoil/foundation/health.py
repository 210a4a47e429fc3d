"""Routes for those who run it: is it up, does what it needs answer, what does it measure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, Field

from counterfoil.foundation.database import Database
from counterfoil.foundation.metrics import Metrics
from counterfoil.foundation.problems import problems
from counterfoil.foundation.routing import provided

router = APIRouter(tags=["operation"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What this installation needs from outside. Each returns if it is well, and raises ServiceUnavailable if not."""

    database: Callable[[], None]
    tables: Callable[[], None]
    redis: Callable[[], None] | None
    """None where nothing is kept in Redis."""


class Running(BaseModel):
    """The service runs."""

    message: str = Field(description="For people.", examples=["Service is running."])


class Health(BaseModel):
    """A part of the service is well."""

    status: Literal["ok"] = Field(description="Always ok; anything else is an error answer.", examples=["ok"])


class RedisHealth(BaseModel):
    """Redis is well, or nobody needs it."""

    status: Literal["ok", "unused"] = Field(description="Unused where QUEUE=local.", examples=["ok"])


class Readiness(BaseModel):
    """All that is needed is well."""

    status: Literal["ready"] = Field(description="Always ready; anything else is an error answer.", examples=["ready"])
    database: Literal["ok"] = Field(description="The database answers.", examples=["ok"])
    tables: Literal["ok"] = Field(description="Its tables are as this version needs them.", examples=["ok"])
    redis: Literal["ok", "unused"] = Field(description="Redis answers, or nobody needs it.", examples=["unused"])


@router.get("/")
def root() -> Running:
    """Say that the service runs."""
    return Running(message="Service is running.")


@router.get("/health")
def health() -> Health:
    """Say that this process answers."""
    return Health(status="ok")


@router.get("/health/db", responses=problems(503))
def database_health(database: Annotated[Database, Depends(provided(Database))]) -> Health:
    """Say whether the database answers."""
    database.ping()
    return Health(status="ok")


@router.get("/health/redis", responses=problems(503))
def redis_health(needs: Annotated[Needs, Depends(provided(Needs))]) -> RedisHealth:
    """Say whether Redis answers, if it is needed."""
    if needs.redis is None:
        return RedisHealth(status="unused")
    needs.redis()
    return RedisHealth(status="ok")


@router.get("/health/ready", responses=problems(503))
def readiness(needs: Annotated[Needs, Depends(provided(Needs))]) -> Readiness:
    """Say whether requests can be served: whether all that is needed is well. If not, the problem says what is not."""
    for check in (needs.database, needs.tables, needs.redis):
        if check:
            check()
    return Readiness(status="ready", database="ok", tables="ok", redis="ok" if needs.redis else "unused")


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def metrics(measures: Annotated[Metrics, Depends(provided(Metrics))]) -> Response:
    """Give the measures of this process in Prometheus' text format."""
    return Response(generate_latest(measures.registry), media_type=CONTENT_TYPE_LATEST)
