"""ZIP archives built byte by byte, so that they can say what no program would let them say."""

import struct
import zlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry. What is left out is as an honest program would write it."""

    name: str | bytes
    content: bytes
    method: int = 8
    flags: int = 0
    mode: int = 0o100644
    packed: bytes | None = None
    crc: int | None = None
    size: int | None = None
    packed_size: int | None = None
    place: int | None = None
    trailing: bytes = b""
    local_name: str | bytes | None = None
    local_size: int | None = None
    local_flags: int | None = None
    absent: bool = False  # only the directory knows it

    @property
    def raw_name(self) -> bytes:
        return _bytes(self.name)

    def body(self) -> bytes:
        if self.packed is not None:
            return self.packed + self.trailing
        if self.method != 8:
            return self.content + self.trailing
        deflater = zlib.compressobj(wbits=-15)
        return deflater.compress(self.content) + deflater.flush() + self.trailing

    def numbers(self, body: bytes) -> tuple[int, int, int]:
        """Check sum, packed size and size."""
        crc = zlib.crc32(self.content) if self.crc is None else self.crc
        packed_size = len(body) if self.packed_size is None else self.packed_size
        return crc, packed_size, len(self.content) if self.size is None else self.size


def pack(
    *entries: Entry, comment: bytes = b"", lines: int | None = None, disk: int = 0, long_end: bool = False
) -> bytes:
    """Return an archive of these entries; `lines` and `disk` are what its end says."""
    packed, directory = bytearray(), bytearray()
    for entry in entries:
        body, at = entry.body(), len(packed)
        if not entry.absent:
            packed += _local(entry, body) + body
        directory += _line(entry, body, at if entry.place is None else entry.place)
    count, at = len(entries) if lines is None else lines, len(packed)
    packed += directory
    if long_end:
        long_at = len(packed)
        packed += struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, len(directory), at)
        packed += struct.pack("<4sLQL", b"PK\x06\x07", 0, long_at, 1)
        count, at = 0xFFFF, 0xFFFFFFFF
    end = (disk, disk, count, count, len(directory), at, len(comment))
    return bytes(packed + struct.pack("<4s4H2LH", b"PK\x05\x06", *end) + comment)


def _local(entry: Entry, body: bytes) -> bytes:
    crc, packed, size = entry.numbers(body)
    name = _bytes(entry.name if entry.local_name is None else entry.local_name)
    flags = entry.flags if entry.local_flags is None else entry.local_flags
    size = size if entry.local_size is None else entry.local_size
    return (
        struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, flags, entry.method, 0, 0, crc, packed, size, len(name), 0) + name
    )


def _line(entry: Entry, body: bytes, at: int) -> bytes:
    crc, packed, size = entry.numbers(body)
    made = (0x0314, 20, entry.flags, entry.method, 0, 0, crc, packed, size)
    rest = (len(entry.raw_name), 0, 0, 0, 0, entry.mode << 16, at)
    return struct.pack("<4s6H3L5H2L", b"PK\x01\x02", *made, *rest) + entry.raw_name


def _bytes(name: str | bytes) -> bytes:
    return name if isinstance(name, bytes) else name.encode()
