import pytest

from counterfoil.extraction.layout.dates import DateOrder
from tests.support.papers import paper


@pytest.mark.parametrize(
    ("rows", "country", "currency", "order"),
    [
        (("KEDAI BUKU SDN BHD", "Jalan Satu, 81100 Johor Bahru", "TOTAL RM 9.00"), "MY", "MYR", DateOrder.DAY),
        (("Diner", "12 Main St, Dallas, TX 75225", "Total $12.00"), "US", "USD", DateOrder.MONTH),
        (("Tel (212) 555-0100", "Total $12.00"), "US", "USD", DateOrder.MONTH),
        (("Caf\u00e9", "EC1R 5BX London", "Total \u00a312.00"), "GB", "GBP", DateOrder.DAY),
        (("Laden GmbH", "MwSt 19% 1,90", "Summe EUR 11,90"), "DE", "EUR", DateOrder.DAY),
        (("Boutique SARL", "TVA 20% 2,00", "Total TTC 12,00 \u20ac"), "FR", "EUR", DateOrder.DAY),
        (("Winkel B.V.", "BTW 21% 2,10", "Totaal \u20ac 12,10"), "NL", "EUR", DateOrder.DAY),
        (("Shop Pty Ltd ABN 12 345 678 901", "Total $12.00"), "AU", "AUD", DateOrder.DAY),
    ],
)
def test_the_country_follows_from_what_the_paper_shows(
    rows: tuple[str, ...], country: str, currency: str, order: DateOrder
) -> None:
    found = paper(*rows).locale
    assert (found.country, found.currency, found.date_order) == (country, currency, order)


def test_a_paper_that_shows_nothing_has_no_country_no_currency_and_no_date_order() -> None:
    found = paper("SHOP", "TOTAL 12.00", "05/06/2018").locale
    assert (found.country, found.currency, found.date_order) == (None, None, None)


def test_a_dollar_without_a_country_is_no_currency() -> None:
    assert paper("SHOP", "TOTAL $12.00").locale.currency is None


def test_another_date_on_the_paper_proves_the_order() -> None:
    assert paper("05/06/2018", "valid until 12/25/2018").locale.date_order is DateOrder.MONTH


def test_where_goods_come_from_is_no_evidence_for_the_paper() -> None:
    assert paper("SHOP", "PINEAPPLE PHILIPPINES   4.50", "GARLIC SPAIN   1.20").locale.country is None


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Thank you for your payment and the total amount", "en"),
        ("Vielen Dank f\u00fcr Ihren Einkauf Summe Betrag", "de"),
        ("Merci de votre visite montant de la facture", "fr"),
        ("Gracias por su visita importe efectivo", "es"),
        ("Grazie importo scontrino prezzo quantita", "it"),
        ("Bedankt totaal bedrag betaling klant", "nl"),
        ("Obrigado valor quantidade fatura contribuinte", "pt"),
        ("Dziekujemy suma faktura kwota gotowka", "pl"),
        ("Terima kasih jumlah tunai baki resit", "ms"),
    ],
)
def test_the_language_is_that_of_most_words(text: str, language: str) -> None:
    assert paper(text).locale.language == language


def test_too_few_words_tell_no_language() -> None:
    assert paper("XYZ 123").locale.language is None


@pytest.mark.parametrize(
    ("number", "country"),
    [("ID IT00743110157", "IT"), ("FR40 303 265 045", "FR"), ("IBAN: DE89 3704 0044 0532 0130 00", None)],
)
def test_a_tax_number_whose_check_digits_hold_names_its_country_and_an_account_only_adds_to_it(
    number: str, country: str | None
) -> None:
    assert paper("SHOP", number).locale.country == country


def test_a_tax_number_whose_check_digits_do_not_hold_says_nothing() -> None:
    assert paper("SHOP", "ID IT00743110158").locale.country is None
