"""Files: made known, sent in one part or several, completed, and attached within the hour."""

from collections.abc import Mapping
from typing import Any

from python_multipart.multipart import parse_options_header

from tests.support.notion.bodies import UPLOAD_MADE
from tests.support.notion.calls import Call
from tests.support.notion.errors import NotionError, not_here, refuse
from tests.support.notion.multipart import Part, parts_of
from tests.support.notion.store import Connection, Json, Store, Upload, moment, plain_id, unseen

MIB = 1024 * 1024
_OFFICE = "application/vnd.openxmlformats-officedocument"
TYPES: Mapping[str, tuple[str, ...]] = {
    "pdf": ("application/pdf",),
    "txt": ("text/plain",),
    "json": ("application/json",),
    "doc": ("application/msword",),
    "dot": ("application/msword",),
    "docx": (f"{_OFFICE}.wordprocessingml.document",),
    "dotx": (f"{_OFFICE}.wordprocessingml.template",),
    "xls": ("application/vnd.ms-excel",),
    "xlt": ("application/vnd.ms-excel",),
    "xla": ("application/vnd.ms-excel",),
    "xlsx": (f"{_OFFICE}.spreadsheetml.sheet",),
    "xltx": (f"{_OFFICE}.spreadsheetml.template",),
    "ppt": ("application/vnd.ms-powerpoint",),
    "pptx": (f"{_OFFICE}.presentationml.presentation",),
    "potx": (f"{_OFFICE}.presentationml.template",),
    "gif": ("image/gif",),
    "heic": ("image/heic",),
    "jpeg": ("image/jpeg",),
    "jpg": ("image/jpeg",),
    "png": ("image/png",),
    "svg": ("image/svg+xml",),
    "tif": ("image/tiff",),
    "tiff": ("image/tiff",),
    "webp": ("image/webp",),
    "ico": ("image/vnd.microsoft.icon",),
    "aac": ("audio/aac",),
    "mp3": ("audio/mpeg",),
    "m4a": ("audio/mp4",),
    "ogg": ("audio/ogg",),
    "wav": ("audio/wav",),
    "mp4": ("video/mp4", "audio/mp4"),
    "mov": ("video/quicktime",),
    "webm": ("video/webm",),
    "mpeg": ("video/mpeg",),
}
"""The extensions that are taken, each with what it may be; of sound and film there are more."""


def make(call: Call) -> Json:
    """Begin an upload."""
    call.need("insert_content")
    body = call.json(UPLOAD_MADE)
    mode = body.get("mode", "single_part")
    if mode == "external_url":
        not_here("files fetched from a URL")
    if mode == "multi_part" and ("filename" not in body or "number_of_parts" not in body):
        refuse("filename and number_of_parts are required when mode is multi_part.")
    upload = Upload(
        bot_id=call.connection.bot_id,
        mode=mode,
        filename=None,
        content_type=None,
        number_of_parts=body.get("number_of_parts") if mode == "multi_part" else None,
        made_at=call.store.now(),
    )
    _name(upload, body.get("filename"), body.get("content_type"))
    call.store.uploads[upload.id] = upload
    return shown(call, upload)


def send(call: Call) -> Json:
    """Take a file, or a part of it."""
    upload = _find(call)
    if upload.content is not None or _expired(call.store, upload):
        refuse(f"File upload {upload.id} has status {status(call.store, upload)}, expected pending.")
    form = _form(call)
    part = form.get("file")
    if part is None:
        refuse("body failed validation: body.file should be defined, instead was `undefined`.")
    _name(upload, upload.filename or part.filename, upload.content_type or part.content_type)
    if part.content_type and part.content_type != upload.content_type:
        refuse(f"Content type {part.content_type} does not match that of the upload, {upload.content_type}.")
    _take(call.store, upload, part.content, form.get("part_number"))
    return shown(call, upload)


def complete(call: Call) -> Json:
    """Put the parts together."""
    upload = _find(call)
    if upload.mode != "multi_part" or upload.content is not None:
        refuse(f"File upload {upload.id} cannot be completed: it is {status(call.store, upload)}.")
    missing = set(range(1, (upload.number_of_parts or 0) + 1)) - set(upload.parts)
    if missing:
        refuse(f"File upload {upload.id} lacks parts: {sorted(missing)}.")
    whole = [upload.parts[number] for number in sorted(upload.parts)]
    if any(len(part) < 5 * MIB for part in whole[:-1]):
        refuse("Every part but the last must be at least 5 MiB.")
    upload.content = b"".join(whole)
    return shown(call, upload)


