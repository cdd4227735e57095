"""The statistics against independent implementations and enumeration."""

from __future__ import annotations

import math

import pytest
from scipy import stats

from analysis.statistics.proportions import compare, conditional_odds_ratio

TABLES = [(a, n_a, b, n_b) for n_a in (1, 3, 8) for n_b in (1, 5, 9) for a in range(n_a + 1) for b in range(n_b + 1)]


def finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


@pytest.mark.parametrize("table", [*TABLES, (26, 42, 22, 90), (200, 400, 150, 900)])
def test_conditional_odds_ratio_is_that_of_scipy(table):
    events_a, n_a, events_b, n_b = table
    odds = stats.contingency.odds_ratio([[events_a, n_a - events_a], [events_b, n_b - events_b]], kind="conditional")
    interval = odds.confidence_interval(0.95)
    expected = [finite(value) for value in (odds.statistic, interval.low, interval.high)]
    if math.isnan(odds.statistic):  # one margin is empty: every odds ratio fits, nothing is told
        expected = [None, None, None]
    found = conditional_odds_ratio(*table)
    assert [value is None for value in found] == [value is None for value in expected]
    values = [(one, other) for one, other in zip(found, expected, strict=True) if one is not None]
    assert all(one == pytest.approx(other, rel=1e-6, abs=1e-9) for one, other in values)


def test_large_groups_agree_with_the_normal_approximation():
    comparison = compare(372_000, 600_000, 400_000, 1_100_000)
    odds = (372 / 228) / (400 / 700)
    error = math.sqrt(1 / 372_000 + 1 / 228_000 + 1 / 400_000 + 1 / 700_000)
    assert comparison.odds_ratio == pytest.approx(odds, rel=1e-4)
    assert comparison.odds_ratio_ci_low == pytest.approx(odds * math.exp(-1.96 * error), rel=1e-4)
    assert comparison.odds_ratio_ci_high == pytest.approx(odds * math.exp(1.96 * error), rel=1e-4)
