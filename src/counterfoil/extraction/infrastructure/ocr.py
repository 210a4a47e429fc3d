"""Words on pictures by RapidOCR, on the CPU, with the models that come inside its package."""

import ctypes
import platform
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from counterfoil.documents.domain import Box, Word

_LONGEST_SIDE = 2000  # pixels; recognition gains nothing from more
_DETECTION_SIDE = 960  # pixels; enough for a receipt that fills the page, and what detection costs grows with it
_CLOSE_SIDE = 1280  # pixels; finds some lines more, at a third more time
_UPRIGHT_SCORE = 0.85  # upright text scores 0.96, upside-down text 0.70
_PROBES = 6  # lines read upside down to find out which way is up
_LARGE_BLOCK = 8 << 20  # bytes
_M_MMAP_THRESHOLD = -3  # as malloc.h calls it
_MXCSR = 7  # where fenv.h of Linux keeps this register of x86-64, in words
_TINY_IS_NOTHING = 0x8040  # its two bits for that: of what is computed, and of what is computed with
_HALF_WIDE = {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)}  # the recogniser knows Chinese signs as well
_SETTINGS = {
    "Global.log_level": "critical",
    "Global.use_cls": False,
    "Global.use_vertical_padding": False,
    "Global.return_word_box": True,
    "Det.limit_type": "max",
    "Det.limit_side_len": _DETECTION_SIDE,
    # Lines are read one by one, none padded to the width of another.
    "Rec.rec_batch_num": 1,
    "Rec.rec_img_shape": [3, 48, 64],
    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
}

Pixels = NDArray[np.uint8]
Corners = NDArray[np.float32]
"""The four corners of a line in fractions of the picture: top left, top right, bottom right, bottom left."""


@dataclass(frozen=True, kw_only=True)
class RapidOcrWords:
    """A word finder that builds its engine at the first picture and keeps it; one picture at a time.

    The engine has a thread to itself, for how floating point is set there would change what others compute. A process
    that has found words must not fork: the child would wait for a thread that it does not have.
    """

    threads: int = 1
    _turn: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "ocr"), repr=False)

    @cached_property
    def _engine(self) -> Any:
        _give_large_memory_back()
        # With OpenCV and more it takes 40 MB, which a process that reads no picture, such as a worker, is to be spared.
        from rapidocr import RapidOCR

        return RapidOCR(params={**_SETTINGS, "EngineConfig.onnxruntime.intra_op_num_threads": self.threads})

    def find(self, picture: Image.Image, *, closely: bool = False) -> tuple[tuple[Word, ...], int]:
        small = picture.convert("RGB")
        small.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
        # A view with its colours turned round would be copied whole for each line that is cut out of it.
        pixels = np.ascontiguousarray(np.asarray(small)[:, :, ::-1])
        lines, turned = self._turn.submit(
            self._upright_lines, pixels, _CLOSE_SIDE if closely else _DETECTION_SIDE
        ).result()
        return tuple(_turned_back(word, turned) for line in lines for word in line), turned

    def _upright_lines(self, pixels: Pixels, side: int) -> "tuple[list[list[Word]], int]":
        if detector := self._engine.text_det:  # not before the first picture, which is looked at as `_SETTINGS` say
            detector.limit_side_len = side
        turned = 0
        crops, corners = self._detected(pixels)
        if sum(_is_tall(one, pixels) for one in corners) * 2 > len(corners):
            turned = 90
            pixels = _rotated(pixels, 90)
            crops, corners = self._detected(pixels)
        scores, lines = self._recognised(crops, corners)
        if crops and _mean(scores) < _UPRIGHT_SCORE and self._is_upside_down(crops, scores):
            turned += 180
            pixels = _rotated(pixels, 180)
            crops, corners = self._detected(pixels)
            _, lines = self._recognised(crops, corners)
        return lines, turned

    def _detected(self, pixels: Pixels) -> "tuple[Sequence[Pixels], Sequence[Corners]]":
        """Return a picture of each line, and where it is."""
        from rapidocr.main import RapidOCRError  # here for the same reason as above

        try:
            crops, found = self._engine.detect_and_crop(pixels, {})
        except RapidOCRError:  # there is no text
            return [], []
        height, width = pixels.shape[:2]
        return crops, [corners / np.array([width, height]) for corners in found.boxes]

    def _recognised(
        self, crops: "Sequence[Pixels]", corners: "Sequence[Corners]"
    ) -> "tuple[Sequence[float], list[list[Word]]]":
        """Return how sure each line is, and its words."""
        if not crops:
            return [], []
        _take_tiny_for_nothing()  # each time, for what finds the lines sets it back
        found = self._engine.recognize_txt(list(crops))
        lines = zip(found.txts, found.word_results, corners, strict=True)
        return found.scores, [list(_words(text, parts, where)) for text, parts, where in lines]

    def _is_upside_down(self, crops: "Sequence[Pixels]", scores: Sequence[float]) -> bool:
        widest = sorted(range(len(crops)), key=lambda index: -crops[index].shape[1])[:_PROBES]
        flipped = self._engine.recognize_txt([_rotated(crops[index], 180) for index in widest])
        return _mean(flipped.scores) > _mean([scores[index] for index in widest])


