"""Sets invoices, credit notes and hotel bills on A4 pages, in several fashions and on as many pages as they need."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from random import Random

from counterfoil.samples.fonts import BOOK_FACES, DEJAVU_MONO, EMBEDDED, Face
from counterfoil.samples.sheet import Column, Sheet
from counterfoil.samples.trade import Business, Invoice, Item, Receipt, Sale
from counterfoil.samples.wording import Manner

_LEFT, _RIGHT = 20.0, 190.0
_SUMS_FROM = 100.0
_FACTS_FROM = 118.0
_BOTTOM = 258.0
_SUMS_NEED = 56.0  # millimetres
_SHORT = 5  # letters that fit above a rate
_NEXT_PAGE = 44.0  # where a table goes on
_COLOURS = ("#1d5c63", "#8a5a2b", "#2b4c8a", "#6a2b5c", "#333333")
_PALE, _GREY = "#eef1f4", "#57606a"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fashion:
    """How a firm's letters look: `head` sets what stands above the table, and returns where that may begin."""

    name: str
    head: Callable[["_Letter"], float]
    face: Face
    size: float
    leading: float
    accent: str
    is_striped: bool = False
    is_ruled: bool = False


def fashion_of(letters: str, random: Random, *, archived: bool) -> Fashion:
    """Choose a fashion whose font has these letters; for an archive, one that is brought along."""
    head = random.choice((_ruled, _banded, _windowed, _typed))
    faces = [face for face in (EMBEDDED if archived else BOOK_FACES) if face.draws(letters)]
    is_typed = head is _typed and not archived
    return Fashion(
        name=head.__name__.strip("_"),
        head=head,
        face=DEJAVU_MONO if is_typed else random.choice(faces),
        size=random.uniform(6.6, 7.2) if is_typed else random.uniform(8, 9),
        leading=random.uniform(6.4, 8.6),
        accent=random.choice(_COLOURS),
        is_striped=head is _banded,
        is_ruled=head is _ruled,
    )


def letter(sale: Sale, manner: Manner, fashion: Fashion) -> tuple[Sheet, int]:
    """Set the sale, and say how many pages it took."""
    return _Letter(sale, manner, fashion).set()


def title_of(sale: Sale, manner: Manner) -> str:
    """Return what the letter calls itself."""
    if isinstance(sale, Invoice):
        return manner.words["credit_note" if sale.corrects else "invoice"]
    return manner.words["invoice"]


