"""The pages of the three invoices: an English, a French and a German one."""

from decimal import Decimal

from counterfoil.samples.fonts import HELVETICA, VERA
from counterfoil.samples.sheet import Column, Sheet
from counterfoil.samples.trade import Business, Invoice, Item, printed

_LEFT = 20.0
_RIGHT = 190.0
_ON_FIRST_PAGE = 19  # rows of the English invoice


def english(sale: Invoice) -> bytes:
    """Set the joiner's invoice: ruled boxes, and a sum that is carried to a second page."""
    sheet = Sheet(face=HELVETICA, size=9.5, title=f"Invoice {sale.number}", author=sale.seller.name)
    first, second = sale.items[:_ON_FIRST_PAGE], sale.items[_ON_FIRST_PAGE:]
    carried = sum((item.amount for item in first), Decimal(0))
    _english_head(sheet, sale)
    end = _english_table(sheet, sale, 104, first, 1)
    sheet.text(158, end + 6, "Carried forward", align="right")
    sheet.text(_RIGHT - 2, end + 6, sale.amount(carried), align="right")
    sheet.text(105, 285, "Page 1 of 2", size=8, align="centre")
    sheet.turn()
    sheet.text(_LEFT, 24, sale.seller.name, size=13, bold=True)
    sheet.text(_RIGHT, 24, f"Invoice {sale.number}", align="right")
    sheet.rule(_LEFT, _RIGHT, 28, width=1.2)
    sheet.text(158, 38, "Brought forward", align="right")
    sheet.text(_RIGHT - 2, 38, sale.amount(carried), align="right")
    end = _english_table(sheet, sale, 43, second, len(first) + 1)
    _english_foot(sheet, sale, end + 10)
    sheet.text(105, 285, "Page 2 of 2", size=8, align="centre")
    return sheet.finished()


def _english_head(sheet: Sheet, sale: Invoice) -> None:
    seller = sale.seller
    sheet.fill(_LEFT, 17, 13, 13, "#3a3a3a")
    sheet.fill(_LEFT + 2.5, 19.5, 3, 8, "#ffffff")
    sheet.fill(_LEFT + 7.5, 19.5, 3, 8, "#ffffff")
    sheet.fill(_LEFT + 5, 22.5, 3, 2, "#ffffff")
    sheet.text(37, 23, seller.name, size=18, bold=True)
    sheet.text(37, 29.5, "Shopfitting, bespoke furniture and repairs", size=9)
    for number, line in enumerate((seller.street, seller.town, f"Tel. {seller.phone}", seller.email)):
        sheet.text(_RIGHT, 20 + 4.6 * number, line, size=8.5, align="right")
    sheet.rule(_LEFT, _RIGHT, 38, width=1.2)
    sheet.text(_LEFT, 51, "INVOICE", size=20, bold=True)
    sheet.text(_LEFT, 62, "Invoice to", size=8.5)
    sheet.block(_LEFT, 68, _lines(sale.buyer), leading=5)
    facts = (
        ("Invoice no.", sale.number),
        ("Invoice date", f"{sale.issued:%d %B %Y}"),
        ("Tax point", f"{sale.delivered:%d %B %Y}"),
        ("Due date", f"{sale.due:%d %B %Y}"),
        ("VAT reg. no.", _spaced(sale.seller.tax_id, 2, 5, 9)),
        ("Your order", "CK/118"),
    )
    sheet.pairs(122, _RIGHT, 56, facts, leading=6)
    sheet.text(_LEFT, 96, "Refit of the ground floor tea room as quoted:")


