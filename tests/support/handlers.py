"""Job types that do every kind of harm, each to be run in a child or in a thread."""

import ctypes
import itertools
import locale
import mmap
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeAlias

from pydantic import BaseModel
from sqlalchemy import Column, Integer, MetaData, Table, Uuid, insert

from counterfoil.foundation.database import Database
from counterfoil.foundation.errors import ExecutionFailed, TimedOut
from counterfoil.foundation.ids import new_id
from counterfoil.jobs.attempts import AttemptRunner
from counterfoil.jobs.context import JobContext
from counterfoil.jobs.domain import Backoff, Json
from counterfoil.jobs.infrastructure.leases import SqlLeaseStore
from counterfoil.jobs.types import Handled, JobType

Handler: TypeAlias = Callable[[JobContext, "Note"], Json | None]

AT_ONCE = Backoff(base=timedelta(0))
BASELINE_MB = 160
"""More than a child of these tests holds when it does nothing."""

effects = Table(
    "effects",
    MetaData(),
    Column("job_id", Uuid(), primary_key=True),  # a second effect of the same job is an error
    Column("process", Integer, nullable=False),
)


class Note(BaseModel):
    """What the jobs of these tests are given."""

    text: str = ""
    number: int = 0


def greet(_: JobContext, note: Note) -> Json:
    return {"greeting": f"Hello {note.text}", "process": os.getpid()}


def fail(_: JobContext, note: Note) -> None:
    raise RuntimeError(note.text)


def fail_once(context: JobContext, _: Note) -> Json:
    if context.job.attempts == 1:
        raise ConnectionError("Not yet.")
    return {"attempt": context.job.attempts}


def take_effect(context: JobContext, _: Note) -> None:
    with context.transaction() as tx:
        tx.execute(insert(effects), {"job_id": context.job.id, "process": os.getpid()})
        context.complete(tx, {"done": True})


def take_effect_and_stumble(context: JobContext, note: Note) -> None:
    take_effect(context, note)
    raise RuntimeError


def be_killed_before_the_effect(context: JobContext, note: Note) -> None:
    """Wait to be killed the first time; take effect the second."""
    if not Path(note.text).exists():
        sleep_long(context, note)
    take_effect(context, note)


def be_killed_in_mid_effect(context: JobContext, note: Note) -> None:
    """Wait to be killed with the effect written but not committed, on SQLite under the one write lock."""
    with context.transaction() as tx:
        tx.execute(insert(effects), {"job_id": context.job.id, "process": os.getpid()})
        if not Path(note.text).exists():
            sleep_long(context, note)
        context.complete(tx, {"done": True})


def ask_back(context: JobContext, note: Note) -> Json:
    """Use everything that a handler is given."""
    context.log("Began", number=note.number)
    first = context.step("first", lambda: {"process": os.getpid()})
    context.progress(1, 1, message="One of one")
    return {"first": first, "again": context.step("first", dict)}


def leave(_: JobContext, __: Note) -> None:
    os._exit(0)


def crash(_: JobContext, __: Note) -> None:
    ctypes.string_at(0)


def kill_itself(_: JobContext, __: Note) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def kill_the_worker(_: JobContext, note: Note) -> None:
    """Kill the process that the file names, once it does."""
    path = Path(note.text)
    while not path.exists():
        time.sleep(0.01)
    os.kill(int(path.read_text()), signal.SIGKILL)
    time.sleep(600)


def wait_for_a_file(_: JobContext, note: Note) -> Json:
    """Say that we have begun, and wait until somebody lets us go."""
    path = Path(note.text)
    path.touch()
    while not path.with_suffix(".go").exists():
        time.sleep(0.01)
    return {"process": os.getpid()}


def exit_politely(_: JobContext, __: Note) -> None:
    sys.exit(3)


def interrupt(_: JobContext, __: Note) -> None:
    raise KeyboardInterrupt


def sleep_long(_: JobContext, note: Note) -> None:
    if note.text:
        Path(note.text).write_text(str(os.getpid()))
    time.sleep(600)


def block_signals_and_hold_the_interpreter(_: JobContext, note: Note) -> None:
    if Path(note.text).exists():
        return
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGALRM})
    Path(note.text).write_text(str(os.getpid()))
    ctypes.PyDLL(None).sleep(600)  # unlike CDLL, this keeps the interpreter's lock


