"""What papers of several countries print: their words for numbers, sums, dates and charges."""

from datetime import date
from decimal import Decimal

import pytest

from counterfoil.extraction.domain import Extraction
from counterfoil.extraction.layout.finders import dates, items, kind, merchant, number, subtotal, taxes, total
from counterfoil.extraction.layout.reader import extraction_of
from counterfoil.records.checks import check
from counterfoil.records.domain import Kind, LineItem, Tax
from tests.support.papers import best, page, paper, paper_set


def read(*rows: str) -> Extraction:
    return extraction_of([page(*rows)])


def doubts(extraction: Extraction) -> set[str]:
    reasons = check(extraction.data, extraction.sources, today=date(2024, 6, 1), threshold=0.0)
    return {reason.code.value for reason in reasons}


@pytest.mark.parametrize(
    "label",
    [
        "No. Resit:",
        "Invois No.",
        "No. Struk:",
        "Nomor Faktur",
        "No. Nota Kredit",
        "Documento n.",
        "Scontrino n.",
        "N\u00b0 ticket",
        "Fatura simplificada n.\u00ba",
        "Recibo n.\u00ba",
        "Nr paragonu",
        "Paragon nr",
        "Korekta nr",
        "Creditnotanummer",
        "Nota de cr\u00e9dito n\u00ba",
        "Quittung Nr.",
    ],
)
def test_the_number_is_announced_in_many_languages(label: str) -> None:
    assert best(number.find(paper("SHOP", f"{label} A-4711"))) == "A-4711"


def test_a_series_before_the_number_belongs_to_it() -> None:
    assert best(number.find(paper("LOJA", "Fatura simplificada n.\u00ba FS 2024/118"))) == "FS 2024/118"


def test_a_number_that_reads_like_a_date_is_one_where_it_is_surely_announced() -> None:
    assert best(number.find(paper("SHOP", "Invoice no. 20240502", "Date 03.05.2024"))) == "20240502"
    assert best(number.find(paper("SHOP", "Bill 20240502"))) is None


@pytest.mark.parametrize(
    ("own", "other"),
    [
        ("Creditnotanummer", "Bij factuur"),
        ("Nota di credito n.", "Riferita alla fattura"),
        ("Korekta nr", "Do faktury"),
        ("Credit note no.", "Original invoice"),
        ("Gutschrift-Nr.", "Zur Rechnung"),
        ("Avoir n\u00b0", "Facture d'origine"),
    ],
)
def test_the_invoice_that_is_credited_does_not_give_the_number(own: str, other: str) -> None:
    assert best(number.find(paper("SHOP", f"{other}: A-1111", f"{own} A-2222"))) == "A-2222"


def test_a_bare_word_for_number_is_the_credit_notes_beside_what_it_credits() -> None:
    head = "N\u00famero        Data da fatura    Relativa \u00e0 fatura"
    assert best(number.find(paper("LOJA", head, "2026-05411    07-04-2026        2026-05374"))) == "2026-05411"
    rows = ("LOJA", "Nummer: LH-3152", "Factuurdatum: 27/04/2026", "Bij factuur: LH-3115")
    assert best(number.find(paper(*rows))) == "LH-3152"


def test_a_number_stands_under_its_head_beside_that_of_another_invoice() -> None:
    rows = ("Credit note no.       Date           Original invoice", "CN-2044          12 May 2024      INV-1999")
    assert best(number.find(paper("SHOP", *rows))) == "CN-2044"


def test_whole_amounts_are_money_where_the_currency_has_no_cents() -> None:
    rows = ("Tea set      3    1,200    3,600", "Subtotal              3,600", "Tax 10%                 360")
    found = read("Sakura Foods", "Kyoto", *rows, "Total                \u00a53,960").data
    assert (found.subtotal, found.total) == (Decimal(3600), Decimal(3960))
    assert [tax.amount for tax in found.taxes] == [Decimal(360)]


def test_codes_and_counts_are_no_money_though_the_currency_has_no_cents() -> None:
    strip = paper("Kasir 12", "Kode: 019721", "Kode            012", "Total    Rp 45.000", "Tunai       50.000")
    assert [amount.value for row in strip.rows for amount in row.money] == [Decimal(45000), Decimal(50000)]


def test_whole_numbers_stay_numbers_where_the_currency_has_cents() -> None:
    assert not paper("Hazel GmbH", "Kunde 1.234").rows[1].money


def test_a_tax_in_whole_units_may_be_rounded() -> None:
    table = paper("Rate      Net     Tax    Gross", "8%     18,528   1,482   20,010", "Total          \u00a520,010")
    assert Tax(rate=Decimal(8), base=Decimal(18528), amount=Decimal(1482)) in [one.value for one in taxes.find(table)]


