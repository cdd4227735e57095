"""The crossing of zero against SciPy's search and against what is known."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize

from analysis.statistics.roots import crossing


@given(st.floats(-30, 30), st.floats(0.01, 50), st.floats(-30, -0.001), st.floats(0.001, 30), st.sampled_from([1, -1]))
def test_the_crossing_is_that_of_scipy(center, slope, below, above, sign):
    def function(x: float) -> float:
        return sign * (math.tanh(slope * (x - center)) + 0.3 * math.atan(x - center))

    calls = []
    found = crossing(lambda x: calls.append(x) or function(x), center + below, center + above)
    assert found == pytest.approx(center, abs=1e-9)
    assert found == pytest.approx(optimize.brentq(function, center + below, center + above, xtol=1e-12), abs=1e-9)
    # At worst a halving every two calls.
    assert len(calls) <= 2 + 2 * math.ceil(math.log2(60 / 1e-12))


@given(st.floats(0.0001, 0.9999), st.integers(1, 2000))
def test_a_tail_that_is_flat_but_for_a_step_is_crossed(share, steepness):
    def function(x: float) -> float:
        return 1 / (1 + math.exp(-min(700, max(-700, steepness * x)))) - share

    assert crossing(function, -64, 64) == pytest.approx(math.log(share / (1 - share)) / steepness, abs=1e-9)


def test_an_end_that_is_zero_is_the_crossing_and_one_is_needed():
    assert crossing(lambda x: x, 0, 5) == 0
    assert crossing(lambda x: x - 5, 0, 5) == 5
    assert crossing(lambda x: x - 2, 0, 4) == 2
    with pytest.raises(ValueError, match="the signs must differ, got 1 at 0 and 17 at 4"):
        crossing(lambda x: x * x + 1, 0, 4)
