"""The command line, run as a person runs it; what does not start with it runs in a fork that has imported all."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest

from tests.support.command_line import Answer, CommandLine
from tests.support.processes import alive

SAMPLES = Path(__file__).parents[2] / "samples"
COMMAND = str(Path(sys.executable).parent / "counterfoil")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "DATA_DIR": str(tmp_path / "data"), "DATABASE_URL": "", "COLUMNS": "200"}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody at a terminal, with nothing set up but a folder for the data."""

    line: CommandLine
    environment: Mapping[str, str]

    def run(self, *words: str, **changes: str) -> Answer:
        return self.line.run(words, {**self.environment, **changes})


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    with CommandLine.running(tmp_path_factory.mktemp("commands")) as line:
        yield line


@pytest.fixture
def person(line: CommandLine, environment: dict[str, str]) -> Person:
    return Person(line, environment)


def _json(answer: Answer) -> Any:
    return json.loads(answer.out)


def test_a_data_folder_that_cannot_be_is_named_in_one_line(person: Person, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    answer = person.run("records")
    assert (answer.status, "Traceback" in answer.err) == (2, False)
    assert answer.err.startswith(f"DATA_DIR={tmp_path / 'data'}: ")


def test_with_nothing_set_up_a_folder_is_read_and_shown(
    person: Person, environment: dict[str, str], tmp_path: Path
) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    shutil.copy(SAMPLES / "invoice-text.pdf", inbox)
    shutil.copy(SAMPLES / "invoice-facturx.pdf", inbox)
    (inbox / ".hidden").write_text("not for reading")

    command = [COMMAND, "add", str(inbox), "--wait", "--json"]
    added = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=True)
    assert [(Path(one["file"]).name, one["status"]) for one in json.loads(added.stdout)] == [
        ("invoice-facturx.pdf", "completed"),
        ("invoice-text.pdf", "completed"),
    ]

    records = _json(person.run("records", "--json"))
    assert {record["total"] for record in records} == {"4114.42", "2242.53"}
    table = person.run("records").out
    assert "4114.42 EUR" in table

    jobs = _json(person.run("jobs", "--json"))
    assert {job["status"] for job in jobs} == {"completed"}
    assert "Read invoice-text.pdf" in person.run("jobs").out
    assert list((tmp_path / "data" / "records").rglob("*.parquet"))


def test_what_cannot_be_read_is_named_and_the_rest_goes_on(person: Person, tmp_path: Path) -> None:
    text = tmp_path / "notes.jpg"
    text.write_text("this is no picture")
    added = person.run("add", str(text), str(SAMPLES / "invoice-text.pdf"))
    assert added.status == 1
    assert "notes.jpg" in added.out
    assert "handed in" in added.out
    assert "--wait" in added.err


def test_what_was_handed_in_before_and_what_is_in_an_archive_is_said(person: Person, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "march.zip", "w") as archive:
        archive.write(SAMPLES / "invoice-text.pdf", "2026/invoice.pdf")
        archive.writestr("../up.pdf", "x")
    added = person.run("add", str(SAMPLES / "invoice-text.pdf"), str(tmp_path / "march.zip"))
    shown = " ".join(added.out.split())
    assert shown.count("its bytes were handed in before") == 1
    assert shown.index("march.zip/2026/invoice.pdf: handed in") < shown.index("handed in before")
    assert "leads out of the archive" in shown
    assert "2 handed in, 1 of them not for the first time, 1 refused." in added.err
    assert added.status == 1


def test_pages_are_handed_in_as_one_document_and_a_bad_one_is_named(person: Person, tmp_path: Path) -> None:
    pages = [str(SAMPLES / "receipt-two-sides.tiff"), str(SAMPLES / "invoice-text.pdf")]
    (read,) = _json(person.run("join", *pages, "--wait", "--json"))
    assert (read["file"], read["handed_in"], read["status"]) == (
        "receipt-two-sides-joined.pdf",
        "accepted",
        "completed",
    )
    assert len(_json(person.run("records", "--json"))) == 1

    again = person.run("join", *pages, "--name", "whole.pdf")
    assert "whole.pdf: handed in" in again.out
    assert "before" in again.out
    assert "2 files handed in as one document." in again.err
    assert "--wait" in again.err

    (tmp_path / "notes.jpg").write_text("this is no picture")
    refused = person.run("join", pages[0], str(tmp_path / "notes.jpg"))
    assert (refused.status, "notes.jpg: By its content" in " ".join(refused.out.split())) == (1, True)
    alone = person.run("join", pages[0])
    assert (alone.status, "2 to 20 different documents" in alone.err) == (2, True)


def test_a_name_that_looks_like_markup_is_shown_as_it_is_and_ids_are_shown_whole(
    person: Person, tmp_path: Path
) -> None:
    hostile = tmp_path / "[red]a.pdf"
    shutil.copy(SAMPLES / "invoice-text.pdf", hostile)
    person.run("add", str(hostile))
    (job,) = _json(person.run("jobs", "--json"))
    shown = person.run("jobs", COLUMNS="80")
    assert shown.status == 0, shown.err
    assert job["id"] in shown.out
    assert "[red]a.pdf" in "".join(shown.out.split())


