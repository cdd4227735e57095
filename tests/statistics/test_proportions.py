"""Proportions against independent implementations, published examples and enumeration."""

from __future__ import annotations

import math
from dataclasses import astuple
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from analysis.statistics.proportions import (
    compare,
    conditional_odds_ratio,
    fisher_p_value,
    katz_interval,
    newcombe_interval,
    rate,
    wilson_interval,
)

pytestmark = pytest.mark.filterwarnings("error")

TABLES = [(a, n_a, b, n_b) for n_a in (1, 3, 8) for n_b in (1, 5, 9) for a in range(n_a + 1) for b in range(n_b + 1)]
LARGER = [(26, 42, 22, 90), (200, 400, 150, 900), (3, 4, 1, 4), (0, 33, 26, 42), (42, 42, 22, 90)]


@st.composite
def tables(draw) -> tuple[int, int, int, int]:
    n_a, n_b = draw(st.integers(0, 60)), draw(st.integers(0, 60))
    return draw(st.integers(0, n_a)), n_a, draw(st.integers(0, n_b)), n_b


def finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def is_close(found: tuple, expected: tuple, **tolerance: float) -> bool:
    return [value is None for value in found] == [value is None for value in expected] and all(
        one == pytest.approx(other, **tolerance) for one, other in zip(found, expected, strict=True) if one is not None
    )


@pytest.mark.parametrize("table", [*TABLES, *LARGER])
def test_conditional_odds_ratio_is_that_of_scipy(table):
    events_a, n_a, events_b, n_b = table
    odds = stats.contingency.odds_ratio([[events_a, n_a - events_a], [events_b, n_b - events_b]], kind="conditional")
    interval = odds.confidence_interval(0.95)
    expected = tuple(finite(value) for value in (odds.statistic, interval.low, interval.high))
    if math.isnan(odds.statistic):  # one margin is empty: every odds ratio fits, nothing is told
        expected = (None, None, None)
    assert is_close(conditional_odds_ratio(*table), expected, rel=1e-6, abs=1e-9)


def test_large_groups_agree_with_the_normal_approximation():
    comparison = compare(372_000, 600_000, 400_000, 1_100_000)
    odds = (372 / 228) / (400 / 700)
    error = math.sqrt(1 / 372_000 + 1 / 228_000 + 1 / 400_000 + 1 / 700_000)
    assert comparison.odds_ratio == pytest.approx(odds, rel=1e-4)
    assert comparison.odds_ratio_ci_low == pytest.approx(odds * math.exp(-1.96 * error), rel=1e-4)
    assert comparison.odds_ratio_ci_high == pytest.approx(odds * math.exp(1.96 * error), rel=1e-4)


@pytest.mark.parametrize("rare", [(0, 700_000, 3, 1_000_000), (5, 1_000_000, 0, 1_000_000), (2, 1_000_000, 9, 1_500)])
def test_rare_events_in_large_groups_have_the_odds_ratio_of_scipy(rare):
    events_a, n_a, events_b, n_b = rare
    odds = stats.contingency.odds_ratio([[events_a, n_a - events_a], [events_b, n_b - events_b]], kind="conditional")
    interval = odds.confidence_interval(0.95)
    expected = tuple(finite(value) for value in (odds.statistic, interval.low, interval.high))
    assert is_close(conditional_odds_ratio(*rare), expected, rel=1e-4)


def exact_fisher(events_a: int, n_a: int, events_b: int, n_b: int) -> float:
    """By enumeration in whole numbers: tables exactly as probable count, without any tolerance."""
    events = events_a + events_b
    weights = {
        count: math.comb(n_a, count) * math.comb(n_b, events - count)
        for count in range(max(0, events - n_b), min(n_a, events) + 1)
    }
    return float(Fraction(sum(w for w in weights.values() if w <= weights[events_a]), math.comb(n_a + n_b, events)))


