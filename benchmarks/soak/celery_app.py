"""A worker of the soak for Celery's own command: `celery -A benchmarks.soak.celery_app worker`."""

from benchmarks.soak.worker import in_service
from counterfoil.foundation.settings import read_settings
from counterfoil.jobs.hearing import Hearing
from counterfoil.jobs.infrastructure.celery_workers import application

app = application(read_settings(), Hearing(in_service))