class _Letter:
    """One document that is being set."""

    def __init__(self, sale: Sale, manner: Manner, fashion: Fashion) -> None:
        self.sale = sale
        self.manner = manner
        self.words = manner.words
        self.fashion = fashion
        self.title = title_of(sale, manner)
        self.sheet = Sheet(
            face=fashion.face, size=fashion.size, title=f"{self.title} {sale.number}", author=sale.seller.name
        )

    def set(self) -> tuple[Sheet, int]:
        """Set all pages."""
        start = self.fashion.head(self)
        pages = self._pages(start)
        carried = Decimal(0)
        end = start
        for page, items in enumerate(pages, 1):
            if page > 1:
                end = self._next_page(page, carried)
            before = sum(len(one) for one in pages[: page - 1])
            end = self._table(end, items, before + 1)
            carried += sum((item.amount for item in items), Decimal(0))
            self._turned(page, len(pages), carried, end)
        self._sums(end + 9)
        return self.sheet, len(pages)

    def _pages(self, start: float) -> list[Sequence[Item]]:
        """Divide the items so that the sums find room below the last ones."""
        left, top = list(self.sale.items), start
        pages: list[Sequence[Item]] = []
        while True:
            room = int((_BOTTOM - top) / self.fashion.leading) - 2
            if len(left) <= room - _SUMS_NEED / self.fashion.leading:
                return [*pages, left]
            room = min(room, len(left) - 1)
            pages.append(left[:room])
            left, top = left[room:], _NEXT_PAGE

    def _turned(self, page: int, pages: int, carried: Decimal, end: float) -> None:
        """Say which page this is, and begin the next one if there is one."""
        sheet = self.sheet
        if pages > 1:
            sheet.text(105, 288, self.words["page"].format(page=page, pages=pages), size=7.5, align="centre")
        if page < pages:
            sheet.text(_SUMS_FROM, end + 6, self.words["carried"])
            sheet.text(_RIGHT - 2, end + 6, self.manner.amount(carried), align="right")
            sheet.turn()

    def _next_page(self, page: int, carried: Decimal) -> float:
        sheet = self.sheet
        sheet.text(_LEFT, 22, self.sale.seller.name, bold=True)
        sheet.text(_RIGHT, 22, f"{self.title} {self.sale.number}", align="right")
        sheet.rule(_LEFT, _RIGHT, 25, colour=self.fashion.accent)
        sheet.text(_SUMS_FROM, 34, self.words["brought"].format(page=page - 1))
        sheet.text(_RIGHT - 2, 34, self.manner.amount(carried), align="right")
        return _NEXT_PAGE

    def _columns(self) -> tuple[Column, ...]:
        """Return the columns of the table: by day for a stay, by quantity and price for all else."""
        words, manner = self.words, self.manner
        amount = Column(
            head=words["amount"], x=_RIGHT - 2, align="right", value=lambda _, item: manner.amount(item.amount)
        )
        described = Column(head=words["description"], x=42, value=lambda _, item: item.name)
        short = words["tax"] if len(words["tax"]) <= _SHORT else words["rate"]
        rate = Column(head=short, x=150, align="right", value=lambda _, item: manner.rate(item.rate))
        if isinstance(self.sale, Receipt):
            day = Column(
                head=words["date"], x=_LEFT + 2, value=lambda _, item: manner.date(item.day or self.sale.issued)
            )
            return day, described.moved(58), rate, amount
        return (
            Column(head=words["position"], x=_LEFT + 2, value=lambda number, _: str(number)),
            described.moved(34),
            Column(head=words["quantity"], x=112, align="right", value=lambda _, item: manner.number(item.quantity)),
            Column(head="", x=114, value=lambda _, item: item.unit),
            Column(head=words["unit_price"], x=143, align="right", value=lambda _, item: manner.amount(item.price)),
            rate.moved(158),
            amount,
        )

    def _table(self, y: float, items: Sequence[Item], first: int) -> float:
        """Write a table, and return where it ends."""
        sheet, fashion, columns = self.sheet, self.fashion, self._columns()
        down = fashion.leading * 0.66
        if fashion.is_striped:
            sheet.fill(_LEFT, y, _RIGHT - _LEFT, fashion.leading, fashion.accent)
        sheet.heads(y + down, columns, "#ffffff" if fashion.is_striped else "#1f2328")
        for place, item in enumerate(items, 1):
            top = y + fashion.leading * place
            if fashion.is_striped and place % 2 == 0:
                sheet.fill(_LEFT, top, _RIGHT - _LEFT, fashion.leading, _PALE)
            sheet.row(top + down, columns, first + place - 1, item)
            if fashion.is_ruled or place == 1:
                sheet.rule(_LEFT, _RIGHT, top)
        end = y + fashion.leading * (len(items) + 1)
        sheet.rule(_LEFT, _RIGHT, end, colour=fashion.accent)
        return end

    def _sums(self, y: float) -> None:
        """Write what it comes to, and how it is to be paid."""
        sale, manner, words = self.sale, self.manner, self.words
        taxes = [(self._tax_label(tax.rate, tax.base), manner.amount(tax.amount)) for tax in sale.taxes]
        sums = [(words["subtotal"], manner.amount(sale.subtotal)), *taxes]
        if len(taxes) > 1:
            sums.append((words["total_tax"], manner.amount(sale.tax)))
        self.sheet.pairs(_SUMS_FROM, _RIGHT - 2, y, sums, leading=5.6)
        end = y + 5.6 * len(sums)
        self.sheet.rule(_SUMS_FROM, _RIGHT, end - 2.6, width=1, colour=self.fashion.accent)
        self.sheet.text(_SUMS_FROM, end + 2.6, words["total_due"], bold=True, size=self.fashion.size + 2)
        total = manner.money(sale.total)
        self.sheet.text(_RIGHT - 2, end + 2.6, total, bold=True, size=self.fashion.size + 2, align="right")
        self._payment(end + 16)

    def _tax_label(self, rate: Decimal, base: Decimal) -> str:
        label = f"{self.words['tax']} {self.manner.rate(rate)}"
        return f"{label} ({self.manner.amount(base)})" if len(self.sale.taxes) > 1 else label

    def _payment(self, y: float) -> None:
        sale, sheet, words = self.sale, self.sheet, self.words
        if isinstance(sale, Invoice):
            days = (sale.due - sale.issued).days
            sheet.text(_LEFT, y, words["credit_terms"] if sale.corrects else words["terms"].format(days=days))
        else:
            sheet.text(_LEFT, y, f"{words['card']}  {self.manner.money(sale.total)}")
            sheet.text(_LEFT, y + 6, words["thanks"])

    def seller_lines(self) -> tuple[str, ...]:
        seller = self.sale.seller
        return seller.street, seller.town, f"{self.words['phone']} {seller.phone}", seller.email

    def facts(self) -> list[tuple[str, str]]:
        """Return what is said of the document as a whole, each with its label."""
        sale, words, date = self.sale, self.words, self.manner.date
        if not isinstance(sale, Invoice):
            days = [item.day for item in sale.items if item.day]
            return [
                (words["invoice_number"], sale.number),
                (words["invoice_date"], date(sale.issued)),
                (words["arrival"], date(min(days))),
                (words["departure"], date(max(days))),
                (words["room"], str(100 + len(sale.number) * 7)),
            ]
        number = words["credit_number" if sale.corrects else "invoice_number"]
        last = (words["refers_to"], sale.corrects) if sale.corrects else (words["due_date"], date(sale.due))
        return [
            (number, sale.number),
            (words["invoice_date"], date(sale.issued)),
            (words["delivered"], date(sale.delivered)),
            last,
        ]

    def tax_id(self) -> str:
        return self.words["tax_id"].format(self.sale.seller.tax_id)

    def bill_to(self, x: float, y: float, *, leading: float = 4.8) -> None:
        """Write who is to pay; a guest of a hotel stays unnamed."""
        if isinstance(self.sale, Invoice):
            self.sheet.text(x, y, self.words["bill_to"], size=self.fashion.size - 1, colour=_GREY)
            self.sheet.block(x, y + leading + 0.6, _address(self.sale.buyer), leading=leading)

    def foot(self) -> None:
        """Write the account and the number of the tax office at the end of the page."""
        seller = self.sale.seller
        parts = (seller.name, seller.iban and f"IBAN {_grouped(seller.iban)}", self.tax_id())
        self.sheet.rule(_LEFT, _RIGHT, 276, colour=_GREY)
        self.sheet.text(105, 281, " · ".join(part for part in parts if part), size=6.8, colour=_GREY, align="centre")


