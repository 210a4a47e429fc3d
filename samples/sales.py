"""What the six samples say.

Every business is invented. Tax ids and accounts have valid check digits in ranges that are not given out, and
telephone numbers are from those kept for stories.
"""

from datetime import date, time
from decimal import Decimal

from counterfoil.samples.trade import Business, Invoice, Item, Receipt, Sale


def goods(rate: str, *lines: str) -> tuple[Item, ...]:
    """Return the items of lines like `number | name | quantity | unit | price`, all taxed at one rate."""
    return tuple(_item(Decimal(rate), *(part.strip() for part in line.split("|"))) for line in lines)


def _item(rate: Decimal, number: str, name: str, quantity: str, unit: str, price: str) -> Item:
    return Item(name=name, price=Decimal(price), rate=rate, quantity=Decimal(quantity), unit=unit, number=number)


SUPERMARKET = Receipt(
    file="receipt-photo.jpg",
    pages=1,
    language="de",
    seller=Business(
        name="Wiesengrün Frischemarkt",
        street="Haselweg 27",
        postcode="50896",
        city="Köln",
        country="DE",
        tax_id="DE971604828",
        phone="0221 4710 318",
    ),
    number="004127",
    issued=date(2026, 9, 18),
    at=time(17, 42, 9),
    currency="EUR",
    prices_hold_tax=True,
    items=(
        *goods(
            "7",
            "| BIO VOLLMILCH 3,8% | 2 | | 1.29",
            "| ROGGENMISCHBROT 750G | 1 | | 2.85",
            "| ÄPFEL ELSTAR LOSE | 1.148 | kg | 2.49",
            "| RISPENTOMATEN | 0.536 | kg | 3.29",
            "| GOUDA JUNG SCHEIBEN | 1 | | 2.19",
            "| SÜSSRAHMBUTTER 250G | 1 | | 1.99",
            "| KAFFEE GANZE BOHNE | 1 | | 7.49",
            "| EIER FREILAND 10ER | 1 | | 3.19",
        ),
        *goods(
            "19",
            "| APFELSCHORLE 1,0L | 3 | | 0.89",
            "| PFAND 0,25 | 3 | | 0.25",
            "| SPÜLMITTEL LIMETTE | 1 | | 1.45",
            "| KÜCHENTÜCHER 4ER | 1 | | 2.75",
            "| GLÜHLAMPE LED E27 | 2 | | 3.95",
        ),
    ),
    cash=Decimal("50.00"),
)

JOINER = Invoice(
    file="invoice-scanned.pdf",
    pages=2,
    language="en",
    seller=Business(
        name="Hollowbrook Joinery Ltd",
        street="Unit 7, Millrace Yard",
        postcode="S98 4QT",
        city="Sheffield",
        country="GB",
        town_form="{city} {postcode}",
        tax_id="GB998164263",
        phone="0114 496 0382",
        email="accounts@hollowbrook-joinery.example",
    ),
    buyer=Business(
        name="Copper Kettle Tea Rooms Ltd",
        street="31 Fennel Lane",
        postcode="S97 2WB",
        city="Sheffield",
        country="GB",
        town_form="{city} {postcode}",
    ),
    number="HJ-20264",
    issued=date(2026, 8, 31),
    delivered=date(2026, 8, 27),
    due=date(2026, 9, 30),
    currency="GBP",
    items=goods(
        "20",
        "| Site survey and measured drawings | 1 | job | 185.00",
        "| Strip out existing counter and shelving | 6 | hrs | 34.50",
        "| Removal of waste, licensed carrier | 1 | load | 140.00",
        "| Oak worktop 40 mm, oiled, 600 mm deep | 4.2 | m | 168.00",
        "| Counter carcass, birch plywood 18 mm | 5 | no. | 142.75",
        "| Counter front, tongue and groove, painted | 4.2 | m | 96.40",
        "| Lift-up flap with brass hinges | 1 | no. | 124.00",
        "| Glazed cake display, toughened 6 mm | 2 | no. | 318.50",
        "| Shelf, solid oak 27 mm, 900 mm | 8 | no. | 46.20",
        "| Cast iron shelf bracket, black | 16 | no. | 7.85",
        "| Wall panelling, MDF moisture resistant | 11.5 | m2 | 38.60",
        "| Dado rail, primed softwood | 14 | m | 5.95",
        "| Skirting 145 mm, primed softwood | 14 | m | 7.20",
        "| Architrave set, single door | 2 | set | 28.75",
        "| Fire door FD30, oak veneer | 1 | no. | 236.00",
        "| Ironmongery set, satin brass | 2 | set | 64.90",
        "| Window seat with hinged lid | 2 | no. | 275.00",
        "| Seat cushion, wool mix, made to measure | 2 | no. | 88.50",
        "| Banquette bench 1800 mm | 3 | no. | 392.00",
        "| Table top, ash 700 x 700 mm | 6 | no. | 74.30",
        "| Pedestal base, cast iron | 6 | no. | 49.95",
        "| Coat hook rail, five hooks | 2 | no. | 32.40",
        "| Menu board frame, A1 | 1 | no. | 58.00",
        "| Primer and eggshell paint, two coats | 9 | ltr | 16.80",
        "| Fixings and sundries | 1 | lot | 72.35",
        "| Joiner, first and second fix | 46 | hrs | 38.50",
        "| Apprentice | 30 | hrs | 19.75",
        "| Delivery to site | 2 | trip | 45.00",
    ),
)

