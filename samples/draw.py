"""Draws the sample documents and writes the truth about them, the same every time: `python samples/draw.py`."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a script finds only what lies beside it

from counterfoil.samples import facturx, forms, photo, till
from counterfoil.samples.drawing import TRUTH
from samples import invoices, strips
from samples.sales import DINER, IRONMONGER, JOINER, OUTFITTER, PRINTER, SALES, SUPERMARKET

FOLDER = Path(__file__).resolve().parent
_SCAN_DOTS_PER_INCH = 150
_ARCHIVE_DOTS_PER_INCH = 300


def main() -> None:
    """Draw every sample anew."""
    drawings = {
        SUPERMARKET: receipt_photo(),
        JOINER: scanned_invoice(),
        PRINTER: invoices.french(PRINTER),
        OUTFITTER: facturx.hybrid(invoices.german(OUTFITTER), OUTFITTER, f"Rechnung {OUTFITTER.number}"),
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
    strip = till.strip(strips.supermarket(SUPERMARKET), columns=40, dots_per_inch=300, bold=True)
    return photo.as_jpeg(photo.photograph(strip, seed=7), quality=80)


def scanned_invoice() -> bytes:
    """Return a PDF of two pictures, as an office scanner makes it."""
    skews = (0.55, -0.4)  # degrees
    pages = till.rendered(invoices.english(JOINER), _SCAN_DOTS_PER_INCH)
    scans = [photo.scan(page, skew, seed) for seed, (page, skew) in enumerate(zip(pages, skews, strict=True))]
    return forms.as_scanned_pdf(scans, quality=52)


def card_slip() -> bytes:
    """Return a restaurant's slip without any flaw, as a till sends it by mail."""
    return forms.as_png(till.strip(strips.diner(DINER), columns=34, dots_per_inch=200, bold=False))


def two_sides() -> bytes:
    """Return the front and the back of a receipt, black and white, as the archive's scanner makes them."""
    sides = [
        till.strip(lines, columns=46, dots_per_inch=_ARCHIVE_DOTS_PER_INCH, bold=True)
        for lines in (strips.ironmonger(IRONMONGER), strips.conditions())
    ]
    skews = (-0.8, 0.5)  # degrees
    return forms.as_tiff([photo.bilevel(side, skew, seed=3) for side, skew in zip(sides, skews, strict=True)])


if __name__ == "__main__":
    main()
