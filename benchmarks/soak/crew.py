"""The worker processes of the soak: started, hurt, and started again."""

import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import psutil

ROOT = Path(__file__).parents[2]
MARK = "COUNTERFOIL_SOAK"
"""The variable by which all that belongs to a soak is known, whoever its parent is."""
ENDING_SECONDS = 60
BURIAL_SECONDS = 20


@dataclass(slots=True)
class Member:
    """One worker process."""

    process: subprocess.Popen[bytes]
    killed: bool = False
    asked_at: float | None = None
    """When it was asked to end."""
    stopped_until: float | None = None


@dataclass(slots=True, kw_only=True)
class Crew:
    """So many workers; of these the first few are never ended, so that one sees how they age."""

    command: Sequence[str]
    environment: Mapping[str, str]
    size: int
    log: Path
    faults: list[str]
    checkouts: Sequence[Path] = (ROOT,)
    """Whose code they run, in turn: of this version, and of earlier ones."""
    counts: Counter[str] = field(default_factory=Counter)
    mark: str = field(default_factory=lambda: str(uuid4()))
    members: list[Member] = field(default_factory=list)

    @property
    def spared(self) -> int:
        return max(1, self.size // 10)

    def start(self) -> None:
        self.members += [self._started(place) for place in range(self.size)]

    def hurt(self, member: Member, what: signal.Signals, seconds: float = 0) -> None:
        """Send a signal; who is stopped goes on after so many seconds."""
        if member.process.poll() is not None or member.asked_at:
            return
        member.process.send_signal(what)
        self.counts[what.name] += 1
        match what:
            case signal.SIGKILL:
                member.killed = True
            case signal.SIGTERM:
                member.asked_at = time.monotonic()
            case _:
                member.stopped_until = time.monotonic() + seconds

    def mend(self) -> None:
        """Let go on who was stopped for long enough, and replace who has ended."""
        for place, member in enumerate(self.members):
            if member.stopped_until and member.stopped_until < time.monotonic():
                member.process.send_signal(signal.SIGCONT)
                member.stopped_until = None
            if self._ended(member):
                self.members[place] = self._started(place)

    def end(self) -> None:
        """Have all go on, and ask them to end."""
        for member in self.members:
            member.process.send_signal(signal.SIGCONT)
            member.process.terminate()
            member.asked_at = member.asked_at or time.monotonic()
        while self.members:  # each is waited for, and none is replaced
            self.members = [member for member in self.members if not self._ended(member)]
            time.sleep(0.05)

    def orphans(self) -> Sequence[psutil.Process]:
        """Return what is left of the crew, once it has had time to end."""
        over = time.monotonic() + BURIAL_SECONDS
        while (found := self._marked()) and time.monotonic() < over:
            time.sleep(0.2)
        return found

    def kill(self) -> None:
        """Kill whatever is left."""
        for one in self._marked():
            with suppress(psutil.NoSuchProcess):
                one.kill()
        for member in self.members:
            member.process.wait()

    def spared_mb(self) -> float:
        """Return the resident memory of a worker that is never ended, its supervisor included, on average."""
        total = 0
        for member in self.members[: self.spared]:
            with suppress(psutil.NoSuchProcess):
                worker = psutil.Process(member.process.pid)
                total += sum(one.memory_info().rss for one in (worker, *worker.children()))
        return total / self.spared / 1e6

    def _started(self, place: int) -> Member:
        checkout = self.checkouts[place % len(self.checkouts)]
        # The commands of brokers do not look for us in the folder they are started in.
        code = {"PYTHONPATH": os.pathsep.join((str(checkout), str(checkout / "src")))}
        environment = os.environ | self.environment | code | {MARK: self.mark}
        with self.log.open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - our own program
                self.command, cwd=checkout, env=environment, stdout=log, stderr=log, start_new_session=True
            )
        return Member(process)

    def _ended(self, member: Member) -> bool:
        status = member.process.poll()
        if status is None:
            if member.asked_at and time.monotonic() - member.asked_at > ENDING_SECONDS and not member.killed:
                self.faults.append(f"worker {member.process.pid} did not end within {ENDING_SECONDS} s of SIGTERM")
                member.killed = True
                member.process.kill()
            return False
        # One that is asked before it listens ends by the signal, and one that finds no database is started again.
        well = (0, -signal.SIGTERM) if member.asked_at else (os.EX_TEMPFAIL,)
        if not member.killed and status not in well:
            self.faults.append(f"worker {member.process.pid} ended by itself with {status}")
        return True

    def _marked(self) -> Sequence[psutil.Process]:
        return [one for one in psutil.process_iter() if self._is_marked(one)]

    def _is_marked(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get(MARK) == self.mark and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False
