"""How paper looks to a camera and to a scanner: wood, creases, shadow, blur, noise.

Pictures are arrays of rows, columns and colours, 0 black to 1 white; those of one channel have no third axis.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Picture: TypeAlias = NDArray[np.floating]

_PAPER = (0.965, 0.955, 0.93)
_INK = (0.17, 0.165, 0.20)
_OAK = (0.56, 0.39, 0.25)
_PHOTO = (1440, 1920)  # width and height of the phone's picture
_FILLED = 0.92  # of the picture's height or width, by the paper


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """How a picture is taken; `corners` are the paper's in the picture, clockwise from its top left one."""

    scale: float = 1.0  # of the picture's sides
    corners: Sequence[tuple[float, float]] = ((470, 84), (1060, 103), (1070, 1842), (400, 1816))
    fold: float = 0.42  # where the paper was folded, from its top
    blur: float = 0.7  # pixels that the focus is off by
    noise: float = 1.0
    exposure: float = 1.0
    hand: float = 0.30  # how dark the shadow of the hand is
    fading: float = 1.0  # of the print: what a till's head does, and less of it a better printer
    torn: bool = True  # off a roll; a sheet is cut all round

    @property
    def size(self) -> tuple[int, int]:
        return round(_PHOTO[0] * self.scale), round(_PHOTO[1] * self.scale)


EVENING = Shot()


def shot_of(paper: Image.Image, random: Random, *, of_till: bool) -> Shot:
    """Choose how somebody takes a picture of a paper: near, a little askew, in better or worse light.

    What is not a till's was printed in an office, in small letters, so the picture is larger.
    """
    scale = 1.0 if of_till else 1.5
    return Shot(
        scale=scale,
        fading=1.0 if of_till else 0.3,
        torn=of_till,
        corners=[(x * scale, y * scale) for x, y in _corners(paper.width, paper.height, random)],
        fold=random.uniform(0.25, 0.75),
        blur=random.uniform(0.4, 1.0),
        noise=random.uniform(0.4, 1.4),
        exposure=random.uniform(0.8, 1.12),
        hand=random.choice((0, 0.15, 0.30)),
    )


def _corners(width: int, height: int, random: Random) -> list[tuple[float, float]]:
    """Return where a paper's corners come to lie: turned by some degrees, and each a little off."""
    scale = _FILLED * min(_PHOTO[0] / width, _PHOTO[1] / height)
    across, down = width * scale / 2, height * scale / 2
    turned = np.deg2rad(random.uniform(-4, 4))
    cosine, sine = float(np.cos(turned)), float(np.sin(turned))
    spot = [(x * cosine - y * sine, x * sine + y * cosine) for x, y in _around(across, down)]
    fit = min(1.0, 0.49 * _PHOTO[0] / max(abs(x) for x, _ in spot), 0.49 * _PHOTO[1] / max(abs(y) for _, y in spot))
    return [
        (
            _PHOTO[0] / 2 + x * fit * (1 - random.uniform(0, 0.05)),
            _PHOTO[1] / 2 + y * fit * (1 - random.uniform(0, 0.03)),
        )
        for x, y in spot
    ]


def _around(across: float, down: float) -> tuple[tuple[float, float], ...]:
    return (-across, -down), (across, -down), (across, down), (-across, down)


def photograph(strip: Image.Image, seed: int, shot: Shot = EVENING) -> Image.Image:
    """Lay a paper on a wooden table and take a picture of it with a phone, by hand, in the evening."""
    random = np.random.default_rng(seed)
    ink = _array(strip)
    paper, outline = _crumpled(
        _printed(ink, shot.fading, random), _outline(ink.shape, random, torn=shot.torn), shot.fold, random
    )
    table = _table(shot, random)
    across = _view(ink.shape[1], ink.shape[0], shot)
    laid = _warped(paper, across, shot)
    mask = _warped(outline, across, shot)[..., None]
    scene = table * _shadow(mask) * (1 - mask) + laid * mask
    return _exposed(scene * _light(shot, random), shot, random)


def scan(page: Image.Image, degrees: float, seed: int) -> Image.Image:
    """Put a sheet on the glass of an old office scanner, not quite straight."""
    random = np.random.default_rng(seed)
    height, width = page.height, page.width
    turn = cv2.getRotationMatrix2D((width * 0.5, height * 0.45), degrees, 0.985)
    turned = cv2.warpAffine(_array(page), turn, (width, height), flags=cv2.INTER_AREA, borderValue=(0.80,))
    toner = 0.86 + 0.14 * _clouds((height, width), 9, random)
    grey = 0.95 - (1 - _blurred(np.asarray(turned, dtype=np.float32), 0.75)) * toner * 0.86
    lid = np.linspace(-1, 1, width, dtype=np.float32)
    grey = grey * (1 - 0.10 * np.clip(-lid - 0.93, 0, 1) / 0.07 - 0.03 * lid**2)
    grey = grey - _specks((height, width), 90, random) + random.normal(0, 0.017, (height, width))
    return Image.fromarray(_bytes(grey))


