"""Limited children give back what they found, and die alone."""

import multiprocessing
import os
import pickle
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import psutil
import pytest

from counterfoil.documents.domain import EncryptedDocument, Inspected, MediaType, TooManyPages
from counterfoil.foundation import nursery
from counterfoil.foundation.children import ChildFailed, ChildKilled, ChildTimedOut, run_limited
from counterfoil.foundation.nursery import Failed, Raised, Request, Returned
from tests.support import child_work

ROOT = Path(__file__).parents[2]


def run(function: Callable[..., Any], *args: object, memory_mb: int = 256, seconds: float = 10) -> Any:
    return run_limited(function, *args, memory_mb=memory_mb, seconds=seconds)


def eventually(holds: Callable[[], bool]) -> bool:
    """Wait until something holds, at most ten seconds."""
    for _ in range(200):
        if holds():
            return True
        time.sleep(0.05)
    return False


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_result_comes_back_as_it_was() -> None:
    assert run(child_work.double, 21) == 42
    assert run(child_work.describe) == Inspected(media_type=MediaType.PDF, page_count=3)


def test_our_own_errors_come_back_as_they_were() -> None:
    with pytest.raises(EncryptedDocument, match="password"):
        run(child_work.refuse_encrypted)
    with pytest.raises(TooManyPages, match="10000 pages; at most 200") as raised:
        run(child_work.refuse_pages)
    assert raised.value.code == "too_many_pages"


@pytest.mark.parametrize(
    ("function", "args", "kind"),
    [(child_work.divide_by_zero, (), "ZeroDivisionError"), (child_work.leave, (3,), "SystemExit")],
)
def test_other_errors_are_named_with_their_trace(
    function: Callable[..., Any], args: tuple[int, ...], kind: str
) -> None:
    with pytest.raises(ChildFailed, match=kind) as raised:
        run(function, *args)
    assert kind in raised.value.__notes__[0]


def test_a_result_that_cannot_be_sent_is_a_failure() -> None:
    with pytest.raises(ChildFailed):
        run(child_work.give_a_function)


def test_a_reply_that_would_build_more_than_our_data_is_refused() -> None:
    with pytest.raises(ChildFailed, match="cannot be read"):
        run(child_work.give_a_path)


def test_a_function_that_the_child_cannot_find_is_a_failure_not_a_hang() -> None:
    script = "from tests.support.child_work import run_limited\ndef f(): ...\nrun_limited(f, memory_mb=256, seconds=10)"
    ended = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False, capture_output=True, text=True)
    assert "ChildFailed: A part of the work failed with AttributeError" in ended.stderr


def test_too_much_memory_is_refused() -> None:
    with pytest.raises(ChildKilled, match="more memory"):
        run(child_work.take, 500)
    assert run(child_work.take, 50) == 50 << 20


def test_a_reply_without_end_does_not_fill_our_memory() -> None:
    with pytest.raises(ChildKilled, match="too long"):
        run(child_work.answer_at_length, 70, memory_mb=512)


def test_a_crash_is_told_by_its_signal() -> None:
    with pytest.raises(ChildKilled, match="SIGSEGV"):
        run(child_work.crash)


def test_a_child_that_vanishes_without_a_word_is_noticed() -> None:
    with pytest.raises(ChildFailed, match="cannot be read"):
        run(child_work.vanish)


@pytest.mark.parametrize("function", [child_work.sleep_deafly, child_work.spin])
def test_what_takes_too_long_is_ended(function: Callable[[], None]) -> None:
    with pytest.raises(ChildTimedOut, match=r"0\.5 s"):
        run(function, seconds=0.5)


def test_a_child_writes_no_file(tmp_path: Path) -> None:
    path = tmp_path / "written"
    with pytest.raises(ChildFailed, match="OSError"):
        run(child_work.write, str(path))
    assert path.read_bytes() == b""


def test_no_secret_of_ours_is_in_a_childs_environment(tmp_path: Path) -> None:
    os.environ["NOTION_TOKEN"] = "secret"
    try:
        script = "from tests.support.child_work import *; print(run_limited(environment, memory_mb=256, seconds=10))"
        said = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, text=True)
    finally:
        del os.environ["NOTION_TOKEN"]
    assert "PATH" in said.stdout
    assert "NOTION_TOKEN" not in said.stdout


def test_what_a_child_started_ends_with_it() -> None:
    grandchild = run(child_work.leave_a_grandchild, 60)
    assert eventually(lambda: gone(grandchild))


def test_many_threads_get_their_own_answers() -> None:
    with ThreadPoolExecutor(16) as threads:
        assert list(threads.map(lambda number: run(child_work.double, number), range(100))) == list(range(0, 200, 2))


