"""Balance and separation against their definitions, computed otherwise."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analysis.statistics.balance import categories_apart, means_apart, proportions_apart, separation

CELL = st.integers(0, 30)
VALUES = st.lists(st.sampled_from([None, 20.0, 50.0, 50.5, 100.0, 200.0]), max_size=7)


@given(CELL, CELL, CELL, CELL)
def test_a_proportion_is_the_mean_of_noughts_and_ones(a, not_a, b, not_b):
    found = proportions_apart(a, a + not_a, b, b + not_b)
    if not (a + not_a and b + not_b):
        assert found is None
        return
    values = [np.repeat([1.0, 0.0], [yes, no]) for yes, no in ((a, not_a), (b, not_b))]
    pooled = math.sqrt(sum(x.var() for x in values) / 2)
    difference = values[0].mean() - values[1].mean()
    if pooled < 1e-12:
        assert found == (0 if abs(difference) < 1e-12 else None)
        return
    assert found == pytest.approx(difference / pooled, abs=1e-9)
    assert categories_apart([a, not_a], [b, not_b]) == pytest.approx(abs(found), abs=1e-6)
    assert proportions_apart(b, b + not_b, a, a + not_a) == pytest.approx(-found, abs=1e-12)


@given(st.lists(st.integers(1, 40), min_size=3, max_size=3), st.lists(st.integers(1, 40), min_size=3, max_size=3))
def test_categories_are_apart_by_mahalanobis(a, b):
    p, q = np.array(a) / sum(a), np.array(b) / sum(b)
    covariance = sum(np.diag(x) - np.outer(x, x) for x in (p, q)) / 2
    # Whichever category is dropped, the distance is the same.
    for kept in ([0, 1], [0, 2], [1, 2]):
        apart = (p - q)[kept]
        expected = math.sqrt(apart @ np.linalg.solve(covariance[np.ix_(kept, kept)], apart))
        assert categories_apart(a, b) == pytest.approx(expected, abs=1e-7)
    assert categories_apart([*a, 0], [*b, 0]) == pytest.approx(categories_apart(a, b), abs=1e-9)
    assert categories_apart([10 * x for x in a], b) == pytest.approx(categories_apart(a, b), abs=1e-9)


def test_known_distances():
    # Two normal samples whose means lie one standard deviation apart.
    x = stats.norm.ppf((np.arange(20_000) + 0.5) / 20_000)
    assert means_apart(x + 1, x) == pytest.approx(1, abs=1e-3)
    assert means_apart([5, 5], [5, 5]) == 0
    assert means_apart([5, 5], [6, 6]) is None
    assert means_apart([5], [6, 7]) is None
    assert categories_apart([3, 0], [0, 3]) is None
    assert categories_apart([3, 2, 0], [0, 0, 4]) is None
    assert categories_apart([3, 1], [6, 2]) == 0
    assert categories_apart([], []) is categories_apart([0, 0], [1, 2]) is None


@given(VALUES, VALUES)
def test_the_rank_correlation_is_that_of_all_pairs(a, b):
    found, other = separation(a, b), separation(b, a)
    known_a, known_b = ([value for value in values if value is not None] for values in (a, b))
    assert (found.mentors_a, found.mentors_b) == (len(known_a), len(known_b))
    if not (known_a and known_b):
        assert (found.rank_correlation, found.is_perfect) == (None, False)
        return
    pairs = [np.sign(x - y) for x, y in itertools.product(known_a, known_b)]
    assert found.rank_correlation == pytest.approx(np.mean(pairs))
    assert found.is_perfect == (min(known_a) > max(known_b) or max(known_a) < min(known_b))
    assert other.rank_correlation == -found.rank_correlation
    u = stats.mannwhitneyu(known_a, known_b).statistic
    assert found.rank_correlation == pytest.approx(2 * u / (len(known_a) * len(known_b)) - 1)


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="between 0 and n = 2, got 3"):
        proportions_apart(1, 2, 3, 2)
    with pytest.raises(ValueError, match="same categories, got 2 and 3"):
        categories_apart([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="must not be negative, got -1"):
        categories_apart([1, -1], [1, 2])
