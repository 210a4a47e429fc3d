"""What is put into slots is taken up once, by as many threads as are wanted and no more than there are slots."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from counterfoil.jobs.slots import Slots
from tests.support.waiting import wait_until


class Bench:
    """Work that stays in its slot until it is let go, and the names of the threads that did it."""

    def __init__(self, number: int) -> None:
        self.slots = Slots(number, self._work)
        self.done: list[int] = []
        self.hands: set[str] = set()
        self.at_work: set[int] = set()
        self.most = 0
        self._go = threading.Event()
        self._lock = threading.Lock()

    def let_go(self) -> None:
        self._go.set()

    def _work(self, item: int) -> None:
        with self._lock:
            self.at_work.add(item)
            self.most = max(self.most, len(self.at_work))
            self.hands.add(threading.current_thread().name + str(threading.get_ident()))
        assert self._go.wait(60)
        with self._lock:
            self.at_work.remove(item)
            self.done.append(item)


@contextmanager
def bench_with(number: int) -> Iterator[Bench]:
    bench = Bench(number)
    try:
        yield bench
    finally:
        bench.let_go()
        bench.slots.close()


def holds(condition: Callable[[], bool]) -> bool:
    wait_until(condition)
    return True


def test_each_of_many_is_taken_up_once_and_never_more_at_once_than_there_are_slots() -> None:
    with bench_with(3) as bench:
        bench.slots.put(range(10), quick=False)
        assert holds(lambda: len(bench.at_work) == 3)
        bench.slots.put(range(10, 20), quick=False)
        bench.let_go()
        assert holds(lambda: len(bench.done) == 20)
        assert sorted(bench.done) == list(range(20))
        assert (bench.most, len(bench.hands)) == (3, 3)


def test_no_more_threads_are_woken_than_there_is_work_for() -> None:
    with bench_with(8) as bench:
        bench.slots.put([1, 2], quick=False)
        assert holds(lambda: len(bench.at_work) == 2)
        bench.let_go()
        assert holds(lambda: sorted(bench.done) == [1, 2])
        assert len(bench.hands) == 2


def test_one_thread_does_what_is_quick_in_its_order() -> None:
    with bench_with(4) as bench:
        bench.let_go()
        bench.slots.put(range(50), quick=True)
        assert holds(lambda: len(bench.done) == 50)
        assert bench.done == list(range(50))
        assert len(bench.hands) == 1


def test_help_comes_in_ever_greater_numbers_while_something_is_left() -> None:
    with bench_with(8) as bench:
        bench.slots.put(range(8), quick=True)
        assert holds(lambda: len(bench.at_work) == 1)
        seen = []
        for wanted in (1, 2, 4, 8):
            assert bench.slots.help()
            wait_until(lambda number=wanted: len(bench.at_work) >= number)  # type: ignore[misc]  # bound now
            seen.append(len(bench.at_work))
        assert seen == [1, 2, 4, 8]
        assert not bench.slots.help()


@pytest.mark.parametrize("quick", [False, True])
def test_what_no_thread_has_taken_up_can_be_taken_back(quick: bool) -> None:
    with bench_with(2) as bench:
        bench.slots.put(range(2), quick=False)
        assert holds(lambda: len(bench.at_work) == 2)
        bench.slots.put(range(2, 6), quick=quick)
        assert list(bench.slots.empty()) == [2, 3, 4, 5]
        assert list(bench.slots.empty()) == []
        bench.let_go()
        assert holds(lambda: sorted(bench.done) == [0, 1])


def test_threads_that_have_nothing_to_do_end_when_the_slots_are_closed() -> None:
    before = set(threading.enumerate())
    slots = Slots[int](3, lambda _: None)
    slots.put(range(3), quick=False)
    own = set(threading.enumerate()) - before
    assert own
    slots.close()
    assert holds(lambda: not any(thread.is_alive() for thread in own))


def test_slots_that_had_no_work_can_be_closed_and_nothing_is_done_for_nothing() -> None:
    before = threading.active_count()
    slots = Slots[int](3, lambda _: None)
    slots.put([], quick=False)
    assert not slots.help()
    assert threading.active_count() == before
    slots.close()


def test_a_thread_whose_work_fails_outright_says_so_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[object] = []
    done: list[int] = []
    monkeypatch.setattr(threading, "excepthook", lambda told: said.append(told.exc_value))

    def work(number: int) -> None:
        if number < 3:
            raise RuntimeError(number)
        done.append(threading.get_ident())

    slots = Slots(1, work)
    for number in range(5):
        slots.put([number], quick=True)
    wait_until(lambda: len(done) == 2)
    slots.close()
    assert [str(error) for error in said] == ["0", "1", "2"]
    assert len(set(done)) == 1