def test_nothing_yet_says_what_to_do(person: Person) -> None:
    assert "No records yet" in person.run("records").err
    assert "No jobs yet" in person.run("jobs").err


def test_a_wrong_setting_is_one_clear_line(person: Person) -> None:
    answer = person.run("jobs", WORKER_CONCURRENCY="many")
    assert answer.status == 2
    assert "WORKER_CONCURRENCY=many" in answer.err
    assert "Traceback" not in answer.err


def test_serve_says_where_it_is_reads_what_comes_and_ends_when_asked(
    person: Person, environment: dict[str, str]
) -> None:
    command = [COMMAND, "serve", "--port", "0"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            address = process.stdout.readline().split()[-1]
            _hand_in_over(address)
            taken = person.run("serve", "--port", address.rsplit(":", 1)[1])
            assert (taken.status, "already" in taken.err) == (2, True)
        finally:
            process.terminate()
        assert process.wait(timeout=60) == 0


@pytest.mark.parametrize(
    ("command", "number"),
    [
        ("serve", signal.SIGTERM),
        pytest.param("serve", signal.SIGINT, marks=pytest.mark.faults),
        pytest.param("serve", signal.SIGHUP, marks=pytest.mark.faults),
        ("worker", signal.SIGHUP),
    ],
)
def test_a_process_that_is_told_to_end_lets_its_worker_end_in_order(
    environment: dict[str, str], command: str, number: signal.Signals
) -> None:
    words = [COMMAND, "serve", "--port", "0"] if command == "serve" else [COMMAND, command]
    code, said, left = _told(words, environment, number)
    assert (code, "worker_stopped" in said, left) == (0, True, [])


def test_a_worker_that_is_to_outlive_its_terminal_does(environment: dict[str, str]) -> None:
    code, said, left = _told(["nohup", COMMAND, "worker"], environment, signal.SIGHUP, signal.SIGHUP, signal.SIGTERM)
    assert (code, "worker_stopped" in said, left) == (0, True, [])


def _told(words: Sequence[str], environment: dict[str, str], *numbers: signal.Signals) -> tuple[int, str, list[int]]:
    """Run a command, tell its worker so, the last time to end; return how it ended, what it said and who is left."""
    loud = environment | {"LOG_LEVEL": "INFO"}
    with subprocess.Popen(words, env=loud, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr
            said = next(line for line in process.stderr if "worker_started" in line)
            family = psutil.Process(process.pid).children(recursive=True)
            for number in numbers[:-1]:
                process.send_signal(number)
                time.sleep(0.3)
                assert process.poll() is None
            process.send_signal(numbers[-1])
            said += process.stderr.read()
            code = process.wait(timeout=60)
        finally:
            process.kill()
    return code, said, [one.pid for one in family if alive(one.pid)]


def _hand_in_over(address: str) -> None:
    with httpx2.Client(base_url=address, timeout=30) as http, (SAMPLES / "invoice-text.pdf").open("rb") as content:
        assert http.get("/").json() == {"message": "Service is running."}
        answer = http.post("/api/v1/receipts/upload", files={"file": ("invoice.pdf", content)})
        assert answer.json()["status"] == "queued"


def test_a_file_is_read_and_explained_without_being_kept(person: Person) -> None:
    sample = str(SAMPLES / "invoice-text.pdf")
    found = _json(person.run("read", sample, "--json"))
    assert found["id"] is None
    assert found["data"]["total"] == "2242.53"
    assert [one["value"] for one in found["considered"] if one["path"] == "total" and one["taken"]] == ["2242.53"]
    assert "what spoke for it" not in person.run("read", sample).out
    explained = person.run("read", sample, "--explain").out
    assert "what spoke for it" in explained
    assert "words" in explained
    assert _json(person.run("records", "--json")) == []


def test_the_samples_are_measured_against_their_truth(person: Person, tmp_path: Path) -> None:
    truth = tmp_path / "truth.jsonl"
    rows = (SAMPLES / "truth.jsonl").read_text().splitlines()
    truth.write_text("\n".join(row for row in rows if '"file": "invoice-text.pdf"' in row))
    shutil.copy(SAMPLES / "invoice-text.pdf", tmp_path)
    predictions = tmp_path / "predictions.jsonl"
    report = _json(person.run("evaluate", str(truth), "--predictions", str(predictions), "--json"))
    assert report["documents"] == 1
    assert report["fields"]["total"]["accuracy"] == 1.0
    predicted = json.loads(predictions.read_text())
    assert predicted["file"] == "invoice-text.pdf"
    assert predicted["fields"]["total"]["value"] == "2242.53"
    assert 0 < predicted["fields"]["total"]["confidence"] <= 1
    assert len(predicted["fields"]["total"]["bbox"]) == 4
    assert "total" in person.run("evaluate", str(truth)).out
