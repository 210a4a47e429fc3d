from datetime import date, time
from decimal import Decimal

import pytest

from counterfoil.extraction.layout.finders import (
    buyer,
    currency,
    dates,
    discount,
    items,
    kind,
    language,
    number,
    payment,
    phone,
    subtotal,
    tax_id,
    taxes,
    tip,
    total,
)
from counterfoil.records.domain import Kind, LineItem, PaymentMethod, Tax
from tests.support.papers import best, paper


@pytest.mark.parametrize(
    "row",
    [
        "GRAND TOTAL  RM 9.00",
        "Total Amount Due: 9.00",
        "Gesamtbetrag 9,00 \u20ac",
        "NET A PAYER 9,00",
        "Importe total 9,00",
        "TOTALE COMPLESSIVO 9,00",
        "Te betalen 9,00",
        "Total a pagar 9,00",
        "DO ZAPLATY 9,00",
        "Do zap\u0142aty 9,00 PLN",
        "JUMLAH BESAR 9.00",
    ],
)
def test_the_total_is_found_by_its_words_in_every_language(row: str) -> None:
    assert best(total.find(paper("SHOP", "TEA  5,00", row))) == Decimal("9.00")


@pytest.mark.parametrize(
    "row",
    [
        "SUB TOTAL 9.00",
        "TOTAL QTY 9.00",
        "TOTAL GST 9.00",
        "TAX TOTAL: 9.00",
        "19% VAT Total 9.00",
        "TOTAL (EXCL GST) 9.00",
        "TOTAL DISCOUNT 9.00",
        "TOTAL 0% SUPPLIES: 9.00",
        "TOTAL % SUPPLIES: 9.00",
    ],
)
def test_what_only_sounds_like_a_total_is_none(row: str) -> None:
    strong = [one for one in total.find(paper("TEA 12.00", row)) if one.score > 0.2]
    assert strong == []


def test_a_total_may_stand_under_its_words() -> None:
    assert best(total.find(paper("TEA  5.00", "             TOTAL", "             9.00"))) == Decimal("9.00")


def test_an_amount_whose_tax_is_in_it_is_a_total_however_the_tax_is_named() -> None:
    assert best(total.find(paper("TEA 12.00", "TOTAL AMT INCL. GST @ 6% : 12.00"))) == Decimal("12.00")
    assert best(total.find(paper("TEA 12.00", "AMT PAID INCL GST: RMI2.00"))) == Decimal("12.00")


def test_the_heads_of_columns_are_no_label_over_both_of_their_words() -> None:
    table = paper("TEA   100.00", "Subtotal   Tax   Total", "100.00     6.00   106.00", "Cash 200.00", "Change 94.00")
    assert best(total.find(table)) == Decimal("106.00")


def test_the_tax_within_a_total_is_none() -> None:
    found = total.find(paper("TEA 7.50", "Due 7.50", "(TOTAL INCLUDED GST @ 6% : 0.42)"))
    assert best(found) == Decimal("7.50")


def test_a_total_with_its_rate_is_no_tax_of_what_was_given() -> None:
    assert best(total.find(paper("TEA 100.00", "TOTAL INCL 25% MOMS 100.00", "Given 500.00"))) == Decimal("100.00")


def test_what_an_amount_includes_is_no_total() -> None:
    assert best(total.find(paper("TEA 10.00", "Amount 10.00", "Amount includes GST of 0.91"))) == Decimal("10.00")


def test_a_total_stands_over_the_words_that_nothing_is_given_back() -> None:
    assert best(total.find(paper("TEA 12.00", "TOTAL", "12.00 NO CHANGE GIVEN"))) == Decimal("12.00")


def test_what_a_machine_took_is_cash_and_no_total() -> None:
    found = total.find(paper("PARKING", "Amount incl. GST 5.00", "Accepted total 10.00", "Change 5.00"))
    assert best(found) == Decimal("5.00")


def test_what_is_given_back_is_no_total_though_it_stands_under_the_words_for_one() -> None:
    strong = [one for one in total.find(paper("TEA 12.00", "TOTAL", "", "CHANGE  85.00")) if one.value == 85]
    assert all(one.score <= 0.2 for one in strong)


