"""What happens to the workers and servers of the soak."""

import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import psycopg

from benchmarks.soak.crew import Crew
from tests.support.postgres import PostgresServer
from tests.support.redis import RedisServer

MEND_SECONDS = 0.2
BEFORE_SECONDS = 30
SIGNALS = {signal.SIGKILL: 70, signal.SIGTERM: 15, signal.SIGSTOP: 15}


@dataclass(frozen=True, slots=True, kw_only=True)
class Harm:
    """Harm at random, by the seed, until it is over; each kind in a thread of its own."""

    crew: Crew
    over: threading.Event
    counts: Counter[str]
    every: float
    """Seconds from one hurt worker to the next, on average."""
    seed: int

    def hurt_workers(self) -> None:
        """Hurt a worker now and then."""
        chance = Random(f"{self.seed} workers")  # noqa: S311 - no secret
        following = time.monotonic() + 5
        while not self.over.wait(MEND_SECONDS):
            self.crew.mend()
            if time.monotonic() < following:
                continue
            following = time.monotonic() + chance.uniform(self.every / 3, self.every * 5 / 3)
            what = chance.choices(list(SIGNALS), list(SIGNALS.values()))[0]
            first = 0 if what is signal.SIGSTOP else self.crew.spared
            if first < self.crew.size:
                self.crew.hurt(self.crew.members[chance.randrange(first, self.crew.size)], what, chance.uniform(1, 8))

    def restart(self, server: PostgresServer) -> None:
        """End PostgreSQL in one way or another about every half a minute; sometimes it stays away for a while."""
        chance = Random(f"{self.seed} server")  # noqa: S311 - no secret
        ends: dict[str, Callable[[], None]] = {
            "fast": server.stop,
            "immediate": lambda: server.stop("immediate"),
            "kill": server.kill,
        }
        while not self.over.wait(chance.uniform(15, 45)):
            how = chance.choice(list(ends))
            ends[how]()
            self.counts[f"PostgreSQL {how}"] += 1
            time.sleep(chance.choice((0, 0, chance.uniform(1, 6))))
            server.start()

    def stay_away(self, server: PostgresServer, seconds: float) -> None:
        """End PostgreSQL once, and start it again after so long."""
        if self.over.wait(BEFORE_SECONDS):
            return
        server.stop("immediate")
        self.counts[f"PostgreSQL away for {seconds:g} s"] += 1
        self.over.wait(seconds)
        server.start()

    def hold_open(self, url: str, seconds: float) -> None:
        """Keep one transaction open for so long, which sees everything as it was: nothing is tidied away meanwhile."""
        if self.over.wait(BEFORE_SECONDS):
            return
        with psycopg.connect(url.replace("+psycopg", "")) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.execute("CREATE TABLE held_open (number integer)")
            connection.execute("SELECT count(*) FROM jobs")
            self.counts[f"transaction open for {seconds:g} s"] += 1
            self.over.wait(seconds)
            connection.rollback()

    def flush(self, redis: RedisServer) -> None:
        """Empty Redis about every half a minute: its bells are lost then."""
        chance = Random(f"{self.seed} redis")  # noqa: S311 - no secret
        while not self.over.wait(chance.uniform(15, 45)):
            redis.call("FLUSHALL")
            self.counts["Redis flushed"] += 1
