"""The worker process: runs jobs until it is asked to stop."""

from counterfoil import bootstrap
from counterfoil.foundation.logging import configure_logging
from counterfoil.foundation.settings import Settings
from counterfoil.foundation.signals import when_told_to_end


def run(settings: Settings) -> None:
    """Work until SIGTERM, SIGINT or SIGHUP; then finish what runs, within the time that the settings allow.

    With a broker, its own worker processes do it, in the foreground of this command.
    """
    configure_logging(settings.log_format, settings.log_level)
    match settings.queue:
        case "rq":
            from counterfoil import rq_worker

            rq_worker.run(settings)
        case "celery":
            from counterfoil import celery_app

            celery_app.run(settings)
        case "local":
            _run(settings)


def _run(settings: Settings) -> None:
    house = bootstrap.build(settings)
    worker = bootstrap.worker(house)
    when_told_to_end(worker.stop)
    with house.engine.upkept():
        worker.run()
