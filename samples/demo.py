"""Hand the samples to a real Counterfoil over HTTP, and show what it read, where on the page, and what it wrote.

Everything happens on this machine, in `data/demo`, which is made anew each time.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx2
from PIL import Image, ImageDraw
from rich.console import Console
from rich.markup import escape
from rich.table import Table

SAMPLES = Path(__file__).parent
FOLDER = SAMPLES.parent / "data" / "demo"
DOCUMENTS = (
    "receipt-photo.jpg",
    "invoice-scanned.pdf",
    "invoice-text.pdf",
    "invoice-facturx.pdf",
    "card-slip.png",
    "receipt-two-sides.tiff",
)
PATIENCE_SECONDS = 180
SURE, CHECK, DOUBTFUL = "#17693a", "#8a4b00", "#a8201a"

out = Console(highlight=False)


def main() -> None:
    """Run the demonstration."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    out.print("Starting the API and a worker in one process …")
    started = time.monotonic()
    with _server() as api:
        handed_in = [(name, _hand_in(api, SAMPLES / name)) for name in DOCUMENTS]
        for name, answer in handed_in:
            _show(api, name, answer)
        _show_ledger(api)
    out.print(
        f"\nDone in {time.monotonic() - started:.0f} s. The pages with their boxes are in [bold]{_shown(FOLDER / 'pages')}[/].\n"
        "To go on: [bold]make serve[/], then open http://127.0.0.1:8000/docs\n"
        "       or [bold].venv/bin/counterfoil add YOUR-RECEIPT.jpg --wait[/] and [bold].venv/bin/counterfoil records[/]"
    )


