"""A clock that tells the time it was set to."""

from datetime import datetime, timedelta


class FixedClock:
    """Stands still until it is moved."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment

    def pass_by(self, duration: timedelta) -> None:
        self.moment += duration
