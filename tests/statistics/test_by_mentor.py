"""The comparison by mentor: on hand-made mentors, and what must and must not change it."""

from __future__ import annotations

import time
from dataclasses import astuple, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.statistics.by_mentor import compare_by_mentor

COUNTS = st.lists(st.integers(0, 12).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), max_size=6)

GOLD = [(7, 11), (4, 8), (6, 9), (7, 10), (3, 6)]
SILVER = [(4, 11), (2, 6), (5, 12), (3, 7), (2, 5), (6, 13), (1, 4)]
BRONZE = [(0, 9), (0, 12), (0, 8)]


def test_groups_wholly_apart_are_the_most_extreme_deal():
    result = compare_by_mentor(GOLD, BRONZE)
    assert (result.p_value, result.deals, result.is_exact, result.smallest_p_value) == (1 / 56, 56, True, 1 / 56)
    assert (result.difference, result.group_a_mentors, result.group_b_mentors) == (27 / 44, 5, 3)
    assert "all 56 ways" in result.method
    assert "9,999 random deals" in compare_by_mentor(GOLD * 4, BRONZE * 4).method


@given(COUNTS, COUNTS, st.randoms())
def test_order_swap_complement_and_mentors_without_users(a, b, random):
    result = compare_by_mentor(a, b)
    shuffled = compare_by_mentor(random.sample(a, len(a)), [*random.sample(b, len(b)), (0, 0)])
    swapped = compare_by_mentor(b, a)
    other = compare_by_mentor(*([(n - events, n) for events, n in counts] for counts in (a, b)))
    assert shuffled.p_value == swapped.p_value == other.p_value == result.p_value
    for one in (shuffled, swapped, other):
        assert (one.difference_ci_low is None) == (result.difference_ci_low is None)
        assert one.smallest_p_value == result.smallest_p_value
    if result.difference is None:
        assert result.p_value is result.smallest_p_value is None
        return
    assert result.smallest_p_value <= result.p_value <= 1
    assert swapped.difference == pytest.approx(-result.difference)
    assert other.difference == pytest.approx(-result.difference)
    if result.difference_ci_low is not None:
        assert -1 <= result.difference_ci_low <= result.difference <= result.difference_ci_high <= 1
        assert shuffled.difference_ci_low == pytest.approx(result.difference_ci_low)
        assert swapped.difference_ci_low == pytest.approx(-result.difference_ci_high)
        assert other.difference_ci_high == pytest.approx(-result.difference_ci_low)


@given(COUNTS, COUNTS, st.integers(2, 1000))
def test_more_users_of_the_same_mentors_tell_no_more(a, b, times):
    result = compare_by_mentor(a, b)
    scaled = compare_by_mentor(*([(events * times, n * times) for events, n in counts] for counts in (a, b)))
    # How alike users of a mentor are is estimated, and with it the standardised statistic.
    left = [replace(one, p_value_standardised=None) for one in (scaled, result)]
    assert astuple(left[0])[:-1] == pytest.approx(astuple(left[1])[:-1])


def test_one_mentor_has_no_interval_and_yet_a_test():
    result = compare_by_mentor([(9, 9)], [(1, 8), (0, 7), (2, 9)])
    assert (result.difference_ci_low, result.degrees_of_freedom, result.p_value) == (None, None, 0.25)
    assert result.smallest_p_value == 0.25


def test_groups_without_users_and_without_variance():
    empty = compare_by_mentor([(0, 0)], SILVER)
    assert (empty.difference, empty.p_value, empty.difference_ci_low, empty.group_a_mentors) == (None, None, None, 0)
    none = compare_by_mentor(BRONZE, BRONZE)
    assert (none.difference, none.p_value, none.difference_ci_low, none.degrees_of_freedom) == (0, 1, None, None)
    apart = compare_by_mentor([(3, 3), (4, 4)], BRONZE)
    assert (apart.difference, apart.p_value, apart.difference_ci_high) == (1, 0.1, None)
    assert compare_by_mentor(GOLD, BRONZE).relative_risk_ci_low is None


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match=r"between 0 and n, got \(3, 2\)"):
        compare_by_mentor([(1, 2), (3, 2)], [(1, 2)])


def test_hundred_thousand_mentors_are_compared_in_bounded_memory_and_time():
    random = np.random.default_rng(1)
    n = random.integers(1, 20, 100_000)
    counts = list(zip(random.binomial(n, 0.3).tolist(), n.tolist(), strict=True))
    start = time.process_time()
    result = compare_by_mentor(counts[:30_000], counts[30_000:])
    # Half a second alone; a day if every deal went through every mentor in Python.
    assert time.process_time() - start < 20
    assert 0.0001 <= result.p_value <= 1
    assert not result.is_exact