PRINTER = Invoice(
    file="invoice-text.pdf",
    pages=1,
    language="fr",
    has_text_layer=True,
    seller=Business(
        name="Imprimerie des Trois Sources",
        street="18 rue du Moulin-Neuf",
        postcode="69099",
        city="Lyon",
        country="FR",
        tax_id="FR24997403183",
        phone="04 65 71 20 46",
        email="compta@trois-sources.example",
        iban="FR8799999000010012345678G04",
        register="SARL au capital de 12 000 € · RCS Lyon 997 403 183",
    ),
    buyer=Business(
        name="Librairie du Vieux Cadran",
        street="4 place de la Fontaine-Bleue",
        postcode="38099",
        city="Grenoble",
        country="FR",
    ),
    number="FA-2026-0713",
    issued=date(2026, 7, 16),
    delivered=date(2026, 7, 14),
    due=date(2026, 8, 15),
    currency="EUR",
    items=(
        *goods(
            "5.5",
            "LV-118 | Livre « Sentiers d'été », broché 192 p. | 120 | ex. | 6.85",
            "LV-204 | Recueil de nouvelles, relié cousu | 40 | ex. | 11.40",
        ),
        *goods(
            "20",
            "AF-042 | Affiches A2, couché brillant 170 g | 75 | pièce | 2.16",
            "CV-007 | Cartes de visite recto verso, mat | 500 | pièce | 0.11",
            "MP-310 | Marque-pages à bords arrondis | 1000 | pièce | 0.074",
            "PA-001 | Création et mise en page | 6.5 | h | 58.00",
            "TR-012 | Façonnage et emballage protégé | 3 | colis | 14.90",
            "LI-001 | Livraison à l'étage | 1 | forfait | 32.50",
        ),
    ),
)

OUTFITTER = Invoice(
    file="invoice-facturx.pdf",
    pages=1,
    language="de",
    has_text_layer=True,
    seller=Business(
        name="Eichensteg Bürotechnik GmbH",
        street="Speicherbogen 12",
        postcode="20096",
        city="Hamburg",
        country="DE",
        tax_id="DE980417258",
        phone="040 66969 274",
        email="rechnung@eichensteg.example",
        website="www.eichensteg.example",
        iban="DE24999999990041725308",
        register="Amtsgericht Hamburg HRB 999417",
        department="Buchhaltung",
    ),
    buyer=Business(
        name="Planwerk Havelbogen GmbH",
        street="Uferzeile 5",
        postcode="14466",
        city="Potsdam",
        country="DE",
    ),
    number="RE-2026-10482",
    issued=date(2026, 10, 5),
    delivered=date(2026, 10, 1),
    due=date(2026, 11, 4),
    currency="EUR",
    items=(
        *goods(
            "19",
            "10-2207 | Schreibtisch höhenverstellbar, Eiche 160x80 cm | 3 | Stk | 489.00",
            "10-3315 | Bürodrehstuhl mit Netzrücken | 3 | Stk | 264.90",
            "21-0048 | Rollcontainer, drei Schübe, weiß | 2 | Stk | 139.50",
            "33-1902 | LED-Stehleuchte, dimmbar | 2 | Stk | 118.75",
            "40-0511 | Kopierpapier A4, 80 g/m², Karton | 12 | Krt | 21.35",
            "90-0001 | Aufbau und Einweisung vor Ort | 4.5 | Std | 52.00",
        ),
        *goods(
            "7",
            "55-7720 | Fachbuch »Büroräume planen« | 4 | Stk | 36.45",
            "55-7731 | Fachzeitschrift »Raumklang«, Heft 4 | 5 | Stk | 12.90",
        ),
    ),
)

DINER = Receipt(
    file="card-slip.png",
    pages=1,
    language="en",
    seller=Business(
        name="Juniper Finch Kitchen",
        street="218 Larkspur St",
        postcode="CO 80299",
        city="Denver,",
        country="US",
        town_form="{city} {postcode}",
        phone="(303) 555-0142",
    ),
    number="30517",
    issued=date(2026, 6, 18),
    at=time(20, 17),
    currency="USD",
    items=goods(
        "8.81",
        "| Grilled Trout | 1 | | 24.00",
        "| Mushroom Risotto | 1 | | 19.50",
        "| House Salad | 2 | | 7.25",
        "| Lemon Tart | 1 | | 8.75",
        "| Iced Tea | 2 | | 3.50",
    ),
    tip=Decimal("14.00"),
)

IRONMONGER = Receipt(
    file="receipt-two-sides.tiff",
    pages=2,
    language="es",
    seller=Business(
        name="Ferretería El Yunque Azul",
        street="Calle del Almendro 41",
        postcode="46099",
        city="Valencia",
        country="ES",
        tax_id="B99071649",
    ),
    number="T02-018834",
    issued=date(2026, 5, 23),
    at=time(11, 6),
    currency="EUR",
    prices_hold_tax=True,
    items=goods(
        "21",
        "| TALADRO PERCUTOR 750W | 1 | | 64.90",
        "| JUEGO BROCAS PARED 5 PZ | 1 | | 12.45",
        "| TORNILLO 5X50 CAJA 100 | 2 | | 4.80",
        "| CINTA MÉTRICA 5 M | 1 | | 6.95",
        "| PINTURA PLÁSTICA BLANCA 4L | 1 | | 23.50",
        "| RODILLO ANTIGOTA 22 CM | 1 | | 5.75",
    ),
    cash=Decimal("140.00"),
)

SALES: tuple[Sale, ...] = (SUPERMARKET, JOINER, PRINTER, OUTFITTER, DINER, IRONMONGER)