def _ruled(letter: _Letter) -> float:
    """Set the sender large at the left, and the facts in a block at the right."""
    sheet, seller = letter.sheet, letter.sale.seller
    sheet.text(_LEFT, 24, seller.name, size=16, bold=True)
    for number, line in enumerate(letter.seller_lines()):
        sheet.text(_RIGHT, 31 + 4.6 * number, line, align="right")
    sheet.rule(_LEFT, _RIGHT, 49, width=1.2)
    sheet.text(_LEFT, 60, letter.title, size=18, bold=True)
    letter.bill_to(_LEFT, 70)
    sheet.pairs(_FACTS_FROM, _RIGHT, 66, letter.facts(), leading=5.8)
    letter.foot()
    return 102


def _banded(letter: _Letter) -> float:
    """Set name and title on a band of colour, and the facts next to each other below their labels."""
    sheet, seller = letter.sheet, letter.sale.seller
    sheet.fill(0, 0, 210, 32, letter.fashion.accent)
    sheet.text(_LEFT, 19, seller.name, size=14, bold=True, colour="#ffffff")
    sheet.text(_RIGHT, 19, letter.title, size=15, bold=True, colour="#ffffff", align="right")
    sheet.block(_LEFT, 42, letter.seller_lines(), leading=4.8)
    letter.bill_to(_FACTS_FROM, 42)
    facts = letter.facts()
    step = (_RIGHT - _LEFT) / len(facts)
    for number, (label, value) in enumerate(facts):
        sheet.text(_LEFT + step * number, 74, label, size=letter.fashion.size - 1.5, colour=_GREY)
        sheet.text(_LEFT + step * number, 79, value, bold=True)
    letter.foot()
    return 88


def _windowed(letter: _Letter) -> float:
    """Set a business letter for an envelope with a window: the sender small above whom it goes to."""
    sheet, seller = letter.sheet, letter.sale.seller
    sheet.text(_RIGHT, 22, seller.name, size=13, bold=True, colour=letter.fashion.accent, align="right")
    sheet.text(_LEFT, 46, f"{seller.name} · {seller.street} · {seller.town}", size=6, colour=_GREY)
    if isinstance(letter.sale, Invoice):
        sheet.block(_LEFT, 54, _address(letter.sale.buyer), leading=5)
    sheet.pairs(128, _RIGHT, 50, letter.facts(), leading=5.4)
    sheet.text(_LEFT, 90, f"{letter.title} {letter.sale.number}", size=13, bold=True)
    letter.foot()
    sheet.text(105, 285, " · ".join(letter.seller_lines()), size=6.8, colour=_GREY, align="centre")
    return 98


def _typed(letter: _Letter) -> float:
    """Set everything from the left edge, as old programs print: labels and values with a colon between them."""
    sheet, seller = letter.sheet, letter.sale.seller
    sheet.block(_LEFT, 20, (seller.name, *letter.seller_lines(), letter.tax_id()), leading=4.4)
    sheet.text(_LEFT, 54, letter.title, bold=True, size=letter.fashion.size + 4)
    for number, (label, value) in enumerate(letter.facts()):
        sheet.text(_LEFT, 62 + 4.6 * number, f"{label}: {value}")
    letter.bill_to(_FACTS_FROM, 54)
    letter.foot()
    return 92


def _address(business: Business) -> tuple[str, str, str]:
    return business.name, business.street, business.town


def _grouped(iban: str) -> str:
    return " ".join(iban[start : start + 4] for start in range(0, len(iban), 4))
