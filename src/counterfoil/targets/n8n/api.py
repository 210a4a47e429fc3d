"""The route by which n8n calls back."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Path, Query

from counterfoil.access.api import unguarded
from counterfoil.foundation.problems import problems
from counterfoil.foundation.routing import provided
from counterfoil.jobs.domain import JobId
from counterfoil.targets.n8n.schemas import CallbackCreate, CallbackRead
from counterfoil.targets.n8n.service import N8nCallbacks

router = APIRouter(prefix="/jobs", tags=["n8n"])

Callbacks = Annotated[N8nCallbacks, Depends(provided(N8nCallbacks))]
JobKey = Annotated[UUID, Path(description="The job's id.", examples=["01950000-0000-7000-8000-000000000001"])]
Token = Annotated[
    str | None,
    Query(max_length=200, description="Of the attempt that is answered, as its address has it.", examples=["q3V0…"]),
]
Secret = Annotated[
    str | None,
    Header(
        alias="X-Callback-Token", max_length=1000, description="The value of CALLBACK_SECRET_TOKEN.", examples=["s3cr…"]
    ),
]


@router.post("/{job_id}/callback", dependencies=[Depends(unguarded)], responses=problems(401, 404, 409, 413, 422))
def call_back(
    callbacks: Callbacks, job_id: JobKey, body: CallbackCreate, token: Token = None, secret: Secret = None
) -> CallbackRead:
    """Take what n8n says of the job that waits for it. Said twice, it counts once."""
    callbacks.hear(JobId(job_id), body.model_dump(mode="json", exclude_none=True), secret, token)
    return CallbackRead()
