"""Files are whole or absent, whatever happens in between."""

import shutil
from pathlib import Path
from typing import BinaryIO

import pytest

from counterfoil.foundation.files import make_folder, write_atomically


def test_a_file_appears_with_its_whole_content(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "down" / "file.bin"
    write_atomically(target, lambda stream: stream.write(b"whole"))
    assert target.read_bytes() == b"whole"
    assert [path.name for path in target.parent.iterdir()] == ["file.bin"]


def test_a_write_that_fails_leaves_the_old_content_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "file.bin"
    target.write_bytes(b"old")

    def fail_half_way(stream: BinaryIO) -> None:
        stream.write(b"ne")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        write_atomically(target, fail_half_way)
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["file.bin"]


def test_when_the_power_goes_in_mid_write_readers_find_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "now" / "file.bin"
    write_atomically(target, lambda stream: stream.write(b"old"))

    def cut_the_power(stream: BinaryIO) -> None:
        stream.write(b"new, but only ha")
        stream.flush()
        shutil.copytree(target.parent, tmp_path / "after the power cut")
        stream.write(b"lf of it")

    write_atomically(target, cut_the_power)
    assert (tmp_path / "after the power cut" / "file.bin").read_bytes() == b"old"
    assert target.read_bytes() == b"new, but only half of it"


def test_making_a_folder_that_is_there_does_nothing(tmp_path: Path) -> None:
    make_folder(tmp_path / "a" / "b")
    before = (tmp_path / "a" / "b").stat().st_ino
    make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").stat().st_ino == before