def test_what_a_rounding_makes_of_the_total_is_proposed() -> None:
    values = [one.value for one in total.find(paper("TOTAL  60.31", "ROUNDING ADJ  -0.01", "RH  60.30"))]
    assert Decimal("60.30") in values


def test_the_word_for_a_total_is_known_though_a_letter_of_it_is_misread() -> None:
    assert best(total.find(paper("TEA 12.00", "Tatal Sales 11.00", "Tolal 11.00"))) == Decimal("11.00")


def test_cash_less_change_is_proposed() -> None:
    values = [one.value for one in total.find(paper("T0TL  21.20", "CASH  100.00", "CHANGE  78.80"))]
    assert Decimal("21.20") in values


def test_a_paper_without_amounts_has_no_total() -> None:
    assert list(total.find(paper("TOTAL", "NOTHING"))) == []


def test_the_subtotal_is_found() -> None:
    assert best(subtotal.find(paper("Zwischensumme 8,40", "MwSt 1,60"))) == Decimal("8.40")


def test_the_base_of_one_rate_of_several_is_no_subtotal() -> None:
    table = paper(
        "Steuer %   Netto   Steuer   Brutto", "B = 7 %   23,28   1,63   24,91", "A = 19 %   13,04   2,48   15,52"
    )
    assert list(subtotal.find(table)) == []


def test_the_base_of_the_only_rate_may_be_the_subtotal() -> None:
    table = paper("Steuer %   Netto    Steuer   Brutto", "A = 19 %   13,04    2,48     15,52")
    assert best(subtotal.find(table)) == Decimal("13.04")


def test_the_sum_under_a_table_of_rates_is_the_subtotal() -> None:
    table = paper("B = 7 %   23,28   1,63   24,91", "A = 19 %   13,04   2,48   15,52", "Gesamt   36,32   4,11   40,43")
    assert best(subtotal.find(table)) == Decimal("36.32")


def test_a_tax_is_read_with_its_rate_and_its_base() -> None:
    assert best(taxes.find(paper("MwSt 19% 100,00 19,00 119,00"))) == Tax(
        rate=Decimal(19), base=Decimal("100.00"), amount=Decimal("19.00")
    )


def test_a_rate_without_a_sign_is_known_by_its_product() -> None:
    assert best(taxes.find(paper("Umsatzsteuer 275,00   7   19,25"))) == Tax(
        rate=Decimal(7), base=Decimal("275.00"), amount=Decimal("19.25")
    )


def test_a_table_of_rates_is_read_though_its_rows_name_no_tax() -> None:
    found = [one.value for one in taxes.find(paper("A 7,00% 17,33 1,21 18,54", "B 19,00% 4,78 0,91 5,69"))]
    assert [one.amount for one in found if isinstance(one, Tax)] == [Decimal("1.21"), Decimal("0.91")]


def test_a_tax_invoice_and_a_tax_number_are_no_tax() -> None:
    assert list(taxes.find(paper("TAX INVOICE  12.00", "GST ID NO 001234567890"))) == []


def test_tips_and_discounts_are_found_by_their_words() -> None:
    assert best(tip.find(paper("Gratuity 3.00"))) == Decimal("3.00")
    assert best(discount.find(paper("Rabatt -1,50"))) == Decimal("1.50")


def test_the_date_of_issue_is_not_the_due_date_nor_that_of_delivery() -> None:
    found = list(
        dates.find(
            paper("Lieferdatum: 01.03.2018", "Rechnungsdatum: 05.03.2018", "Zahlbar bis: 04.04.2018", "MwSt GmbH")
        )
    )
    assert best(found, "issue_date") == date(2018, 3, 5)
    assert best(found, "due_date") == date(2018, 4, 4)


def test_dates_in_columns_are_what_their_heads_say_accents_and_all() -> None:
    found = list(
        dates.find(paper("Date d'\u00e9mission    Date d'\u00e9ch\u00e9ance", "16/07/2026          15/08/2026"))
    )
    assert best(found, "issue_date") == date(2026, 7, 16)
    assert best(found, "due_date") == date(2026, 8, 15)


def test_the_time_beside_the_date_is_the_time_of_issue() -> None:
    found = list(dates.find(paper("OPEN 08:00", "25/12/2018 8:13:39 PM")))
    assert best(found, "issue_time") == time(20, 13, 39)