def bilevel(page: Image.Image, degrees: float, seed: int) -> Image.Image:
    """Scan to black and white, as a document feeder does for the archive."""
    random = np.random.default_rng(seed)
    turned = page.rotate(degrees, Image.Resampling.BICUBIC, fillcolor=255)
    grey = _blurred(_array(turned), 0.8)
    grey = grey + random.normal(0, 0.06, grey.shape) - _specks((page.height, page.width), 40, random) * 2
    return Image.fromarray(_bytes(grey)).point(lambda level: 255 * (level > 140)).convert("1")


def as_jpeg(picture: Image.Image, quality: int) -> bytes:
    """Return the file that a camera or a scanner writes."""
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=quality, optimize=True)
    return content.getvalue()


def _array(picture: Image.Image) -> Picture:
    return np.asarray(picture, dtype=np.float32) / 255


def _bytes(picture: NDArray[np.floating]) -> NDArray[np.uint8]:
    return np.asarray((np.clip(picture, 0, 1) * 255).round(), dtype=np.uint8)


def _blurred(picture: Picture, sigma: float) -> Picture:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), dtype=np.float32)


def _clouds(shape: Sequence[int], cells: int, random: np.random.Generator, cells_across: int | None = None) -> Picture:
    """Smooth chance between about -1 and 1, with so many hills from top to bottom (and from left to right)."""
    coarse = random.uniform(-1, 1, (cells, cells_across or cells)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC), dtype=np.float32)


def _specks(shape: tuple[int, int], count: int, random: np.random.Generator) -> Picture:
    """Dust, a few pixels each."""
    dust = np.zeros(shape, dtype=np.float32)
    for row, column in zip(random.integers(0, shape[0], count), random.integers(0, shape[1], count), strict=True):
        cv2.circle(dust, (int(column), int(row)), int(random.integers(0, 2)), float(random.uniform(0.1, 0.5)), -1)
    return _blurred(dust, 0.6)


def _printed(strip: Picture, fading: float, random: np.random.Generator) -> Picture:
    """Print with a head that heats unevenly: paler in bands down the paper, and here and there."""
    pale = 0.80 + 0.12 * _clouds(strip.shape, 2, random, 14) + 0.12 * _clouds(strip.shape, 24, random, 6)
    pale = pale + (1 - fading) * (1 - pale)
    ink = ((1 - _blurred(strip, 1.0)) * np.clip(pale, 0.5, 1))[..., None]
    grain = 0.008 * _blurred(random.normal(0, 1, strip.shape).astype(np.float32), 0.8)[..., None]
    return np.asarray(np.array(_PAPER) * (1 - ink) + np.array(_INK) * ink + grain, dtype=np.float32)


def _outline(shape: Sequence[int], random: np.random.Generator, *, torn: bool) -> Picture:
    """Return the outline of the paper: cut straight at the sides, above and below cut too, or torn on teeth."""
    height, width = shape
    columns = np.arange(width)
    teeth = np.abs((columns / 17) % 2 - 1) * 9 * torn + random.uniform(0, 2, width)
    rows = np.arange(height)[:, None]
    inside = (rows > teeth[None, :]) & (rows < height - 1 - teeth[None, ::-1])
    return np.asarray(inside, dtype=np.float32)


