"""Trends and control charts against published figures and SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analysis.statistics.trend import cochran_armitage, p_chart

pytestmark = pytest.mark.filterwarnings("error")

GROUPS = st.lists(
    st.integers(0, 40).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=1, max_size=8
)


def test_published_example_of_the_trend_test():
    # Malformations by the mother's drinks a day: Agresti, Categorical Data Analysis, 2nd ed. (2002), section 5.3.5.
    present, absent = [48, 38, 5, 1, 1], [17066, 14464, 788, 126, 37]
    sizes = [one + other for one, other in zip(present, absent, strict=True)]
    result = cochran_armitage(present, sizes, [0, 0.5, 1.5, 4, 7])
    assert result.statistic**2 == pytest.approx(6.57, abs=0.005)
    assert result.p_value == pytest.approx(0.0104, abs=0.0001)


@given(GROUPS)
def test_the_trend_is_the_correlation_of_score_and_outcome(groups):
    # z² = N r², with r over the single users (Agresti, section 3.4.5, up to N for N - 1).
    events, sizes = zip(*groups, strict=True)
    result = cochran_armitage(events, sizes, range(len(groups)))
    scores = np.repeat(np.arange(len(groups)), sizes)
    outcome = np.concatenate([np.repeat([1, 0], [e, n - e]) for e, n in groups])
    if len(set(scores)) < 2 or len(set(outcome)) < 2:
        assert (result.statistic, result.p_value) == (None, None)
        return
    correlation = np.corrcoef(scores, outcome)[0, 1]
    assert result.statistic == pytest.approx(np.sqrt(scores.size) * correlation, abs=1e-9)
    assert result.p_value == pytest.approx(2 * stats.norm.sf(abs(result.statistic)), abs=1e-12)


@given(GROUPS)
def test_the_trend_turns_around_with_time_and_with_the_outcome(groups):
    events, sizes = zip(*groups, strict=True)
    places = list(range(len(groups)))
    forward = cochran_armitage(events, sizes, places).statistic
    backward = cochran_armitage(events[::-1], sizes[::-1], places).statistic
    others = cochran_armitage([n - e for e, n in groups], sizes, places).statistic
    shifted = cochran_armitage(events, sizes, [24_000 + 12 * place for place in places]).statistic
    if forward is None:
        assert (backward, others, shifted) == (None, None, None)
    else:
        assert [-backward, -others, shifted] == pytest.approx([forward] * 3, abs=1e-9)


@given(GROUPS)
def test_control_limits_are_binomial_quantiles(groups):
    events, sizes = zip(*groups, strict=True)
    center, points = p_chart(events, sizes)
    total = sum(sizes)
    assert center == (sum(events) / total if total else None)
    tail = stats.norm.sf(3)
    for (count, n), point in zip(groups, points, strict=True):
        if n == 0:
            assert (point.value, point.lower, point.upper, point.is_alert) == (None, None, None, False)
            continue
        assert point.value == count / n
        assert (point.lower * n, point.upper * n) == pytest.approx(stats.binom(n, center).ppf([tail, 1 - tail]))
        assert 0 <= point.lower <= point.upper <= 1
        is_rare = stats.binom(n, center).cdf(count) < tail or stats.binom(n, center).sf(count - 1) < tail
        assert point.is_alert == is_rare


def test_limits_of_large_points_are_three_sigmas():
    _, points = p_chart([200_000, 204_000], [1_000_000, 1_000_000])
    center, sigma = 0.202, (0.202 * 0.798 / 1e6) ** 0.5
    assert (points[0].lower, points[0].upper) == pytest.approx((center - 3 * sigma, center + 3 * sigma), abs=2e-6)
    assert [point.is_alert for point in points] == [True, True]


def test_a_week_with_one_booking_is_no_alert_unless_the_event_is_very_rare():
    assert not any(point.is_alert for point in p_chart([1, 10, 12], [1, 100, 100])[1])
    assert [point.is_alert for point in p_chart([1, 0, 0], [1, 1000, 1000])[1]] == [True, False, False]


def test_edges():
    assert p_chart([], []) == (None, [])
    assert p_chart([0], [0])[0] is None
    assert [point.is_alert for point in p_chart([0, 0], [5, 0])[1]] == [False, False]
    never, always = p_chart([0, 0], [5, 9]), p_chart([5, 9], [5, 9])
    assert [(p.lower, p.upper, p.is_alert) for p in never[1]] == [(0, 0, False)] * 2
    assert [(p.lower, p.upper, p.is_alert) for p in always[1]] == [(1, 1, False)] * 2
    assert cochran_armitage([], [], []).statistic is None
    assert cochran_armitage([3, 0], [5, 0], [1, 2]).p_value is None
    assert cochran_armitage([3, 4], [5, 5], [1, 1]).p_value is None


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="as many events as sizes"):
        p_chart([1], [2, 3])
    with pytest.raises(ValueError, match="as many scores"):
        cochran_armitage([1], [2], [1, 2])
    with pytest.raises(ValueError, match="between 0 and n = 2, got 3"):
        p_chart([3], [2])
