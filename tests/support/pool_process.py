"""A program that runs guarded jobs: `python -m tests.support.pool_process HOW URL`; it prints what came of them."""

import multiprocessing
import sys
import threading
from functools import partial

from counterfoil.jobs.infrastructure.children import ChildPool
from tests.support import handlers
from tests.support.handlers import guarded, runner
from tests.support.jobs import claimed_job


def main() -> None:
    how, url, text = sys.argv[1:]
    {"by itself": by_itself, "in a fork": in_a_fork}[how](url, text)


def new_pool(url: str) -> ChildPool:
    return ChildPool(partial(runner, url), preload=["tests.support.handlers"])


def greet(pool: ChildPool) -> None:
    sys.stdout.write(f"{pool.run(claimed_job(guarded(handlers.greet), text='Ada'))}\n")
    sys.stdout.flush()


def by_itself(url: str, text: str) -> None:
    """Run a job that leaves processes everywhere and does not end."""
    new_pool(url).run(claimed_job(guarded(handlers.fork_and_leave), text=text, number=2))


def in_a_fork(url: str, _: str) -> None:
    """Run a job; two in a fork, which has the pool of its parent and may not have children; and one more.

    Meanwhile another thread is in the pool, so that whatever the fork finds locked stays so.
    """
    pool = new_pool(url)
    greet(pool)
    waiting = threading.Thread(target=lambda: pool.run(claimed_job(guarded(handlers.sleep_long))))
    waiting.start()
    fork = multiprocessing.get_context("fork").Process(target=_in_the_fork, args=(pool, url), daemon=True)
    fork.start()
    fork.join()
    pool.interrupt()
    waiting.join()
    greet(pool)
    pool.close()


def _in_the_fork(pool: ChildPool, url: str) -> None:
    greet(pool)
    own = new_pool(url)
    greet(own)
    own.close()


if __name__ == "__main__":
    main()
