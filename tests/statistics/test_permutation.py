"""The permutation over mentors against enumeration in fractions, and what must not change it."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from analysis.statistics import permutation
from analysis.statistics.permutation import (
    DRAWN,
    mentors_for_level,
    permutation_p_value,
    permutation_p_values,
    smallest_p_value,
)

MENTOR = st.integers(1, 12).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
GROUP = st.lists(MENTOR, min_size=1, max_size=5)


def p_value(a: list[tuple[int, int]], b: list[tuple[int, int]], standardised: bool = False) -> float:
    events, n = np.array(a + b).T
    found = permutation_p_value(events, n, np.arange(len(a + b)) < len(a))
    return found.standardised if standardised else found.plain


def enumerated(a: list[tuple[int, int]], b: list[tuple[int, int]]) -> Fraction:
    mentors = a + b

    def difference(chosen: tuple[int, ...]) -> Fraction:
        rates = []
        for is_in in (True, False):
            group = [mentor for place, mentor in enumerate(mentors) if (place in chosen) == is_in]
            rates.append(Fraction(sum(events for events, _ in group), sum(n for _, n in group)))
        return abs(rates[0] - rates[1])

    observed = difference(tuple(range(len(a))))
    deals = list(itertools.combinations(range(len(mentors)), len(a)))
    return Fraction(sum(difference(deal) >= observed for deal in deals), len(deals))


@settings(max_examples=200)
@given(GROUP, GROUP)
def test_every_way_to_deal_counts_once_and_ties_are_exact(a, b):
    assert p_value(a, b) == float(enumerated(a, b))


@settings(max_examples=100)
@given(GROUP, GROUP, st.integers(10**5, 10**7))
def test_ties_are_exact_among_millions_of_users(a, b, times):
    # The same counts times a number are the same rates: the p-value must be the same to the last tie.
    large_a, large_b = ([(events * times, n * times) for events, n in group] for group in (a, b))
    assert p_value(large_a, large_b) == float(enumerated(a, b))


def test_a_difference_below_floating_point_is_a_difference():
    # The rates 1/2 and (10^8 + 1) / (2 * 10^8 + 1) differ by 2.5e-9, those of the other deals by a user more or less:
    # the quotients are equal to 16 digits, and only whole numbers tell them apart.
    n = 2 * 10**8 + 1
    a, b = [(10**8, n), (10**8 + 1, n)], [(10**8, n), (10**8 + 1, n), (10**8 + 1, n - 1)]
    assert p_value(a, b) == float(enumerated(a, b))


@given(st.lists(MENTOR, min_size=20, max_size=40), st.integers(8, 12), st.randoms())
@settings(max_examples=25)
def test_random_deals_hang_on_neither_order_nor_names(mentors, size, random):
    assert not permutation.is_exact(size, len(mentors) - size)
    a, b = mentors[:size], mentors[size:]
    first = p_value(a, b)
    assert 1 / (1 + DRAWN) <= first <= 1
    assert p_value(random.sample(a, len(a)), random.sample(b, len(b))) == first
    assert p_value(b, a) == first


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ([(7, 11), (4, 8), (6, 9), (7, 10)], [(6, 11), (2, 6), (5, 12), (4, 7), (2, 5), (8, 13), (1, 4)]),
        ([(9, 12), (4, 10), (8, 11)] * 2, [(6, 10), (6, 15), (1, 12), (7, 11)] * 2),
    ],
)
def test_random_deals_agree_with_all_ways(monkeypatch, a, b):
    exact = float(enumerated(a, b))
    monkeypatch.setattr(permutation, "MOST_WAYS", 1)
    assert_drawn_from(exact, p_value(a, b))


def test_random_deals_of_many_mentors_of_few_kinds_agree_with_all_ways():
    # The number of mentors of each kind among those dealt is all that counts.
    halves, ones, noughts, dealt = 110, 70, 60, 120

    def difference(half: int, one: int, nought: int) -> Fraction:
        events, n = half + one, 2 * half + one + nought
        return abs(Fraction(events, n) - Fraction(halves + ones - events, 2 * halves + ones + noughts - n))

    observed, exact = difference(55, 40, 25), 0.0
    for half, one in itertools.product(range(halves + 1), range(ones + 1)):
        nought = dealt - half - one
        if 0 <= nought <= noughts and difference(half, one, nought) >= observed:
            ways = math.comb(halves, half) * math.comb(ones, one) * math.comb(noughts, nought)
            exact += ways / math.comb(240, dealt)
    a = [(1, 2)] * 55 + [(1, 1)] * 40 + [(0, 1)] * 25
    b = [(1, 2)] * 55 + [(1, 1)] * 30 + [(0, 1)] * 35
    assert_drawn_from(exact, p_value(a, b))


def assert_drawn_from(exact: float, p_value: float):
    assert 0.005 < exact < 0.9
    assert stats.binomtest(round(p_value * (1 + DRAWN) - 1), DRAWN, exact).pvalue > 1e-4


def correlation(mentors: list[tuple[int, int]]) -> Fraction:
    """Kleinman's estimate, in fractions, bounded by 0 and 1; 0 where it is not defined."""
    total = sum(n for _, n in mentors)
    p = Fraction(sum(events for events, _ in mentors), total)
    pairs = p * (1 - p) * sum((n - 1) * (1 - Fraction(n, total)) for _, n in mentors)
    if pairs == 0:
        return Fraction(0)
    between = sum((events - n * p) ** 2 / n for events, n in mentors)
    within = p * (1 - p) * sum(1 - Fraction(n, total) for _, n in mentors)
    return min(max((between - within) / pairs, Fraction(0)), Fraction(1))