def _english_table(sheet: Sheet, sale: Invoice, y: float, items: tuple[Item, ...], first: int) -> float:
    """Write a ruled table and return where it ends."""
    columns = (
        Column(head="No.", x=_LEFT + 2, value=lambda number, _: str(number)),
        Column(head="Description", x=32, value=lambda _, item: item.name),
        Column(head="Qty", x=126, align="right", value=lambda _, item: printed(item.quantity, sale.language)),
        Column(head="Unit", x=130, value=lambda _, item: item.unit),
        Column(head="Unit price", x=161, align="right", value=lambda _, item: sale.amount(item.price)),
        Column(
            head="Amount \N{POUND SIGN}", x=_RIGHT - 2, align="right", value=lambda _, item: sale.amount(item.amount)
        ),
    )
    leading = 8.1
    sheet.fill(_LEFT, y, _RIGHT - _LEFT, leading, "#d9d9d9")
    sheet.heads(y + 5.4, columns)
    for number, item in enumerate(items):
        top = y + leading * (number + 1)
        sheet.row(top + 5.4, columns, first + number, item)
        sheet.rule(_LEFT, _RIGHT, top)
    end = y + leading * (len(items) + 1)
    sheet.rule(_LEFT, _RIGHT, y)
    sheet.rule(_LEFT, _RIGHT, end)
    for x in (_LEFT, 30, 113, 128, 141, 163, _RIGHT):
        sheet.line((x, y), (x, end))
    return end


def _english_foot(sheet: Sheet, sale: Invoice, y: float) -> None:
    (tax,) = sale.taxes
    sums = (("Subtotal", sale.amount(sale.subtotal)), (f"VAT {tax.rate}%", sale.amount(sale.tax)))
    sheet.pairs(128, _RIGHT - 2, y, sums, leading=7)
    sheet.rule(126, _RIGHT, y + 10, width=1)
    sheet.text(128, y + 16.5, "Total due", size=12, bold=True)
    sheet.text(_RIGHT - 2, y + 16.5, f"\N{POUND SIGN}{sale.amount(sale.total)}", size=12, bold=True, align="right")
    sheet.rule(126, _RIGHT, y + 20, width=1)
    terms = (
        "Payment within 30 days of the invoice date, please.",
        "Account name: " + sale.seller.name,
        "Sort code 00-99-00   Account no. 41652230",
        f"Please quote {sale.number} with your payment.",
    )
    sheet.block(_LEFT, y + 38, terms, leading=5.5)
    sheet.text(
        _LEFT, y + 72, "Work guaranteed for twelve months from completion. Goods remain ours until paid for.", size=8
    )


def french(sale: Invoice) -> bytes:
    """Set the printer's invoice: a coloured band, striped rows, two rates of tax."""
    accent, pale = "#1d5c63", "#eaf2f1"
    sheet = Sheet(face=HELVETICA, size=9, title=f"Facture {sale.number}", author=sale.seller.name)
    sheet.fill(0, 0, 210, 34, accent)
    for number, colour in enumerate(("#f2b544", "#e4572e", "#9fd3c7")):
        sheet.disc(_LEFT + 4 + 6.5 * number, 17, 4.2, colour)
    sheet.text(44, 16, sale.seller.name, size=17, bold=True, colour="#ffffff")
    sheet.text(44, 22.5, "Offset · numérique · façonnage", colour="#ffffff")
    sheet.text(_RIGHT, 19, "FACTURE", size=22, bold=True, colour="#ffffff", align="right")
    _french_head(sheet, sale, accent)
    end = _french_table(sheet, sale, accent, pale)
    _french_sums(sheet, sale, end + 8, accent, pale)
    foot = (
        f"{sale.seller.name} · {sale.seller.register}",
        f"N° TVA intracommunautaire : {sale.seller.tax_id} · IBAN : {_grouped(sale.seller.iban)}",
        "En cas de retard : pénalités au taux légal majoré de 10 points, indemnité de recouvrement de 40 €.",
    )
    sheet.rule(_LEFT, _RIGHT, 270, colour=accent)
    for number, line in enumerate(foot):
        sheet.text(105, 275 + 4.5 * number, line, size=7.5, colour="#57606a", align="centre")
    return sheet.finished()


def _french_head(sheet: Sheet, sale: Invoice, accent: str) -> None:
    seller = sale.seller
    sheet.text(_LEFT, 45, "Émetteur", bold=True, colour=accent)
    sheet.block(_LEFT, 50.5, (*_lines(seller), f"Tél. {seller.phone}", seller.email), leading=4.8)
    sheet.text(112, 45, "Facturé à", bold=True, colour=accent)
    sheet.block(112, 50.5, _lines(sale.buyer), leading=4.8)
    facts = (
        ("Numéro", sale.number, _LEFT),
        ("Date d'émission", f"{sale.issued:%d/%m/%Y}", 58),
        ("Livraison", f"{sale.delivered:%d/%m/%Y}", 91),
        ("Date d'échéance", f"{sale.due:%d/%m/%Y}", 122),
        ("Règlement", "Virement, 30 jours", 155),
    )
    for label, value, x in facts:
        sheet.text(x, 84, label, size=8, colour="#57606a")
        sheet.text(x, 89.5, value, size=10, bold=True)


