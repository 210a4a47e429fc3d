"""ZIP archives that lie, each built by hand, and those that programs of good will make."""

import os
import stat
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Sequence
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfoil.documents.archives import ArchiveEntry
from counterfoil.documents.infrastructure.archives import ZipArchives
from counterfoil.foundation.errors import CounterfoilError
from tests.support import files
from tests.support.archives import Entry, pack

MB = 1 << 20
PICTURE = files.picture("PNG")
ZIPS = ZipArchives(max_entry_bytes=10 * MB)


def entries(content: bytes, *, max_entries: int = 100, max_bytes: int = 100 * MB) -> Sequence[ArchiveEntry]:
    return ZIPS.entries(BytesIO(content), max_entries=max_entries, max_bytes=max_bytes)


def refused(content: bytes, **limits: int) -> str:
    """The code under which the whole archive is refused."""
    with pytest.raises(CounterfoilError) as raised:
        entries(content, **limits)
    return raised.value.code


def outcome(entry: ArchiveEntry) -> bytes | str:
    """The bytes of an entry, or the code under which it is refused."""
    try:
        with entry.open() as content:
            return content.read()
    except CounterfoilError as error:
        return error.code


def outcomes(content: bytes) -> list[tuple[str, bytes | str]]:
    return [(entry.name, outcome(entry)) for entry in entries(content)]


def test_what_python_packs_is_unpacked_whatever_way_it_was_packed() -> None:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.comment = b"made by hand"
        archive.writestr("stored.png", PICTURE)
        archive.writestr("2026/Café.png", PICTURE, zipfile.ZIP_DEFLATED)
        with archive.open("long.png", "w", force_zip64=True) as member:
            member.write(PICTURE)
    assert outcomes(packed.getvalue()) == [("stored.png", PICTURE), ("2026/Café.png", PICTURE), ("long.png", PICTURE)]


class Pipe(BytesIO):
    """Takes what is written and never goes back, as a pipe does: sizes then follow the bytes."""

    def seekable(self) -> bool:
        return False

    def tell(self) -> int:
        raise OSError


def test_what_was_packed_into_a_pipe_is_unpacked() -> None:
    packed = Pipe()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", PICTURE)
        archive.writestr("b.png", PICTURE)
    assert outcomes(packed.getvalue()) == [("a.png", PICTURE), ("b.png", PICTURE)]


def test_an_end_of_64_bits_is_understood() -> None:
    assert outcomes(pack(Entry("a.png", PICTURE), long_end=True)) == [("a.png", PICTURE)]


def test_folders_and_what_systems_leave_behind_are_passed_over() -> None:
    packed = pack(
        Entry("2026/", b""),
        Entry("__MACOSX/._a.png", b"shadow"),
        Entry("2026/.DS_Store", b"x"),
        Entry("2026\\Thumbs.db", b"x"),
        Entry("2026/a.png", PICTURE),
    )
    assert outcomes(packed) == [("2026/a.png", PICTURE)]


def test_the_same_name_twice_is_two_files() -> None:
    assert outcomes(pack(Entry("a.png", PICTURE), Entry("a.png", b"other"))) == [
        ("a.png", PICTURE),
        ("a.png", b"other"),
    ]


