"""What the tills of the samples print: a supermarket's, a restaurant's, and both sides of an ironmonger's receipt."""

from decimal import Decimal

from counterfoil.samples.till import Bars, Gap, Line, Rule, Text
from counterfoil.samples.trade import Item, Receipt, printed


def _centred(*words: str) -> tuple[Text, ...]:
    return tuple(Text(line, centred=True) for line in words)


def supermarket(sale: Receipt) -> tuple[Line, ...]:
    """Return the receipt of a German supermarket, paid in cash."""
    letters = {tax.rate: letter for tax, letter in zip(sale.taxes, "BA", strict=True)}
    first, _, rest = sale.seller.name.partition(" ")
    return (
        Text(first, scale=2.2, bold=True, centred=True),
        Text(rest, scale=1.4, bold=True, centred=True),
        Gap(5),
        *_centred(sale.seller.street, sale.seller.town, f"Tel. {sale.seller.phone}"),
        *_centred(f"USt-IdNr. {sale.seller.tax_id}"),
        Gap(7),
        Text("", "EUR  "),
        *(line for item in sale.items for line in _german_item(sale, item, letters[item.rate])),
        Rule("-"),
        Text("SUMME EUR", sale.amount(sale.total), scale=1.5, bold=True),
        Rule("="),
        Text("Gegeben BAR", sale.amount(sale.cash) + "  "),
        Text("Rückgeld BAR", sale.amount(sale.cash - sale.total) + "  "),
        Gap(7),
        Text(f"{'Steuer %':<12}{'Netto':>9}{'Steuer':>9}{'Brutto':>9}"),
        *(
            _four(sale, f"{letters[tax.rate]} = {printed(tax.rate, sale.language)} %", tax.base, tax.amount, tax.gross)
            for tax in sale.taxes
        ),
        _four(sale, "Gesamt", sale.subtotal, sale.tax, sale.total),
        Gap(7),
        Text(f"{sale.issued:%d.%m.%Y}   {sale.at:%H:%M} Uhr", f"Bon-Nr. {sale.number}"),
        Text("Markt 0318   Kasse 3", "Bed. 12"),
        Gap(7),
        Text("TSE-Transaktion: 184223  Zähler: 371906"),
        Text(f"TSE-Start: {sale.issued}T17:40:31"),
        Text(f"TSE-Stop:  {sale.issued}T{sale.at:%H:%M:%S}"),
        Gap(9),
        Bars(f"0318{sale.issued:%y%m%d}{sale.number}"),
        Gap(3),
        *_centred("Vielen Dank für Ihren Einkauf!", "Öffnungszeiten: Mo-Sa 7-21 Uhr"),
    )


def _four(sale: Receipt, name: str, *amounts: Decimal) -> Text:
    return Text(f"{name:<12}" + "".join(f"{sale.amount(amount):>9}" for amount in amounts))


def _german_item(sale: Receipt, item: Item, letter: str) -> tuple[Text, ...]:
    line = Text(item.name, f"{sale.amount(item.amount)} {letter}")
    price = sale.amount(item.price)
    if item.unit:
        return line, Text(f"   {printed(item.quantity, sale.language)} {item.unit} x {price:>7} EUR/{item.unit}")
    if item.quantity != 1:
        return line, Text(f"   {item.quantity} Stk x {price:>7}")
    return (line,)


def diner(sale: Receipt) -> tuple[Line, ...]:
    """Return the slip of a restaurant in the United States, paid by card, with a tip."""
    (tax,) = sale.taxes
    return (
        Text(sale.seller.name, scale=1.45, bold=True, centred=True),
        Gap(4),
        *_centred(sale.seller.street, sale.seller.town, sale.seller.phone),
        Gap(10),
        Text(f"Check #: {sale.number}", "Table: 14"),
        Text(f"{sale.issued:%m/%d/%Y} {sale.at:%I:%M %p}", "Guests: 2"),
        Rule("-"),
        *(Text(f"{item.quantity:>2} {item.name}", sale.amount(item.amount)) for item in sale.items),
        Rule("-"),
        Text("Subtotal", sale.amount(sale.subtotal)),
        Text(f"Sales Tax {tax.rate}%", sale.amount(sale.tax)),
        Text("Amount", sale.amount(sale.subtotal + sale.tax)),
        Gap(3),
        Text("Tip", sale.amount(sale.tip)),
        Gap(3),
        Text("TOTAL", f"${sale.amount(sale.total)}", scale=1.35, bold=True),
        Gap(10),
        Text("Card", "XXXX XXXX XXXX 4417"),
        Text("Entry", "Contactless"),
        Text("Approval", "06318B"),
        Gap(10),
        *_centred("APPROVED", "Customer Copy"),
        Gap(4),
        *_centred("Thank you, come again!"),
    )


def ironmonger(sale: Receipt) -> tuple[Line, ...]:
    """Return the front of a receipt from a Spanish ironmonger's, paid in cash."""
    (tax,) = sale.taxes
    rate = printed(tax.rate, sale.language)
    return (
        Text(sale.seller.name, scale=1.4, bold=True, centred=True),
        Gap(3),
        *_centred(sale.seller.street, sale.seller.town, f"CIF: {sale.seller.tax_id}"),
        Gap(8),
        Text("Factura simplificada:", sale.number),
        Text(f"Fecha: {sale.issued:%d/%m/%Y}", f"Hora: {sale.at:%H:%M}"),
        Rule("-"),
        Text("Ud Descripción", f"{'Precio':>8}{'Importe':>9}"),
        *(
            Text(f"{item.quantity:>2} {item.name}", f"{sale.amount(item.price):>8}{sale.amount(item.amount):>9}")
            for item in sale.items
        ),
        Rule("-"),
        Text("TOTAL EUR", sale.amount(sale.total), scale=1.5, bold=True),
        Gap(4),
        Text("Efectivo", sale.amount(sale.cash)),
        Text("Cambio", sale.amount(sale.cash - sale.total)),
        Gap(8),
        Text(f"Base imponible {rate} %", sale.amount(tax.base)),
        Text(f"Cuota IVA {rate} %", sale.amount(tax.amount)),
        Gap(8),
        *_centred("IVA incluido. Gracias por su compra."),
    )


def conditions() -> tuple[Line, ...]:
    """Return the back of the ironmonger's receipt: words, and no amount."""
    return (
        Gap(30),
        Text("CONDICIONES DE DEVOLUCIÓN", scale=1.2, bold=True, centred=True),
        Gap(10),
        *_centred(
            "Se admiten cambios y devoluciones",
            "con este recibo y en su embalaje original.",
            "",
            "No se admite la devolución de pinturas",
            "preparadas ni de material cortado a medida.",
            "",
            "La garantía de las máquinas eléctricas",
            "se tramita en el mostrador.",
        ),
        Gap(60),
        Text("Conserve su recibo", scale=1.2, centred=True),
    )
