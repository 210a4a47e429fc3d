"""ZIP archives that nobody trusts: looked through as a whole first, then unpacked entry by entry, piece by piece.

    local header, bytes | local header, bytes | … | directory: a line for each entry | end

Programs differ in which of these they believe, and archives are built to profit from that. Here the end must be the
only one and the last thing in the file, the directory must end where the end begins, and what lies before it must be
disjoint. What an entry then says of itself is a limit on what is unpacked of it, and must turn out to be true.
"""

import io
import re
import stat
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import BinaryIO

from counterfoil.documents.archives import (
    ArchiveDamaged,
    ArchiveEmpty,
    ArchiveEntry,
    ArchiveOverlaps,
    ArchiveTooDense,
    ArchiveTooFull,
    ArchiveTooLarge,
    EntryDamaged,
    EntryEncrypted,
    EntryNotAFile,
    EntryOutside,
    EntryPackedOddly,
    refusing,
)
from counterfoil.documents.domain import DocumentTooLarge, UnsupportedMediaType
from counterfoil.foundation.errors import CounterfoilError

_BEGINNINGS = (b"PK\x03\x04", b"PK\x05\x06")  # of one with entries, of an empty one
_END = struct.Struct("<4s4H2LH")
_END_MARK = b"PK\x05\x06"
_MAX_COMMENT = 0xFFFF
_LONG_POINTER = struct.Struct("<4sLQL")
_LONG_END = struct.Struct("<4sQ2H2L4Q")
_LINE = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_LONG_EXTRA = 1
_IN_EXTRA = 0xFFFFFFFF  # instead of a number that has 64 bits and stands elsewhere
_STORED, _DEFLATED = 0, 8
_ENCRYPTED, _SIZES_FOLLOW = 0x1, 0x8
_PIECE = 64 << 10
# A Mac adds a shadow to each file, and folders are lines, too: so many lines for each file that counts.
_LINES_A_FILE = 10
_BYTES_A_LINE = 1 << 10
_RATIO = 200
_RATIO_MATTERS = 50 << 20  # bytes; below, it is harmless, and a white page packs well
_OFFICE = {"[Content_Types].xml", "mimetype"}
_LITTER = {".DS_Store", "Thumbs.db", "desktop.ini"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ZipArchives:
    """Reads ZIP archives. An entry of more than `max_entry_bytes` is not unpacked."""

    max_entry_bytes: int

    def recognises(self, content: BinaryIO) -> bool:
        content.seek(0)
        beginning = content.read(4)
        content.seek(0)
        return beginning in _BEGINNINGS

    def entries(self, content: BinaryIO, *, max_entries: int, max_bytes: int) -> Sequence[ArchiveEntry]:
        """Return the files in it, in its order, without folders and what systems leave behind in them."""
        length = content.seek(0, io.SEEK_END)
        end = _end(content, length)
        if end.lines > max_entries * _LINES_A_FILE:
            raise ArchiveTooFull(max_entries)
        lines = list(_lines(content, end, max_entries * _LINES_A_FILE * _BYTES_A_LINE))
        if _OFFICE & {line.name for line in lines}:
            raise UnsupportedMediaType("an office document", "Export it as PDF.")
        starts = [_start(content, line) for line in lines]
        _expect_apart(lines, starts, end.directory)
        files = [(line, start) for line, start in zip(lines, starts, strict=True) if not line.is_folder_or_litter]
        self._expect_modest([line for line, _ in files], length, max_entries, max_bytes)
        return [self._entry(content, line, start) for line, start in files]

    def _expect_modest(self, files: Sequence["_Line"], length: int, max_entries: int, max_bytes: int) -> None:
        if not files:
            raise ArchiveEmpty
        if len(files) > max_entries:
            raise ArchiveTooFull(max_entries)
        if sum(line.size for line in files) > max(_RATIO_MATTERS, length * _RATIO):
            raise ArchiveTooDense(_RATIO)
        if sum(line.size for line in files if line.size <= self.max_entry_bytes) > max_bytes:
            raise ArchiveTooLarge(max_bytes)

    def _entry(self, content: BinaryIO, line: "_Line", start: int | None) -> ArchiveEntry:
        def unpack() -> BinaryIO:
            assert start is not None  # noqa: S101 - else it is refused, below
            return io.BufferedReader(_Unpacking(content, line, start), _PIECE)

        error = self._refusal(line, start)
        return ArchiveEntry(name=line.name, size=0 if error else line.size, open=refusing(error) if error else unpack)

    def _refusal(self, line: "_Line", start: int | None) -> CounterfoilError | None:
        if line.leads_outside:
            return EntryOutside()
        if line.is_special:
            return EntryNotAFile()
        if line.flags & _ENCRYPTED:
            return EntryEncrypted()
        if line.method not in {_STORED, _DEFLATED}:
            return EntryPackedOddly(line.method)
        if start is None or (line.method == _STORED and line.packed != line.size):
            return EntryDamaged("the archive says two things about it")
        if line.size > self.max_entry_bytes:
            return DocumentTooLarge(self.max_entry_bytes)
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _End:
    """What stands at the end of an archive: how many lines its directory has, and where that lies."""

    lines: int
    directory: int
    length: int


def _end(content: BinaryIO, length: int) -> _End:
    tail_at = max(0, length - _END.size - _MAX_COMMENT)
    tail = _read(content, tail_at, length - tail_at)
    # One that lies in the comment of another is seen by some programs and not by others.
    found = [at for at in _all(tail, _END_MARK) if _reaches(tail, at)]
    if len(found) != 1:
        raise ArchiveDamaged("its end is missing" if not found else "it has two ends")
    _, disk, first_disk, lines_here, lines, size, directory, _ = _END.unpack_from(tail, found[0])
    at = tail_at + found[0]
    if 0xFFFF in {lines, lines_here} or _IN_EXTRA in {size, directory}:
        at, lines, size, directory = _long_end(content, at)
    elif disk or first_disk or lines_here != lines:
        raise ArchiveDamaged("it is one of several parts")
    if directory + size != at:
        raise ArchiveDamaged("its directory is not where it says")
    return _End(lines=lines, directory=directory, length=size)


def _long_end(content: BinaryIO, end_at: int) -> tuple[int, int, int, int]:
    """Return place, lines, size and directory of the end in its 64-bit form, which lies before the other."""
    pointer = _read(content, end_at - _LONG_POINTER.size, _LONG_POINTER.size)
    if len(pointer) != _LONG_POINTER.size or pointer[:4] != b"PK\x06\x07":
        raise ArchiveDamaged("its end is incomplete")
    at: int = _LONG_POINTER.unpack(pointer)[2]
    record = _read(content, at, _LONG_END.size)
    if len(record) != _LONG_END.size or record[:4] != b"PK\x06\x06":
        raise ArchiveDamaged("its end is incomplete")
    *_, lines, size, directory = _LONG_END.unpack(record)
    return at, lines, size, directory


def _all(text: bytes, mark: bytes) -> Iterator[int]:
    at = text.find(mark)
    while at >= 0:
        yield at
        at = text.find(mark, at + 1)


def _reaches(tail: bytes, at: int) -> bool:
    """Tell whether an end with its comment is the last thing in the file."""
    if at + _END.size > len(tail):
        return False
    comment: int = _END.unpack_from(tail, at)[-1]
    return at + _END.size + comment == len(tail)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """What the directory says of an entry."""

    raw_name: bytes
    flags: int
    method: int
    crc: int
    packed: int  # bytes
    size: int  # bytes, unpacked
    mode: int
    at: int

    @property
    def name(self) -> str:
        try:
            return self.raw_name.decode()  # many write UTF-8 and do not say so
        except UnicodeDecodeError:
            return self.raw_name.decode("cp437")

    @property
    def path(self) -> str:
        return self.name.replace("\\", "/")

    @property
    def is_folder_or_litter(self) -> bool:
        *folders, base = self.path.split("/")
        return (not base and not self.size) or "__MACOSX" in folders or base in _LITTER

    @property
    def is_special(self) -> bool:
        kind = stat.S_IFMT(self.mode)
        return kind not in {0, stat.S_IFREG, stat.S_IFDIR}

    @property
    def leads_outside(self) -> bool:
        return ".." in self.path.split("/") or bool(re.match(r"/|[A-Za-z]:/", self.path))


def _lines(content: BinaryIO, end: _End, max_bytes: int) -> Iterator[_Line]:
    """Yield the directory's lines. There must be as many of them as the end says, and nothing else."""
    if end.length > max_bytes:
        raise ArchiveDamaged("its directory is too long")
    directory, at = _read(content, end.directory, end.length), 0
    for _ in range(end.lines):
        line = directory[at : at + _LINE.size]
        if len(line) != _LINE.size or line[:4] != b"PK\x01\x02":
            raise ArchiveDamaged("its directory is shorter than it says")
        _, _, _, flags, method, _, _, crc, packed, size, name, extra, comment, _, _, attributes, place = _LINE.unpack(
            line
        )
        at += _LINE.size
        size, packed, place = _long(directory[at + name : at + name + extra], size, packed, place)
        yield _Line(
            raw_name=directory[at : at + name],
            flags=flags,
            method=method,
            crc=crc,
            packed=packed,
            size=size,
            mode=attributes >> 16,
            at=place,
        )
        at += name + extra + comment
    if at != len(directory):
        raise ArchiveDamaged("its directory is longer than it says")


def _long(extra: bytes, *numbers: int) -> Sequence[int]:
    """Return size, packed size and place; of those that have 64 bits, the extra field holds one after the other."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == _LONG_EXTRA:
            rest = iter(struct.unpack_from(f"<{min(length, len(extra) - at - 4) // 8}Q", extra, at + 4))
            return [next(rest, number) if number == _IN_EXTRA else number for number in numbers]
        at += 4 + length
    return numbers


def _start(content: BinaryIO, line: _Line) -> int | None:
    """Return where an entry's bytes begin, or None if its own header does not say what the directory says."""
    header = _read(content, line.at, _LOCAL.size)
    if len(header) != _LOCAL.size or header[:4] != b"PK\x03\x04":
        return None
    _, _, flags, method, _, _, crc, packed, size, name, extra = _LOCAL.unpack(header)
    start: int = line.at + _LOCAL.size + name + extra
    same = method == line.method and (flags ^ line.flags) & _ENCRYPTED == 0
    if not flags & _SIZES_FOLLOW:
        same = same and crc == line.crc and packed in {line.packed, _IN_EXTRA} and size in {line.size, _IN_EXTRA}
    same = same and _read(content, line.at + _LOCAL.size, name) == line.raw_name
    return start if same else None


def _expect_apart(lines: Sequence[_Line], starts: Sequence[int | None], directory: int) -> None:
    """Refuse entries that share bytes with each other or with the directory."""
    spans = [(line.at, start + line.packed) for line, start in zip(lines, starts, strict=True) if start is not None]
    spans = [*sorted(spans), (directory, directory)]
    if any(end > next_start for (_, end), (next_start, _) in pairwise(spans)):
        raise ArchiveOverlaps


class _Unpacking(io.RawIOBase):
    """The bytes of one entry, unpacked as they are read; holds one piece of them."""

    def __init__(self, content: BinaryIO, line: _Line, start: int) -> None:
        super().__init__()
        self._content = content
        self._line = line
        self._at = start
        self._left = line.packed
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS) if line.method == _DEFLATED else None
        self._packed = b""
        self._given = 0
        self._crc = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # the base class takes any buffer
        piece = self._next(len(buffer))
        self._given += len(piece)
        self._crc = zlib.crc32(piece, self._crc)
        if self._given > self._line.size:
            raise EntryDamaged("it is longer than it says")
        if not piece:
            self._expect_whole()
        buffer[: len(piece)] = piece
        return len(piece)

    def _next(self, wanted: int) -> bytes:
        """Return at least a byte, and at most as many as wanted; none at the end."""
        if self._inflater is None:
            return self._take(wanted)
        while not self._inflater.eof:
            self._packed = self._packed or self._take(_PIECE)
            try:
                piece = self._inflater.decompress(self._packed, wanted)
            except zlib.error as error:
                raise EntryDamaged("it cannot be unpacked") from error
            if not piece and not self._packed:
                raise EntryDamaged("it ends too soon")
            self._packed = self._inflater.unconsumed_tail
            if piece:
                return piece
        return b""

    def _take(self, wanted: int) -> bytes:
        piece = _read(self._content, self._at, min(wanted, self._left))
        self._at += len(piece)
        self._left -= len(piece)
        return piece

    def _expect_whole(self) -> None:
        if self._given != self._line.size or self._left or (self._inflater and self._inflater.unused_data):
            raise EntryDamaged("it is not as long as it says")
        if self._crc != self._line.crc:
            raise EntryDamaged("its check sum is wrong")


def _read(content: BinaryIO, at: int, size: int) -> bytes:
    content.seek(max(0, at))
    return content.read(size)