LINK = stat.S_IFLNK | 0o777
ONE_BAD_ENTRY = [
    pytest.param(Entry("../a.png", PICTURE), "archive_entry_outside", id="up"),
    pytest.param(Entry("a/../../a.png", PICTURE), "archive_entry_outside", id="up in the middle"),
    pytest.param(Entry("..\\a.png", PICTURE), "archive_entry_outside", id="up the other way"),
    pytest.param(Entry("/etc/passwd", PICTURE), "archive_entry_outside", id="root"),
    pytest.param(Entry("\\\\host\\share\\a.png", PICTURE), "archive_entry_outside", id="share"),
    pytest.param(Entry("C:\\a.png", PICTURE), "archive_entry_outside", id="drive"),
    pytest.param(Entry("a.png", b"/etc/passwd", mode=LINK), "archive_entry_not_a_file", id="link"),
    pytest.param(Entry("a.png", b"", mode=stat.S_IFIFO), "archive_entry_not_a_file", id="pipe"),
    pytest.param(Entry("a.png", PICTURE, flags=1), "archive_entry_encrypted", id="encrypted"),
    pytest.param(Entry("a.png", PICTURE, flags=1, method=99), "archive_entry_encrypted", id="AES"),
    pytest.param(Entry("a.png", PICTURE, method=14), "archive_entry_packed_oddly", id="LZMA"),
    pytest.param(Entry("a.png", PICTURE, method=12), "archive_entry_packed_oddly", id="bzip2"),
    pytest.param(Entry("a.png", PICTURE, crc=1), "archive_entry_damaged", id="check sum"),
    pytest.param(Entry("a.png", PICTURE, size=len(PICTURE) - 1), "archive_entry_damaged", id="longer than it says"),
    pytest.param(Entry("a.png", PICTURE, size=len(PICTURE) + 1), "archive_entry_damaged", id="shorter than it says"),
    pytest.param(Entry("a.png", PICTURE, method=0, size=5), "archive_entry_damaged", id="stored with two sizes"),
    pytest.param(Entry("a.png", PICTURE, packed=b"\xff" * 40), "archive_entry_damaged", id="no deflate"),
    pytest.param(Entry("a.png", PICTURE, packed=zlib.compress(PICTURE)[2:-20]), "archive_entry_damaged", id="cut off"),
    pytest.param(Entry("a.png", PICTURE, trailing=b"more"), "archive_entry_damaged", id="more after its end"),
    pytest.param(Entry("a.png", PICTURE, local_name="b.exe"), "archive_entry_damaged", id="two names"),
    pytest.param(Entry("a.png", PICTURE, local_size=1), "archive_entry_damaged", id="two sizes"),
    pytest.param(Entry("a.png", PICTURE, local_flags=1), "archive_entry_damaged", id="encrypted in one header"),
    pytest.param(Entry("a.png", PICTURE, place=3), "archive_entry_damaged", id="no header there"),
    pytest.param(Entry("a.png", PICTURE, place=0), "archive_entry_damaged", id="another's bytes"),
    pytest.param(Entry("a.bmp", bytes(10 * MB + 1)), "document_too_large", id="a byte too many"),
]


@pytest.mark.parametrize(("entry", "code"), ONE_BAD_ENTRY)
def test_a_bad_entry_is_refused_and_those_beside_it_are_not(entry: Entry, code: str) -> None:
    packed = pack(Entry("before.png", PICTURE), entry, Entry("after.png", PICTURE))
    assert [found for _, found in outcomes(packed)] == [PICTURE, code, PICTURE]


def test_an_entry_of_exactly_the_limit_is_unpacked() -> None:
    assert outcomes(pack(Entry("a.bmp", bytes(10 * MB)))) == [("a.bmp", bytes(10 * MB))]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"nul\x00.png", "nul\x00.png"),
        (b"CON", "CON"),
        ("\u202egnp.exe".encode(), "\u202egnp.exe"),
        (b"a" * 60_000, "a" * 60_000),
        (b"Caf\x82.png", "Café.png"),
        (b"", ""),
    ],
)
def test_a_name_may_be_anything(name: bytes, shown: str) -> None:
    (entry,) = entries(pack(Entry(name, PICTURE)))
    assert (entry.name, outcome(entry)) == (shown, PICTURE)


