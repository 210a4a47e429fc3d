"""The worker process: runs jobs until it is asked to stop."""

import signal
from types import FrameType

from counterfoil import bootstrap
from counterfoil.foundation.logging import configure_logging
from counterfoil.foundation.settings import Settings


def run(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT; then finish what runs, within the time that the settings allow."""
    configure_logging(settings.log_format, settings.log_level)
    house = bootstrap.build(settings)
    worker = bootstrap.worker(house)

    def stop(_signal: int, _frame: FrameType | None) -> None:
        worker.stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    with house.engine.upkept():
        worker.run()
