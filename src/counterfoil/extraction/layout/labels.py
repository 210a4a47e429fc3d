"""What the words beside a value say that it is, in every language that we read.

A phrase is written without accents and in small letters; between its words any blanks, stops or hyphens may stand, or none.
"""

import re
from enum import StrEnum
from functools import cache

from counterfoil.extraction.layout.dates import folded


class Label(StrEnum):
    """The things that words can announce."""

    TOTAL = "total"
    SUBTOTAL = "subtotal"
    TAX = "tax"
    CHARGE = "charge"
    TIP = "tip"
    DISCOUNT = "discount"
    ROUNDING = "rounding"
    CASH = "cash"
    CARD = "card"
    CHANGE = "change"
    COUNT = "count"
    DATE = "date"
    DUE_DATE = "due_date"
    OTHER_DATE = "other_date"
    NUMBER = "number"
    OTHER_NUMBER = "other_number"
    PHONE = "phone"
    TAX_ID = "tax_id"
    BUYER = "buyer"
    TITLE = "title"


# Each label's phrases by how surely they mean it.
_PHRASES: dict[Label, dict[float, str]] = {
    Label.TOTAL: {
        1.0: "grand total|bal due|final total|amount due|total due|balance due|total payable|amount payable|total to pay|nett? total|"
        "total rounded|rounded total|total after (?:rounding|rnd|adj\\w*)|total incl?\\w*|total (?:sales? )?\\(?incl?\\w*|"
        "invoice total|total amount due|amount to pay|balance to pay|total invoice|please pay|total amt rounded|"
        "gesamtbetrag|gesamtsumme|gesamt brutto|endsumme|zu zahlen\\w*|zahlbetrag|rechnungsbetrag|rechnungssumme|endbetrag|"
        "bruttobetrag|bruttosumme|summe brutto|brutto gesamt|rechnungsendbetrag|total brutto|zu zahlender betrag|"
        "total ttc|net a payer|montant a payer|montant total|total a payer|montant ttc|reste a payer|total general|"
        "importe total|total a pagar|total factura|total iva incluid\\w*|totale complessivo|importo totale|importo pagato|"
        "totale documento|totale fattura|totale a pagare|netto a pagare|te betalen|totaalbedrag|totaal te betalen|"
        "totaal incl\\w*|eindtotaal|valor total|total geral|do zaplaty|razem do zaplaty|suma pln|kwota do zaplaty|"
        "jumlah besar|jumlah perlu dibayar|jumlah keseluruhan",
        0.85: "total|summe|somme|totale|totaal|suma|jumlah|razem|gesamt|total amount|total amt|total sales?",
        0.7: "tot|due|to pay|a payer|a pagar",
        0.55: "nett?|nett? amount|nett? amt|amount|betrag|bill amount|amt due|balance|amaun|sales amount|final amount|am(?:oun)?t paid|importe|montant|eur",
    },
    Label.SUBTOTAL: {
        1.0: "rechnungssumme (?:netto|ohne\\w*)|steuerbasisbetrag|summe ohne\\w*|sub ?total|sub ttl|zwischensumme|zw summe|nettobetrag|nettosumme|netto summe|summe netto|gesamt netto|netto gesamt|total netto|"
        "total ht|total hors taxes?|montant ht|montant hors taxes?|total hors tva|sous total|base imponible|totale imponibile|imponibile|subtotaal|"
        "total excl\\w*|total (?:sales )?\\(?excl?\\w*|totaal excl\\w*|total before\\w*|excl btw|taxable amount|total net|summe positionen|warenwert|"
        "total sin iva|total without (?:tax|vat)|suma netto|wartosc netto|sale amount|total iliquido|"
        "montant total ht|amount excl\\w*|sub amount|merchandise|food total|total amount excl\\w*|positionssumme|"
        "items? total|total excluding\\w*|total net of vat|taxable",
        0.6: "netto|net amount|total sales|gross|gross total|gross amount",
    },
    Label.TAX: {
        1.0: "sales tax|total tax\\w*|total (?:gst|vat|sst)|tax amount|tax total|vat amount|gst amount|mwst betrag|umsatzsteuer|mehrwertsteuer|"
        "montant tva|total tva|btw bedrag|totale iva|importe iva|gst payable|total mwst|state tax|city tax|local tax|tax due|cuota iva|"
        "steuerbetrag|vat total|summe mwst|summe ust|taxes|tva",
        0.8: "tax|gst|vat|sst|mwst|ust|iva|btw|ptu|hst|pst|qst|taxe|cukai|steuer|tva|government tax|gov tax|tx|"
        "tax\\d|stax",
    },
    Label.CHARGE: {
        0.5: "service|servicio",
        1.0: "service charge|svc charge|srv charge|serv charge|coperto|bedienung|delivery fee|shipping|versandkosten|frais de port|svc chg|s charge"
    },
    Label.TIP: {1.0: "tip|tips|gratuity|trinkgeld|pourboire|propina|mancia|fooi|gorjeta|napiwek|tip amount"},
    Label.DISCOUNT: {
        1.0: "discounts?|disc|rabatt|nachlass|remise|descuento|dto|sconto|korting|desconto|rabat|diskaun|total savings?|you saved|savings?|"
        "less|promo discount|total discount|coupon|skonto"
    },
    Label.ROUNDING: {
        1.0: "rounding|round(?:ed)? adj\\w*|rnd adj\\w*|rounding adjustment|round off|rundung|arrondi|redondeo|arrotondamento|afronding|"
        "pembundaran|pelarasan|bill rounding|round amt|round d|round|rounding adj\\w*|adjustment|rounded adj\\w*"
    },
    Label.CASH: {
        1.0: "cash|tendered|amount tendered|bar|gegeben|bargeld|especes|efectivo|contanti|contante?|dinheiro|gotowka|tunai|received|"
        "cash received|cash tendered|paid|payment|pay|recu|entregado|amount paid|tender|cash rm|bayaran|bayar|paid amount|betaald|kontant"
    },
    Label.CARD: {
        1.0: "visa|master ?card|mastercard|amex|american express|debit|credit card|karte|ec cash|girocard|maestro|carte bancaire|carte|tarjeta|"
        "carta di credito|bancomat|pin|pinnen|cartao|karta|credit|card|kartenzahlung|cb|ec karte|discover|debit card|bankcard|vpay|v pay"
    },
    Label.CHANGE: {
        1.0: "change|change due|ruckgeld|zuruck|wechselgeld|rendu|monnaie|a rendre|cambio|resto|wisselgeld|troco|reszta|baki|balance change|cash change"
    },
    Label.COUNT: {
        1.0: "total qty|total quantity|total items?|item count|items? sold|no of items?|item s|total no\\w*|qty|quantity|count|anzahl|nombre d articles|"
        "articles|artikel|posten|number of items|num items|total pcs|total unit\\w*|points?|punkte|pts|total item s|total pax|pax|items|guests?|total disc\\w*|"
        "total savings?|total sold|stuck|payback"
    },
    Label.DATE: {
        1.0: "invoice date|date of issue|issue date|bill date|receipt date|transaction date|trans date|rechnungsdatum|belegdatum|date de facture|"
        "date de la facture|date facture|fecha de factura|fecha factura|data fattura|data documento|factuurdatum|data da fatura|data wystawienia|date of invoice|"
        "tanggal|tarikh|date time|datum uhrzeit|ausstellungsdatum|date d emission|facture du|dated|doc date|inv date|sales date|fecha de emision|billing date|"
        "date de facturation|bon datum|invoice dt",
        0.8: "date|datum|fecha|data|dato|vom|le|tgl|dt",
    },
    Label.DUE_DATE: {
        1.0: "due date|date due|payment due|due by|pay by|due on|fallig am|fallig|falligkeit\\w*|zahlbar bis|zahlungsziel|zahlungsfrist|date d echeance|echeance|a payer avant|"
        "fecha de vencimiento|vencimiento|data scadenza|scadenza|vervaldatum|vervaldag|data de vencimento|vencimento|termin platnosci|due|betaaldatum|"
        "payable by|date limite de paiement|bis spatestens|bis zum"
    },
    Label.OTHER_DATE: {
        1.0: "delivery date|lieferdatum|leistungsdatum|order date|bestelldatum|ship\\w* date|print(?:ed)? (?:date|on)|date of birth|expir\\w*|exp date|valid\\w*|gultig\\w*|"
        "date de livraison|date de commande|orderdatum|leveringsdatum|period|zeitraum|leistungszeitraum|periode|auftragsdatum|start date|end date|return by|"
        "returns?|version|gst (?:effective|registered)|since|until|before|member\\w*|liefertermin|lieferzeit\\w*|date of supply|order placed|best before|policy|effective"
    },
    Label.NUMBER: {
        1.0: "invoice (?:no|number|num|nr|id|#)|tax invoice (?:no|number|#)|inv (?:no|#)|rechnungs ?(?:nr|nummer|no)|rechnung (?:nr|nummer|no)|rg nr|re nr|receipt (?:no|number|#|id)|"
        "bill (?:no|number|#)|facture (?:n|no|num\\w*|n°|nr)|n(?:o|°|um\\w*)? (?:de )?(?:la )?facture|numero de (?:la )?facture|factura (?:n|no|num\\w*)|num\\w* (?:de )?factura|"
        "factuur ?(?:nr|nummer|no)|fattura (?:n|nr|num\\w*)|numero fattura|fatura (?:n|no|num\\w*)|faktura (?:nr|numer|vat nr)|document (?:no|number|#)|doc (?:no|#)|"
        "credit note (?:no|number|#)|gutschrift (?:nr|nummer)|gutschrifts? ?(?:nr|nummer)|avoir n\\w*|numero de facture|facture n|slip (?:no|#)|"
        "beleg ?(?:nr|nummer)|bon ?(?:nr|nummer|n)|invoice #|check (?:no|#|number)|numer faktury|cs no|ticket (?:no|#|n)|statement number|factuur",
        0.7: "trans (?:no|#|id)|transaction (?:no|#|id|number)|trn (?:no|#)|tran #|trx (?:no|id)|invoice|\\w*rechnung|facture|factura|fattura|rcpt (?:no|#)?|receipt|bill|inv|"
        "ref (?:no|#)|chk|dokument ?(?:nr|nummer)|bonnr|trans|order (?:no|number|#|id)|order",
    },
    Label.OTHER_NUMBER: {
        1.0: "customer (?:no|number|id|#)|kunden ?(?:nr|nummer)|order (?:no|number|id|#)|bestell ?(?:nr|nummer)|auftrags ?(?:nr|nummer)|account (?:no|number|#)|client (?:no|number|id)|"
        "num\\w* client|n client|klantnummer|ordernummer|purchase order|po (?:no|number|#)|lieferschein\\w*|member\\w*|table (?:no|#)|co reg\\w*|reg no|"
        "registration no|company (?:no|reg\\w*)|artikel ?nr|terminal|store (?:no|#|number)|vertrags ?(?:nr|nummer)|debitor\\w*|debiteurnummer|commande\\w*"
    },
    Label.PHONE: {1.0: "tel|telephone|phone|telefon|telefono|telefoon|telefone|fon|hp|h p|mobile|mobil|ph|t|contact no|hotline|tel no|call"},
    Label.TAX_ID: {
        1.0: "gst (?:reg\\w* )?(?:no|id|number|#)|gst reg\\w*|gst id(?: no)?|vat (?:reg\\w* )?(?:no|number|id|nr)|vat reg\\w*|ust ?id ?(?:nr)?|ust idnr|umsatzsteuer ?id\\w*|steuer ?(?:nr|nummer)|"
        "st ?nr|n tva|tva intracom\\w*|num\\w* tva|n(?:o|°)? (?:de )?tva|siret|siren|nif|cif|p iva|partita iva|btw ?(?:nr|nummer|id)|kvk\\w*|nip|abn|gstin|ein|tax (?:id|no|number|reg\\w*)|"
        "sst (?:no|id|reg\\w*)|gst|uid|nipc|contribuinte|vat|tva|btw|service tax no",
    },
    Label.BUYER: {
        1.0: "bill to|billed to|sold to|ship to|customer|invoice to|invoiced to|rechnungsempfanger|kunde|rechnung an|an|facture a|adresse de facturation|client|destinataire|"
        "cliente|destinatario|klant|factuur aan|factuuradres|facturar a|spett le|nabywca|deliver to|lieferadresse|adresse de livraison|shipping address|"
        "billing address|m s|attention|attn|aan|to"
    },
    Label.TITLE: {
        1.0: "(?:simplified )?tax invoice|invoice|receipt|cash receipt|official receipt|cash bill|cash sales?|bill|rechnung|quittung|beleg|kassenbon|kassenbeleg|facture|recu|ticket|factura|fattura|"
        "scontrino|factuur|bon|kassabon|faktura|paragon|fatura|recibo|resit|invois|credit note|gutschrift|avoir|nota de credito|creditnota|guest check|sales receipt|"
        "simplified invoice|ticket de caisse|documento commerciale|statement|invoice original|original|copy|duplicate|reprint|welcome\\b.*|thank you\\b.*|kundenbeleg|handlerbeleg|customer copy|merchant copy"
    },
}


