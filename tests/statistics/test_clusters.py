"""Clusters against statsmodels, SciPy, enumeration and known populations."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analysis.statistics.clusters import beta_binomial_shrinkage, between_cluster_spread

pytestmark = pytest.mark.filterwarnings("error")

COUNTS = st.lists(st.integers(0, 15).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), max_size=8)


def complement(counts: list[tuple[int, int]]) -> list[tuple[int, int]]:
    return [(n - events, n) for events, n in counts]


def population(random: np.random.Generator, clusters: int, n: int, mean: float, sd: float) -> list[tuple[int, int]]:
    """Counts of clusters whose true rates are beta distributed."""
    size = mean * (1 - mean) / sd**2 - 1
    return [(int(random.binomial(n, p)), n) for p in random.beta(mean * size, (1 - mean) * size, clusters)]


def test_spread_of_a_known_population():
    counts = population(np.random.default_rng(1), 20_000, 9, 0.4, 0.15)
    assert between_cluster_spread(counts).sd == pytest.approx(0.15, abs=0.005)
    assert between_cluster_spread(counts).p_value < 1e-12
    alike = [(int(events), 9) for events in np.random.default_rng(2).binomial(9, 0.4, 20_000)]
    assert between_cluster_spread(alike).sd < 0.03


@given(COUNTS)
def test_the_test_of_equal_rates_is_pearsons(counts):
    used = [(events, n) for events, n in counts if n]
    spread = between_cluster_spread(counts)
    total, events = sum(n for _, n in used), sum(events for events, _ in used)
    if len(used) < 2:
        assert (spread.sd, spread.p_value) == (None, None)
    elif events in (0, total):
        assert (spread.sd, spread.p_value) == (0, None)
    else:
        statistic = stats.chi2_contingency([[e, n - e] for e, n in used], correction=False).statistic
        assert spread.p_value == pytest.approx(stats.chi2(len(used) - 1).sf(statistic * (total - 1) / total), abs=1e-9)
        assert spread.sd is None or 0 <= spread.sd <= 0.5


def test_the_test_of_equal_rates_has_the_exact_mean_of_its_statistic():
    # All deals of five events to clusters of 2, 3 and 4: by Haldane the scaled statistic is 2 on average.
    sizes, events = (2, 3, 4), 5
    mean = total = 0.0
    for deal in itertools.product(*(range(n + 1) for n in sizes)):
        if sum(deal) == events:
            weight = math.prod(math.comb(n, e) for n, e in zip(sizes, deal, strict=True))
            p_value = between_cluster_spread(list(zip(deal, sizes, strict=True))).p_value
            mean += weight * stats.chi2(2).isf(p_value)
            total += weight
    assert mean / total == pytest.approx(2)


def test_equal_clusters_have_the_moment_estimate_in_closed_form():
    # With k clusters of m users: (s² k / (k - 1) over the within variance p q, minus 1) / (m - 1).
    counts, m = [(3, 10), (5, 10), (9, 10), (1, 10)], 10
    p = np.mean([events / m for events, _ in counts])
    between = np.var([events / m for events, _ in counts], ddof=1)
    correlation = (m * between / (p * (1 - p)) - 1) / (m - 1)
    assert between_cluster_spread(counts).sd == pytest.approx(math.sqrt(correlation * p * (1 - p)))


@pytest.mark.parametrize(
    "counts",
    [[(9, 10), (2, 10), (1, 2), (0, 0), (6, 12)], [(4, 10)] * 6, [(3, 9), (8, 20), (2, 4), (14, 30), (1, 6)] * 3],
)
def test_shrinking_is_the_whole_posterior_on_a_grid(counts):
    # Without any approximation: overall rate (with Jeffreys's prior) by correlation by the cluster's own rate.
    rates, alike = (np.arange(60) + 0.5) / 60, 0.5 * ((np.arange(30) + 0.5) / 30) ** 2
    own = (np.arange(300) + 0.5) / 300
    rate, correlation = (grid.ravel() for grid in np.meshgrid(rates, alike))
    a, b = rate * (1 / correlation - 1), (1 - rate) * (1 / correlation - 1)
    weight = np.sqrt(correlation / (rate * (1 - rate)))
    for events, n in counts:
        weight = weight * stats.betabinom(n, a, b).pmf(events)
    for (events, n), shrunk in list(zip(counts, beta_binomial_shrinkage(counts, 0.9), strict=True))[:3]:
        cdf = weight @ stats.beta(a[:, None] + events, b[:, None] + n - events).cdf(own) / weight.sum()
        low, high = np.interp([0.05, 0.95], cdf, own)
        mean = weight @ ((a + events) / (a + b + n)) / weight.sum()
        assert shrunk.rate == pytest.approx(mean, abs=0.006)
        assert (shrunk.ci_low, shrunk.ci_high) == pytest.approx((low, high), abs=0.012)


@given(COUNTS)
def test_shrinking_keeps_the_order_and_mirrors(counts):
    shrunk = beta_binomial_shrinkage(counts)
    if not sum(n for _, n in counts):
        assert shrunk == [None] * len(counts)
        return
    assert all(0 <= one.ci_low < one.rate < one.ci_high <= 1 for one in shrunk)
    for n in {n for _, n in counts}:
        of_one_size = sorted(
            (events, one.rate) for (events, size), one in zip(counts, shrunk, strict=True) if size == n
        )
        rates = [rate for _, rate in of_one_size]
        assert rates == pytest.approx(sorted(rates), abs=1e-12)
    mirrored = beta_binomial_shrinkage(complement(counts))
    assert [1 - one.rate for one in mirrored] == pytest.approx([one.rate for one in shrunk], abs=1e-9)
    turned = beta_binomial_shrinkage(counts[::-1])[::-1]
    assert [one.ci_low for one in turned] == pytest.approx([one.ci_low for one in shrunk], abs=1e-9)


def test_alike_clusters_are_all_known_better_than_one_alone():
    shrunk = beta_binomial_shrinkage([(4, 10)] * 10)
    assert {round(one.rate, 3) for one in shrunk} == {0.401}
    alone, pooled = (np.subtract(*stats.beta(a, b).interval(0.95)) for a, b in ((4.5, 6.5), (40.5, 60.5)))
    assert pooled > shrunk[0].ci_low - shrunk[0].ci_high > alone


def test_clusters_without_any_event_may_still_have_a_rate():
    assert [0.05 < one.ci_high < 0.3 for one in beta_binomial_shrinkage([(0, 7)] * 5)] == [True] * 5


def test_shrinking_brings_estimates_nearer_to_the_truth():
    random = np.random.default_rng(1)
    truth = random.beta(6, 9, 300)
    counts = [(int(random.binomial(8, p)), 8) for p in truth]
    shrunk = beta_binomial_shrinkage(counts)
    plain = np.mean([(events / n - p) ** 2 for (events, n), p in zip(counts, truth, strict=True)])
    assert np.mean([(one.rate - p) ** 2 for one, p in zip(shrunk, truth, strict=True)]) < 0.6 * plain
    covered = np.mean([one.ci_low <= p <= one.ci_high for one, p in zip(shrunk, truth, strict=True)])
    assert covered == pytest.approx(0.95, abs=0.04)


def test_edges():
    assert beta_binomial_shrinkage([]) == []
    assert between_cluster_spread([(1, 1), (0, 1)]).sd is None  # one user each: no spread can be told


def test_what_makes_no_sense_is_refused():
    for call in (beta_binomial_shrinkage, between_cluster_spread):
        with pytest.raises(ValueError, match=r"between 0 and n, got \(3, 2\)"):
            call([(1, 2), (3, 2)])
