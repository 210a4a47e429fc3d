"""How many pages a second are read through the real queue, beside OCR alone by as many processes on the same pictures.

python -m benchmarks.reading [--folder PICTURES] [--pages N] [--workers N] [--markdown FILE]

Without a folder, photographs and scans of till receipts are drawn. `counterfoil serve` takes them in over HTTP.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import httpx2
import psutil
from PIL import Image

from benchmarks import machine, report
from counterfoil.jobs.domain import FINAL

SERVE = (sys.executable, "-c", "from counterfoil.cli import main; main()", "serve", "--port", "0")
PATIENCE_SECONDS = 1_800
LOOK_SECONDS = 0.25
LONGEST_SIDE = 2_000
DRAWN = ("--kinds", "receipt", "--kinds", "supermarket", "--forms", "photo", "--forms", "picture")


@dataclass(slots=True, kw_only=True)
class Watch:
    """Looks at a family of processes: what they have used, and the most that one of them held.

    With `apart` the first of them is left out, which only measures.
    """

    pid: int
    apart: bool = False
    processor: dict[int, float] = field(default_factory=dict)
    peak_mb: float = 0.0
    _over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Look again and again while the context lasts."""
        thread = threading.Thread(target=self._look)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    @property
    def processor_seconds(self) -> float:
        return sum(self.processor.values())

    def _look(self) -> None:
        first = psutil.Process(self.pid)
        own = () if self.apart else (first,)
        while not self._over.wait(LOOK_SECONDS):
            for one in (*own, *first.children(recursive=True)):
                with suppress(psutil.Error):
                    used = one.cpu_times()
                    self.processor[one.pid] = used.user + used.system
                    self.peak_mb = max(self.peak_mb, one.memory_info().rss / 1e6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What reading gave."""

    pages_a_second: float
    processor_a_page: float
    peak_mb: float


def through_the_queue(pictures: Sequence[Path], workers: int) -> Figures:
    """Hand all in, and see how they are read; the first of each worker are left out, for models are loaded then."""
    with tempfile.TemporaryDirectory() as folder, _served(Path(folder), workers) as (process, http):
        _wait(http, [_hand_in(http, picture) for picture in pictures[:workers]])
        watch = Watch(pid=process.pid)
        with watch.looking():
            jobs = _wait(http, [_hand_in(http, picture) for picture in pictures[workers:]])
    began = min(datetime.fromisoformat(job["started_at"]) for job in jobs)
    over = max(datetime.fromisoformat(job["completed_at"]) for job in jobs)
    seconds = (over - began).total_seconds()
    return Figures(
        pages_a_second=len(jobs) / seconds,
        processor_a_page=watch.processor_seconds / len(pictures),  # what was used before is in it too
        peak_mb=watch.peak_mb,
    )


@contextmanager
def _served(folder: Path, workers: int) -> Iterator[tuple[subprocess.Popen[str], httpx2.Client]]:
    environment = os.environ | {"DATA_DIR": str(folder), "WORKER_CONCURRENCY": str(workers), "LOG_LEVEL": "ERROR"}
    process = subprocess.Popen(SERVE, env=environment, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own program
    assert process.stdout  # noqa: S101 - it is a pipe
    try:
        address = process.stdout.readline().split()[-1]
        with httpx2.Client(base_url=f"{address}/api/v1", timeout=60) as http:
            yield process, http
    finally:
        process.terminate()
        process.wait()


def _hand_in(http: httpx2.Client, picture: Path) -> str:
    answer = http.post("/receipts/upload", files={"file": (picture.name, picture.read_bytes())})
    answer.raise_for_status()
    job: str = answer.json()["job_id"]
    return job


def _wait(http: httpx2.Client, jobs: Sequence[str]) -> Sequence[Mapping[str, Any]]:
    over = time.monotonic() + PATIENCE_SECONDS
    for job in reversed(jobs):
        while (status := http.get(f"/jobs/{job}").json()["status"]) != "completed":
            if time.monotonic() > over or status in FINAL:
                sys.exit(f"job {job} is {status}, not completed")
            time.sleep(LOOK_SECONDS)
    return [http.get(f"/jobs/{job}").json() for job in jobs]


def by_ocr_alone(pictures: Sequence[Path], workers: int) -> Figures:
    """Have the words found by processes that do nothing else."""
    with get_context("spawn").Pool(workers) as pool:
        pool.map(_words_on, pictures[:workers], chunksize=1)
        watch = Watch(pid=os.getpid(), apart=True)
        with watch.looking():
            began = time.perf_counter()
            pool.map(_words_on, pictures[workers:], chunksize=1)
            seconds = time.perf_counter() - began
    return Figures(
        pages_a_second=len(pictures[workers:]) / seconds,
        processor_a_page=watch.processor_seconds / len(pictures),
        peak_mb=watch.peak_mb,
    )


_engine: Any = None


def _words_on(file: Path) -> int:
    global _engine  # noqa: PLW0603 - one for each process
    from counterfoil.extraction.infrastructure.ocr import RapidOcrWords

    _engine = _engine or RapidOcrWords()
    picture = Image.open(file)
    picture.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
    words, _ = _engine.find(picture.convert("RGB"))
    return len(words)


def main() -> None:
    """Measure, print the table, and keep it."""
    given = _arguments()
    load = machine.load()
    with tempfile.TemporaryDirectory() as drawn:
        pictures = _pictures(given.folder or _drawn(Path(drawn) / "samples", given.pages), given.pages)
        ours = through_the_queue(pictures, given.workers)
        alone = by_ocr_alone(pictures, given.workers)
    rows = [
        ("pages a second", ours.pages_a_second, alone.pages_a_second),
        ("processor seconds a page, all processes", ours.processor_a_page, alone.processor_a_page),
        ("peak memory of one process, MB", ours.peak_mb, alone.peak_mb),
    ]
    sheet = report.Sheet(
        title="Reading through the queue",
        columns=("", "Counterfoil", "OCR alone", "ratio"),
        rows=[(name, report.figure(one), report.figure(other), report.ratio(one, other)) for name, one, other in rows],
        notes=[f"{len(pictures)} pictures, {given.workers} at a time; the first {given.workers} load the models."],
        facts=machine.facts([], load),
    )
    report.show(sheet)
    report.save(sheet, given.markdown)


def _drawn(folder: Path, count: int) -> Path:
    program = (*SERVE[:3], "samples", str(folder), "--count", str(count), *DRAWN)
    subprocess.run(program, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own program
    return folder


def _pictures(folder: Path, most: int) -> Sequence[Path]:
    found = sorted(file for file in folder.iterdir() if file.suffix.lower() in {".jpg", ".jpeg", ".png"})
    return found[:most]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, metavar="PICTURES", help="pictures of receipts, a page each")
    parser.add_argument("--pages", type=int, default=40, metavar="N", help="how many are read, at most")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, metavar="N", help="how many at a time")
    parser.add_argument("--markdown", type=Path, default=Path("data/benchmarks/reading.md"), metavar="FILE")
    return parser.parse_args()


if __name__ == "__main__":
    main()