@contextmanager
def _server() -> Iterator[httpx2.Client]:
    """Start `counterfoil serve` on a free port and end it by its own process id."""
    FOLDER.mkdir(parents=True)
    environment = {**os.environ, "DATA_DIR": str(FOLDER), "DATABASE_URL": "", "LOG_FORMAT": "json"}
    command = [str(Path(sys.executable).parent / "counterfoil"), "serve", "--port", "0"]
    with (FOLDER / "server.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, cwd=FOLDER, stdout=subprocess.PIPE, stderr=log)  # noqa: S603 - our own command
    try:
        assert process.stdout  # noqa: S101 - asked for above
        address = process.stdout.readline().decode().split()[-1:]
        if not address:
            sys.exit(f"The server did not start; see {_shown(FOLDER / 'server.log')}.")
        with httpx2.Client(base_url=f"{address[0]}/api/v1", timeout=60) as api:
            yield api
    finally:
        process.terminate()
        process.wait(timeout=150)


def _hand_in(api: httpx2.Client, path: Path) -> Mapping[str, Any]:
    with path.open("rb") as content:
        answer = api.post("/receipts/upload", files={"file": (path.name, content)})
    return _checked(answer)


def _show(api: httpx2.Client, name: str, answer: Mapping[str, Any]) -> None:
    """Wait for a document's job, then show its record and draw its pages."""
    with out.status(f"Reading {name} …"):
        job = _ended(api, answer["job_id"])
    if job["status"] != "completed":
        out.print(f"[red]{name}: {escape(str(job['error']))}[/]")
        sys.exit(1)
    record = _checked(api.get(f"/records/{job['result']['record_id']}"))
    out.print(_record_table(name, record))
    for reason in record["reasons"]:
        out.print(f"  [yellow]?[/] {escape(reason['message'])}")
    _draw_pages(api, name, answer["document_id"], record)


def _ended(api: httpx2.Client, job_id: str) -> Mapping[str, Any]:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        job = _checked(api.get(f"/jobs/{job_id}"))
        if job["status"] in {"completed", "dead_letter", "cancelled"}:
            return job
        if time.monotonic() > deadline:
            sys.exit(f"Job {job_id} is still {job['status']}; see {_shown(FOLDER / 'server.log')}.")
        time.sleep(0.2)


def _record_table(name: str, record: Mapping[str, Any]) -> Table:
    state = "accepted by rule" if record["status"] == "accepted" else "waits for a person's look"
    table = Table(title=f"\n{name}: {state}", title_justify="left", title_style="bold", box=None, header_style="dim")
    table.add_column("field")
    table.add_column("value", max_width=48)
    table.add_column("sure", justify="right")
    table.add_column("where on the page")
    for field in record["fields"]:
        colour = _colour(field["confidence"])
        sure = f"[{colour}]{field['confidence']:.2f}[/]" if field["confidence"] is not None else ""
        table.add_row(field["label"], escape(field["value"] or ""), sure, _place(field["evidence"]))
    return table


def _place(evidence: Mapping[str, Any] | None) -> str:
    if not evidence:
        return ""
    left, top, _, _ = evidence["box"]
    return f"page {evidence['page']}, {left:.0%} across, {top:.0%} down"


def _colour(confidence: float | None) -> str:
    if confidence is None or confidence < 0.7:
        return DOUBTFUL
    return SURE if confidence >= 0.9 else CHECK


def _draw_pages(api: httpx2.Client, name: str, document_id: str, record: Mapping[str, Any]) -> None:
    """Draw the boxes of a record's values on the page pictures."""
    count = _checked(api.get(f"/documents/{document_id}"))["page_count"]
    for number in range(1, count + 1):
        answer = api.get(f"/documents/{document_id}/pages/{number}.png")
        answer.raise_for_status()
        with Image.open(BytesIO(answer.content)) as picture:
            page = picture.convert("RGB")
        fields = [field for field in record["fields"] if field["evidence"] and field["evidence"]["page"] == number]
        _draw_boxes(page, fields)
        target = FOLDER / "pages" / f"{Path(name).stem}-{number}.png"
        target.parent.mkdir(exist_ok=True)
        page.save(target)


def _draw_boxes(page: Image.Image, fields: Sequence[Mapping[str, Any]]) -> None:
    pen = ImageDraw.Draw(page)
    width = max(2, page.width // 500)
    for field in fields:
        left, top, right, bottom = field["evidence"]["box"]
        corners = (left * page.width, top * page.height, right * page.width, bottom * page.height)
        pen.rectangle(corners, outline=_colour(field["confidence"]), width=width)
        pen.text((corners[0], corners[3] + 1), field["label"], fill=_colour(field["confidence"]), font_size=width * 6)


def _show_ledger(api: httpx2.Client) -> None:
    """Show the rows that were written; what is in doubt waits for a person and is not among them."""
    ledger = _checked(api.get("/targets"))["items"][0]
    deadline = time.monotonic() + PATIENCE_SECONDS
    while any(job["type"] == "deliver" and job["status"] != "completed" for job in _unfinished(api)):
        if time.monotonic() > deadline:
            sys.exit("A delivery was not finished in time.")
        time.sleep(0.2)
    rows = _checked(api.get(f"/targets/{ledger['id']}/rows"))["items"]
    waiting = _checked(api.get("/reviews", params={"status": "open"}))["items"]
    out.print(f"\n[bold]{ledger['name']}[/]: {len(rows)} rows written, {len(waiting)} records wait for a person's look")
    for row in rows:
        out.print(f"  {escape(json.dumps(row['values'], ensure_ascii=False))}")


def _unfinished(api: httpx2.Client) -> Sequence[Mapping[str, Any]]:
    jobs: Sequence[Mapping[str, Any]] = _checked(api.get("/jobs", params={"limit": 200}))["items"]
    return jobs


def _checked(answer: httpx2.Response) -> Any:
    """Return an answer's content, or end with what the API says is wrong."""
    if answer.is_error:
        problem = answer.json()
        sys.exit(f"{problem['detail']} {problem['advice']}")
    return answer.json()


def _shown(path: Path) -> str:
    return os.path.relpath(path)


if __name__ == "__main__":
    main()
