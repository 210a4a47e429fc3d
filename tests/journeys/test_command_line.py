"""The command line, run as a person runs it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest

from tests.support.processes import alive

SAMPLES = Path(__file__).parents[2] / "samples"
COMMAND = str(Path(sys.executable).parent / "counterfoil")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "DATA_DIR": str(tmp_path / "data"), "DATABASE_URL": "", "COLUMNS": "200"}


def _run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *arguments], env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def _json(answer: subprocess.CompletedProcess[str]) -> Any:
    return json.loads(answer.stdout)


def test_a_data_folder_that_cannot_be_is_named_in_one_line(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    answer = _run(environment, "records")
    assert (answer.returncode, "Traceback" in answer.stderr) == (2, False)
    assert answer.stderr.startswith(f"DATA_DIR={tmp_path / 'data'}: ")


def test_with_nothing_set_up_a_folder_is_read_and_shown(environment: dict[str, str], tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    shutil.copy(SAMPLES / "invoice-text.pdf", inbox)
    shutil.copy(SAMPLES / "invoice-facturx.pdf", inbox)
    (inbox / ".hidden").write_text("not for reading")

    added = _run(environment, "add", str(inbox), "--wait", "--json")
    assert added.returncode == 0, added.stderr
    assert [(Path(one["file"]).name, one["status"]) for one in _json(added)] == [
        ("invoice-facturx.pdf", "completed"),
        ("invoice-text.pdf", "completed"),
    ]

    records = _json(_run(environment, "records", "--json"))
    assert {record["total"] for record in records} == {"4114.42", "2242.53"}
    table = _run(environment, "records").stdout
    assert "4114.42 EUR" in table

    jobs = _json(_run(environment, "jobs", "--json"))
    assert {job["status"] for job in jobs} == {"completed"}
    assert "Read invoice-text.pdf" in _run(environment, "jobs").stdout
    assert list((tmp_path / "data" / "records").rglob("*.parquet"))


def test_what_cannot_be_read_is_named_and_the_rest_goes_on(environment: dict[str, str], tmp_path: Path) -> None:
    text = tmp_path / "notes.jpg"
    text.write_text("this is no picture")
    added = _run(environment, "add", str(text), str(SAMPLES / "invoice-text.pdf"))
    assert added.returncode == 1
    assert "notes.jpg" in added.stdout
    assert "handed in" in added.stdout
    assert "--wait" in added.stderr


def test_what_was_handed_in_before_and_what_is_in_an_archive_is_said(
    environment: dict[str, str], tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "march.zip", "w") as archive:
        archive.write(SAMPLES / "invoice-text.pdf", "2026/invoice.pdf")
        archive.writestr("../up.pdf", "x")
    added = _run(environment, "add", str(SAMPLES / "invoice-text.pdf"), str(tmp_path / "march.zip"))
    shown = " ".join(added.stdout.split())
    assert shown.count("its bytes were handed in before") == 1
    assert shown.index("march.zip/2026/invoice.pdf: handed in") < shown.index("handed in before")
    assert "leads out of the archive" in shown
    assert "2 handed in, 1 of them not for the first time, 1 refused." in added.stderr
    assert added.returncode == 1


def test_pages_are_handed_in_as_one_document_and_a_bad_one_is_named(
    environment: dict[str, str], tmp_path: Path
) -> None:
    pages = [str(SAMPLES / "receipt-two-sides.tiff"), str(SAMPLES / "invoice-text.pdf")]
    (read,) = _json(_run(environment, "join", *pages, "--wait", "--json"))
    assert (read["file"], read["handed_in"], read["status"]) == (
        "receipt-two-sides-joined.pdf",
        "accepted",
        "completed",
    )
    assert len(_json(_run(environment, "records", "--json"))) == 1

    again = _run(environment, "join", *pages, "--name", "whole.pdf")
    assert "whole.pdf: handed in" in again.stdout
    assert "before" in again.stdout
    assert "2 files handed in as one document." in again.stderr
    assert "--wait" in again.stderr

    (tmp_path / "notes.jpg").write_text("this is no picture")
    refused = _run(environment, "join", pages[0], str(tmp_path / "notes.jpg"))
    assert (refused.returncode, "notes.jpg: By its content" in " ".join(refused.stdout.split())) == (1, True)
    alone = _run(environment, "join", pages[0])
    assert (alone.returncode, "2 to 20 different documents" in alone.stderr) == (2, True)


def test_a_name_that_looks_like_markup_is_shown_as_it_is_and_ids_are_shown_whole(
    environment: dict[str, str], tmp_path: Path
) -> None:
    hostile = tmp_path / "[red]a.pdf"
    shutil.copy(SAMPLES / "invoice-text.pdf", hostile)
    _run(environment, "add", str(hostile))
    (job,) = _json(_run(environment, "jobs", "--json"))
    shown = _run(environment | {"COLUMNS": "80"}, "jobs")
    assert shown.returncode == 0, shown.stderr
    assert job["id"] in shown.stdout
    assert "[red]a.pdf" in "".join(shown.stdout.split())


def test_nothing_yet_says_what_to_do(environment: dict[str, str]) -> None:
    assert "No records yet" in _run(environment, "records").stderr
    assert "No jobs yet" in _run(environment, "jobs").stderr


def test_a_wrong_setting_is_one_clear_line(environment: dict[str, str]) -> None:
    answer = _run(environment | {"WORKER_CONCURRENCY": "many"}, "jobs")
    assert answer.returncode == 2
    assert "WORKER_CONCURRENCY=many" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_serve_says_where_it_is_reads_what_comes_and_ends_when_asked(environment: dict[str, str]) -> None:
    command = [COMMAND, "serve", "--port", "0"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            address = process.stdout.readline().split()[-1]
            _hand_in_over(address)
            taken = _run(environment, "serve", "--port", address.rsplit(":", 1)[1])
            assert (taken.returncode, "already" in taken.stderr) == (2, True)
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


def test_a_file_is_read_and_explained_without_being_kept(environment: dict[str, str]) -> None:
    sample = str(SAMPLES / "invoice-text.pdf")
    found = _json(_run(environment, "read", sample, "--json"))
    assert found["id"] is None
    assert found["data"]["total"] == "2242.53"
    assert [one["value"] for one in found["considered"] if one["path"] == "total" and one["taken"]] == ["2242.53"]
    assert "what spoke for it" not in _run(environment, "read", sample).stdout
    explained = _run(environment | {"COLUMNS": "200"}, "read", sample, "--explain").stdout
    assert "what spoke for it" in explained
    assert "words" in explained
    assert _json(_run(environment, "records", "--json")) == []


def test_the_samples_are_measured_against_their_truth(environment: dict[str, str], tmp_path: Path) -> None:
    truth = tmp_path / "truth.jsonl"
    rows = (SAMPLES / "truth.jsonl").read_text().splitlines()
    truth.write_text("\n".join(row for row in rows if '"file": "invoice-text.pdf"' in row))
    shutil.copy(SAMPLES / "invoice-text.pdf", tmp_path)
    predictions = tmp_path / "predictions.jsonl"
    report = _json(_run(environment, "evaluate", str(truth), "--predictions", str(predictions), "--json"))
    assert report["documents"] == 1
    assert report["fields"]["total"]["accuracy"] == 1.0
    predicted = json.loads(predictions.read_text())
    assert predicted["file"] == "invoice-text.pdf"
    assert predicted["fields"]["total"]["value"] == "2242.53"
    assert 0 < predicted["fields"]["total"]["confidence"] <= 1
    assert len(predicted["fields"]["total"]["bbox"]) == 4
    assert "total" in _run(environment, "evaluate", str(truth)).stdout
