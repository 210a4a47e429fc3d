"""Who sold, and where: names and addresses."""

import pytest

from counterfoil.extraction.layout.finders import address, merchant
from tests.support.papers import best, paper, paper_set


def test_the_name_stands_at_the_head_without_its_registration_number() -> None:
    found = merchant.find(
        paper("tan", "PERNIAGAAN MAJU SDN BHD (123456-X)", "NO 5, JALAN SATU", "81100 JOHOR BAHRU", "TAX INVOICE")
    )
    assert best(found) == "PERNIAGAAN MAJU SDN BHD"


def test_a_name_over_two_rows_is_joined() -> None:
    assert best(merchant.find(paper("RIVER BOOK", "CO. (M) SDN BHD", "TEL 03-1234567"))) == "RIVER BOOK CO. (M) SDN BHD"


USUAL = ("Hazel Road 27", "50896 Oakham", "TEA  2.00", "CAKE  3.00", "TOTAL  5.00")


@pytest.mark.parametrize("height", [40, 28])
def test_a_name_set_large_over_two_centred_lines_is_joined(height: float) -> None:
    sign = [("Meadowside", 100, 20, 40), ("Freshfoods", 200 - height * 10 / 4, 62, height)]
    assert best(merchant.find(paper_set(sign, *USUAL))) == "Meadowside Freshfoods"


@pytest.mark.parametrize(
    "second",
    [
        ("Freshfoods", 160, 62, 20),  # as small as the rest of the paper
        ("Freshfoods", 20, 62, 40),  # not centred
        ("Freshfoods", 100, 92, 40),  # apart
        ("Always fresh!", 70, 62, 40),  # a motto
    ],
)
def test_another_line_under_a_name_is_no_part_of_it(second: tuple[str, float, float, float]) -> None:
    names = [one.value for one in merchant.find(paper_set([("Meadowside", 100, 20, 40), second], *USUAL))]
    assert "Meadowside" in names


@pytest.mark.parametrize(
    ("logo", "expected"),
    [
        (("A", 20, 5, 70), "Brook Joinery"),  # tall and apart: a picture
        (("A", 75, 20, 40), "A Brook Joinery"),  # as high as the name and close to it
    ],
)
def test_a_logo_read_as_a_letter_is_no_part_of_the_name(logo: tuple[str, float, float, float], expected: str) -> None:
    sign = [logo, ("Brook", 110, 20, 40), ("Joinery", 230, 20, 40)]
    assert best(merchant.find(paper_set(sign, *USUAL))) == expected


def test_letters_that_ocr_saw_as_digits_are_put_right_in_names() -> None:
    assert best(merchant.find(paper("99 FAST MART 5/B", "NO 5, JALAN SATU"))) == "99 FAST MART S/B"


@pytest.mark.parametrize(
    ("printed", "name"),
    [
        ("RIVER REALTIES SDN BHD (Co. No:20154-T)", "RIVER REALTIES SDN BHD"),
        ("RIVER REALTIES SDN BHD (Co. No", "RIVER REALTIES SDN BHD"),
        ("RIVER HOLDINGS SDN. BHD. (2", "RIVER HOLDINGS SDN. BHD."),
        ("RIVER FOODS (M SDN BHD E0118-A)", "RIVER FOODS (M) SDN BHD"),
        ("RIVER CAKE HOUSE SDN BHD 8OZTZ5-U", "RIVER CAKE HOUSE SDN BHD"),
        ("RIVER MALAYSIA SON BHD", "RIVER MALAYSIA SDN BHD"),
        ("River City Parking Sn Bhd", "River City Parking Sdn Bhd"),
        ("RIVER CASH & CARRY SDN 3HD", "RIVER CASH & CARRY SDN BHD"),
        ("MR. R.1.V. (M) SDN BHD", "MR. R.I.V. (M) SDN BHD"),
    ],
)
def test_a_name_ends_with_its_legal_form_as_it_is_spelled(printed: str, name: str) -> None:
    assert best(merchant.find(paper(printed, "NO 5, JALAN SATU", "81100 JOHOR BAHRU"))) == name


@pytest.mark.parametrize(
    "name",
    [
        "H2O SPA",
        "C1a Moda",
        "A.1.B GmbH",
        "COLD STONE CREAMERY",
        "REWE Markt GmbH",
        "COUNTER CULTURE CAFE",
        "MACHINE TOOLS LTD",
        "BEER CO. NO LIMITS",
        "Le Roc Restaurant",
        "RIVER SDN BHD (KLCC)",
        "RIVER SDN BHD. 99 BISTRO",
    ],
)
def test_a_name_that_only_looks_misread_or_numbered_stays_as_it_is(name: str) -> None:
    assert best(merchant.find(paper(name, "NO 5, JALAN SATU", "81100 JOHOR BAHRU"))) == name


