"""Lines that stand under each other and belong together, such as a name with its address."""

from collections.abc import Sequence
from dataclasses import dataclass

from counterfoil.extraction.layout.paper import Paper, Row
from counterfoil.extraction.layout.rows import Span

_FAR = 2.4  # letter heights from the middle of a line to that of the next, at most


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A column's part of a row."""

    span: Span
    row: Row

    @property
    def text(self) -> str:
        return self.span.text


def blocks_of(rows: Sequence[Row]) -> tuple[tuple[Line, ...], ...]:
    """Gather the lines of a page into blocks, each from top to bottom."""
    blocks: list[list[Line]] = []
    for row in rows:
        for column in row.columns:
            line = Line(span=column, row=row)
            above = min(
                (block for block in blocks if _continues(block[-1], line)),
                key=lambda b: _shift(b[-1], line),
                default=None,
            )
            if above is None:
                blocks.append([line])
            else:
                above.append(line)
    return tuple(tuple(block) for block in blocks)


def first_page_blocks(paper: Paper) -> tuple[tuple[Line, ...], ...]:
    """Return the blocks of the first page."""
    return blocks_of(paper.first_page)


def _continues(above: Line, line: Line) -> bool:
    down = line.span.middle - above.span.middle
    height = max(above.span.height, line.span.height)
    beside = line.span.left < above.span.right and line.span.right > above.span.left
    return above.row is not line.row and 0 < down < _FAR * height and beside


def _shift(above: Line, line: Line) -> float:
    """Return how badly two lines are aligned, at their left ends or their middles."""
    left = abs(above.span.left - line.span.left)
    centre = abs(above.span.left + above.span.right - line.span.left - line.span.right) / 2
    return min(left, centre)