def test_a_net_total_is_the_subtotal_beside_a_total_and_else_the_total() -> None:
    invoice = read("SHOP LTD", "Net total   100.00", "VAT 20 %   20.00", "Total   120.00").data
    assert (invoice.subtotal, invoice.total) == (Decimal("100.00"), Decimal("120.00"))
    till = read("KEDAI SDN BHD", "Total   11.02", "Discount   1.00", "Rounding   -0.02", "Nett Total   10.00").data
    assert till.total == Decimal("10.00")


@pytest.mark.parametrize("without", ["Total sem IVA", "Jumlah Kecil", "Dasar Pengenaan Pajak", "Totaal zonder btw"])
def test_a_sum_without_taxes_is_the_subtotal_and_no_total(without: str) -> None:
    sums = paper("SHOP", f"{without}   9.00")
    assert best(subtotal.find(sums)) == Decimal("9.00")
    assert all(one.score < 0.3 for one in total.find(sums))


def test_a_sum_with_taxes_is_the_total_and_no_tax() -> None:
    sums = paper("LOJA", "Total com IVA   5,00")
    assert best(total.find(sums)) == Decimal("5.00")
    assert not list(taxes.find(sums))


@pytest.mark.parametrize("head", ["HT", "Base", "Imponibile", "Net", "Excl."])
def test_the_base_of_the_only_rate_is_the_subtotal_whatever_its_head(head: str) -> None:
    rows = (f"Rate      {head}        Tax     Gross", "20%      10.00       2.00    12.00", "Total    12.00")
    found = read("CAFE", *rows).data
    assert (found.subtotal, found.total) == (Decimal("10.00"), Decimal("12.00"))


def test_a_printed_subtotal_goes_before_the_base_of_a_rate() -> None:
    rows = ("SUBTOTAL   57.39", "20% OFFER   11.48", "45.91 @ 8.25%   TAX   3.79", "TOTAL   49.70")
    assert best(subtotal.find(paper("STORE", *rows))) == Decimal("57.39")


def test_a_vague_subtotal_that_no_sum_bears_out_is_left_out() -> None:
    assert read("KEDAI", "Net   26.00", "TOTAL   31.00").data.subtotal is None


def test_a_base_in_brackets_is_not_negative() -> None:
    found = best(taxes.find(paper("SHOP", "VAT 6 % (1,022.50) 61.35")))
    assert found == Tax(rate=Decimal(6), base=Decimal("1022.50"), amount=Decimal("61.35"))


def test_the_price_of_an_item_is_no_tax_though_a_rate_would_make_it_one() -> None:
    assert not list(taxes.find(paper("5 pcs   Delivery   477.09   20 %   2,385.45")))


@pytest.mark.parametrize("row", ["zzgl. 19% MwSt.   19,95", "Incl. VAT 20%   19,95", "Jumlah Cukai   19,95"])
def test_a_tax_that_is_added_or_within_is_a_tax(row: str) -> None:
    found = best(taxes.find(paper("SHOP", row)))
    assert isinstance(found, Tax)
    assert found.amount == Decimal("19.95")


@pytest.mark.parametrize(
    "row",
    [
        "Tarikh Akhir Bayaran: 17/05/2024",
        "Bayar sebelum 17/05/2024",
        "Tanggal Jatuh Tempo: 17/05/2024",
        "Zahlbar innerhalb 30 Tagen netto bis 17.05.2024",
        "Please remit until 2024-05-17",
        "Te betalen voor 17-05-2024",
        "Vence el 17/05/2024",
    ],
)
def test_the_due_date_is_announced_in_many_languages(row: str) -> None:
    assert best(dates.find(paper("SHOP", "Date 03/05/2024", row)), dates.DUE_DATE) == date(2024, 5, 17)


def test_dates_with_names_of_months_are_what_their_heads_say() -> None:
    head = "Factuur nr.   Datum            Leveringsdatum   Vervaldatum"
    row = "KE-7542       22 maart 2024    21 maart 2024    5 april 2024"
    found = read("De Lamp B.V.", head, row).data
    assert (found.issue_date, found.due_date) == (date(2024, 3, 22), date(2024, 4, 5))


def test_words_beside_an_amount_above_say_nothing_of_a_date() -> None:
    found = read("EL BAR", "Total   12.00", "Total Due   0.00", "12:44 Friday 2 Mar 2018").data
    assert (found.issue_date, found.due_date) == (date(2018, 3, 2), None)