def retrieve(call: Call) -> Json:
    """Return how far an upload is."""
    return shown(call, _find(call))


def attach(store: Store, connection: Connection, upload_id: str) -> Upload:
    """Return an upload that is to be part of a page."""
    upload = store.uploads.get(plain_id(upload_id))
    if upload is None or upload.bot_id != connection.bot_id:
        raise unseen("file_upload", upload_id, connection)
    if status(store, upload) != "uploaded":
        refuse(f"File upload {upload.id} has status {status(store, upload)}, expected uploaded.")
    upload.attached = True
    return upload


def status(store: Store, upload: Upload) -> str:
    """Return where it stands; what has been attached once stays."""
    if _expired(store, upload):
        return "expired"
    return "pending" if upload.content is None else "uploaded"


def shown(call: Call, upload: Upload) -> Json:
    """Return an upload as it is read."""
    state = status(call.store, upload)
    urls: Json = {}
    if state == "pending":
        urls["upload_url"] = f"{call.store.url}/v1/file_uploads/{upload.id}/send"
        if upload.mode == "multi_part":
            urls["complete_url"] = f"{call.store.url}/v1/file_uploads/{upload.id}/complete"
    parts = {"total": upload.number_of_parts, "sent": len(upload.parts)}
    return {
        "object": "file_upload",
        "id": upload.id,
        "created_time": moment(upload.made_at),
        "created_by": {"id": upload.bot_id, "type": "bot"},
        "last_edited_time": moment(upload.made_at),
        "expiry_time": None if upload.attached else moment(upload.expires_at),
        **urls,
        **call.trash(False),
        "status": state,
        "filename": upload.filename,
        "content_type": upload.content_type,
        "content_length": None if upload.content is None else len(upload.content),
        **({"number_of_parts": parts} if upload.mode == "multi_part" else {}),
    }


def _expired(store: Store, upload: Upload) -> bool:
    return not upload.attached and store.now() >= upload.expires_at


def _find(call: Call) -> Upload:
    call.need("insert_content")
    upload = call.store.uploads.get(call.ids[0])
    if upload is None or upload.bot_id != call.connection.bot_id:
        raise unseen("file_upload", call.ids[0], call.connection)
    return upload


def _name(upload: Upload, filename: str | None, content_type: str | None) -> None:
    if filename is not None:
        if len(filename.encode()) > 900:
            refuse("body.filename should be at most 900 bytes.")
        extension = filename.rpartition(".")[2].lower() if "." in filename else ""
        known = TYPES.get(extension, ())
        if not known:
            refuse(f"Provided file extension is not supported by the Notion API: {filename}")
        if content_type and content_type not in known:
            refuse(f"Content type {content_type} does not match the extension of {filename}.")
        content_type = content_type or known[0]
    if content_type and not any(content_type in known for known in TYPES.values()):
        refuse(f"The content type {content_type} is not supported for the File Upload API.")
    upload.filename, upload.content_type = filename, content_type


def _take(store: Store, upload: Upload, content: bytes, part_number: Part | None) -> None:
    if not content:
        refuse("The file is empty.")
    if len(content) > 20 * MIB:
        raise NotionError(413, "validation_error", "A single part should be at most 20 MiB.")
    if sum(map(len, upload.parts.values())) + len(content) > store.max_file_bytes:
        refuse(f"File size exceeds the limit of this workspace, {store.max_file_bytes} bytes.")
    if upload.mode == "single_part":
        upload.content = content
        return
    number = part_number.content.decode() if part_number else ""
    if not number.isdigit() or not 1 <= int(number) <= (upload.number_of_parts or 0):
        refuse(f"part_number should be from 1 to {upload.number_of_parts}.")
    upload.parts[int(number)] = content


def _form(call: Call) -> Mapping[str, Part]:
    kind, options = parse_options_header(call.content_type)
    if kind != b"multipart/form-data" or b"boundary" not in options:
        refuse("Content-Type should be multipart/form-data with a boundary.")
    form = parts_of(call.content, options[b"boundary"])
    for name in form:
        if name not in {"file", "part_number"}:
            refuse(f"body failed validation: body.{name} should be not present.")
    return form


def media_type(store: Store, upload_id: str) -> str:
    """Return what an uploaded file is."""
    found: Any = store.uploads[plain_id(upload_id)].content_type
    return str(found)
