from datetime import date, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.extraction.layout.dates import DateOrder, dates_in, time_in

days = st.dates(min_value=date(2000, 1, 1), max_value=date(2049, 12, 31))
MONTHS = {
    "en": "January February March April May June July August September October November December",
    "de": "Januar Februar M\u00e4rz April Mai Juni Juli August September Oktober November Dezember",
    "fr": "janvier f\u00e9vrier mars avril mai juin juillet ao\u00fbt septembre octobre novembre d\u00e9cembre",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "nl": "januari februari maart april mei juni juli augustus september oktober november december",
    "pt": "janeiro fevereiro mar\u00e7o abril maio junho julho agosto setembro outubro novembro dezembro",
    "pl": "stycznia lutego marca kwietnia maja czerwca lipca sierpnia "
    "wrze\u015bnia pa\u017adziernika listopada grudnia",
}


@pytest.mark.parametrize("form", ["%d/%m/%Y", "%d-%m-%Y", "%d.%m.%Y", "%d/%m/%y", "%d. %m. %Y", "%d/%m/%Y%H:%M"])
@given(day=days)
def test_every_form_with_the_day_first_reads_back(form: str, day: date) -> None:
    (found,) = dates_in(f"Date {day.strftime(form)} #19")
    assert found.read(DateOrder.DAY) == day


@pytest.mark.parametrize("form", ["%m/%d/%Y", "%m-%d-%y"])
@given(day=days)
def test_every_form_with_the_month_first_reads_back(form: str, day: date) -> None:
    (found,) = dates_in(day.strftime(form))
    assert found.read(DateOrder.MONTH) == day


@pytest.mark.parametrize("form", ["%Y-%m-%d", "%Y/%m/%d", "%Y-%m-%dT10:20", "%Y%m%d", "%d%m%Y"])
@given(day=days)
def test_forms_that_settle_the_order_need_no_order(form: str, day: date) -> None:
    found = dates_in(day.strftime(form))[0]
    assert found.is_settled
    assert found.read(None) == day


@pytest.mark.parametrize("language", MONTHS)
@given(day=days)
def test_months_are_read_by_their_names(language: str, day: date) -> None:
    name = MONTHS[language].split()[day.month - 1]
    for text in (
        f"{day.day}. {name} {day.year}",
        f"{day.day} {name.upper()} {day.year}",
        f"{day.day:02}{name[:3]}{day.year}",
    ):
        if text.endswith(f"{name[:3]}{day.year}") and language != "en":
            continue  # short forms differ by language
        assert [found.read(None) for found in dates_in(text)] == [day], text


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("Jun17'13 09:35PM", date(2013, 6, 17)),
        ("Aug 3, 2014", date(2014, 8, 3)),
        ("mai 30, 2020", date(2020, 5, 30)),
        ("3 de mayo de 2019", date(2019, 5, 3)),
        ("7th March 2016", date(2016, 3, 7)),
        ("2019\u5e745\u67083", date(2019, 5, 3)),
        ("21~05-17", date(2017, 5, 21)),
    ],
)
def test_dates_are_read_as_they_are_printed(text: str, day: date) -> None:
    assert [found.read(None) for found in dates_in(text)] == [day]


@pytest.mark.parametrize(
    "text", ["31/02/2018", "1.234.56", "03-4162-2318", "192.168.10.12", "Lot 12/45/99x", "12:30:15"]
)
def test_what_is_no_date_is_not_read_as_one(text: str) -> None:
    assert dates_in(text) == ()


def test_a_date_says_which_order_it_proves() -> None:
    (day_first,), (month_first,), (open_,) = dates_in("25/12/2018"), dates_in("12/25/2018"), dates_in("05/06/2018")
    assert day_first.order is DateOrder.DAY
    assert month_first.order is DateOrder.MONTH
    assert open_.order is None
    assert month_first.read(DateOrder.DAY) == date(2018, 12, 25)


@given(moment=st.times().map(lambda one: one.replace(microsecond=0)))
def test_every_form_of_a_time_reads_back(moment: time) -> None:
    assert time_in(f"at {moment:%H:%M:%S}") == moment
    assert time_in(f"{moment:%H:%M}") == moment.replace(second=0)
    assert time_in(f"{moment:%I:%M:%S %p}") == moment


def test_numbers_with_a_point_are_no_times() -> None:
    assert time_in("12.30") is None
    assert time_in("99:99") is None