def _give_large_memory_back() -> None:
    """Have blocks as large as those of a picture given back to the system as soon as they are free.

    The C library of Linux would keep ever larger ones, and lines of all widths leave holes in them: a fifth of what a
    process that reads holds. To give back smaller blocks costs time. Other systems have no such switch.
    """
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE_BLOCK)


def _take_tiny_for_nothing() -> None:
    """Have this thread take what is next to nothing for nothing: processors are slow with such numbers."""
    if (sys.platform, platform.machine()) == ("linux", "x86_64"):
        with suppress(AttributeError, OSError):
            library = ctypes.CDLL(None)
            setting = (ctypes.c_uint32 * 8)()
            library.fegetenv(setting)
            setting[_MXCSR] |= _TINY_IS_NOTHING
            library.fesetenv(setting)


def _mean(scores: Sequence[float]) -> float:
    return sum(scores) / len(scores) if scores else 0.0


def _rotated(pixels: Pixels, degrees: int) -> Pixels:
    """Return the pixels turned clockwise."""
    return np.ascontiguousarray(np.rot90(pixels, k=-degrees // 90))


def _is_tall(corners: Corners, pixels: Pixels) -> bool:
    height, width = pixels.shape[:2]
    across, down = (corners.max(axis=0) - corners.min(axis=0)) * (width, height)
    return bool(down > across)


def _words(text: str, parts: Any, corners: Corners) -> Iterator[Word]:
    """Cut a line into words. `parts.confs` has a score for each letter of `text`, `word_cols` each letter's column."""
    scores = iter([score for letter, score in zip(text, parts.confs, strict=False) if not letter.isspace()])
    columns = parts.line_txt_len
    for letters, places in zip(parts.words, parts.word_cols, strict=True):
        sure = [next(scores, 0.0) for _ in letters]
        start, end = max(places[0] - 0.5, 0) / columns, min(places[-1] + 1.5, columns) / columns
        yield Word(text="".join(letters).translate(_HALF_WIDE), box=_part(corners, start, end), score=_mean(sure))


def _part(corners: Corners, start: float, end: float) -> Box:
    """Return the box around the part of a line between two fractions of its length."""
    left_top, right_top, right_bottom, left_bottom = corners
    points = np.array(
        [
            top_or_bottom[0] + (top_or_bottom[1] - top_or_bottom[0]) * share
            for top_or_bottom in ((left_top, right_top), (left_bottom, right_bottom))
            for share in (start, end)
        ]
    )
    (x0, y0), (x1, y1) = points.min(axis=0).clip(0, 1), points.max(axis=0).clip(0, 1)
    return Box(x0=float(x0), y0=float(y0), x1=float(x1), y1=float(y1))


def _turned_back(word: Word, turned: int) -> Word:
    """Return a word of the turned picture as it lies on the picture that came."""
    box = word.box
    match turned:
        case 90:
            box = Box(x0=box.y0, y0=1 - box.x1, x1=box.y1, y1=1 - box.x0)
        case 180:
            box = Box(x0=1 - box.x1, y0=1 - box.y1, x1=1 - box.x0, y1=1 - box.y0)
        case 270:
            box = Box(x0=1 - box.y1, y0=box.x0, x1=1 - box.y0, y1=box.x1)
    return Word(text=word.text, box=box, score=word.score)
