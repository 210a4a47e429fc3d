"""A batch, from a ZIP archive to records."""

import io
import zipfile
from pathlib import Path

from counterfoil import bootstrap
from tests.support.house import SAMPLES, build, settings_for, visiting
from tests.support.waiting import wait_until


def test_an_archive_becomes_records_and_what_is_no_document_is_named(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(SAMPLES / "invoice-text.pdf", "2026/invoice.pdf")
        archive.writestr("2026/notes.txt", "no document")
    house = build(settings_for(tmp_path / "data"))
    with visiting(house) as visitor, bootstrap.working(house):
        sent = [("files", ("march.zip", packed.getvalue()))]
        answer = visitor.http.post("/api/v1/batches", files=sent)
        assert answer.status_code == 202, answer.text
        path = f"/batches/{answer.json()['batch_id']}"
        wait_until(lambda: visitor.get(path)["status"] == "completed", seconds=90)
        read, refused = visitor.get(path)["documents"]
        assert (read["name"], read["job_status"]) == ("march.zip/2026/invoice.pdf", "completed")
        assert visitor.get(f"/records/{read['record_id']}")["document_id"] == read["document_id"]
        assert (refused["status"], refused["error"]["code"]) == ("refused", "unsupported_media_type")
        assert visitor.neighbour.status(path) == 404
