"""What a process does when it is told to end."""

import signal
from collections.abc import Callable


def when_told_to_end(action: Callable[[], object]) -> None:
    """Have this called in the place of an end at once, each time: by SIGTERM, SIGINT, and SIGHUP of a closed terminal.

    Whoever started us with SIGHUP ignored, as `nohup` does, wants us to outlive the terminal.
    """
    numbers = [signal.SIGTERM, signal.SIGINT]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    for number in numbers:
        signal.signal(number, lambda *_: action())
