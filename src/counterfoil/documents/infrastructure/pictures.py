"""Pages of pictures, by Pillow.

Decoders are attacked through their input: use this only in a process that may be killed.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import ExifTags, Image, ImageOps

from counterfoil.documents.domain import MediaType, TooManyPixels, UnreadableDocument, UnsupportedMediaType, Word

_FORMATS = {
    MediaType.JPEG: "JPEG",
    MediaType.PNG: "PNG",
    MediaType.WEBP: "WEBP",
    MediaType.TIFF: "TIFF",
    MediaType.GIF: "GIF",
    MediaType.BMP: "BMP",
    MediaType.HEIC: "HEIF",
}
_DECODER_ERRORS = (OSError, SyntaxError, ValueError)
_LYING = range(5, 9)  # the EXIF orientations that swap width and height
_ANIMATED = {MediaType.GIF, MediaType.WEBP, MediaType.PNG}


# Pillow's own limit would warn or refuse before the size can be told; every picture is measured below instead.
Image.MAX_IMAGE_PIXELS = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """An open picture file. A TIFF has as many pages as frames; the frames of an animation are one page."""

    file: Image.Image
    media_type: MediaType
    frames: int

    @property
    def pages(self) -> "Sequence[_PicturePage]":
        numbers = range(1, self.frames + 1)
        return [_PicturePage(file=self.file, media_type=self.media_type, number=number) for number in numbers]

    @property
    def drawn(self) -> bool:
        return False

    def xml_files(self) -> Iterator[bytes]:
        yield from ()


@contextmanager
def open_picture(
    path: Path, media_type: MediaType, *, max_pixels: int, count: Callable[[int], None]
) -> Iterator[Picture]:
    """Open a picture after its size was checked by its header; `count` is told how many pages there are."""
    with _opened(path, media_type) as file:
        yield Picture(file=file, media_type=media_type, frames=_measured(file, media_type, max_pixels, count))


def _measured(file: Image.Image, media_type: MediaType, max_pixels: int, count: Callable[[int], None]) -> int:
    """Check the size of each page before anything is decoded, and return how many there are."""
    _measure(file, max_pixels)
    if media_type in _ANIMATED:
        return 1
    try:
        frames: int = getattr(file, "n_frames", 1)
        count(frames)
        for frame in range(1, frames):
            file.seek(frame)
            _measure(file, max_pixels)
    except _DECODER_ERRORS as error:
        raise UnreadableDocument(media_type) from error
    return frames


def _measure(file: Image.Image, max_pixels: int) -> None:
    if file.width * file.height > max_pixels:
        raise TooManyPixels(file.width, file.height, max_pixels)


def _opened(path: Path, media_type: MediaType) -> Image.Image:
    if media_type is MediaType.HEIC:
        _register_heic()
    try:
        return Image.open(path, formats=[_FORMATS[media_type]])
    except _DECODER_ERRORS as error:
        raise UnreadableDocument(media_type) from error


def _register_heic() -> None:
    try:
        import pi_heif  # an extra: only those who hand in HEIC have it
    except ImportError as error:
        raise UnsupportedMediaType("a HEIC picture", "Save it as JPEG, or have the extra `heic` installed.") from error
    pi_heif.register_heif_opener()


@dataclass(frozen=True, slots=True, kw_only=True)
class _PicturePage:
    """One frame of a picture file."""

    file: Image.Image
    media_type: MediaType
    number: int

    def picture(self, *, longest_side: int | None = None) -> Image.Image:
        try:
            self.file.seek(self.number - 1)
            if longest_side and self.media_type is MediaType.JPEG:
                self.file.draft("RGB", (longest_side, longest_side))
            return _scaled(_on_white(_upright(self.file)), longest_side)
        except _DECODER_ERRORS as error:
            raise UnreadableDocument(self.media_type) from error

    def size(self, *, longest_side: int | None = None) -> tuple[int, int]:
        self.file.seek(self.number - 1)
        sides = self.file.size
        if self.file.getexif().get(ExifTags.Base.Orientation, 1) in _LYING:
            sides = sides[::-1]
        scale = min(1.0, longest_side / max(sides)) if longest_side else 1.0
        return max(round(sides[0] * scale), 1), max(round(sides[1] * scale), 1)

    def words(self) -> Sequence[Word]:
        return ()


def _upright(picture: Image.Image) -> Image.Image:
    """Turn a picture as its EXIF data says; one that needs no turning is not copied, since it may be large."""
    if picture.getexif().get(ExifTags.Base.Orientation, 1) == 1:
        return picture
    return ImageOps.exif_transpose(picture)


def _on_white(picture: Image.Image) -> Image.Image:
    """Return the picture in RGB, what is transparent in it as white paper; always a copy."""
    if "A" not in picture.getbands() and "transparency" not in picture.info:
        return picture.convert("RGB")
    drawn = picture if picture.mode == "RGBA" else picture.convert("RGBA")
    paper = Image.new("RGB", drawn.size, "white")
    paper.paste(drawn, mask=drawn)
    return paper


def _scaled(picture: Image.Image, longest_side: int | None) -> Image.Image:
    if longest_side:
        picture.thumbnail((longest_side, longest_side))
    return picture
