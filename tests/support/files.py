"""Files as people and attackers hand them in, made in memory."""

import struct
import zipfile
import zlib
from decimal import Decimal
from io import BytesIO

import pikepdf
from PIL import Image

MEGABYTE = 1 << 20


def picture(kind: str = "JPEG", size: tuple[int, int] = (60, 80), colour: str = "white") -> bytes:
    drawn = BytesIO()
    Image.new("RGB", size, colour).save(drawn, kind)
    return drawn.getvalue()


def noisy_jpeg() -> bytes:
    """A JPEG with so much in it that half of it is missed."""
    drawn = BytesIO()
    Image.effect_noise((400, 300), 80).save(drawn, "JPEG")
    return drawn.getvalue()


def tiff(pages: int) -> bytes:
    drawn = BytesIO()
    first, *others = [Image.new("L", (30 + number, 40), 255) for number in range(pages)]
    first.save(drawn, "TIFF", save_all=True, append_images=others)
    return drawn.getvalue()


def pdf(pages: int = 1, size: tuple[float, float] = (200, 300)) -> bytes:
    return _saved(_blank(pages, size))


def encrypted_pdf(password: str = "open sesame") -> bytes:
    return _saved(_blank(1, (200, 300)), encryption=pikepdf.Encryption(owner="owner", user=password))


def pdf_with_attachments(**attached: bytes) -> bytes:
    """Return a PDF that has files attached, by their names."""
    document = _blank(1, (200, 300))
    for name, content in attached.items():
        document.attachments[name] = content
    return _saved(document)


def pdf_with_stream(content: bytes, **entries: object) -> bytes:
    """A PDF whose page is drawn by a stream of bytes as they are, with entries such as its filter."""
    document = _blank(1, (200, 300))
    stream = pikepdf.Stream(document, content)
    for name, value in entries.items():
        stream[f"/{name}"] = value
    document.pages[0].Contents = document.make_indirect(stream)
    return _saved(document, compress_streams=False, stream_decode_level=pikepdf.StreamDecodeLevel.none)


def deflate_bomb(megabytes: int) -> bytes:
    """A small zlib stream that grows to this many megabytes of spaces."""
    deflater = zlib.compressobj(9, wbits=-15)
    block = deflater.compress(b" " * MEGABYTE) + deflater.flush(zlib.Z_FULL_FLUSH)
    return b"\x78\xda" + block * megabytes + deflater.flush(zlib.Z_FINISH) + bytes(4)


def png_header(width: int, height: int, *more: bytes) -> bytes:
    """A PNG that says how large it is and has next to nothing in it."""
    header = struct.pack("!IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", header),
            *more,
            _chunk(b"IDAT", zlib.compress(b"")),
            _chunk(b"IEND", b""),
        ]
    )


def png_with_text_bomb() -> bytes:
    return png_header(10, 10, _chunk(b"zTXt", b"Comment\0\0" + deflate_bomb(200)))


def archive(**members: str) -> bytes:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        for name, content in (members or {"a.txt": "text"}).items():
            file.writestr(name, content)
    return packed.getvalue()


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack("!I", len(content)) + kind + content + struct.pack("!I", zlib.crc32(kind + content))


def _blank(pages: int, size: tuple[float, float]) -> pikepdf.Pdf:
    document = pikepdf.new()
    for _ in range(pages):
        document.add_blank_page().MediaBox = pikepdf.Array([0, 0, *map(Decimal, map(str, size))])
    return document


def _saved(document: pikepdf.Pdf, **options: object) -> bytes:
    saved = BytesIO()
    document.save(saved, **options)  # type: ignore[arg-type]  # whatever the caller wants of pikepdf
    return saved.getvalue()
