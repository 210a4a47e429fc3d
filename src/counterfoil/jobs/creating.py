"""Making jobs on request, so many an hour in a workspace."""

from dataclasses import dataclass
from datetime import datetime

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.errors import RateLimitExceeded
from counterfoil.jobs.batches import JobBatches
from counterfoil.jobs.domain import Job, Json, Order
from counterfoil.jobs.limits.domain import Rate, RateLimited
from counterfoil.jobs.limits.service import RateLimits
from counterfoil.jobs.service import JobService

MAKING_JOBS = "jobs"
"""What the rate limit counts, among the outside services that the others count."""


class TooManyJobs(RateLimitExceeded):
    """A workspace has made as many jobs as it may for now."""

    code = "job_limit_reached"
    advice = "Wait until the time that the message names, or have the limit raised: JOBS_PER_HOUR."

    def __init__(self, retry_at: datetime) -> None:
        super().__init__(f"The next job may be made at {retry_at:%Y-%m-%d %H:%M:%S} UTC.", retry_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobCreation:
    """Makes the jobs that people and programs ask for from outside."""

    jobs: JobService
    batches: JobBatches
    limits: RateLimits
    rate: Rate | None
    """How many in a workspace; None for any number."""

    def create(self, workspace: WorkspaceId, name: str, payload: Json, order: Order) -> Job:
        """Make a job of the type of this name, and return it as it stands.

        Raises:
            BatchNotFound: this workspace has no such batch.
            TooManyJobs: the workspace has made as many as it may for now.
            UnknownJobType: nobody has registered the type.
            InvalidPayload: the payload is not what the type takes.
        """
        if order.batch:
            self.batches.get(workspace, order.batch)
        if self.rate:
            try:
                self.limits.take(workspace, MAKING_JOBS, self.rate)
            except RateLimited as error:
                raise TooManyJobs(error.retry_at) from error
        return self.jobs.create(workspace, name, payload, order)
