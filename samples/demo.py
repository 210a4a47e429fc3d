"""Hand the samples to a real Counterfoil over HTTP, and show what it read, where on the page, and what it wrote.

Everything happens on this machine, in `data/demo`, which is made anew each time.
"""

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
LEDGER_COLUMNS = ("Merchant", "Date", "Total", "Currency", "Tax", "Number")
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
        _approve(api)
        _show_ledger(api)
    out.print(
        f"\nDone in {time.monotonic() - started:.0f} s. "
        f"The pages with their boxes are in [bold]{_shown(FOLDER / 'boxes')}[/].\n"
        "To go on: [bold]make serve[/], then open http://127.0.0.1:8000/docs\n"
        "or, without a server: [bold].venv/bin/counterfoil add RECEIPT.jpg --wait[/]"
    )


@contextmanager
def _server() -> Iterator[httpx2.Client]:
    """Start `counterfoil serve` on a free port and end it by its own process id."""
    FOLDER.mkdir(parents=True)
    environment = {**os.environ, "DATA_DIR": str(FOLDER), "DATABASE_URL": "", "LOG_FORMAT": "json"}
    command = [str(Path(sys.executable).parent / "counterfoil"), "serve", "--port", "0"]
    with (FOLDER / "server.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own command
            command, env=environment, cwd=FOLDER, stdout=subprocess.PIPE, stderr=log
        )
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


def _hand_in(api: httpx2.Client, path: Path) -> dict[str, Any]:
    with path.open("rb") as content:
        handed_in: dict[str, Any] = _checked(api.post("/receipts/upload", files={"file": (path.name, content)}))
    return handed_in


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


def _ended(api: httpx2.Client, job_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        job: dict[str, Any] = _checked(api.get(f"/jobs/{job_id}"))
        if job["status"] in {"completed", "dead_letter", "cancelled"}:
            return job
        if time.monotonic() > deadline:
            sys.exit(f"Job {job_id} is still {job['status']}; see {_shown(FOLDER / 'server.log')}.")
        time.sleep(0.2)


def _record_table(name: str, record: Mapping[str, Any]) -> Table:
    state = "accepted by rule" if record["status"] == "accepted" else "waits for a person's look"
    table = Table(title=f"\n{name}: {state}", title_justify="left", title_style="bold", box=None, header_style="dim")
    table.add_column("field", no_wrap=True)
    table.add_column("value", max_width=50)
    table.add_column("sure", justify="right", no_wrap=True)
    table.add_column("where on the page", no_wrap=True)
    for field in record["fields"]:
        if not field["path"].startswith("line_items."):
            table.add_row(field["label"], escape(field["value"] or ""), _sure(field), _place(field["evidence"]))
    for number, item in enumerate(record["data"]["line_items"]):
        shown = next(field for field in record["fields"] if field["path"].startswith(f"line_items.{number}."))
        table.add_row(f"line {number + 1}", escape(_item(item)), _sure(shown), _place(shown["evidence"]))
    return table


def _item(item: Mapping[str, Any]) -> str:
    times = f"{item['quantity']} of " if item["quantity"] else ""
    return f"{times}{item['description'] or '?'} = {item['amount'] or '?'}"


def _sure(field: Mapping[str, Any]) -> str:
    sure = field["confidence"]
    return f"[{_colour(sure)}]{sure:.2f}[/]" if sure is not None else ""


def _place(evidence: Mapping[str, Any] | None) -> str:
    if not evidence:
        return ""
    left, top, _, _ = evidence["box"]
    return f"page {evidence['page']}, {left:.0%} → {top:.0%} ↓"


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
        target = FOLDER / "boxes" / f"{Path(name).stem}-{number}.png"
        target.parent.mkdir(exist_ok=True)
        page.save(target)


def _draw_boxes(page: Image.Image, fields: Sequence[Mapping[str, Any]]) -> None:
    """Draw a box around each value; those of line items go without a label, for there are many of them."""
    pen = ImageDraw.Draw(page)
    width = max(2, page.width // 500)
    for field in fields:
        colour = _colour(field["confidence"])
        left, top, right, bottom = field["evidence"]["box"]
        corners = (
            left * page.width - width,
            top * page.height - width,
            right * page.width + width,
            bottom * page.height + width,
        )
        pen.rectangle(corners, outline=colour, width=width)
        if not field["path"].startswith("line_items."):
            pen.text((corners[2] + width, corners[1]), field["label"], fill=colour, font_size=width * 5)


def _approve(api: httpx2.Client) -> None:
    """Answer every open review with a yes, as a person would who has looked at the page."""
    reviews = _checked(api.get("/reviews", params={"status": "open"}))["items"]
    for review in reviews:
        _checked(api.post(f"/reviews/{review['id']}/approve", json={"version": review["version"]}))
    if reviews:
        out.print(f"\n{len(reviews)} records were in doubt; approving them, as a person would after a look …")


def _show_ledger(api: httpx2.Client) -> None:
    """Wait until every record is in the ledger, and show its rows."""
    ledger = _checked(api.get("/targets"))["items"][0]
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(rows := _checked(api.get(f"/targets/{ledger['id']}/rows"))["items"]) < len(DOCUMENTS):
        if time.monotonic() > deadline:
            sys.exit(f"Not every record was delivered in time; see {_shown(FOLDER / 'server.log')}.")
        time.sleep(0.2)
    table = Table(title=f"\nWritten to the {ledger['name']}", title_justify="left", title_style="bold", box=None)
    for column in LEDGER_COLUMNS:
        table.add_column(column)
    for row in reversed(rows):
        table.add_row(*(escape(str(row["values"].get(column) or "")) for column in LEDGER_COLUMNS))
    out.print(table)


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
