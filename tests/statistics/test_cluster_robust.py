"""CR2 against its definition on the users one by one, and statsmodels where it has the same."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg, stats

from analysis.statistics.cluster_robust import (
    combined_freedom,
    cr2_freedom,
    difference_interval,
    ratio_interval,
    robust_rate,
)

MENTOR = st.integers(1, 9).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
GROUP = st.lists(MENTOR, min_size=2, max_size=5)


def group(counts: list[tuple[int, int]]):
    return robust_rate(*np.array(counts).T)


def users(groups: list[list[tuple[int, int]]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Outcome, design matrix (a column for each group) and cluster of every user."""
    mentors = [(events, n, place) for place, counts in enumerate(groups) for events, n in counts]
    y = np.concatenate([np.repeat([1.0, 0.0], [events, n - events]) for events, n, _ in mentors])
    which = np.repeat([place for *_, place in mentors], [n for _, n, _ in mentors])
    return y, np.eye(len(groups))[which], np.repeat(np.arange(len(mentors)), [n for _, n, _ in mentors])


def by_definition(y: np.ndarray, x: np.ndarray, cluster: np.ndarray, contrast: np.ndarray) -> tuple[float, float]:
    """Bell and McCaffrey's variance of a contrast of coefficients and its degrees of freedom, from the matrices.

    The estimator is the sum over clusters of (residuals' a)², a = A X (X'X)^-1 contrast with A the symmetric
    root of (I - H)^-1 in the cluster; with independent errors its distribution is that of the quadratic form
    whose matrix has the entries g_i' g_j, g = (I - H)'a.
    """
    bread = np.linalg.inv(x.T @ x)
    residual_maker = np.eye(len(y)) - x @ bread @ x.T
    residuals = residual_maker @ y
    variance, columns = 0.0, []
    for one in np.unique(cluster):
        members = np.flatnonzero(cluster == one)
        root = linalg.inv(np.real(linalg.sqrtm(residual_maker[np.ix_(members, members)])))
        a = root @ x[members] @ bread @ contrast
        variance += float(residuals[members] @ a) ** 2
        columns.append(residual_maker[:, members] @ a)
    gram = np.array(columns) @ np.array(columns).T
    return variance, float(np.trace(gram) ** 2 / np.trace(gram @ gram))


@settings(max_examples=200)
@given(GROUP)
def test_the_variance_and_its_freedom_are_those_of_the_definition(counts):
    variance, freedom = by_definition(*users([counts]), np.ones(1))
    found = group(counts)
    assert found.variance == pytest.approx(variance, rel=1e-9, abs=1e-12)
    assert found.freedom == pytest.approx(freedom, rel=1e-9)
    assert 1 - 1e-12 <= found.freedom <= len(counts) - 1 + 1e-12


@settings(max_examples=200)
@given(GROUP, GROUP)
def test_the_difference_is_a_regression_on_the_group(a, b):
    y, x, cluster = users([a, b])
    dummy = np.column_stack([np.ones(len(y)), x[:, 0]])
    slope = np.linalg.lstsq(dummy, y, rcond=None)[0][1]
    variance, _ = by_definition(y, dummy, cluster, np.array([0.0, 1.0]))
    of_a, of_b = group(a), group(b)
    assert of_a.rate - of_b.rate == pytest.approx(slope, abs=1e-9)
    assert of_a.variance + of_b.variance == pytest.approx(variance, rel=1e-9, abs=1e-12)
    low, high, freedom = difference_interval(of_a, of_b, 0.9)
    if of_a.variance + of_b.variance == 0:
        assert np.isnan([low, high, freedom]).all()
        return
    # Satterthwaite with each group's own variance and freedom by the definition.
    (v_a, f_a), (v_b, f_b) = (by_definition(*users([counts]), np.ones(1)) for counts in (a, b))
    expected = (v_a + v_b) ** 2 / (v_a**2 / f_a + v_b**2 / f_b)
    assert freedom == pytest.approx(expected, rel=1e-9)
    bounds = stats.t(expected, slope, np.sqrt(v_a + v_b)).interval(0.9)
    assert (low, high) == pytest.approx(np.clip(bounds, -1, 1), abs=1e-9)


def test_with_a_user_a_cluster_it_is_the_robust_variance_hc2():
    y = np.random.default_rng(1).binomial(1, 0.3, 40).astype(float)
    fit = sm.OLS(y, np.ones_like(y)).fit(cov_type="HC2")
    found = group([(int(one), 1) for one in y])
    assert found.variance == pytest.approx(fit.bse[0] ** 2)
    assert found.freedom == pytest.approx(39)


def test_clusters_of_one_size_have_the_variance_of_a_mean():
    rates = np.array([0.3, 0.5, 0.9, 0.1])
    found = robust_rate(rates * 10, np.full(4, 10))
    assert found.variance == pytest.approx(rates.var(ddof=1) / 4)
    assert found.freedom == pytest.approx(3)


def test_many_clusters_have_the_variance_of_statsmodels():
    random = np.random.default_rng(3)
    n = random.integers(3, 9, 400)
    counts = list(zip(random.binomial(n, random.beta(2, 4, 400)).tolist(), n.tolist(), strict=True))
    y, x, cluster = users([counts])
    fit = sm.OLS(y, x).fit(cov_type="cluster", cov_kwds={"groups": cluster, "use_correction": False})
    assert group(counts).variance == pytest.approx(fit.bse[0] ** 2, rel=0.01)


def test_the_freedom_of_one_large_cluster_among_small_ones_is_not_lost_to_rounding():
    n = np.array([10**9, 1, 2, 3])
    exact = 1 / (sum(float(x) ** 2 for x in n / n.sum()) + 2 * (3 + 2 + 1) * 1e-9 * 1e9 * 1e-9)
    assert cr2_freedom(n / n.sum()) == pytest.approx(exact, rel=1e-6)


def test_the_variance_is_unbiased_for_independent_users():
    random = np.random.default_rng(5)
    n = np.array([3, 8, 2, 20, 7])[:, np.newaxis]
    found = robust_rate(random.binomial(n, 0.3, (5, 200_000)), np.broadcast_to(n, (5, 200_000)))
    error = found.variance.std() / np.sqrt(200_000)
    assert found.variance.mean() == pytest.approx(0.3 * 0.7 / 40, abs=4 * error)


@given(GROUP, GROUP)
def test_swapping_the_groups_mirrors_the_intervals(a, b):
    of_a, of_b = group(a), group(b)
    there, back = difference_interval(of_a, of_b), difference_interval(of_b, of_a)
    assert there.low == pytest.approx(-back.high, nan_ok=True)
    assert there.freedom == pytest.approx(back.freedom, nan_ok=True)
    there, back = ratio_interval(of_a, of_b), ratio_interval(of_b, of_a)
    if of_a.rate * of_b.rate > 0 and of_a.variance + of_b.variance > 0:
        assert there.low * back.high == pytest.approx(1)
        assert there.low <= of_a.rate / of_b.rate <= there.high
    else:
        assert np.isnan([there.low, there.high]).all()


def test_a_bound_lies_within_what_a_difference_can_be():
    low, high, _ = difference_interval(group([(9, 9), (1, 9)]), group([(0, 9), (5, 9)]))
    assert (low, high) == (-1, 1)


def test_freedom_of_a_sum_lies_between_the_smaller_and_the_sum():
    assert combined_freedom(np.array(1.0), np.array(4.0), np.array(0.0), np.array(9.0)) == pytest.approx(4)
    assert combined_freedom(np.array(4.0), np.array(4.0), np.array(9.0), np.array(9.0)) == pytest.approx(13)
