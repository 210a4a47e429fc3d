"""Routes for those who run it: is it up, does the database answer, what does it measure."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, Field

from counterfoil.foundation.database import Database
from counterfoil.foundation.metrics import Metrics
from counterfoil.foundation.problems import problems
from counterfoil.foundation.routing import provided

router = APIRouter(tags=["operation"])


class Running(BaseModel):
    """The service runs."""

    message: str = Field(description="For people.", examples=["Service is running."])


class Health(BaseModel):
    """A part of the service is well."""

    status: Literal["ok"] = Field(description="Always ok; anything else is an error answer.", examples=["ok"])


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


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def metrics(measures: Annotated[Metrics, Depends(provided(Metrics))]) -> Response:
    """Give the measures of this process in Prometheus' text format."""
    return Response(generate_latest(measures.registry), media_type=CONTENT_TYPE_LATEST)