def test_items_are_read_with_quantity_and_price_by_their_product() -> None:
    found = items.find(
        paper("Item         Qty   Price   Amount", "Blue pen       3    1.50     4.50", "Total     4.50")
    )
    assert [one.value for one in found] == [
        LineItem(description="Blue pen", quantity=Decimal(3), unit_price=Decimal("1.50"), amount=Decimal("4.50"))
    ]


def test_the_price_stands_before_the_quantity_where_the_head_says_so() -> None:
    found = items.find(paper("Description       PU     QTE   Total", "Chaise       55,00   99,00   5445,00"))
    (item,) = (one.value for one in found)
    assert isinstance(item, LineItem)
    assert (item.quantity, item.unit_price) == (Decimal("99.00"), Decimal("55.00"))


def test_a_row_of_words_describes_the_priced_row_under_it() -> None:
    found = items.find(paper("SHOP", "", "GREEN LAMP", "62483   1 x 55.90    55.90", "TOTAL   55.90"))
    assert [one.value.description for one in found if isinstance(one.value, LineItem)] == ["GREEN LAMP"]


@pytest.mark.parametrize(
    ("item", "count", "quantity", "price"),
    [
        ("MILK 1L         2,58 B", "   2 Stk x   1,29", "2", "1.29"),
        ("JUICE           2.67 A", "   3 x 0.89", "3", "0.89"),
        ("DEPOSIT 0,25    0,75 A", "   3 Stk x 0,25", "3", "0.25"),
        ("APPLES          4,02 B", "   1,345 kg x  2,99 EUR/kg", "1.345", "2.99"),
        ("GRAPES          1,76 B", "   0,536 kg   3,29 \u20ac/kg", "0.536", "3.29"),
        ("SOAP            2,90", "   1,45 x 2", "2", "1.45"),
    ],
)
def test_a_row_that_only_counts_belongs_to_the_item_above_it(item: str, count: str, quantity: str, price: str) -> None:
    found = items.find(
        paper("SHOP", "", "BREAD           2,85 B", item, count, "HONEY           4,10 B", "SUMME   99,99")
    )
    bread, counted, honey = (one.value for one in found if isinstance(one.value, LineItem))
    assert (counted.quantity, counted.unit_price) == (Decimal(quantity), Decimal(price))
    assert (bread.quantity, honey.quantity) == (None, None)


def test_a_row_that_counts_belongs_to_the_item_under_it_when_only_that_fits() -> None:
    found = items.find(paper("SHOP", "", "BREAD    2,85", "2 x 1,59", "TONIC    3,18", "SUMME    6,03"))
    bread, tonic = (one.value for one in found if isinstance(one.value, LineItem))
    assert (bread.quantity, tonic.quantity) == (None, Decimal(2))


def test_a_row_that_counts_what_no_item_costs_is_no_item() -> None:
    found = items.find(paper("SHOP", "", "BREAD    2,85", "7 Stk x 1,59", "SUMME    2,85"))
    assert [one.value for one in found] == [LineItem(description="BREAD", amount=Decimal("2.85"))]


def test_the_words_of_a_counted_item_keep_their_numbers() -> None:
    found = items.find(paper("SHOP", "", "DEPOSIT 0,25    0,75 A", "   3 Stk x 0,25", "SUMME    0,75"))
    assert [one.value.description for one in found if isinstance(one.value, LineItem)] == ["DEPOSIT 0,25"]


def test_what_is_carried_to_the_next_page_is_no_item() -> None:
    found = items.find(
        paper(
            "Item      Amount", "Desk    90.00", "Carried forward    90.00", "\u00dcbertrag    90.00", "Lamp    10.00"
        )
    )
    assert [one.value.description for one in found if isinstance(one.value, LineItem)] == ["Desk", "Lamp"]


def test_the_number_of_a_row_is_not_its_quantity_though_both_are_the_same() -> None:
    found = items.find(paper("No. Description    Qty Unit   Price    Amount", "2   Oak shelf   2 no.    4.50    9.00"))
    assert [one.value.description for one in found if isinstance(one.value, LineItem)] == ["Oak shelf"]


