"""Joins the pages of several files into one PDF, which has the same bytes each time.

Decoders are attacked through their input: use this only in a process that may be killed.
"""

import hashlib
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import pypdfium2
import pypdfium2.raw as pdfium
from PIL import ExifTags, Image

from counterfoil.documents.domain import DocumentTooLarge, MediaType, PartIsEInvoice, TooManyPages, UnreadableDocument
from counterfoil.documents.infrastructure.pages import DecodedPages
from counterfoil.documents.infrastructure.pdf import PDF_DOTS_PER_INCH, POINTS_PER_INCH, Pdf
from counterfoil.documents.infrastructure.pictures import Picture
from counterfoil.documents.protocols import OpenDocument

SMALLER_SIDE = 2_500  # pixels; OCR is given no more than 2 000
_MAX_SIDE = 14_400.0  # points: the longest side of a page that all programs show
# A page that is not the least bit larger than its picture is drawn pixel for pixel.
_LESS = 0.1  # pixels
_FEW_COLOURS = 16
_QUALITY, _SMALLER_QUALITY = 92, 80
_TURNS = {1: 0, 3: 180, 6: 90, 8: 270}  # by EXIF orientation, clockwise; the others are mirrored as well
_ID = b"/ID[<"
_ID_LENGTH = 32


def join(parts: Sequence[tuple[Path, MediaType]], source: DecodedPages, max_bytes: int) -> bytes:
    """Return a PDF of all pages; its pictures are made smaller if it has too many bytes else. For a child process."""
    # Without this, PDFium would write down the time.
    pdfium.FPDF_SetSandBoxPolicy(pdfium.FPDF_POLICY_MACHINETIME_ACCESS, False)
    for longest_side in (None, SMALLER_SIDE):
        joined = _joined(parts, source, longest_side)
        if len(joined) <= max_bytes:
            return joined
    raise DocumentTooLarge(max_bytes)


def _joined(parts: Sequence[tuple[Path, MediaType]], source: DecodedPages, longest_side: int | None) -> bytes:
    joined = pypdfium2.PdfDocument.new()
    try:
        for number, (path, media_type) in enumerate(parts, 1):
            with source.open(path, media_type) as part:
                if isinstance(part, Picture):
                    _add_pictures(joined, path, part, longest_side)
                elif isinstance(part, Pdf) and not _has_xml(part):
                    joined.import_pages(part.file)
                else:
                    raise PartIsEInvoice(number)
            if len(joined) > source.max_pages:
                raise TooManyPages(len(joined), source.max_pages)
        return _saved(joined)
    except pypdfium2.PdfiumError as error:
        raise UnreadableDocument(MediaType.PDF) from error
    finally:
        joined.close()


def _has_xml(part: OpenDocument) -> bool:
    return any(True for _ in part.xml_files())


def _add_pictures(joined: pypdfium2.PdfDocument, path: Path, part: Picture, longest_side: int | None) -> None:
    turned = _TURNS.get(part.file.getexif().get(ExifTags.Base.Orientation, 1))
    if longest_side is None and turned is not None and _is_plain_jpeg(part):
        _add_page(joined, _jpeg(joined, BytesIO(path.read_bytes())), part.file.size, turned)
        return
    for page in part.pages:
        drawn = page.picture(longest_side=longest_side)
        if colours := drawn.getcolors(_FEW_COLOURS):
            _add_drawing(joined, drawn, grey=all(isinstance(one, tuple) and len(set(one)) == 1 for _, one in colours))
        else:
            _add_page(joined, _jpeg(joined, _as_jpeg(drawn, smaller=longest_side is not None)), drawn.size)


def _is_plain_jpeg(part: Picture) -> bool:
    return part.media_type is MediaType.JPEG and part.frames == 1 and part.file.mode in {"L", "RGB"}


def _add_drawing(joined: pypdfium2.PdfDocument, drawn: Image.Image, *, grey: bool) -> None:
    """Add a picture of few colours, such as a black and white scan, as it is."""
    alone, saved = pypdfium2.PdfDocument.new(), BytesIO()
    image = pypdfium2.PdfImage.new(alone)
    image.set_bitmap(pypdfium2.PdfBitmap.from_pil(drawn.convert("L") if grey else drawn))
    _add_page(alone, image, drawn.size)
    alone.save(saved)  # which compresses it; until then it takes as much memory as it has pixels
    alone.close()
    packed = pypdfium2.PdfDocument(saved.getvalue())
    joined.import_pages(packed)
    packed.close()


def _as_jpeg(drawn: Image.Image, *, smaller: bool) -> BytesIO:
    written = BytesIO()
    if smaller:
        drawn.save(written, "JPEG", quality=_SMALLER_QUALITY)
    else:
        drawn.save(written, "JPEG", quality=_QUALITY, subsampling=0)
    written.seek(0)
    return written


def _jpeg(joined: pypdfium2.PdfDocument, content: BytesIO) -> pypdfium2.PdfImage:
    image = pypdfium2.PdfImage.new(joined)
    image.load_jpeg(content, inline=True)
    return image


def _add_page(joined: pypdfium2.PdfDocument, image: pypdfium2.PdfImage, size: tuple[int, int], turned: int = 0) -> None:
    """Add a page that `pdf.py` draws in the picture's own pixels."""
    scale = min(POINTS_PER_INCH / PDF_DOTS_PER_INCH, _MAX_SIDE / max(size))
    width, height = ((side - _LESS) * scale for side in size)
    page = joined.new_page(width, height)
    image.set_matrix(pypdfium2.PdfMatrix().scale(width, height))
    page.insert_obj(image)
    page.gen_content()
    page.set_rotation(turned)
    page.close()


def _saved(joined: pypdfium2.PdfDocument) -> bytes:
    """Return the PDF with an id that its content decides, in the place of one by chance."""
    saved = BytesIO()
    joined.save(saved)
    body, mark, rest = saved.getvalue().rpartition(_ID)
    own = hashlib.sha256(body).hexdigest()[:_ID_LENGTH].upper().encode()
    return body + mark + rest.replace(rest[:_ID_LENGTH], own)
