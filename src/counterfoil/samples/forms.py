"""Makes the file that somebody hands in of a drawn page: a photo, a scan, a PDF."""

import io
import time
from random import Random

from PIL import Image

from counterfoil.samples import photo
from counterfoil.samples.kinds import Form
from counterfoil.samples.till import rendered

_PHOTO_DOTS, _PICTURE_DOTS, _SCAN_DOTS, _ARCHIVE_DOTS = 250, 200, 150, 300  # per inch
_MOST_DEGREES = 1.2  # that a page lies askew on a scanner


def as_file(page: bytes, form: Form, random: Random, *, of_till: bool) -> bytes:
    """Return a PDF's pages in another form."""
    match form:
        case Form.PHOTO:
            paper = rendered(page, _PHOTO_DOTS)[0]
            picture = photo.photograph(paper, random.randrange(2**32), photo.shot_of(paper, random, of_till=of_till))
            return photo.as_jpeg(picture, quality=random.randrange(55, 92))
        case Form.PICTURE:
            return as_png(rendered(page, _PICTURE_DOTS)[0])
        case Form.SCAN:
            sides = rendered(page, _ARCHIVE_DOTS)
            return as_tiff([photo.bilevel(side, _askew(random), random.randrange(2**32)) for side in sides])
        case Form.SCANNED_PDF:
            sides = rendered(page, _SCAN_DOTS)
            scans = [photo.scan(side, _askew(random), random.randrange(2**32)) for side in sides]
            return as_scanned_pdf(scans, quality=random.randrange(45, 80))
        case _:
            return page


def _askew(random: Random) -> float:
    return random.uniform(-_MOST_DEGREES, _MOST_DEGREES)


def as_png(page: Image.Image) -> bytes:
    """Return a small file without any flaw, as a till sends it by mail."""
    content = io.BytesIO()
    page.quantize(16).save(content, "PNG", optimize=True)
    return content.getvalue()


def as_tiff(pages: list[Image.Image]) -> bytes:
    """Return black and white pages in one file, as an archive keeps them."""
    content = io.BytesIO()
    resolution = (_ARCHIVE_DOTS, _ARCHIVE_DOTS)
    pages[0].save(content, "TIFF", save_all=True, append_images=pages[1:], compression="group4", dpi=resolution)
    return content.getvalue()


def as_scanned_pdf(pages: list[Image.Image], *, quality: int) -> bytes:
    """Return a PDF whose pages are wholly pictures, as an office scanner makes it."""
    content = io.BytesIO()
    made = time.gmtime(0)  # the same every time
    pages[0].save(
        content,
        "PDF",
        save_all=True,
        append_images=pages[1:],
        resolution=_SCAN_DOTS,
        quality=quality,
        creationDate=made,
        modDate=made,
    )
    return content.getvalue()
