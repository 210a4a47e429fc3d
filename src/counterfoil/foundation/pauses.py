"""Pauses for whoever tries again what fails because something is away."""

import random
from collections.abc import Iterator

FIRST_SECONDS = 0.1
LONGEST_SECONDS = 10.0


def growing_pauses(longest: float = LONGEST_SECONDS) -> Iterator[float]:
    """Yield seconds without end, about twice as many each time, up to about the longest.

    Each is up to half shorter or longer by chance, so that those who failed together do not come back together.
    """
    pause = FIRST_SECONDS
    while True:
        yield pause * random.uniform(0.5, 1.5)  # noqa: S311 - no secret
        pause = min(2 * pause, longest)
