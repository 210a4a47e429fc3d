"""The Celery application: does the jobs whose ids come through Celery's queues, and upkeep.

counterfoil worker                             WORKER_CONCURRENCY processes under one
celery -A counterfoil.celery_app worker        the same, by Celery's own command
"""

from counterfoil import bootstrap
from counterfoil.foundation.settings import Settings, read_settings
from counterfoil.jobs.hearing import Hearing
from counterfoil.jobs.infrastructure.celery_workers import application

app = application(read_settings(), Hearing(lambda: bootstrap.in_service(read_settings())))


def run(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT."""
    app.worker_main(["worker", "--without-gossip", "--without-mingle", "--loglevel", settings.log_level])
