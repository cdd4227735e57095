"""Kaplan-Meier and log-rank against statsmodels, published figures and what no censoring must give."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.duration.survfunc import SurvfuncRight, survdiff

from analysis.statistics.survival import CurvePoint, Horizon, kaplan_meier, log_rank, share_by

pytestmark = pytest.mark.filterwarnings("error")

# Days, returned, censored: several entries may speak of one day, and an entry of nothing.
COUNTS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 4), st.integers(0, 4)), max_size=12)

# Weeks of remission under 6-MP and under placebo: Freireich and others, Blood 21 (1963) 699-716, as in
# Cox and Oakes, Analysis of Survival Data (1984), table 1.1. Minus: censored.
TREATED = [6, 6, 6, -6, 7, -9, 10, -10, -11, 13, 16, -17, -19, -20, 22, 23, -25, -32, -32, -34, -35]
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]


def columns(counts: list[tuple[int, int, int]]) -> tuple[list[int], list[int], list[int]]:
    days, returned, censored = zip(*counts, strict=True) if counts else ((), (), ())
    return list(days), list(returned), list(censored)


def curve_of(counts: tuple, level: float = 0.95) -> list[CurvePoint]:
    """The curve at 0 and at every time of the counts."""
    return kaplan_meier(*counts, sorted({0, *(time for time, *some in zip(*counts, strict=True) if any(some))}), level)


def share_within(counts: tuple, time: int, level: float = 0.95) -> Horizon:
    last = max(time for time, *some in zip(*counts, strict=True) if any(some))
    return share_by(kaplan_meier(*counts, [time], level)[0], last)


def single(times: list[int]) -> tuple[list[int], list[int], list[int]]:
    return [abs(t) for t in times], [int(t > 0) for t in times], [int(t < 0) for t in times]


def users(counts: list[tuple[int, int, int]]) -> tuple[np.ndarray, np.ndarray]:
    """One entry a user: day, and whether returned."""
    days = [day for day, returned, censored in counts for _ in range(returned + censored)]
    status = [s for _, returned, censored in counts for s in [1] * returned + [0] * censored]
    return np.array(days), np.array(status)


def test_published_curve():
    curve = {point.time: point for point in curve_of(single(TREATED))}
    published = {6: 0.857, 7: 0.807, 10: 0.753, 13: 0.690, 16: 0.627, 22: 0.538, 23: 0.448}
    assert {day: 1 - curve[day].share for day in published} == pytest.approx(published, abs=5e-4)
    assert [curve[day].at_risk for day in published] == [21, 17, 15, 12, 11, 7, 6]


def test_published_log_rank():
    # Kleinbaum and Klein, Survival Analysis, 3rd ed. (2012), chapter 2: 16.79.
    result = log_rank(single(TREATED), single(PLACEBO))
    assert result.statistic == pytest.approx(16.79, abs=0.005)
    assert result.p_value == pytest.approx(4.17e-5, abs=5e-8)


@given(COUNTS)
def test_the_curve_is_that_of_statsmodels(counts):
    curve = curve_of(columns(counts))
    times, status = users(counts)
    assert bool(curve) == bool(times.size)
    if not curve:
        return
    assert [point.time for point in curve] == sorted({0, *times.tolist()})
    assert sum(point.returned for point in curve) == status.sum()
    assert sum(point.censored for point in curve) == (1 - status).sum()
    oracle = SurvfuncRight(times, status)
    found = {point.time: 1 - point.share for point in curve if point.returned}
    assert found == pytest.approx(dict(zip(oracle.surv_times.tolist(), oracle.surv_prob.tolist(), strict=True)))
    at_risk = {point.time: point.at_risk for point in curve if point.returned}
    assert at_risk == dict(zip(oracle.surv_times.tolist(), oracle.n_risk.tolist(), strict=True))


@given(COUNTS, COUNTS)
def test_the_log_rank_test_is_that_of_statsmodels(a, b):
    result = log_rank(columns(a), columns(b))
    (times_a, status_a), (times_b, status_b) = users(a), users(b)
    if result.statistic is None:
        shared = min(times_a.max(initial=-1), times_b.max(initial=-1))
        returns = [*times_a[status_a == 1], *times_b[status_b == 1]]
        # Nobody returns while both are at risk, or whoever does is the last of all.
        at_risk = [np.count_nonzero(times_a >= day) + np.count_nonzero(times_b >= day) for day in returns]
        assert all(day > shared or n == returns.count(day) for day, n in zip(returns, at_risk, strict=True))
        return
    group = np.repeat([0, 1], [times_a.size, times_b.size])
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic, p_value = survdiff(np.append(times_a, times_b), np.append(status_a, status_b), group)
    if math.isnan(statistic):  # with one user left statsmodels divides 0 by 0
        return
    assert (result.statistic, result.p_value) == pytest.approx((statistic, p_value), abs=1e-9)


@given(COUNTS, COUNTS, st.randoms())
def test_order_does_not_matter_and_the_groups_can_be_swapped(a, b, random):
    shuffled = random.sample(a, len(a))
    assert curve_of(columns(shuffled)) == curve_of(columns(a))
    there, back = log_rank(columns(a), columns(b)), log_rank(columns(b), columns(shuffled))
    assert (there.p_value is None) == (back.p_value is None)
    assert there.p_value is None or there.p_value == pytest.approx(back.p_value, abs=1e-9)


@given(COUNTS, st.sampled_from([0.8, 0.95]))
def test_bounds_hold_the_share_and_only_rise(counts, level):
    curve = curve_of(columns(counts), level)
    for point in curve:
        assert 0 <= point.ci_low <= point.share + 1e-12
        assert point.share - 1e-12 <= point.ci_high <= 1
    for name in ("share", "ci_high"):
        values = [getattr(point, name) for point in curve]
        assert values == pytest.approx(sorted(values), abs=1e-12)


@given(st.integers(1, 30).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.sampled_from([0.8, 0.95]))
def test_without_censoring_the_interval_is_clopper_and_pearsons(counts, level):
    returned, n = counts
    horizon = share_within(([*range(returned), 99], [1] * returned + [0], [0] * returned + [n - returned]), 50, level)
    exact = stats.binomtest(returned, n).proportion_ci(level, method="exact")
    assert (horizon.share, horizon.ci_low, horizon.ci_high) == pytest.approx((returned / n, *exact), abs=1e-9)


def test_the_interval_is_that_of_a_product_of_beta_variables():
    # Fay, Brittain, Proschan (2013): the share left has the bounds of this product, with one more user for the lower.
    point = curve_of(([2, 4, 5, 9], [3, 0, 2, 1], [1, 4, 0, 9]))[-2]
    random = np.random.default_rng(1)
    product = random.beta(18, 3, 1_000_000) * random.beta(11, 2, 1_000_000)
    lower, upper = np.quantile(product * random.beta(10, 1, product.size), 0.025), np.quantile(product, 0.975)
    assert (point.time, 1 - point.ci_high, 1 - point.ci_low) == pytest.approx((5, lower, upper), abs=0.005)


def test_the_interval_of_many_users_is_greenwoods():
    random = np.random.default_rng(1)
    times, ends = random.geometric(0.02, 100_000), random.integers(1, 90, 100_000)
    day, status = np.minimum(times, ends), (times <= ends).astype(int)
    counts = (
        np.arange(90),
        np.bincount(day[status == 1], minlength=90),
        np.bincount(day[status == 0], minlength=90),
    )
    oracle = SurvfuncRight(day, status)
    for horizon in (7, 30, 60):
        place = np.searchsorted(oracle.surv_times, horizon, side="right") - 1
        margin = 1.959964 * oracle.surv_prob_se[place]
        found = share_within(counts, horizon)
        assert found.share == pytest.approx(1 - oracle.surv_prob[place], abs=1e-12)
        assert (found.share - found.ci_low, found.ci_high - found.share) == pytest.approx((margin, margin), rel=0.02)


@given(COUNTS, st.sets(st.integers(0, 50)), st.sampled_from([0.8, 0.95]))
def test_a_point_is_the_same_whatever_else_is_asked_for(counts, others, level):
    """A curve by the day is one of exact times, looked at by the day: rounded times gave another one."""
    every = {point.time: point for point in curve_of(columns(counts), level)}
    for point in kaplan_meier(*columns(counts), sorted(others), level) if every else []:
        at = every[max(time for time in every if time <= point.time)]
        assert (point.share, point.ci_low, point.ci_high) == (at.share, at.ci_low, at.ci_high)
    points = kaplan_meier(*columns(counts), sorted({*others, 50}), level)
    assert sum(point.returned for point in points) == sum(point.returned for point in every.values())
    assert [point.at_risk for point in points[1:]] == [p.at_risk - p.returned - p.censored for p in points[:-1]]


def test_a_horizon_is_the_plain_rate_of_the_window_when_everyone_is_observed():
    # Of ten users four return within 30 times 24 hours, one of them at the last moment, and one just after.
    horizon = share_within(([0, 12, 29, 30, 31, 200], [1, 1, 1, 1, 1, 0], [0, 0, 0, 0, 0, 5]), 30)
    assert (horizon.share, horizon.at_risk) == (pytest.approx(0.4), 6)


def test_a_horizon_beyond_observation_is_null():
    counts = ([3, 20], [4, 0], [0, 6])
    assert [share_within(counts, time).share for time in (20, 21, 90)] == [pytest.approx(0.4), None, None]
    assert share_within(counts, 21).ci_high is None


def test_nobody_is_left_to_wait_for_when_all_have_returned():
    horizon = share_within(([1, 2], [3, 2], [0, 0]), 90)
    assert (horizon.share, horizon.at_risk, horizon.ci_high) == (1, 0, 1)
    assert horizon.ci_low == pytest.approx(0.025 ** (1 / 5))


def test_edges():
    assert kaplan_meier([], [], [], [7]) == kaplan_meier([5], [0], [0], [7]) == []
    all_censored = curve_of(([4, 9], [0, 0], [2, 3]))
    assert [(point.time, point.share, point.ci_low) for point in all_censored] == [(0, 0, 0), (4, 0, 0), (9, 0, 0)]
    assert all_censored[0].ci_high == pytest.approx(1 - 0.025 ** (1 / 5))
    one = curve_of(([0], [1], [0]))
    assert [(point.at_risk, point.share, point.ci_high) for point in one] == [(1, 1, 1)]
    assert one[0].ci_low == pytest.approx(0.025)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (([], [], []), ([], [], [])),
        (([], [], []), ([3], [2], [1])),
        (([1], [0], [4]), ([2], [0], [3])),
        (([1], [0], [4]), ([2], [3], [0])),
        (([1], [2], [0]), ([1], [3], [0])),
    ],
    ids=["no users", "one group", "all censored", "never at risk together", "all return at once"],
)
def test_what_tells_nothing_has_no_p_value(a, b):
    result = log_rank(a, b)
    assert (result.statistic, result.p_value) == (None, None)


@pytest.mark.parametrize("wrong", [([1], [1], []), ([-1], [1], [0]), ([1], [-1], [0])])
def test_what_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValueError, match=r"needed|negative"):
        kaplan_meier(*wrong, [1])
    with pytest.raises(ValueError, match="ascend"):
        kaplan_meier([1], [1], [0], [2, 2])