def _crumpled(paper: Picture, outline: Picture, folded: float, random: np.random.Generator) -> tuple[Picture, Picture]:
    """Fold the paper once, carry it in a pocket, and lay it out again: light falls from above on what stands up."""
    height, width = outline.shape
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    relief = 9 * _clouds(outline.shape, 9, random, 4) + 3.5 * _clouds(outline.shape, 26, random, 10)
    fold = rows - height * folded - 0.035 * (columns - width / 2) - 4 * np.sin(columns / width * 5)
    crease = columns - width * 0.71 - 0.03 * rows
    lit = 0.9 * np.gradient(relief, axis=0) + 0.7 * np.gradient(relief, axis=1)
    shade = 1 + np.clip(lit * 0.55, -0.16, 0.10)
    shade += 0.05 * np.tanh(fold / 26) * np.exp(-np.abs(fold) / 170) - 0.17 * np.exp(-((fold / 3.2) ** 2))
    shade += 0.06 * np.exp(-(((fold + 9) / 5) ** 2)) - 0.05 * np.exp(-((crease / 4) ** 2))
    shade -= 0.13 * np.clip((rows / height - 0.82) / 0.18, 0, 1) ** 2  # the end curls up, out of the light
    bend = 5 * np.tanh(fold / 60) + 7 * np.sin(rows / height * 4.4)
    where = (columns + bend + relief * 0.25, rows + relief * 0.35)
    lit_paper = paper * shade[..., None].astype(np.float32)
    bent = cv2.remap(lit_paper, *where, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(bent), np.asarray(cv2.remap(outline, *where, cv2.INTER_LINEAR, borderValue=(0,)))


def _warped(picture: Picture, across: NDArray[np.floating], shot: Shot) -> Picture:
    return np.asarray(cv2.warpPerspective(picture, across, shot.size, flags=cv2.INTER_AREA), dtype=np.float32)


def _view(width: int, height: int, shot: Shot) -> NDArray[np.floating]:
    """Return the way from the strip to the photo: held a little askew, the near end larger."""
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], dtype=np.float32)
    seen = np.array(shot.corners, dtype=np.float32)
    return np.asarray(cv2.getPerspectiveTransform(corners, seen), dtype=np.float32)


def _table(shot: Shot, random: np.random.Generator) -> Picture:
    """Oiled oak: planks from left to right, long grain, pores, joints."""
    width, height = shot.size
    wood = np.zeros((height, width), dtype=np.float32)
    rows = np.arange(height, dtype=np.float32)[:, None]
    edges = (0, *(round(edge * shot.scale) for edge in (410, 905, 1390)), height)
    for top, bottom in pairwise(edges):
        shape = (bottom - top, width)
        waves = 70 * _clouds(shape, 3, random, 4) + rows[: bottom - top]
        rings = np.sin(waves / 11) * 0.5 + np.sin(waves / 4.3 + 1) * 0.25
        grain = _clouds(shape, (bottom - top) // 3, random, 7)
        pores = np.clip(_clouds(shape, (bottom - top) // 2, random, 60) - 0.62, 0, 1)
        plank = 0.10 * _clouds(shape, 2, random, 3) + 0.06 * random.uniform(-1, 1)
        wood[top:bottom] = plank + 0.035 * rings + 0.06 * grain - 0.35 * pores
        wood[max(top - 2, 0) : top + 2] = -0.35
    wood = _blurred(wood, 1.0)
    return np.asarray(np.array(_OAK) * (1 + wood[..., None] * np.array((0.9, 1.05, 1.2))), dtype=np.float32)


def _shadow(mask: Picture) -> Picture:
    """Return what light the paper leaves on the table: dark close to it, fading away from the lamp."""
    near = _blurred(mask[..., 0], 5)
    far = _blurred(np.roll(mask[..., 0], (26, 20), axis=(0, 1)), 20)
    return np.asarray(1 - 0.30 * near - 0.38 * far, dtype=np.float32)[..., None]


def _light(shot: Shot, random: np.random.Generator) -> Picture:
    """Return a warm lamp above on the left, and the shadow of the hand and phone from below on the right."""
    width, height = shot.size
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    lamp = 1.06 - 0.26 * np.hypot(columns / width - 0.3, rows / height - 0.25)
    hand = np.zeros((height, width), dtype=np.float32)
    arm = np.array([(830, 1990), (905, 1560), (985, 1330), (1120, 1270), (1230, 1330), (1290, 1480), (1600, 1700)])
    cv2.fillPoly(hand, [(np.append(arm, [(1600, 2000)], axis=0) * shot.scale).astype(np.int32)], (1.0,))
    lamp = lamp * (1 - shot.hand * _blurred(hand, 46)) + 0.01 * _clouds((height, width), 5, random)
    return np.asarray(lamp[..., None] * np.array((1.02, 1.0, 0.94)) * shot.exposure, dtype=np.float32)


def _exposed(scene: Picture, shot: Shot, random: np.random.Generator) -> Image.Image:
    """Focus almost, move a little, and amplify: more noise in the dark, some of it coloured."""
    height, width, _ = scene.shape
    moved = cv2.filter2D(_blurred(scene, shot.blur), -1, np.array([(0.1, 0.2, 0.1), (0, 0.2, 0), (0.1, 0.2, 0.1)]))
    strength = (0.026 - 0.014 * np.clip(moved.mean(axis=2), 0, 1))[..., None]
    noise = _blurred(random.normal(0, 1.5, (height, width, 1)).astype(np.float32), 0.6)[..., None]
    colour = _blurred(random.normal(0, 1.6, scene.shape).astype(np.float32), 1.4)
    return Image.fromarray(_bytes(np.clip(moved, 0, 1) ** 0.95 + shot.noise * strength * (noise + colour)))