@settings(max_examples=100)
@given(GROUP, GROUP)
def test_the_standardised_statistic_by_enumeration(a, b):
    mentors = a + b
    rho = correlation(mentors)

    def square(chosen: tuple[int, ...]) -> Fraction:
        difference, variance = Fraction(0), Fraction(0)
        for sign in (1, -1):
            group = [mentor for place, mentor in enumerate(mentors) if (place in chosen) == (sign == 1)]
            total = sum(n for _, n in group)
            difference += sign * Fraction(sum(events for events, _ in group), total)
            variance += sum(n * (1 + (n - 1) * rho) for _, n in group) / Fraction(total**2)
        return difference**2 / variance

    observed = square(tuple(range(len(a))))
    deals = list(itertools.combinations(range(len(mentors)), len(a)))
    assert p_value(a, b, standardised=True) == sum(square(deal) >= observed for deal in deals) / len(deals)


@given(GROUP, GROUP, st.integers(1, 12))
def test_with_as_many_users_a_mentor_standardising_changes_nothing(a, b, n):
    alike = [[(min(events, n), n) for events, _ in group] for group in (a, b)]
    assert p_value(*alike, standardised=True) == p_value(*alike)


def test_few_users_a_mentor_are_no_difference_by_themselves():
    # Mentors of 20 users against mentors of 120, all alike: small groups vary more, which is not the group's doing.
    random = np.random.default_rng(1)
    n = np.broadcast_to(np.repeat([20, 120], [6, 9])[:, np.newaxis], (15, 1000))
    events, of_a = random.binomial(n, 0.24), np.repeat([1, 0], [6, 9])
    found = permutation_p_values(events, n, np.ones(15, dtype=int), of_a)
    assert (found.plain < 0.05).mean() > 0.2
    assert (found.standardised < 0.05).mean() < (found.plain < 0.05).mean() / 3


def test_many_sets_at_once_are_each_of_them():
    random = np.random.default_rng(1)
    n = random.integers(1, 30, (13, 50))
    events = random.binomial(n, 0.4)
    ones = np.ones(13, dtype=int)
    together = permutation_p_values(events, n, ones, (np.arange(13) < 5).astype(int))
    each = [permutation_p_value(events[:, i], n[:, i], np.arange(13) < 5) for i in range(50)]
    assert np.stack(together).T.tolist() == [list(one) for one in each]


def test_all_or_none_and_one_mentor_each():
    assert p_value([(3, 3), (2, 2)], [(5, 5)]) == 1
    assert p_value([(0, 3), (0, 2)], [(0, 5)]) == 1
    assert p_value([(3, 3)], [(0, 5)]) == 1
    assert p_value([(3, 3)], [(0, 5)] * 9) == 0.1


@given(st.integers(1, 6), st.integers(1, 6))
def test_the_smallest_p_value_is_that_of_mentors_wholly_apart(a, b):
    # Sizes without a common factor, so that no other deal is as extreme by chance.
    sizes = [101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157]
    groups = [(n, n) for n in sizes[:a]], [(0, n) for n in sizes[a : a + b]]
    assert smallest_p_value(a, b) == p_value(*groups)


@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from([0.2, 0.05, 0.01, 0.001]))
def test_the_fewest_mentors_suffice_and_one_fewer_does_not(a, b, level):
    found = mentors_for_level(a, b, level)
    assert smallest_p_value(*found) < level
    if found != (a, b):
        assert smallest_p_value(a, b) >= level
        fewer = min(found) - 1
        more = -(-fewer * max(a, b) // min(a, b))
        assert smallest_p_value(fewer, more) >= level
        assert max(found) == -(-min(found) * max(a, b) // min(a, b))
    assert (found[0] <= found[1]) == (a <= b) or found[0] == found[1]


def test_no_number_of_mentors_suffices_for_a_level_below_one_of_the_drawn():
    assert mentors_for_level(5, 10, 1 / 10_000) == (6, 12)
    assert mentors_for_level(5, 10, 1 / 100_000) is None
    assert mentors_for_level(20, 45, 1 / 10_000) is None
    assert mentors_for_level(3, 0) is None
    assert smallest_p_value(0, 3) is None
    with pytest.raises(ValueError, match="level must lie between 0 and 1, got 5"):
        mentors_for_level(3, 3, 5)
