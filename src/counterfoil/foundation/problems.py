"""Errors as HTTP answers: RFC 9457 problem details with a stable `code`."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from counterfoil.foundation.errors import CounterfoilError, Postponed, ServiceUnavailable, Unauthorized

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 5
_CODES = {401: "unauthorized", 403: "forbidden", 404: "not_found", 405: "method_not_allowed", 413: "document_too_large"}

log = structlog.get_logger()


class InvalidField(BaseModel):
    """One value of a request that is not as it should be."""

    field: str = Field(description="Where it stands in the request.", examples=["body.file"])
    message: str = Field(description="What is wrong with it.", examples=["Field required"])


class Problem(BaseModel):
    """What went wrong and what to do about it (RFC 9457)."""

    type: str = Field(description="A name for this kind of problem.", examples=["urn:counterfoil:problem:not_found"])
    title: str = Field(description="The kind in words.", examples=["Not Found"])
    status: int = Field(description="The HTTP status.", examples=[404])
    code: str = Field(description="A stable word for programs.", examples=["not_found"])
    detail: str = Field(description="What happened this time.", examples=["There is no job with this id."])
    advice: str = Field(description="What a person can do.", examples=["Check the id."])
    errors: list[InvalidField] = Field(default=[], description="The values that were refused, if any.")


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route that answers with problem details under these statuses."""
    return {
        status: {
            "model": Problem,
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in statuses
    }


def answer(error: CounterfoilError) -> JSONResponse:
    """Return the answer that tells a client of one of our own errors."""
    return _answer(error.status, error.code, str(error), error.advice, headers=_headers(error))


def install(app: FastAPI) -> None:
    """Let the application answer every error with problem details."""
    app.add_exception_handler(CounterfoilError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


def _headers(error: CounterfoilError) -> Mapping[str, str] | None:
    """Return what HTTP has headers for: when to come back, how to say who one is."""
    match error:
        case Unauthorized():
            return {"WWW-Authenticate": "Bearer"}
        case Postponed():
            seconds = math.ceil((error.retry_at - datetime.now(UTC)).total_seconds())
            return {"Retry-After": str(max(1, seconds))}
        case ServiceUnavailable():
            return {"Retry-After": str(RETRY_AFTER_SECONDS)}
        case _:
            return None


def _ours(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, CounterfoilError)  # noqa: S101 - registered for nothing else
    return answer(error)


def _invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for nothing else
    errors = [InvalidField(field=".".join(map(str, one["loc"])), message=one["msg"]) for one in error.errors()]
    detail = "; ".join(f"{one.field}: {one.message}" for one in errors[:5])
    advice = "Correct the values named in `errors` and send the request again."
    return _answer(422, "validation_error", detail, advice, errors=errors)


def _http(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for nothing else
    code = _CODES.get(error.status_code, "invalid_input")
    return _answer(
        error.status_code, code, str(error.detail), "See the documentation under /docs.", headers=error.headers
    )


def _unexpected(request: Request, error: Exception) -> JSONResponse:
    request_id = getattr(request.state, "request_id", "")
    log.error("request_failed", request_id=request_id, error_type=type(error).__name__, exc_info=error)
    detail = "Something went wrong on our side."
    headers = {"X-Request-ID": request_id}
    return _answer(500, CounterfoilError.code, detail, CounterfoilError.advice, headers=headers)


def _answer(
    status: int,
    code: str,
    detail: str,
    advice: str,
    *,
    errors: list[InvalidField] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    problem = Problem(
        type=f"urn:counterfoil:problem:{code}",
        title=HTTPStatus(status).phrase,
        status=status,
        code=code,
        detail=detail,
        advice=advice,
        errors=errors or [],
    )
    content = problem.model_dump(mode="json", exclude={"errors"} if not errors else None)
    return JSONResponse(content, status, media_type=MEDIA_TYPE, headers=headers)