def _french_table(sheet: Sheet, sale: Invoice, accent: str, pale: str) -> float:
    columns = (
        Column(head="Réf.", x=_LEFT + 2, value=lambda _, item: item.number),
        Column(head="Désignation", x=40, value=lambda _, item: item.name),
        Column(head="Qté", x=119, align="right", value=lambda _, item: printed(item.quantity, sale.language)),
        Column(head="Unité", x=122, value=lambda _, item: item.unit),
        Column(head="PU HT", x=149, align="right", value=lambda _, item: printed(item.price, sale.language)),
        Column(head="TVA", x=164, align="right", value=lambda _, item: f"{printed(item.rate, sale.language)} %"),
        Column(head="Total HT", x=_RIGHT - 2, align="right", value=lambda _, item: f"{sale.amount(item.amount)} €"),
    )
    y, leading = 99.0, 9.0
    sheet.fill(_LEFT, y, _RIGHT - _LEFT, leading, accent)
    sheet.heads(y + 5.8, columns, "#ffffff")
    for number, item in enumerate(sale.items, 1):
        top = y + leading * number
        if number % 2 == 0:
            sheet.fill(_LEFT, top, _RIGHT - _LEFT, leading, pale)
        sheet.row(top + 5.8, columns, number, item)
    end = y + leading * (len(sale.items) + 1)
    sheet.rule(_LEFT, _RIGHT, end, width=1, colour=accent)
    return end


def _french_sums(sheet: Sheet, sale: Invoice, y: float, accent: str, pale: str) -> None:
    sheet.text(_LEFT, y, "Taux de TVA", bold=True, colour=accent)
    sheet.text(66, y, "Base HT", bold=True, colour=accent, align="right")
    sheet.text(92, y, "Montant TVA", bold=True, colour=accent, align="right")
    for number, tax in enumerate(sale.taxes, 1):
        sheet.text(_LEFT, y + 6 * number, f"{printed(tax.rate, sale.language)} %")
        sheet.text(66, y + 6 * number, f"{sale.amount(tax.base)} €", align="right")
        sheet.text(92, y + 6 * number, f"{sale.amount(tax.amount)} €", align="right")
    sums = (("Total HT", f"{sale.amount(sale.subtotal)} €"), ("Total TVA", f"{sale.amount(sale.tax)} €"))
    sheet.pairs(126, _RIGHT - 2, y, sums, leading=6)
    sheet.fill(122, y + 10, _RIGHT - 122, 11, pale)
    sheet.text(126, y + 17, "Total TTC à payer", size=11, bold=True, colour=accent)
    sheet.text(_RIGHT - 2, y + 17, f"{sale.amount(sale.total)} €", size=11, bold=True, colour=accent, align="right")
    sheet.text(_LEFT, y + 40, "Nous vous remercions de votre confiance.")


def german(sale: Invoice) -> Sheet:
    """Set the outfitter's invoice as a German business letter, for an envelope with a window."""
    sheet = Sheet(face=VERA, size=8, title=f"Rechnung {sale.number}", author=sale.seller.name)
    accent = "#8a5a2b"
    _german_head(sheet, sale, accent)
    end = _german_table(sheet, sale, accent)
    _german_sums(sheet, sale, end + 7, accent)
    _german_foot(sheet, sale.seller, accent)
    return sheet


