"""The Celery application of these tests, for `celery -A`."""

from counterfoil.foundation.settings import read_settings
from counterfoil.jobs.infrastructure.celery_workers import application
from tests.support.told_workers import hearing

app = application(read_settings(), hearing)
