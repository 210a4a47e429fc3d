"""Draws the sample documents and writes the truth about them, the same every time: `python samples/draw.py`."""

import io
import json
import sys
from pathlib import Path

import pikepdf
import pypdfium2
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a script finds only what lies beside it


from samples import facturx, invoices, photo, till
from samples.sales import DINER, IRONMONGER, JOINER, OUTFITTER, PRINTER, SALES, SUPERMARKET

FOLDER = Path(__file__).resolve().parent
TRUTH = "truth.jsonl"
_SCAN_DOTS_PER_INCH = 150
_ARCHIVE_DOTS_PER_INCH = 300
_POINTS_PER_INCH = 72


def main() -> None:
    """Draw every sample anew."""
    drawings = {
        SUPERMARKET: receipt_photo(),
        JOINER: scanned_invoice(),
        PRINTER: invoices.french(PRINTER),
        OUTFITTER: facturx.hybrid(invoices.german(OUTFITTER), OUTFITTER),
        DINER: card_slip(),
        IRONMONGER: two_sides(),
    }
    for sale, content in drawings.items():
        (FOLDER / sale.file).write_bytes(content)
        print(f"{sale.file:<24}{len(content) / 1000:>8.1f} kB")
    (FOLDER / TRUTH).write_text(truth(), encoding="utf-8")


def truth() -> str:
    """Return what the samples say, one line each."""
    return "".join(json.dumps(sale.truth(), ensure_ascii=False) + "\n" for sale in SALES)


def receipt_photo() -> bytes:
    """Return a till receipt, folded once, on a table in the evening."""
    strip = till.strip(till.supermarket(SUPERMARKET), columns=40, dots_per_inch=300, bold=True)
    return photo.as_jpeg(photo.photograph(strip, seed=7), quality=80)


def scanned_invoice() -> bytes:
    """Return a PDF of two pictures, as an office scanner makes it."""
    skews = (0.55, -0.4)  # degrees
    pages = _rendered(invoices.english(JOINER), _SCAN_DOTS_PER_INCH)
    with pikepdf.new() as pdf:
        for number, (page, skew) in enumerate(zip(pages, skews, strict=True)):
            _add_picture(pdf, photo.scan(page, skew, seed=number))
        content = io.BytesIO()
        pdf.save(content, deterministic_id=True)
    return content.getvalue()


def _rendered(content: bytes, dots_per_inch: int) -> list[Image.Image]:
    with pypdfium2.PdfDocument(content) as file:
        return [page.render(scale=dots_per_inch / _POINTS_PER_INCH, grayscale=True).to_pil() for page in file]


def _add_picture(pdf: pikepdf.Pdf, picture: Image.Image) -> None:
    """Add a page that is wholly a grey picture."""
    points = [side * _POINTS_PER_INCH / _SCAN_DOTS_PER_INCH for side in picture.size]
    page = pdf.add_blank_page(page_size=(points[0], points[1]))
    stream = pdf.make_stream(
        photo.as_jpeg(picture, quality=52),
        Type=pikepdf.Name.XObject,
        Subtype=pikepdf.Name.Image,
        Width=picture.width,
        Height=picture.height,
        ColorSpace=pikepdf.Name.DeviceGray,
        BitsPerComponent=8,
        Filter=pikepdf.Name.DCTDecode,
    )
    page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Page=stream))
    page.Contents = pdf.make_stream(f"q {points[0]:.3f} 0 0 {points[1]:.3f} 0 0 cm /Page Do Q".encode())


def card_slip() -> bytes:
    """Return a restaurant's slip without any flaw, as a till sends it by mail."""
    strip = till.strip(till.diner(DINER), columns=34, dots_per_inch=200, bold=False)
    content = io.BytesIO()
    strip.quantize(16).save(content, "PNG", optimize=True)
    return content.getvalue()


def two_sides() -> bytes:
    """Return the front and the back of a receipt, black and white, as the archive's scanner makes them."""
    sides = [
        till.strip(lines, columns=46, dots_per_inch=_ARCHIVE_DOTS_PER_INCH, bold=True)
        for lines in (till.ironmonger(IRONMONGER), till.conditions())
    ]
    front, back = (photo.bilevel(side, skew, seed=3) for side, skew in zip(sides, (-0.8, 0.5), strict=True))
    content = io.BytesIO()
    resolution = (_ARCHIVE_DOTS_PER_INCH, _ARCHIVE_DOTS_PER_INCH)
    front.save(content, "TIFF", save_all=True, append_images=[back], compression="group4", dpi=resolution)
    return content.getvalue()


if __name__ == "__main__":
    main()
