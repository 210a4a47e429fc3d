"""What is said over the reins of a child, the socket between a thread of the worker and the supervisor."""

import signal
import struct
from enum import IntEnum

COMMAND = struct.Struct("!Bdd")
"""A command; with BEGIN the seconds and the megabytes that the job may take."""
NEWS = struct.Struct("!Bid")
"""News; with ENDED how the process did (as `waitstatus_to_exitcode`), with OVERWEIGHT the megabytes."""

TIME_IS_UP = signal.SIGXCPU
CANCELLED = signal.SIGUSR2


class Command(IntEnum):
    """What the worker wants of the supervisor. Closing the reins ends the child."""

    BEGIN = 1
    END = 2
    CANCEL = 3
    KILL = 4


class News(IntEnum):
    """What the supervisor tells the worker. All but the first are the last that is heard of a child."""

    FIT = 1
    ENDED = 2
    OVERSTAYED = 3
    OVERWEIGHT = 4
    CANCELLED = 5