def test_a_code_does_not_count_what_is_free() -> None:
    found = items.find(paper("Item   Qty   Price   Amount", "Spa mask   55012   0.00   0.00", "Tea   1   0.00   0.00"))
    assert [one.value.quantity for one in found if isinstance(one.value, LineItem)] == [None, Decimal(1)]


def test_two_columns_that_read_like_a_date_together_are_none() -> None:
    found = items.find(paper("Item    Qty    Price    Amount", "Door frame    2 set     28.75    57.50"))
    assert [one.value.amount for one in found if isinstance(one.value, LineItem)] == [Decimal("57.50")]


def test_an_item_may_be_called_after_its_price() -> None:
    found = items.find(paper("SHOP", "", "REGULAR PRICE ADULT  12.00", "NORMAL PRICE CHILD  6.00", "TOTAL  18.00"))
    assert len(list(found)) == 2


def test_a_numbered_tax_is_no_item() -> None:
    found = list(items.find(paper("SHOP", "", "DIET TEA  3.00", "TAX1 AMT  1.05", "TOTAL  4.05")))
    assert [one.value.description for one in found if isinstance(one.value, LineItem)] == ["DIET TEA"]


def test_what_an_item_costs_elsewhere_is_no_item() -> None:
    found = list(items.find(paper("SHOP", "", "WALNUTS  10.00", "RegPrice  12.00", "SOAP  4.47", "Item Price: 5.00")))
    assert [one.value.description for one in found if isinstance(one.value, LineItem)] == ["WALNUTS", "SOAP"]


def test_sums_and_what_comes_after_them_are_no_items() -> None:
    found = items.find(
        paper(
            "SHOP",
            "12 Main Street",
            "TEA    2.00",
            "SUBTOTAL   2.00",
            "TAX   0.20",
            "CASH   5.00",
            "POINTS USED   1.00",
        )
    )
    assert [one.value.description for one in found if isinstance(one.value, LineItem)] == ["TEA"]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("Invoice No: INV-4711", "INV-4711"),
        ("Rechnungsnr. 30064443", "30064443"),
        ("Handelsrechnung (380) Nr. 471102 vom 05.03.2018", "471102"),
        ("Facture FA-2017-0010", "FA-2017-0010"),
        ("Receipt #: 00123", "00123"),
        ("Factuurnummer: 993548900", "993548900"),
        ("Facture n\u00b0 FA-2026-11", "FA-2026-11"),
        ("Facture n\u00b0FA-2026-11", "FA-2026-11"),
        ("FACTURE N\u00ba : FA-2026-11", "FA-2026-11"),
        ("N\u00b0 de facture :    FA-2026-11", "FA-2026-11"),
        ("Num\u00e9ro de facture    FA-2026-11", "FA-2026-11"),
        ("Invoice No    HJ-20264", "HJ-20264"),
        ("Invoice No.HJ-20264", "HJ-20264"),
        ("InvoiceNo:20264", "20264"),
        ("Factura simplificada:     T02-018834", "T02-018834"),
        ("Avoir AV-2026-5", "AV-2026-5"),
        ("Check No.: 7", "7"),
        ("Gutschrift (selbst ausgestellte Rechnung) (389) Nr. 880017", "880017"),
    ],
)
def test_the_number_is_found_beside_its_words(row: str, expected: str) -> None:
    assert best(number.find(paper(row))) == expected


def test_the_number_may_stand_under_its_words_and_is_no_date_and_no_amount() -> None:
    assert best(number.find(paper("Invoice Number", "05/03/2018", "A-77"))) == "A-77"
    assert best(number.find(paper("Invoice 12.50"))) is None


@pytest.mark.parametrize(
    ("label", "value"),
    [
        ("Facture n\u00b0   Date", "FA-2026-11   16/07/2026"),
        ("N\u00b0 de facture    \u00c9ch\u00e9ance", "FA-2026-11      15/08/2026"),
        ("Invoice No     Terms", "FA-2026-11     30 days"),
        ("Num\u00e9ro       Date", "FA-2026-11   16/07/2026"),
    ],
)
def test_the_number_may_stand_in_the_column_under_its_words(label: str, value: str) -> None:
    assert best(number.find(paper(label, value))) == "FA-2026-11"


