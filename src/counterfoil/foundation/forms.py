"""Forms with many files: the files go to the disk as they arrive, all into one, and none of them is kept in memory."""

import io
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from fastapi import Request
from fastapi.routing import APIRoute
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from counterfoil.foundation.errors import InvalidInput, ServiceUnavailable
from counterfoil.foundation.files import make_folder

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks  # there for type checkers only

_MAX_VALUE = 64 << 10  # bytes
_BROKEN = "The form is incomplete or no form."
_BUFFER = 4 << 10  # bytes for each open file of a form


class TooManyParts(InvalidInput):
    """A form with more files or values than the route takes."""

    code = "too_many_parts"
    status = 413
    advice = "Send it in several requests."

    def __init__(self, max_parts: int) -> None:
        super().__init__(f"This form has more than {max_parts} files or more than as many values.")


class FormNotKept(ServiceUnavailable):
    """There is no room for what was sent."""

    code = "form_not_kept"
    advice = "The operator has to make room in the data folder; send it again afterwards."

    def __init__(self, reason: str) -> None:
        super().__init__(f"What was sent could not be kept: {reason}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class FormLimits:
    """Where forms with many files are kept while they are worked on, and how many parts of each kind they may have."""

    folder: Path
    max_parts: int


class SpooledForm(APIRoute):
    """A route whose form goes to the disk. FastAPI reads it as any other."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Receive the form before FastAPI asks for it, and remove it when the answer is made."""
        handle = super().get_route_handler()

        async def receive_and_handle(request: Request) -> Response:
            kind, options = parse_options_header(request.headers.get("content-type"))
            if kind != b"multipart/form-data":
                return await handle(request)
            limits: FormLimits = request.app.state.services[FormLimits]
            with _kept(limits.folder) as spool:
                form = await _received(request.stream(), options.get(b"boundary", b""), spool, limits.max_parts)
                return await handle(_Received(request, form))

        return receive_and_handle


class _Received(Request):
    """A request whose form is there."""

    def __init__(self, request: Request, form: FormData) -> None:
        super().__init__(request.scope, request.receive)
        self._form = form  # where `form()` looks before it reads


@contextmanager
def _kept(folder: Path) -> Iterator[BinaryIO]:
    """Open a file without a name, which is gone when it is closed, or when the process dies."""
    with _disk():
        make_folder(folder)
        spool = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - what goes wrong inside is no fault of the disk
    with spool:
        yield spool


@contextmanager
def _disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FormNotKept(error.strerror or type(error).__name__) from error


async def _received(stream: AsyncIterator[bytes], boundary: bytes, spool: BinaryIO, max_parts: int) -> FormData:
    parts = _Parts(spool=spool, max_parts=max_parts)
    try:
        parser = MultipartParser(boundary, parts.callbacks)
        async for chunk in stream:
            parser.write(chunk)
            if parts.arrived:
                with _disk():
                    await run_in_threadpool(parts.write)
    except (FormParserError, ClientDisconnect) as error:
        raise HTTPException(400, _BROKEN) from error
    if not parts.complete:  # the parser takes half a form for a form with less in it
        raise HTTPException(400, _BROKEN)
    with _disk():
        spool.flush()
    return FormData([part.item(spool) for part in parts.ended if not part.is_empty_choice])


@dataclass(slots=True, kw_only=True)
class _Part:
    """One part of a form, a file if it has a file name: its bytes lie in the spool, those of a value here."""

    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    name: str = ""
    file_name: str | None = None
    value: bytearray = field(default_factory=bytearray)
    start: int = 0
    size: int = 0

    @property
    def is_empty_choice(self) -> bool:
        """Tell whether this is what browsers send for a field in which no file was chosen."""
        return self.file_name == "" and not self.size

    def item(self, spool: BinaryIO) -> tuple[str, UploadFile | str]:
        if self.file_name is None:
            return self.name, self.value.decode("utf-8", "replace")
        content = io.BufferedReader(_Slice(spool, self.start, self.size), _BUFFER)
        file = UploadFile(content, size=self.size, filename=self.file_name, headers=Headers(raw=self.headers))
        return self.name, file


class _Parts:
    """Notes parts as the parser names them; what arrives of files waits for `write`."""

    def __init__(self, *, spool: BinaryIO, max_parts: int) -> None:
        self.ended: list[_Part] = []
        self.arrived: list[bytes] = []
        self.complete = False
        self._spool = spool
        self._length = 0
        self._max_parts = max_parts
        self._files = 0
        self._part = _Part()
        self._header, self._value = b"", b""

    @property
    def callbacks(self) -> "MultipartCallbacks":
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._name_of_header,
            "on_header_value": self._value_of_header,
            "on_header_end": self._end_header,
            "on_headers_finished": self._end_headers,
            "on_part_data": self._data,
            "on_part_end": self._end_part,
            "on_end": self._end,
        }

    def write(self) -> None:
        """Bring to the disk what has arrived."""
        self._spool.write(b"".join(self.arrived))
        self.arrived.clear()

    def _begin(self) -> None:
        self._part = _Part(start=self._length)

    def _name_of_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _value_of_header(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        self._part.headers.append((self._header.lower(), self._value))
        self._header, self._value = b"", b""

    def _end_headers(self) -> None:
        disposition = next((value for name, value in self._part.headers if name == b"content-disposition"), b"")
        _, options = parse_options_header(disposition)
        if b"name" not in options:
            raise FormParserError
        self._part.name = _text(options[b"name"])
        if b"filename" in options:
            self._part.file_name = _text(options[b"filename"])
        self._files += self._part.file_name is not None
        if max(self._files, len(self.ended) + 1 - self._files) > self._max_parts:
            raise TooManyParts(self._max_parts)

    def _data(self, data: bytes, start: int, end: int) -> None:
        piece = data[start:end]
        if self._part.file_name is None:
            self._part.value += piece
            if len(self._part.value) > _MAX_VALUE:
                raise HTTPException(400, "A value of this form is too long.")
            return
        self.arrived.append(piece)
        self._part.size += len(piece)
        self._length += len(piece)

    def _end_part(self) -> None:
        self.ended.append(self._part)

    def _end(self) -> None:
        self.complete = True


def _text(name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError:
        return name.decode("latin-1")


class _Slice(io.RawIOBase):
    """A part of a file, as a file of its own; many may be read at once."""

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        super().__init__()
        self._file = file
        self._start = start
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = max(0, {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence] + offset)
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # the base class takes any buffer
        wanted = max(0, min(len(buffer), self._size - self._at))
        piece = os.pread(self._file.fileno(), wanted, self._start + self._at)
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)
