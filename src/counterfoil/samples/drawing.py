"""Draws samples: so many of chosen kinds and forms, each with the truth about it, the same for the same seed."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice
from pathlib import Path
from random import Random

from counterfoil.foundation.errors import Conflict, InvalidInput
from counterfoil.samples import cii, ubl
from counterfoil.samples.facturx import hybrid
from counterfoil.samples.fonts import TYPEWRITERS
from counterfoil.samples.forms import as_file
from counterfoil.samples.inventing import invent
from counterfoil.samples.kinds import INVOICES, Form, Kind
from counterfoil.samples.letters import fashion_of, letter, title_of
from counterfoil.samples.strips import roll_of, strip_lines
from counterfoil.samples.till import strip_page
from counterfoil.samples.trade import Invoice, Receipt, Sale
from counterfoil.samples.wording import Country, Manner, countries, manner_of

TRUTH = "truth.jsonl"
_PAPER_FORMS = (Form.PHOTO, Form.PHOTO, Form.PICTURE, Form.SCAN, Form.PDF)
_LETTER_FORMS = (Form.PDF, Form.PDF, Form.SCANNED_PDF, Form.SCAN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A sample: the file, and the row of the truth file about it."""

    name: str
    content: bytes
    truth: dict[str, object]


class FolderNotEmpty(Conflict):
    """Samples would be mixed with what lies in a folder."""

    code = "folder_not_empty"
    advice = "Name a new folder, or say --force to write over what has the same name."

    def __init__(self, folder: Path) -> None:
        super().__init__(f"There are files in {folder} already.")


class FolderUnusable(InvalidInput):
    """A folder cannot be made or written to."""

    code = "folder_unusable"
    advice = "Name a folder in which you may write, on a disk with room."

    def __init__(self, folder: Path, reason: str) -> None:
        super().__init__(f"Samples cannot be written to {folder}: {reason}.")


class NothingToDraw(InvalidInput):
    """None of the chosen kinds exists in any of the chosen forms."""

    code = "nothing_to_draw"
    advice = "Choose more kinds or forms: receipts, for one, are never e-invoices."

    def __init__(self) -> None:
        super().__init__("None of these kinds can be drawn in any of these forms.")


def forms_of(kind: Kind, country: Country) -> tuple[Form, ...]:
    """Return the forms that a kind comes in, the usual ones more than once."""
    if kind not in INVOICES:
        return (*_PAPER_FORMS, Form.SCANNED_PDF) if kind is Kind.HOTEL else _PAPER_FORMS
    photo = () if kind is Kind.LONG_INVOICE else (Form.PHOTO,)
    e_invoices = (Form.UBL, Form.CII, Form.FACTURX) if country.e_invoices else ()
    return (*_LETTER_FORMS, *photo, *e_invoices)


def draw(
    count: int, seed: int, *, kinds: Iterable[Kind] = tuple(Kind), forms: Iterable[Form] = tuple(Form)
) -> Iterator[Drawing]:
    """Yield drawings: every kind in every country once, in any order, before one comes again.

    Raises:
        NothingToDraw: none of the kinds exists in any of the forms.
    """
    wanted = frozenset(forms)
    choices = [(kind, country) for kind in dict.fromkeys(kinds) for country in countries().values()]
    choices = [(kind, country) for kind, country in choices if wanted.intersection(forms_of(kind, country))]
    if not choices:
        raise NothingToDraw
    Random(seed).shuffle(choices)
    for number, (kind, country) in enumerate(islice(cycle(choices), count), 1):
        random = Random(f"{seed}/{number}")
        form = random.choice([form for form in forms_of(kind, country) if form in wanted])
        yield draw_one(f"{number:05}", kind, country, form, random)


def draw_one(name: str, kind: Kind, country: Country, form: Form, random: Random) -> Drawing:
    """Invent a sale and draw it."""
    manner, sale = manner_of(country, random), invent(kind, country, random)
    content, pages, fashion = _drawn(sale, kind, form, manner, random)
    file = f"{name}-{country.code.lower()}-{kind}-{form}.{form.extension}"
    sale = replace(sale, file=file, pages=pages, has_text_layer=form.has_text)
    more = {"kind": kind.value, "form": form.value, "fashion": fashion}
    row = sale.truth()
    return Drawing(name=file, content=content, truth=row | {"extra": {**sale.extra(), **more}})


def _drawn(sale: Sale, kind: Kind, form: Form, manner: Manner, random: Random) -> tuple[bytes, int, str]:
    """Return the file, how many pages it has, and the fashion in which they are set."""
    letters = letters_of(sale, manner)
    if isinstance(sale, Receipt) and kind is not Kind.HOTEL:
        roll = roll_of(kind, random)
        face = random.choice([face for face in TYPEWRITERS if face.draws(letters)])
        lines = strip_lines(sale, kind, manner, roll)
        page = strip_page(lines, columns=roll.columns, bold=random.random() < 0.5, face=face)
        return as_file(page, form, random, of_till=True), 1, "strip"
    if isinstance(sale, Invoice) and form in {Form.UBL, Form.CII}:
        return (ubl.xml(sale) if form is Form.UBL else cii.xml(sale)), 1, "none"
    fashion = fashion_of(letters, random, archived=form is Form.FACTURX)
    sheet, pages = letter(sale, manner, fashion)
    if isinstance(sale, Invoice) and form is Form.FACTURX:
        return hybrid(sheet, sale, f"{title_of(sale, manner)} {sale.number}"), pages, fashion.name
    return as_file(sheet.finished(), form, random, of_till=False), pages, fashion.name


def letters_of(sale: Sale, manner: Manner) -> str:
    """Return every letter that may stand on the page."""
    firms = [sale.seller, *([sale.buyer] if isinstance(sale, Invoice) else [])]
    texts: Sequence[str] = (
        *manner.words.values(),
        *manner.months,
        manner.money_form,
        manner.country.thousands,
        *(text for firm in firms for text in (firm.name, firm.street, firm.city, firm.phone)),
        *(item.name + item.unit for item in sale.items),
    )
    return "".join(sorted({letter for text in texts for letter in text}))


def write(
    folder: Path,
    drawings: Iterable[Drawing],
    *,
    force: bool = False,
    progress: Callable[[Drawing], None] = lambda _: None,
) -> None:
    """Write drawings and their truth into a folder, one after the other.

    Raises:
        FolderNotEmpty: there are files already; with `force`, those of the same name are written over.
        FolderUnusable: it cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not force and any(folder.iterdir()):
            raise FolderNotEmpty(folder)
        with (folder / TRUTH).open("w", encoding="utf-8") as truth:
            for drawing in drawings:
                (folder / drawing.name).write_bytes(drawing.content)
                truth.write(json.dumps(drawing.truth, ensure_ascii=False) + "\n")
                truth.flush()
                progress(drawing)
    except OSError as error:
        raise FolderUnusable(folder, error.strerror or str(error)) from error