@cache
def _pattern(label: Label) -> tuple[tuple[float, re.Pattern[str]], ...]:
    return tuple((strength, _compiled(phrases)) for strength, phrases in sorted(_PHRASES[label].items(), reverse=True))


def _compiled(phrases: str) -> re.Pattern[str]:
    loose = re.sub(r"(?<!\?) (?!\?)", r"[\\W_]*", phrases).replace(" ?", r"[\W_]*")
    return re.compile(rf"(?<![a-z0-9])(?:{loose})(?![a-z])")


def plain(text: str) -> str:
    """Return the text as phrases are written, digits that OCR saw in a word's letters mended."""
    return " ".join(_mended(token) for token in folded(text).split())


def _mended(token: str) -> str:
    if sum(letter.isalpha() for letter in token) < max(3, len(token) / 2 + 1):
        return token
    return token.replace("0", "o").replace("1", "l").replace("5", "s")


@cache
def strength(label: Label, text: str) -> float:
    """Return how surely a text announces the thing: 1 for its own words, 0 if it does not."""
    return max((strong for strong, pattern in _pattern(label) if pattern.search(text)), default=0.0)


@cache
def place(label: Label, text: str) -> tuple[int, int] | None:
    """Return where the surest phrase for the thing stands in a text."""
    for _, pattern in _pattern(label):
        found = pattern.search(text)
        if found:
            return found.span()
    return None


def is_only(label: Label, text: str) -> bool:
    """Say whether a text is nothing but words for the thing."""
    return any(
        re.fullmatch(r"[\W\d_]*", pattern.sub(" ", text)) is not None and pattern.search(text)
        for _, pattern in _pattern(label)
    )