# Different tables that are exactly as probable, which rounding would tell apart.
TIES = [(0, 4, 4, 11), (6, 24, 6, 39), (0, 7, 6, 10), (7, 13, 8, 19), (4, 14, 8, 39)]
LARGE = [(310, 1000, 405, 1000), (900, 2000, 800, 2000), (7, 1500, 3, 2500)]


@pytest.mark.parametrize("table", [*TABLES, *LARGER, *TIES, *LARGE])
def test_fishers_p_value_is_that_of_enumeration(table):
    assert fisher_p_value(*table) == pytest.approx(exact_fisher(*table), rel=1e-11)


@given(tables())
def test_fishers_p_value_is_that_of_scipy(table):
    events_a, n_a, events_b, n_b = table
    expected = stats.fisher_exact([[events_a, n_a - events_a], [events_b, n_b - events_b]]).pvalue
    assert fisher_p_value(*table) == pytest.approx(expected, rel=1e-9)


def test_fishers_p_value_counts_ties_in_large_tables_too():
    # With equal groups the table mirrored is exactly as probable, so that the tails are equal.
    events_a, events_b, n = 300_400, 299_600, 1_000_000
    one_sided = stats.hypergeom(2 * n, events_a + events_b, n).sf(events_a - 1)
    assert fisher_p_value(events_a, n, events_b, n) == pytest.approx(2 * one_sided, rel=1e-6)


def test_published_examples_of_fishers_test():
    # Fisher's tea taster and the convictions of twins (Fisher 1962), as in the manual of R's fisher.test.
    assert fisher_p_value(3, 4, 1, 4) == pytest.approx(0.4857, abs=5e-5)
    assert conditional_odds_ratio(3, 4, 1, 4)[0] == pytest.approx(6.408309, rel=5e-6)
    assert fisher_p_value(2, 17, 10, 13) == pytest.approx(0.0005367, abs=5e-8)
    # R searches the odds ratio only to within 1e-4 on its own scale.
    assert conditional_odds_ratio(2, 17, 10, 13) == pytest.approx((0.04693661, 0.003325764, 0.363182271), abs=2e-5)


# Newcombe, Statistics in Medicine 17 (1998) 857-872, table I, method 3.
WILSON = {(81, 263): (0.2553, 0.3662), (15, 148): (0.0624, 0.1605), (0, 20): (0, 0.1611), (1, 29): (0.0061, 0.1718)}
# Newcombe, Statistics in Medicine 17 (1998) 873-890, table II, method 10.
NEWCOMBE = {
    (56, 70, 48, 80): (0.0524, 0.3339),
    (9, 10, 3, 10): (0.1705, 0.8090),
    (6, 7, 2, 7): (0.0582, 0.8062),
    (5, 56, 0, 29): (-0.0381, 0.1926),
    (0, 10, 0, 20): (-0.1611, 0.2775),
    (0, 10, 0, 10): (-0.2775, 0.2775),
    (10, 10, 0, 20): (0.6791, 1.0),
    (10, 10, 0, 10): (0.6075, 1.0),
}


@pytest.mark.parametrize(("counts", "expected"), WILSON.items())
def test_published_examples_of_wilsons_interval(counts, expected):
    assert wilson_interval(*counts) == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize(("counts", "expected"), NEWCOMBE.items())
def test_published_examples_of_newcombes_interval(counts, expected):
    assert newcombe_interval(*counts) == pytest.approx(expected, abs=5e-5)


@given(tables(), st.sampled_from([0.8, 0.95, 0.99]))
def test_intervals_are_those_of_statsmodels(table, level):
    events_a, n_a, events_b, n_b = table
    if not (n_a and n_b):
        assert newcombe_interval(*table, level) == katz_interval(*table, level) == (None, None)
        return
    wilson = proportion_confint(events_a, n_a, alpha=1 - level, method="wilson")
    assert wilson_interval(events_a, n_a, level) == pytest.approx(wilson, abs=1e-12)
    newcombe = confint_proportions_2indep(*table, compare="diff", method="newcomb", alpha=1 - level)
    assert newcombe_interval(*table, level) == pytest.approx(newcombe, abs=1e-12)
    if events_a and events_b and (events_a, events_b) != (n_a, n_b):
        katz = confint_proportions_2indep(*table, compare="ratio", method="log", alpha=1 - level)
        assert katz_interval(*table, level) == pytest.approx(katz, rel=1e-9)


