"""Balance and separation against their definitions, computed otherwise."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analysis.statistics.balance import proportions_apart, separation

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
    assert proportions_apart(b, b + not_b, a, a + not_a) == pytest.approx(-found, abs=1e-12)


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
