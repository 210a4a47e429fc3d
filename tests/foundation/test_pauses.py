"""Pauses grow up to a bound, and no two who wait have the same."""

from itertools import islice, pairwise

from counterfoil.foundation.pauses import FIRST_SECONDS, LONGEST_SECONDS, growing_pauses


def test_pauses_begin_short_and_double_until_they_are_as_long_as_they_may_be() -> None:
    means = [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10, 10]
    for pause, mean in zip(growing_pauses(), means, strict=False):
        assert mean / 2 <= pause <= mean * 1.5
    assert (means[0], means[-1]) == (FIRST_SECONDS, LONGEST_SECONDS)


def test_the_longest_pause_is_the_callers_to_choose() -> None:
    assert all(pause <= 1.5 for pause in islice(growing_pauses(1.0), 100))


def test_those_who_failed_together_do_not_come_back_together() -> None:
    settled = sorted(next(islice(growing_pauses(), 20, None)) for _ in range(100))
    assert all(one < other for one, other in pairwise(settled))
    assert settled[-1] - settled[0] > LONGEST_SECONDS / 4
