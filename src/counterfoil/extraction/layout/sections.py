"""Whose part of the paper a line stands in, where words above it say so: the seller's or the buyer's."""

import re
from enum import StrEnum

from counterfoil.extraction.layout.blocks import Line
from counterfoil.extraction.layout.dates import folded
from counterfoil.extraction.layout.paper import Paper

_REACH = 9  # rows that such words govern
_SELLER = re.compile(
    r"\W*(?:seller|sold by|vendor|supplier|from|issued by|verkaufer|lieferant|rechnungssteller|vendeur|"
    r"fournisseur|emetteur|vendedor|proveedor|venditore|fornitore|verkoper|leverancier|sprzedawca|penjual|dari|emitente|emisor|fornecedor|cedente|wystawca)\W*"
)
_BUYER = re.compile(
    r"\W*(?:bill(?:ed)?[ -]to|sold to|ship to|invoice to|deliver(?:ed)? to|customer|client|buyer|"
    r"bill to address|(?:billing|shipping|delivery|invoice) address|attn|attention|to|"
    r"kunde|kaufer(?:/leistungsempfanger)?|rechnungsempfanger|rechnungsadresse|lieferadresse|"
    r"leistungsempfanger|rechnung an|"
    r"adresse de (?:livraison|facturation)|facture a|destinataire|acheteur|client\W+adresse|cliente|"
    r"destinatario|comprador|klant|factuuradres|afleveradres|koper|nabywca|odbiorca|platnik|"
    r"facturar a|facturado a|faturar a|faturado a|enviar a|spett\.?(?:le)?|intestatario|factuur aan|"
    r"kepada|pelanggan|pembeli|rechnung an|lieferung an|livrer a|livre a|factuuradres)\W*"
)


class Section(StrEnum):
    """Whose part of the paper it is."""

    SELLER = "seller"
    BUYER = "buyer"


def section_of(paper: Paper, line: Line) -> Section | None:
    """Return whose part a line stands in, by the nearest words above it that stand over it or begin the row."""
    for row in reversed(paper.rows[max(line.row.index - _REACH, 0) : line.row.index + 1]):
        if row.page != line.row.page:
            return None
        for column in row.columns:
            over = column.left < line.span.right and column.right > line.span.left
            if over or column is row.columns[0]:
                text = folded(column.text)
                if _BUYER.fullmatch(text):
                    return Section.BUYER
                if _SELLER.fullmatch(text):
                    return Section.SELLER
    return None
