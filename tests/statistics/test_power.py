"""Detectable differences against statsmodels, needed sizes against their definition."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import power_proportions_2indep

from analysis.statistics.power import minimum_detectable_difference, users_for_half_width
from analysis.statistics.proportions import wilson_interval

pytestmark = pytest.mark.filterwarnings("error")


@given(st.integers(20, 5000), st.integers(20, 5000), st.floats(0.01, 0.6), st.sampled_from([0.5, 0.8, 0.95]))
def test_the_detectable_difference_has_the_power_of_statsmodels(n_a, n_b, base_rate, power):
    difference = minimum_detectable_difference(n_a, n_b, base_rate, 0.05, power)
    if difference is None:
        assert power_proportions_2indep(0.9999 - base_rate, base_rate, n_a, ratio=n_b / n_a).power < power + 0.01
        return
    # Finding a difference the wrong way round is no success, so one side of the two-sided test.
    oracle = power_proportions_2indep(
        difference, base_rate, n_a, ratio=n_b / n_a, alpha=0.025, alternative="larger", return_results=False
    )
    assert oracle == pytest.approx(power, abs=1e-6)


def test_more_users_find_smaller_differences():
    differences = [minimum_detectable_difference(n, 2 * n, 0.3) for n in (20, 40, 400, 40_000, 4_000_000)]
    assert differences == sorted(differences, reverse=True)
    assert differences[-1] < 0.002


@pytest.mark.parametrize("rate", [0.0, 0.05, 0.244, 0.5, 0.62, 1.0])
@pytest.mark.parametrize("half_width", [0.3, 0.05, 0.01, 0.001])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_the_number_of_users_is_the_smallest_that_gives_the_half_width(rate, half_width, level):
    def width(n: int) -> float:
        low, high = wilson_interval(rate * n, n, level)
        return (high - low) / 2

    n = users_for_half_width(rate, half_width, level)
    assert width(n) <= half_width * (1 + 1e-9)
    assert n == 1 or width(n - 1) > half_width


def test_a_rate_and_its_complement_need_the_same_users():
    assert users_for_half_width(0.2, 0.03) == users_for_half_width(0.8, 0.03)


def test_edges():
    assert minimum_detectable_difference(0, 90, 0.2) is None
    assert minimum_detectable_difference(40, 90, None) is None
    assert minimum_detectable_difference(40, 90, 1.0) is None
    assert minimum_detectable_difference(1, 1, 0.5) is None
    assert 0 < minimum_detectable_difference(40, 90, 0.0) < 0.2
    assert users_for_half_width(None, 0.05) is None
    assert users_for_half_width(0.5, 0.5) == users_for_half_width(0.5, 3) == 1


@pytest.mark.parametrize(
    "call",
    [
        lambda: minimum_detectable_difference(-1, 9, 0.5),
        lambda: minimum_detectable_difference(9, 9, 1.5),
        lambda: minimum_detectable_difference(9, 9, 0.5, significance_level=0),
        lambda: minimum_detectable_difference(9, 9, 0.5, power=1),
        lambda: users_for_half_width(-0.1, 0.05),
        lambda: users_for_half_width(0.5, 0),
    ],
)
def test_what_makes_no_sense_is_refused(call):
    with pytest.raises(ValueError, match="must"):
        call()