def hold_the_interpreter(context: JobContext, note: Note) -> None:
    """Let nothing else of this process run for so many seconds, once; then take effect."""
    if not Path(note.text).exists():
        Path(note.text).touch()
        ctypes.PyDLL(None).sleep(note.number)
    take_effect(context, note)


def take_memory(_: JobContext, note: Note) -> None:
    held = b"x" * (note.number << 20)
    time.sleep(600 if held else 0)


def leave_grandchildren(_: JobContext, note: Note) -> Json:
    """Leave a process in our group, and one that has left group and parent."""
    near = subprocess.Popen(["sleep", "600"])
    script = "import subprocess; print(subprocess.Popen(['sleep', '600'], stdout=2).pid)"
    far = subprocess.run([sys.executable, "-c", script], start_new_session=True, stdout=subprocess.PIPE, check=True)
    pids = [near.pid, int(far.stdout)]
    if note.text == "and leave":
        os._exit(0)
    return {"pids": pids, "process": os.getpid()}


def note_processes(path: Path, *pids: int) -> None:
    """Say which processes are there, all at once, so that nobody reads the half of it."""
    written = path.with_suffix(".new")
    written.write_text(" ".join(map(str, pids)))
    written.rename(path)


def fork_away() -> int:
    """Leave a process that has left group, session and parent, by nothing but forks; return its id."""
    reads, writes = os.pipe()
    if not os.fork():
        os.setsid()
        if born := os.fork():
            os.write(writes, str(born).encode())
            os._exit(0)
        time.sleep(600)
        os._exit(0)
    os.wait()
    return int(os.read(reads, 100))


def fork_and_leave(_: JobContext, note: Note) -> Json:
    """Leave a child of ours, and one that has gone further, and end as the note says."""
    near = os.fork()
    if not near:
        time.sleep(600)
        os._exit(0)
    pids = [near, fork_away()]
    if note.text:
        note_processes(Path(note.text), os.getpid(), *pids)
    if note.number == 1:
        ctypes.string_at(0)
    if note.number == 2:
        time.sleep(600)
    return {"pids": pids, "process": os.getpid()}


def disown_orphans(context: JobContext, note: Note) -> Json:
    """Give back the duty to adopt orphans, so that they go to somebody else while we live."""
    ctypes.CDLL(None).prctl(36, 0, 0, 0, 0)
    return fork_and_leave(context, note)


def tidy_up(_: JobContext, note: Note) -> None:
    """Work for long, and tidy up when asked to end."""
    path = Path(note.text)
    try:
        note_processes(path, os.getpid())
        time.sleep(600)
    finally:
        path.with_suffix(".tidied").touch()


def give_another_reason(_: JobContext, note: Note) -> None:
    try:
        spin(_, note)
    except TimedOut:
        raise ConnectionError("The other side hung up.") from None


def turn_a_deaf_ear(_: JobContext, note: Note) -> None:
    """Go on, whoever asks us to end."""
    note_processes(Path(note.text), os.getpid())
    while True:
        try:
            time.sleep(600)
        except BaseException:  # noqa: BLE001 - that is what it is here for
            continue


def finish_when_asked(_: JobContext, note: Note) -> Json:
    """Take being asked to end as a reason to be content with what there is."""
    try:
        tidy_up(_, note)
    except ExecutionFailed:
        return {"done": "in part"}
    raise AssertionError


def forget_signals(_: JobContext, note: Note) -> None:
    """Undo what would let us hear that we are to end."""
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)
    sleep_long(_, note)


def spin(_: JobContext, note: Note) -> None:
    if note.text:
        note_processes(Path(note.text), os.getpid())
    while True:
        pass


def spin_in_c(_: JobContext, note: Note) -> None:
    """Spin where no signal is looked for and no other thread gets a turn."""
    note_processes(Path(note.text), os.getpid())
    all(itertools.repeat(True))


def take_by_numpy(_: JobContext, note: Note) -> None:
    import numpy as np

    held = np.ones(note.number << 17)
    time.sleep(600 if len(held) else 0)


def take_by_mmap(_: JobContext, note: Note) -> None:
    held = mmap.mmap(-1, note.number << 20)
    for at in range(0, len(held), mmap.PAGESIZE):
        held[at] = 1
    time.sleep(600)


def take_slowly(_: JobContext, note: Note) -> None:
    held = []
    for _step in range(note.number):
        held.append(b"x" * (1 << 20))
        time.sleep(0.002)
    time.sleep(600)


