"""Names are made safe to show, whatever was sent."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.documents.domain import MAX_NAME_LENGTH, Box, MediaType, safe_name, safe_path


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("taxi.jpg", "taxi.jpg"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\taxi.jpg", "taxi.jpg"),
        ("taxi\x00.jpg", "taxi.jpg"),
        ("ta\r\nxi\u2028.jpg", "taxi.jpg"),
        ("\u202egpj.exe", "gpj.exe"),
        ("\u2067taxi\u2069.jpg", "taxi.jpg"),
        ("Cafe\u0301.jpg", "Caf\u00e9.jpg"),
        ("קבלה.pdf", "קבלה.pdf"),
        ("\u0645\u06cc\u200c\u0631\u0648\u0645.pdf", "\u0645\u06cc\u200c\u0631\u0648\u0645.pdf"),
        ("bro\udcffken.jpg", "broken.jpg"),
        ("  taxi.jpg ", "taxi.jpg"),
        ("CON", "CON"),
        ("", "document.jpg"),
        ("..", "document.jpg"),
        ("a/..", "document.jpg"),
        ("\x00\x01", "document.jpg"),
    ],
)
def test_a_name_keeps_what_a_person_reads_in_it(sent: str, shown: str) -> None:
    assert safe_name(sent, MediaType.JPEG) == shown


def test_a_long_name_keeps_its_extension() -> None:
    assert safe_name("a" * 1000 + ".jpeg", MediaType.JPEG) == "a" * 195 + ".jpeg"
    assert safe_name("a." + "b" * 1000, MediaType.JPEG) == "a." + "b" * 198


@given(st.text(st.characters(), max_size=400))
def test_no_name_is_empty_long_or_part_of_a_path(sent: str) -> None:
    shown = safe_name(sent, MediaType.PDF)
    assert 0 < len(shown) <= MAX_NAME_LENGTH
    assert shown.strip(". ")
    assert not set(shown) & set("/\\\x00\r\n\u202e\u2066")
    assert not any(unicodedata.category(sign) in {"Cc", "Cs"} for sign in shown)
    shown.encode()


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("2026/march/taxi.jpg", "2026/march/taxi.jpg"),
        ("..\\..\\taxi.jpg", "taxi.jpg"),
        ("/etc//passwd", "etc/passwd"),
        ("a\x00b/\u202egpj.exe", "ab/gpj.exe"),
        ("1/2/3/4/5/6/7", "3/4/5/6/7"),
        ("../..", ""),
    ],
)
def test_a_path_is_made_safe_part_by_part_and_keeps_its_end(sent: str, shown: str) -> None:
    assert safe_path(sent) == shown


@pytest.mark.parametrize("media_type", MediaType)
def test_a_document_without_a_name_is_called_by_its_type(media_type: MediaType) -> None:
    assert safe_name("", media_type).startswith("document.")


def test_extensions_are_the_usual_ones() -> None:
    assert [one.extension for one in MediaType] == ["jpg", "png", "webp", "tif", "gif", "bmp", "heic", "pdf", "xml"]


def test_a_box_knows_its_size_its_centre_and_its_union() -> None:
    box = Box(x0=0.1, y0=0.2, x1=0.5, y1=0.4)
    assert (box.width, box.height) == pytest.approx((0.4, 0.2))
    assert box.centre == pytest.approx((0.3, 0.3))
    assert box.union(Box(x0=0.4, y0=0.1, x1=0.6, y1=0.3)) == Box(x0=0.1, y0=0.1, x1=0.6, y1=0.4)