@given(tables())
def test_swapping_the_groups_turns_the_comparison_around(table):
    events_a, n_a, events_b, n_b = table
    there, back = compare(*table), compare(events_b, n_b, events_a, n_a)
    if there.difference is None:
        assert set(astuple(there)[:-1]) == {None}
        return
    assert there.difference == -back.difference
    assert there.difference_ci_low == pytest.approx(-back.difference_ci_high, abs=1e-12)
    assert there.p_value == pytest.approx(back.p_value, rel=1e-9)
    for name in ("relative_risk", "odds_ratio"):
        one, other = getattr(there, name), getattr(back, name)
        if one and other:
            assert one == pytest.approx(1 / other, rel=1e-7)
            low, high = getattr(there, f"{name}_ci_low"), getattr(back, f"{name}_ci_high")
            assert (low is None) == (high is None)
            assert low is None or low == pytest.approx(1 / high, rel=1e-7)


@given(tables())
def test_counting_those_without_the_event_turns_difference_and_odds_around(table):
    events_a, n_a, events_b, n_b = table
    there, back = compare(*table), compare(n_a - events_a, n_a, n_b - events_b, n_b)
    if there.difference is None:
        return
    assert there.difference == pytest.approx(-back.difference, abs=1e-15)
    assert there.difference_ci_high == pytest.approx(-back.difference_ci_low, abs=1e-12)
    assert there.p_value == pytest.approx(back.p_value, rel=1e-9)
    if there.odds_ratio and back.odds_ratio:
        assert there.odds_ratio == pytest.approx(1 / back.odds_ratio, rel=1e-7)


@given(tables())
def test_intervals_hold_the_estimate(table):
    comparison = compare(*table)
    for name in ("difference", "relative_risk", "odds_ratio"):
        low, value, high = (getattr(comparison, f"{name}{end}") for end in ("_ci_low", "", "_ci_high"))
        # No value means a division by zero: without any bound, or infinite and bounded from below.
        assert low is None or value is None or low <= value
        assert high is None or value <= high


def test_what_is_not_defined_is_null():
    assert rate(0, 0) is None
    assert wilson_interval(0, 0) == (None, None)
    assert set(astuple(compare(0, 0, 5, 9))[:-1]) == {None}
    none = compare(0, 9, 0, 5)
    assert (none.difference, none.p_value, none.relative_risk, none.odds_ratio) == (0, 1, None, None)
    every = compare(9, 9, 5, 5)
    assert (every.difference, every.p_value, every.relative_risk, every.odds_ratio) == (0, 1, 1, None)
    assert compare(0, 9, 2, 5).relative_risk == 0
    assert (compare(1, 1, 0, 1).p_value, compare(1, 1, 0, 1).odds_ratio) == (1, None)


@pytest.mark.parametrize("events_a", [0, 1, 999_999, 1_000_000])
@pytest.mark.parametrize("events_b", [0, 300_000, 1_000_000])
def test_groups_of_a_million_with_any_count(events_a, events_b):
    comparison = compare(events_a, 1_000_000, events_b, 1_000_000)
    assert 0 <= comparison.p_value <= 1
    assert comparison.difference_ci_low <= comparison.difference <= comparison.difference_ci_high


@pytest.mark.parametrize("wrong", [(-1, 4, 1, 4), (5, 4, 1, 4), (1, 4, 5, 4), (1, 0, 1, 4)])
def test_impossible_counts_are_refused(wrong):
    for function in (compare, fisher_p_value, conditional_odds_ratio, newcombe_interval):
        with pytest.raises(ValueError, match="must lie between 0 and n"):
            function(*wrong)