def test_a_forked_process_has_children_of_its_own() -> None:
    script = "import sys; from tests.support import child_work; sys.exit(child_work.call_from_a_fork())"
    ended = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (42, "")


def test_a_killed_nursery_is_noticed_and_another_one_started() -> None:
    bearer = psutil.Process(run(child_work.parent))
    with ThreadPoolExecutor(1) as threads:
        sleeping = threads.submit(run, child_work.sleep_deafly)
        assert eventually(lambda: bool(bearer.children()))
        (child,) = bearer.children()
        bearer.kill()
        with pytest.raises(ChildKilled, match="bore it is gone"):
            sleeping.result()
    assert eventually(lambda: gone(child.pid))
    assert run(child_work.double, 4) == 8


def test_no_child_outlives_a_parent_that_is_killed() -> None:
    command = [sys.executable, "-c", "from tests.support import child_work; child_work.call_for_long()"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout
        bearer = psutil.Process(int(program.stdout.readline()))
        assert eventually(lambda: bool(bearer.children()))
        (child,) = bearer.children()
        program.send_signal(signal.SIGKILL)
    assert eventually(lambda: gone(child.pid))
    assert eventually(lambda: gone(bearer.pid))


@pytest.mark.parametrize(
    ("function", "reply"),
    [
        (child_work.describe, Returned(value=child_work.describe())),
        (child_work.refuse_pages, Raised(kind=TooManyPages, args=TooManyPages(10_000, 200).args, state={})),
    ],
)
def test_an_answer_is_what_came_of_the_call(function: Callable[[], object], reply: nursery.Reply) -> None:
    assert nursery.answer(Request(function=function, args=(), memory=1, seconds=1)) == reply


def test_an_unexpected_error_is_answered_by_its_kind_and_trace() -> None:
    reply = nursery.answer(Request(function=child_work.divide_by_zero, args=(), memory=1, seconds=1))
    assert isinstance(reply, Failed)
    assert reply.kind == "ZeroDivisionError"
    assert "divide_by_zero" in reply.trace


@pytest.fixture
def control() -> Iterator[socket.socket]:
    """The way to a nursery of the test's own, which has ended well when the test is over."""
    ours, theirs = socket.socketpair()
    bearer = get_context("spawn").Process(target=child_work.serve_nursery, args=(theirs,))
    bearer.start()
    theirs.close()
    with ours:
        yield ours
    bearer.join(10)
    assert bearer.exitcode == 0


def bear(control: socket.socket, request: bytes, seconds: float = 10, module: str = "math") -> tuple[bytes, int]:
    """Have a child born that gets this request; return its reply and how it ended."""
    (channel, childs_channel), (status, childs_status) = socket.socketpair(), socket.socketpair()
    with channel, status:
        with childs_channel, childs_status:
            header = nursery.HEADER.pack(seconds, len(module))
            socket.send_fds(control, [header], [childs_channel.fileno(), childs_status.fileno()])
            control.sendall(module.encode())
        channel.sendall(request)
        channel.shutdown(socket.SHUT_WR)
        reply = b"".join(iter(lambda: channel.recv(1 << 16), b""))
        return reply, nursery.ENDED.unpack(status.recv(nursery.ENDED.size))[0]


def pickled(function: Callable[..., object], *args: object) -> bytes:
    return pickle.dumps(Request(function=function, args=args, memory=256 << 20, seconds=10))


def test_a_nursery_tells_how_each_child_ended(control: socket.socket) -> None:
    reply, ended = bear(control, pickled(child_work.double, 21))
    assert (pickle.loads(reply), ended) == (Returned(value=42), 0)
    assert bear(control, pickled(child_work.take, 500)) == (b"", nursery.OUT_OF_MEMORY)
    assert bear(control, pickled(child_work.crash)) == (b"", -signal.SIGSEGV)
    assert bear(control, pickled(child_work.sleep_deafly), seconds=0.2) == (b"", nursery.OVERSTAYED)


def test_a_nursery_survives_a_module_that_is_not_there_and_a_request_that_is_none(control: socket.socket) -> None:
    reply, ended = bear(control, b"nonsense", module="no.such.module")
    assert (type(pickle.loads(reply)), ended) == (Failed, 0)
    assert bear(control, pickled(child_work.double, 1))[1] == 0


def test_a_nursery_ends_its_children_when_nobody_needs_it(control: socket.socket) -> None:
    with ThreadPoolExecutor(1) as threads:
        sleeping = threads.submit(bear, control, pickled(child_work.sleep_deafly))
        nurse = psutil.Process(multiprocessing.active_children()[0].pid)
        assert eventually(lambda: bool(nurse.children()))
        (child,) = nurse.children()
        control.shutdown(socket.SHUT_RDWR)
        with pytest.raises((struct.error, ConnectionError)):
            sleeping.result()
    assert eventually(lambda: gone(child.pid))
