"""Hypothesis strategies for what documents may say."""

from datetime import date
from decimal import Decimal

from hypothesis import strategies as st

from counterfoil.records.domain import InvoiceData, Kind, LineItem, Party, PaymentMethod, Tax

texts = st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=12)
numbers = st.none() | st.decimals(min_value=Decimal(-(10**12)), max_value=Decimal(10**12), places=4)
days = st.none() | st.dates(min_value=date(1900, 1, 1), max_value=date(2100, 1, 1))
moments = st.none() | st.times().map(lambda moment: moment.replace(microsecond=0))
parties = st.builds(Party, name=texts, address=texts, tax_id=texts, phone=texts)
taxes = st.builds(Tax, rate=numbers, base=numbers, amount=numbers)
line_items = st.builds(
    LineItem,
    description=texts,
    quantity=numbers,
    unit=texts,
    unit_price=numbers,
    tax_rate=numbers,
    amount=numbers,
)
invoices = st.builds(
    InvoiceData,
    kind=st.none() | st.sampled_from(Kind),
    merchant=parties,
    buyer=parties,
    number=texts,
    issue_date=days,
    issue_time=moments,
    due_date=days,
    currency=st.sampled_from([None, "EUR", "JPY", "KWD", "MYR", "XXX", "???"]),
    subtotal=numbers,
    taxes=st.lists(taxes, max_size=3).map(tuple),
    tip=numbers,
    discount=numbers,
    total=numbers,
    payment_method=st.none() | st.sampled_from(PaymentMethod),
    payment_last_digits=st.none() | st.from_regex(r"[0-9]{4}", fullmatch=True),
    line_items=st.lists(line_items, max_size=3).map(tuple),
    category=texts,
    language=st.sampled_from([None, "en", "de"]),
    notes=texts,
)
