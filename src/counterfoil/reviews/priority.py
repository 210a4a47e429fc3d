"""How urgent a review is, from 0 to 100: doubt, value, complexity, and its age against its due time.

| part       | points | from |
|------------|--------|------|
| doubt      | 0-40   | the lowest confidence of the important values: 40 at confidence 0, none at 1 |
| value      | 0-20   | the total on a logarithmic scale: 4 for each power of ten, 20 from 100 000 |
| complexity | 0-15   | 1 for each 4 lines (to 5), 2 for each tax rate but one (to 4), 2 for each reason (to 6) |
| age        | … +25  | 25 at the due time, 1 less for each two hours until then, 1 more for each two after it |

The first three are the importance, which does not change with time. Since all reviews age alike, which of two is more
urgent never changes either: a list by `attention_time` stays in order of priority while hours pass, and every review
comes to the top in the end, since an importance of 75 is worth 150 hours and no more. With two days to answer, age
starts at 1; with more time a review may start below 0, which shows as 0.
"""

import math
from datetime import datetime, timedelta
from decimal import Decimal

from counterfoil.records.money import minor_unit

AGEING = timedelta(hours=2)
"""What one point is worth."""
AT_DUE_TIME = 25


def importance(
    *, confidence: float, items: int, taxes: int, reasons: int, total: Decimal | None, currency: str | None
) -> int:
    """Return the points for doubt, value and complexity: 0 to 75."""
    doubt = 40 * (1 - confidence)
    complexity = min(5, items // 4) + min(4, 2 * max(0, taxes - 1)) + min(6, 2 * reasons)
    return round(doubt) + round(min(20.0, 4 * math.log10(1 + _hundreds(total, currency)))) + complexity


def priority(importance: int, *, due_at: datetime, now: datetime) -> int:
    """Return how urgent a review of this importance is at a moment."""
    left = (due_at - now) // AGEING
    return max(0, min(100, importance + AT_DUE_TIME - left))


def attention_time(importance: int, due_at: datetime) -> datetime:
    """Return the moment that sorts reviews: the earlier, the higher the priority, whatever the time is."""
    return due_at - importance * AGEING


def _hundreds(total: Decimal | None, currency: str | None) -> float:
    """Return a total in hundreds of minor units: 1 euro, 100 yen, a tenth of a dinar are of the same order of worth."""
    return float(abs(total or Decimal(0)) / (100 * minor_unit(currency)))