@pytest.mark.parametrize(
    ("first", "second"),
    [("THE RIVER BEAN", "& TEA LEAF (M) SDN. BHD."), ("RIVER AND LAKE VEGETARIAN", "RESTAURANT SDN BHD")],
)
def test_a_line_that_cannot_begin_a_name_goes_on_with_the_one_above_it(first: str, second: str) -> None:
    found = merchant.find(paper(first, second, "NO 5, JALAN SATU", "81100 JOHOR BAHRU"))
    assert best(found) == f"{first} {second}"


def test_the_sender_of_a_letter_is_the_seller_and_not_its_receiver() -> None:
    letter = paper(
        "Hosting Nord AG - Uferweg 4 - 63571 Gelnhausen", "", "Kunden Ltd.", "12 Other Street", "", "Rechnung", ""
    )
    assert best(merchant.find(letter)) == "Hosting Nord AG"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Nord AG - Uferweg 4 - 63571 Gelnhausen", "Uferweg 4, 63571 Gelnhausen"),
        ("Nord AG \u00b7 Uferweg 4 \u00b7 D-63571 Gelnhausen", "Uferweg 4, 63571 Gelnhausen"),
        ("Moulin Haut - 3120 chemin Vert - 38099 Valbonnet", "3120 chemin Vert, 38099 Valbonnet"),
    ],
)
def test_the_senders_line_has_the_seller_s_address_and_not_the_receivers(line: str, expected: str) -> None:
    assert (
        best(address.find(paper(line, "", "Kunden Ltd.", "Uferzeile 5", "14466 Potsdam", "", "Rechnung"))) == expected
    )


def test_who_stands_under_the_words_for_a_buyer_is_not_the_seller() -> None:
    bill = paper("Bill to:", "Other Trading Ltd", "1 Far Road", "", "", "Seller", "Own Works Ltd", "2 Near Road")
    assert best(merchant.find(bill)) == "Own Works Ltd"


def test_the_address_is_the_lines_under_the_name() -> None:
    found = address.find(paper("MAJU SDN BHD (123456-X)", "NO 5, JALAN SATU,", "81100 JOHOR BAHRU.", "TEL: 07-1234567"))
    assert best(found) == "NO 5, JALAN SATU, 81100 JOHOR BAHRU."


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("12 Main Street", "Dallas, TX 75225"), "12 Main Street, Dallas, TX 75225"),
        (("Musterstra\u00dfe 12", "DE 80333 M\u00fcnchen"), "Musterstra\u00dfe 12, 80333 M\u00fcnchen"),
        (("12 rue Haute", "69001 Lyon"), "12 rue Haute, 69001 Lyon"),
        (("Weena 664", "3012 CN Rotterdam"), "Weena 664, 3012 CN Rotterdam"),
        (("91-95 Clerkenwell Rd", "London, EC1R 5BX"), "91-95 Clerkenwell Rd, London, EC1R 5BX"),
        (("65-12 Minato-cho", "Tokyo 107-9999"), "65-12 Minato-cho, Tokyo 107-9999"),
        (
            ("Menara Sungai #02-03, Level 2,", "27, Jalan Satu,", "50250 Kuala Lumpur."),
            "Menara Sungai #02-03, Level 2, 27, Jalan Satu, 50250 Kuala Lumpur.",
        ),
        (
            ("LOT P.T. 12, JALAN SATU,", "41150 KLANG, SELANGOR", "1181-TMN SUNGAI"),
            "LOT P.T. 12, JALAN SATU, 41150 KLANG, SELANGOR, 1181-TMN SUNGAI",
        ),
        (("NO 29O, JALAN SATU,", "53200 KUALA LUMPUR", "Te1 No.: 07-1234"), "NO 290, JALAN SATU, 53200 KUALA LUMPUR"),
        (("No.1, J1n Satu 1/6,", "47100 Puchong, Selangor"), "No.1, Jln Satu 1/6, 47100 Puchong, Selangor"),
        (("Largo do Moinho 43", "3099-998 Coimbra"), "Largo do Moinho 43, 3099-998 Coimbra"),
    ],
)
def test_addresses_are_known_in_the_forms_of_several_countries(lines: tuple[str, ...], expected: str) -> None:
    assert best(address.find(paper("The Shop", *lines, "", "Thank you"))) == expected


def test_a_notice_under_a_town_is_no_branch() -> None:
    found = address.find(paper("The Shop", "12 Main Street", "Dallas, TX 75225", "1234-no parking"))
    assert best(found) == "12 Main Street, Dallas, TX 75225"


def test_items_are_no_address() -> None:
    assert list(address.find(paper("SHOP", "1 Soup Buntut  4.00", "1 Apple Juice  2.00"))) == []
