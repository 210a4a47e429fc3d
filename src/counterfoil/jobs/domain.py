"""A job, its states, and the one place that decides every move between them.

    blocked ─→ pending ─→ processing ─→ completed
                  ↑           │ ├─→ waiting ─→ pending | completed
                  │           │ └─→ dead_letter
                  └─ failed ←─┘        (from anywhere before the end: → cancelled)

Every function here is pure: it takes a job and returns the job as it stands afterwards.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar, NewType, TypeAlias, assert_never
from uuid import UUID

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.errors import Conflict, NotFound

JobId = NewType("JobId", UUID)
WorkerId = NewType("WorkerId", UUID)
Lease = NewType("Lease", UUID)
"""The fencing token of one attempt: whoever holds an older one is refused."""


class JobStatus(StrEnum):
    """Where a job stands."""

    BLOCKED = "blocked"
    PENDING = "pending"
    PROCESSING = "processing"
    WAITING = "waiting"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    DEAD_LETTER = "dead_letter"

    @property
    def final(self) -> bool:
        """Tell whether nothing more happens unless a person asks for it."""
        return self in {JobStatus.COMPLETED, JobStatus.CANCELLED, JobStatus.DEAD_LETTER}


class DeadReason(StrEnum):
    """Why a job became a dead letter."""

    ATTEMPTS_USED_UP = "attempts_used_up"
    NOT_WORTH_RETRYING = "not_worth_retrying"
    DEADLINE_PASSED = "deadline_passed"
    POISON = "poison"


class Priority:
    """Named points on the scale from 0 to 10."""

    LOW: ClassVar[int] = 0
    MEDIUM: ClassVar[int] = 3
    HIGH: ClassVar[int] = 6
    CRITICAL: ClassVar[int] = 9


AGEING = timedelta(minutes=1)
"""What one step of priority is worth: a job waits at most ten of these longer than the most urgent."""
