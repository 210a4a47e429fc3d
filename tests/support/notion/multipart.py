"""Reading forms with files."""

from collections.abc import Mapping
from dataclasses import dataclass

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from tests.support.notion.errors import refuse


@dataclass(slots=True)
class Part:
    """One field of a form."""

    name: str = ""
    filename: str | None = None
    content_type: str | None = None
    content: bytes = b""


class _Reader:
    """Collects what the parser says."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self._pieces: list[bytes] = []
        self._header = [b"", b""]

    def begin(self) -> None:
        self.parts.append(Part())
        self._pieces = []

    def field(self, data: bytes, start: int, end: int) -> None:
        self._header[0] += data[start:end]

    def value(self, data: bytes, start: int, end: int) -> None:
        self._header[1] += data[start:end]

    def header(self) -> None:
        name, value = self._header
        self._header = [b"", b""]
        if name.lower() == b"content-type":
            self.parts[-1].content_type = value.decode().partition(";")[0].strip()
        if name.lower() == b"content-disposition":
            options = parse_options_header(value)[1]
            self.parts[-1].name = options.get(b"name", b"").decode()
            self.parts[-1].filename = options[b"filename"].decode() if b"filename" in options else None

    def data(self, data: bytes, start: int, end: int) -> None:
        self._pieces.append(data[start:end])

    def end(self) -> None:
        self.parts[-1].content = b"".join(self._pieces)


def parts_of(content: bytes, boundary: bytes) -> Mapping[str, Part]:
    """Return the parts of a form by their names."""
    reader = _Reader()
    parser = MultipartParser(
        boundary,
        {
            "on_part_begin": reader.begin,
            "on_part_data": reader.data,
            "on_part_end": reader.end,
            "on_header_field": reader.field,
            "on_header_value": reader.value,
            "on_header_end": reader.header,
        },
    )
    try:
        parser.write(content)
        parser.finalize()
    except MultipartParseError as error:
        refuse(f"The form could not be read: {error}")
    return {part.name: part for part in reader.parts}