def _german_head(sheet: Sheet, sale: Invoice, accent: str) -> None:
    seller = sale.seller
    for step, height in enumerate((4, 7, 10, 13)):
        sheet.fill(174 + 4.2 * step, 29 - height, 3.2, height, accent)
    sheet.text(_LEFT, 24, seller.name, size=15, bold=True)
    sheet.text(_LEFT, 29, "Möbel, Licht und Papier für gute Arbeit", colour="#57606a")
    sheet.text(_LEFT, 49, f"{seller.name} · {seller.street} · {seller.town}", size=6, colour="#57606a")
    sheet.block(_LEFT, 57, _lines(sale.buyer), leading=5)
    facts = (
        ("Rechnungsnummer", sale.number),
        ("Rechnungsdatum", f"{sale.issued:%d.%m.%Y}"),
        ("Lieferdatum", f"{sale.delivered:%d.%m.%Y}"),
        ("Fällig am", f"{sale.due:%d.%m.%Y}"),
        ("Währung", sale.currency),
    )
    sheet.pairs(130, _RIGHT, 52, facts, leading=5.4)
    sheet.text(_LEFT, 94, f"Rechnung {sale.number}", size=13, bold=True)
    sheet.text(_LEFT, 101, "Guten Tag, für unsere Lieferung und Leistung berechnen wir Ihnen:")


def _german_table(sheet: Sheet, sale: Invoice, accent: str) -> float:
    columns = (
        Column(head="Pos.", x=_LEFT, value=lambda number, _: str(number)),
        Column(head="Artikel", x=30, value=lambda _, item: item.number),
        Column(head="Bezeichnung", x=48, value=lambda _, item: item.name),
        Column(head="Menge", x=129, align="right", value=lambda _, item: printed(item.quantity, sale.language)),
        Column(head="Einh.", x=132, value=lambda _, item: item.unit),
        Column(head="Einzelpreis", x=161, align="right", value=lambda _, item: sale.amount(item.price)),
        Column(head="USt.", x=173, align="right", value=lambda _, item: f"{item.rate} %"),
        Column(head="Betrag", x=_RIGHT, align="right", value=lambda _, item: sale.amount(item.amount)),
    )
    y, leading = 111.0, 7.6
    sheet.heads(y, columns)
    sheet.rule(_LEFT, _RIGHT, y + 2.6, width=1.2, colour=accent)
    for number, item in enumerate(sale.items, 1):
        sheet.row(y + leading * number, columns, number, item)
        sheet.rule(_LEFT, _RIGHT, y + leading * number + 2.6, width=0.25, colour="#b8b8b8")
    return y + leading * len(sale.items)


def _german_sums(sheet: Sheet, sale: Invoice, y: float, accent: str) -> None:
    taxes = (
        (f"USt. {tax.rate} % auf {sale.amount(tax.base)}", sale.amount(tax.amount)) for tax in reversed(sale.taxes)
    )
    sums = (("Summe netto", sale.amount(sale.subtotal)), *taxes, ("Umsatzsteuer gesamt", sale.amount(sale.tax)))
    sheet.pairs(126, _RIGHT, y + 2, sums, leading=5.6)
    end = y + 2 + 5.6 * len(sums)
    sheet.rule(126, _RIGHT, end - 2.4, width=1.2, colour=accent)
    sheet.text(126, end + 3.4, "Rechnungsbetrag", size=10, bold=True)
    sheet.text(_RIGHT, end + 3.4, f"{sale.amount(sale.total)} €", size=10, bold=True, align="right")
    sheet.text(_LEFT, end + 20, f"Bitte überweisen Sie den Betrag bis zum {sale.due:%d.%m.%Y} ohne Abzug.")
    sheet.text(_LEFT, end + 25, f"Verwendungszweck: {sale.number}")


def _german_foot(sheet: Sheet, seller: Business, accent: str) -> None:
    sheet.rule(_LEFT, _RIGHT, 268, width=0.6, colour=accent)
    columns = (
        (_LEFT, _lines(seller)),
        (78, (f"Tel. {seller.phone}", seller.email, seller.website)),
        (128, (f"IBAN {_grouped(seller.iban)}", f"USt-IdNr. {seller.tax_id}", seller.register)),
    )
    for x, lines in columns:
        for number, line in enumerate(lines):
            sheet.text(x, 273 + 4 * number, line, size=6.5, colour="#57606a")


def _lines(business: Business) -> tuple[str, str, str]:
    return business.name, business.street, business.town


def _grouped(iban: str) -> str:
    return _spaced(iban, *range(4, len(iban), 4))


def _spaced(words: str, *places: int) -> str:
    ends = (*places, len(words))
    return " ".join(words[start:end] for start, end in zip((0, *places), ends, strict=True))