@pytest.mark.parametrize("month", ["Maret", "Agustus", "Desember"])
def test_months_are_known_in_indonesian(month: str) -> None:
    assert best(dates.find(paper("TOKO", f"Tanggal: 4 {month} 2024")), dates.ISSUE_DATE)


def test_a_name_in_a_text_layer_over_two_centred_lines_is_joined() -> None:
    sign = [("Meadowside", 100, 20, 40), ("Freshfoods", 100, 70, 40)]
    usual = ("Hazel Road 27", "50896 Oakham", "TEA  2.00", "CAKE  3.00", "TOTAL  5.00")
    assert best(merchant.find(paper_set(sign, *usual))) == "Meadowside Freshfoods"


@pytest.mark.parametrize("word", ["Faturar a", "Facturar a", "Faktura VAT", "Fatura n.\u00ba", "Data da fatura"])
def test_what_announces_a_buyer_a_number_or_a_date_is_no_name(word: str) -> None:
    assert word not in [one.value for one in merchant.find(paper(word, "Oficinas Boa Vista, Lda."))]


def test_a_charge_among_the_sums_is_an_item_where_the_total_needs_it() -> None:
    rows = ("Lampe   2   40,00   80,00", "Zwischensumme   80,00", "Versandkosten   5,00")
    invoice = read("Muster GmbH", *rows, "Nettobetrag   85,00", "MwSt 19%   16,15", "Rechnungsbetrag   101,15 EUR")
    assert invoice.data.line_items[-1] == LineItem(description="Versandkosten", amount=Decimal("5.00"))
    assert invoice.data.subtotal == Decimal("85.00")
    assert doubts(invoice).isdisjoint({"items_mismatch", "sum_mismatch"})


def test_only_a_subtotal_before_the_charge_is_no_reason_to_ask() -> None:
    rows = ("Lampe   2   40,00   80,00", "Zwischensumme   80,00", "Versandkosten   5,00")
    invoice = read("Muster GmbH", *rows, "MwSt 19%   16,15", "Rechnungsbetrag   101,15 EUR")
    assert (invoice.data.subtotal, invoice.data.total) == (Decimal("80.00"), Decimal("101.15"))
    assert doubts(invoice).isdisjoint({"items_mismatch", "sum_mismatch"})


def test_a_charge_that_the_total_does_not_hold_is_no_item() -> None:
    rows = ("SHOP", "Hazel Road 27", "Lamp   2   40.00   80.00", "Subtotal   80.00", "Freight   5.00", "Total   80.00")
    assert [one.value.description for one in items.find(paper(*rows)) if isinstance(one.value, LineItem)] == ["Lamp"]


def test_a_charge_within_the_table_ends_no_items() -> None:
    rows = ("Description   Qty   Price   Amount", "Shipping   1   5.00   5.00", "Lamp   2   40.00   80.00")
    assert len(list(items.find(paper(*rows, "Total   85.00")))) == 2


def test_words_for_a_sum_carried_over_may_name_an_item() -> None:
    head = ("SHOP", "Hazel Road 27")
    assert len(list(items.find(paper(*head, "Lamp   80.00", "Transport   9.00", "TOTAL   89.00")))) == 2
    carried = paper(*head, "Lamp   80.00", "Desk   20.00", "Transport   100.00", "Chair   5.00", "TOTAL   105.00")
    assert len(list(items.find(carried))) == 3


@pytest.mark.parametrize(
    ("title", "expected"),
    [("NOTA KREDIT", Kind.CREDIT_NOTE), ("Korekta faktury", Kind.CREDIT_NOTE), ("INVOIS CUKAI", Kind.INVOICE)],
)
def test_the_kind_is_known_abroad(title: str, expected: Kind) -> None:
    assert best(kind.find(paper(title))) == expected


def test_items_by_day_are_items_without_the_day() -> None:
    rows = ("Datum        Leistung       Betrag", "03.05.2024   Einzelzimmer   95,00", "04.05.2024   Sauna   9,00")
    described = [one.value.description for one in items.find(paper("HOTEL", *rows)) if isinstance(one.value, LineItem)]
    assert described == ["Einzelzimmer", "Sauna"]


@pytest.mark.parametrize("carried", ["Suma y sigue", "Dibawa ke hadapan", "Dipindahkan"])
def test_the_sum_of_a_page_ends_no_items(carried: str) -> None:
    head = "Bil.   Keterangan   Kuantiti   Harga   Jumlah"
    first = ("SHOP", head, "1   Lampu   2   40.00   80.00", f"{carried}   80.00")
    following = (head, "2   Rak   1   9.00   9.00", "Total   89.00")
    assert len(list(items.find(paper(*first, *following)))) == 2