def take_in_a_grandchild(_: JobContext, note: Note) -> None:
    script = f"import time; held = b'x' * ({note.number} << 20); time.sleep(600)"
    subprocess.run([sys.executable, "-c", script], start_new_session=True, check=True)


def share_memory(_: JobContext, note: Note) -> Json:
    """Hold memory together with processes that were forked after it was taken."""
    held = b"x" * (note.number << 20)
    forks = []
    for _one in range(3):
        if not (born := os.fork()):
            time.sleep(1 if held else 0)
            os._exit(0)
        forks.append(born)
    for born in forks:
        os.waitpid(born, 0)
    return {"process": os.getpid()}


def end_a_process_of_ours(_: JobContext, __: Note) -> Json:
    """End a fork politely, as a library does with its helpers; tell how it went."""
    born = os.fork()
    if not born:
        time.sleep(600)
        os._exit(0)
    os.kill(born, signal.SIGTERM)
    return {"ended": os.waitstatus_to_exitcode(os.waitpid(born, 0)[1])}


def spoil(_: JobContext, note: Note) -> Json:
    """Change what the next job in this process would find."""
    if note.text == "streams":
        os.closerange(0, 3)
    if note.text == "folder":
        os.chdir("/")
    if note.text == "signals":
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    if note.text == "mask":
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGALRM})
    if note.text == "locale":
        locale.setlocale(locale.LC_ALL, "C.UTF-8" if locale.setlocale(locale.LC_ALL) == "C" else "C")
    return {"process": os.getpid()}


def close_everything(_: JobContext, __: Note) -> None:
    """Close all files and sockets, also those that are not ours."""
    os.closerange(0, 1000)


def give_text(context: JobContext, _: Note) -> Json:
    """Say what PostgreSQL refuses to hear, everywhere."""
    odd = "nul \x00 and \ud800 surrogate"
    context.log(odd, text=odd)
    context.progress(1, 1, message=odd)
    context.step("odd", lambda: {odd: [odd]})
    return {"text": odd}


def give_nonsense(_: JobContext, __: Note) -> Json:
    return {"number": float("nan")}


HANDLERS: Sequence[Handler] = (
    greet,
    fail,
    fail_once,
    take_effect,
    take_effect_and_stumble,
    be_killed_before_the_effect,
    be_killed_in_mid_effect,
    ask_back,
    leave,
    crash,
    kill_itself,
    kill_the_worker,
    wait_for_a_file,
    exit_politely,
    interrupt,
    sleep_long,
    block_signals_and_hold_the_interpreter,
    hold_the_interpreter,
    take_memory,
    leave_grandchildren,
    fork_and_leave,
    disown_orphans,
    tidy_up,
    give_another_reason,
    turn_a_deaf_ear,
    finish_when_asked,
    forget_signals,
    spin,
    spin_in_c,
    take_by_numpy,
    take_by_mmap,
    take_slowly,
    take_in_a_grandchild,
    share_memory,
    end_a_process_of_ours,
    spoil,
    close_everything,
    give_text,
    give_nonsense,
)


def guarded(handler: Handler, **changes: Any) -> JobType[Note]:
    """Return the type of jobs that run this handler in a child."""
    facts: dict[str, Any] = {"max_attempts": 2, "backoff": AT_ONCE, "timeout_seconds": 60}
    return JobType(name=handler.__name__, payload=Note, **(facts | changes))


def light(handler: Handler, **changes: Any) -> JobType[Note]:
    """Return the type of jobs that run this handler in a thread."""
    facts: dict[str, Any] = {"max_attempts": 2, "backoff": AT_ONCE}
    return JobType(name=f"light_{handler.__name__}", payload=Note, light=True, **(facts | changes))


def all_handled(more: Iterable[Handled[Any]] = ()) -> Mapping[str, Handled[Any]]:
    """Return every handler of this module as guarded and as light, and some more."""
    handled = [Handled(type=sort(one), handler=one) for one in HANDLERS for sort in (guarded, light)]
    return {one.type.name: one for one in [*handled, *more]}


def runner(url: str) -> AttemptRunner:
    """Build what runs attempts in a child."""
    return AttemptRunner(handlers=all_handled(), database=Database(url), store=SqlLeaseStore(), new_id=new_id)


def no_runner(mark: Path) -> AttemptRunner:
    """Fail as a factory does whose house is not in order."""
    mark.touch()
    raise RuntimeError
