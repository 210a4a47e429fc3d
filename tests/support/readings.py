"""Open documents that are nowhere: pages with the words that a test gives them, and OCR that finds what it is told."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from counterfoil.access.domain import DEFAULT_WORKSPACE, WorkspaceId
from counterfoil.documents.domain import MediaType, Sha256, Word
from counterfoil.documents.protocols import OpenDocument
from counterfoil.extraction.domain import Extraction, PageText
from counterfoil.extraction.reading import Reading

SIZE = (800, 1600)
SHA256 = Sha256("ab" * 32)


@dataclass
class FakePage:
    """A page with a text layer, or a blank one."""

    printed: Sequence[Word] = ()
    number: int = 1

    def picture(self, *, longest_side: int | None = None) -> Image.Image:
        return Image.new("RGB", SIZE, "white")

    def size(self, *, longest_side: int | None = None) -> tuple[int, int]:
        return SIZE

    def words(self) -> Sequence[Word]:
        return self.printed


@dataclass
class FakeDocument:
    """A document of such pages; one blank page if none is given."""

    pages: Sequence[FakePage] = (FakePage(),)
    xml: Sequence[bytes] = ()
    drawn: bool = False

    def xml_files(self) -> Iterator[bytes]:
        yield from self.xml


class BlankPages:
    """Opens every document as one blank page."""

    @contextmanager
    def open(self, path: Path, media_type: MediaType) -> Iterator[OpenDocument]:
        yield FakeDocument()


@dataclass
class FakeWordFinder:
    """Finds the same words on every picture, or others when it looks closely, and remembers how large they were."""

    words: tuple[Word, ...] = ()
    close_words: tuple[Word, ...] | None = None
    turned: int = 0
    asked: list[tuple[int, int]] = field(default_factory=list)

    def find(self, picture: Image.Image, *, closely: bool = False) -> tuple[tuple[Word, ...], int]:
        self.asked.append(picture.size)
        return (self.close_words if closely and self.close_words is not None else self.words), self.turned


def reading_of(
    *pages: PageText,
    finder: FakeWordFinder | None = None,
    xml: Sequence[bytes] = (),
    workspace: WorkspaceId = DEFAULT_WORKSPACE,
    sha256: Sha256 = SHA256,
    last_try: bool = True,
    found: Extraction | None = None,
) -> Reading:
    """Return a reading of pages that have these words as their text layer; of a blank one if there are none."""
    printed = [FakePage(printed=page.words, number=page.number) for page in pages]
    return Reading(
        document=FakeDocument(pages=printed or [FakePage()], xml=xml),
        workspace=workspace,
        sha256=sha256,
        word_finder=finder or FakeWordFinder(),
        last_try=last_try,
        found=found,
    )