GOOD = pack(Entry("a.png", PICTURE), Entry("b.png", PICTURE))
DIRECTORY = GOOD.index(b"PK\x01\x02")
BOMB = pack(*[Entry(f"{number}.bmp", bytes(9 * MB)) for number in range(10)])
BAD_ARCHIVES = [
    pytest.param(b"", "archive_damaged", id="nothing"),
    pytest.param(GOOD[:-1], "archive_damaged", id="a byte too few"),
    pytest.param(GOOD[: len(GOOD) // 2], "archive_damaged", id="half of it"),
    pytest.param(GOOD + b"\n", "archive_damaged", id="a byte too many"),
    pytest.param(b"#!/bin/sh\n" + GOOD, "archive_damaged", id="something before it"),
    pytest.param(pack(Entry("a.png", PICTURE), comment=pack()), "archive_damaged", id="an end in the comment"),
    pytest.param(pack(Entry("a.png", PICTURE), lines=2), "archive_damaged", id="fewer lines than it says"),
    pytest.param(pack(Entry("a.png", PICTURE), Entry("b", b""), lines=1), "archive_damaged", id="more lines"),
    pytest.param(pack(Entry("a.png", PICTURE), disk=1), "archive_damaged", id="one of several parts"),
    pytest.param(pack(), "archive_empty", id="empty"),
    pytest.param(pack(Entry("folder/", b"")), "archive_empty", id="folders only"),
    pytest.param(pack(Entry("a.png", PICTURE), Entry("a.png", PICTURE, place=0)), "archive_overlaps", id="same bytes"),
    pytest.param(pack(*[Entry("a.png", PICTURE, place=0)] * 50), "archive_overlaps", id="fifty times the same"),
    pytest.param(pack(Entry("a.png", PICTURE, packed_size=DIRECTORY)), "archive_overlaps", id="into the directory"),
    pytest.param(BOMB, "archive_too_dense", id="bomb"),
    pytest.param(pack(Entry("a", b"x", size=2**32 - 2)), "archive_too_dense", id="4 GB by its own word"),
    pytest.param(files.archive(**{"[Content_Types].xml": "<x/>"}), "unsupported_media_type", id="office"),
]


@pytest.mark.parametrize(("content", "code"), BAD_ARCHIVES)
def test_an_archive_that_lies_as_a_whole_is_refused_as_a_whole(content: bytes, code: str) -> None:
    assert refused(content) == code


def test_entries_that_quote_each_others_headers_are_refused() -> None:
    """The bomb without nesting: each entry's bytes are a stored block that holds the next entry's header, and so on."""
    kernel = pack(Entry("b", bytes(1000)))
    header_b = kernel[: kernel.index(b"PK\x01\x02")]
    quoting = struct.pack("<BHH", 0, 31, 31 ^ 0xFFFF) + header_b[:31] + header_b[31:]
    packed = pack(
        Entry("a", header_b[:31] + bytes(1000), packed=quoting), Entry("b", bytes(1000), place=31 + 5, absent=True)
    )
    assert refused(packed) == "archive_overlaps"


def test_a_hundred_thousand_entries_are_refused_by_their_number_alone() -> None:
    packed = pack(*[Entry(f"{number}", b"", method=0) for number in range(100_000)], long_end=True)
    tracemalloc.start()
    assert refused(packed, max_entries=1000) == "archive_too_full"
    assert tracemalloc.get_traced_memory()[1] < MB
    tracemalloc.stop()


def test_folders_do_not_count_as_files() -> None:
    packed = pack(*[Entry(f"{number}/", b"") for number in range(9)], Entry("a.png", PICTURE))
    assert len(entries(packed, max_entries=1)) == 1
    assert refused(pack(Entry("a", b"1"), Entry("b", b"2")), max_entries=1) == "archive_too_full"


def test_a_directory_of_long_names_is_not_brought_to_memory() -> None:
    packed = pack(*[Entry(b"n" * 60_000, b"", method=0) for _ in range(20)])
    assert refused(packed, max_entries=10) == "archive_damaged"


def test_what_is_more_than_a_batch_may_have_unpacked_is_refused_and_what_is_never_unpacked_does_not_count() -> None:
    packed = pack(Entry("a", os.urandom(700)), Entry("b", os.urandom(700)))
    assert refused(packed, max_bytes=1399) == "archive_too_large"
    assert len(entries(packed, max_bytes=1400)) == 2
    video = pack(Entry("a", b"x"), Entry("video", os.urandom(MB)))
    found = ZipArchives(max_entry_bytes=1000).entries(BytesIO(video), max_entries=9, max_bytes=1000)
    assert [outcome(entry) for entry in found] == [b"x", "document_too_large"]


def test_unpacking_holds_a_piece_and_not_an_entry() -> None:
    packed = pack(Entry("a.bmp", bytes(10 * MB)))
    (entry,) = entries(packed)
    tracemalloc.start()
    with entry.open() as content:
        while content.read(1000):
            pass
    assert tracemalloc.get_traced_memory()[1] < MB
    tracemalloc.stop()


def test_an_entry_that_grows_beyond_its_word_is_stopped_there() -> None:
    """10 MB of zeros that say they are 1 000: no more than a piece beyond that is ever unpacked."""
    (entry,) = entries(pack(Entry("a", bytes(10 * MB), size=1000, crc=zlib.crc32(bytes(1000)))))
    tracemalloc.start()
    assert outcome(entry) == "archive_entry_damaged"
    assert tracemalloc.get_traced_memory()[1] < MB
    tracemalloc.stop()


def test_only_what_begins_as_a_zip_is_taken_for_one() -> None:
    assert ZIPS.recognises(BytesIO(GOOD))
    assert ZIPS.recognises(BytesIO(pack()))
    for other in (b"", b"PK", PICTURE, files.pdf() + GOOD, b"\x1f\x8b" + GOOD):
        assert not ZIPS.recognises(BytesIO(other))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_damage_leads_to_anything_but_a_refusal_or_the_right_bytes(data: st.DataObject) -> None:
    damaged = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = outcomes(bytes(damaged))
    except CounterfoilError:
        return
    codes = {"archive_entry_damaged", "archive_entry_encrypted", "archive_entry_packed_oddly"}
    codes |= {"archive_entry_not_a_file", "archive_entry_outside", "document_too_large"}
    assert all(content == PICTURE or content in codes for _, content in found)