def test_a_party_s_own_number_is_not_the_document_s() -> None:
    assert best(number.find(paper("Verk\u00e4ufer", "Nummer:   310775", "Name:   Own Works GmbH"))) is None


@pytest.mark.parametrize(
    "rows",
    [
        ("Factur\u00e9 \u00e0", "Librairie du Cadran", "4 place de la Fontaine"),
        ("Invoice to", "31 Fennel Lane"),
        ("TAX INVOICE", "Table 12"),
        ("TAX INVOICE", "16:28"),
        ("INVOICE", "Jan 5, 2022"),
        ("Invoice Total: 500",),
        ("No.   Description", "1     Oak shelf"),
    ],
)
def test_a_house_a_table_a_time_or_a_count_is_no_number(rows: tuple[str, ...]) -> None:
    assert best(number.find(paper(*rows))) is None


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("CREDIT NOTE", Kind.CREDIT_NOTE),
        ("TAX INVOICE", Kind.INVOICE),
        ("Kassenbon", Kind.RECEIPT),
        ("Gutschrift Nr 3", Kind.CREDIT_NOTE),
    ],
)
def test_the_kind_is_what_the_paper_calls_itself(row: str, expected: Kind) -> None:
    assert best(kind.find(paper(row))) is expected


def test_a_tax_invoice_of_a_till_is_a_receipt() -> None:
    assert best(kind.find(paper("TAX INVOICE", "Receipt: 12", "CASH 5.00"))) is Kind.RECEIPT


def test_the_way_of_payment_and_the_cards_last_digits_are_found() -> None:
    assert best(payment.find(paper("CASH 10.00", "CHANGE 1.00")), "payment_method") is PaymentMethod.CASH
    card = list(payment.find(paper("VISA 12.00", "XXXX XXXX XXXX 4242")))
    assert best(card, "payment_method") is PaymentMethod.CARD
    assert best(card, "payment_last_digits") == "4242"
    assert best(payment.find(paper("Bitte per \u00dcberweisung")), "payment_method") is PaymentMethod.TRANSFER
    account = "IBAN DE89 3704 0044 0532 0130 00"
    (transfer,) = payment.find(paper(account))
    (without,) = payment.find(paper(account.replace("89", "88")))
    assert (transfer.value, transfer.score > without.score) == (PaymentMethod.TRANSFER, True)
    assert best(payment.find(paper("CASH 10.00", account)), "payment_method") is PaymentMethod.CASH
    assert best(payment.find(paper("Betrag wird per SEPA Lastschrift")), "payment_method") is PaymentMethod.DIRECT_DEBIT


def test_the_telephone_number_is_not_the_fax_number() -> None:
    assert best(phone.find(paper("Fax: 03-99999999", "Tel: 03-4162 2318"))) == "03-4162 2318"


def test_the_tax_number_is_found_by_its_form_or_its_words() -> None:
    assert best(tax_id.find(paper("USt-IdNr. DE123456789"))) == "DE123456789"
    assert best(tax_id.find(paper("USt-IdNr. DE123456789", "", "USt-IdNr. DE136695976"))) == "DE136695976"
    assert best(tax_id.find(paper("USt-IdNr. DEl3669S976"))) == "DE136695976"
    italian = ("Bar S.r.l.", "P.IVA 00743110158", "", "P.IVA 00743110157")
    assert best(tax_id.find(paper(*italian))) == "00743110157"
    assert best(tax_id.find(paper("GST ID: 001234567890"))) == "001234567890"
    assert best(tax_id.find(paper("GST 6% 12.00"))) is None


def test_the_buyer_is_found_under_or_beside_the_words_for_one() -> None:
    assert best(buyer.find(paper("Bill to:", "Other Works Ltd"))) == "Other Works Ltd"
    assert best(buyer.find(paper("Customer: Jane Roe"))) == "Jane Roe"


def test_currency_and_language_have_evidence() -> None:
    bill = paper("Thank you for your payment", "Total EUR 12.00")
    (money,) = currency.find(bill)
    (tongue,) = language.find(bill)
    assert (money.value, money.span.text) == ("EUR", "EUR")
    assert tongue.value == "en"


def test_an_unknown_currency_and_language_stay_unknown() -> None:
    assert list(currency.find(paper("12.00"))) == []
    assert list(language.find(paper("12.00"))) == []
