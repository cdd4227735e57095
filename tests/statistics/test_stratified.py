"""Comparisons within strata against statsmodels, published figures and enumeration."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import StratifiedTable

from analysis.statistics.proportions import fisher_p_value
from analysis.statistics.stratified import Stratum, mantel_haenszel, permutation_test

pytestmark = pytest.mark.filterwarnings("error")


@st.composite
def a_stratum(draw, largest: int = 30) -> Stratum:
    n_a, n_b = draw(st.integers(0, largest)), draw(st.integers(0, largest))
    return Stratum(draw(st.integers(0, n_a)), n_a, draw(st.integers(0, n_b)), n_b)


STRATA = st.lists(a_stratum(), max_size=6)

# Admitted men and women of six departments, Berkeley 1973: Bickel, Hammel, O'Connell, Science 187 (1975) 398-404.
BERKELEY = [
    Stratum(512, 825, 89, 108),
    Stratum(353, 560, 17, 25),
    Stratum(120, 325, 202, 593),
    Stratum(138, 417, 131, 375),
    Stratum(53, 191, 94, 393),
    Stratum(22, 373, 24, 341),
]


def table_of(stratum: Stratum) -> np.ndarray:
    return np.array(
        [
            [stratum.events_a, stratum.n_a - stratum.events_a],
            [stratum.events_b, stratum.n_b - stratum.events_b],
        ]
    )


def is_informative(stratum: Stratum) -> bool:
    events, users = stratum.events_a + stratum.events_b, stratum.n_a + stratum.n_b
    return bool(stratum.n_a and stratum.n_b) and 0 < events < users


def complement(stratum: Stratum) -> Stratum:
    return Stratum(stratum.n_a - stratum.events_a, stratum.n_a, stratum.n_b - stratum.events_b, stratum.n_b)


def swapped(stratum: Stratum) -> Stratum:
    return Stratum(stratum.events_b, stratum.n_b, stratum.events_a, stratum.n_a)


def test_published_example():
    # The manual of R's mantelhaen.test: 0.9046968 (0.7719074 to 1.0603298).
    result = mantel_haenszel(BERKELEY)
    assert (result.odds_ratio, result.odds_ratio_ci_low, result.odds_ratio_ci_high) == pytest.approx(
        (0.9046968, 0.7719074, 1.0603298), abs=1e-7
    )
    assert (result.strata, result.informative_strata, result.informative_users) == (6, 6, 4526)
    assert not result.is_too_thin
    # Over all departments men are admitted far more often: that is what the strata take away.
    assert result.p_value > 0.2
    assert fisher_p_value(1198, 2691, 557, 1835) < 1e-20


@given(STRATA, st.sampled_from([0.8, 0.95]))
@example([Stratum(6, 12, 6, 12)] * 2, 0.95)
def test_mantel_haenszel_is_that_of_statsmodels(strata, level):
    informative = [stratum for stratum in strata if is_informative(stratum)]
    result = mantel_haenszel(strata, level)
    assert (result.strata, result.informative_strata) == (len(strata), len(informative))
    assert result.informative_users == sum(stratum.n_a + stratum.n_b for stratum in informative)
    if not informative:
        assert (result.odds_ratio, result.statistic, result.p_value, result.is_too_thin) == (None, None, None, True)
        return
    oracle = StratifiedTable([table_of(stratum) for stratum in informative])
    null = oracle.test_null_odds(correction=False)
    assert (result.statistic, result.p_value) == pytest.approx((null.statistic, null.pvalue), abs=1e-9)
    concordant = any(s.events_a and s.events_b < s.n_b for s in informative)
    discordant = any(s.events_b and s.events_a < s.n_a for s in informative)
    assert (result.odds_ratio is None) == (not discordant)
    if not concordant and discordant:
        assert (result.odds_ratio, result.odds_ratio_ci_low) == (0, None)
    if concordant and discordant:
        assert result.odds_ratio == pytest.approx(oracle.oddsratio_pooled)
        assert (result.odds_ratio_ci_low, result.odds_ratio_ci_high) == pytest.approx(
            oracle.oddsratio_pooled_confint(alpha=1 - level)
        )
    if result.heterogeneity_p_value is not None:
        # At a pooled odds ratio of 1 statsmodels divides by zero; the events are then expected in proportion.
        is_one = abs(oracle.oddsratio_pooled - 1) < 1e-9
        expected = proportional_heterogeneity(informative) if is_one else oracle.test_equal_odds(adjust=True).pvalue
        assert result.heterogeneity_p_value == pytest.approx(expected, abs=1e-7)


def proportional_heterogeneity(strata: list[Stratum]) -> float:
    """Breslow and Day's p-value with Tarone's correction where the pooled odds ratio is 1."""
    statistic = excess = total = 0.0
    for stratum in strata:
        events, users = stratum.events_a + stratum.events_b, stratum.n_a + stratum.n_b
        fitted = [n * part / users for n in (stratum.n_a, stratum.n_b) for part in (events, users - events)]
        variance = 1 / sum(1 / cell for cell in fitted)
        statistic += (stratum.events_a - fitted[0]) ** 2 / variance
        excess, total = excess + stratum.events_a - fitted[0], total + variance
    return float(stats.chi2.sf(max(0.0, statistic - excess**2 / total), len(strata) - 1))


def test_heterogeneity_where_the_pooled_odds_ratio_is_one():
    assert mantel_haenszel([Stratum(6, 12, 6, 12)] * 2).heterogeneity_p_value == 1
    tilted = [Stratum(8, 16, 4, 16), Stratum(4, 16, 8, 16)]
    result = mantel_haenszel(tilted)
    assert result.odds_ratio == pytest.approx(1)
    assert result.heterogeneity_p_value == pytest.approx(proportional_heterogeneity(tilted))
    assert 0 < result.heterogeneity_p_value < 0.05


def test_heterogeneity_is_that_of_statsmodels():
    oracle = StratifiedTable([table_of(stratum) for stratum in BERKELEY]).test_equal_odds(adjust=True)
    assert mantel_haenszel(BERKELEY).heterogeneity_p_value == pytest.approx(oracle.pvalue)
    assert mantel_haenszel(BERKELEY).heterogeneity_p_value < 0.01
    assert mantel_haenszel(BERKELEY[1:]).heterogeneity_p_value > 0.1


def test_equal_odds_ratios_of_one_are_not_heterogeneous():
    result = mantel_haenszel([Stratum(20, 40, 30, 60), Stratum(30, 90, 20, 60)])
    assert (result.odds_ratio, result.heterogeneity_p_value, result.p_value) == (1, 1, 1)


def test_small_strata_have_no_heterogeneity_test():
    assert mantel_haenszel([Stratum(1, 2, 1, 3)] * 40 + [Stratum(2, 3, 0, 2)] * 40).heterogeneity_p_value is None
    assert mantel_haenszel([Stratum(10, 30, 20, 40)]).heterogeneity_p_value is None


def test_too_thin_is_less_than_five_events_of_freedom():
    # In a pair with one event group a has it or not: half an event may move either way.
    pair = Stratum(1, 1, 0, 1)
    assert mantel_haenszel([pair] * 9).is_too_thin
    assert not mantel_haenszel([pair] * 10).is_too_thin
    assert mantel_haenszel([Stratum(0, 50, 4, 50)]).is_too_thin
    # Many strata that tell nothing make none of them less thin.
    assert mantel_haenszel([pair] * 9 + [Stratum(3, 3, 4, 4)] * 100).is_too_thin


@given(STRATA, st.randoms())
def test_order_complement_and_swap(strata, random):
    result = mantel_haenszel(strata)
    shuffled = mantel_haenszel(random.sample(strata, len(strata)))
    mirrored = mantel_haenszel([complement(stratum) for stratum in strata])
    turned = mantel_haenszel([swapped(stratum) for stratum in strata])
    for other in (shuffled, mirrored, turned):
        assert (other.p_value is None) == (result.p_value is None)
        assert result.p_value is None or other.p_value == pytest.approx(result.p_value, abs=1e-9)
        assert other.informative_users == result.informative_users
    if result.odds_ratio and turned.odds_ratio:
        assert shuffled.odds_ratio == pytest.approx(result.odds_ratio)
        assert (turned.odds_ratio, mirrored.odds_ratio) == pytest.approx((1 / result.odds_ratio,) * 2)
        assert turned.odds_ratio_ci_low == pytest.approx(1 / result.odds_ratio_ci_high)


def exact_p_value(strata: list[Stratum]) -> float:
    """By enumeration of all deals within the strata, in whole numbers."""
    choices = []
    for s in strata:
        events = s.events_a + s.events_b
        total = math.comb(s.n_a + s.n_b, events)
        choices.append(
            [
                (
                    x - Fraction(events * s.n_a, s.n_a + s.n_b),
                    Fraction(math.comb(s.n_a, x) * math.comb(s.n_b, events - x), total),
                )
                for x in range(max(0, events - s.n_b), min(s.n_a, events) + 1)
            ]
        )
    observed = abs(sum(s.events_a - Fraction((s.events_a + s.events_b) * s.n_a, s.n_a + s.n_b) for s in strata))
    deals = itertools.product(*choices)
    return float(sum(math.prod(p for _, p in deal) for deal in deals if abs(sum(x for x, _ in deal)) >= observed))


@pytest.mark.parametrize(
    "strata",
    [
        [Stratum(3, 4, 1, 4)],
        [Stratum(3, 4, 1, 5), Stratum(2, 3, 1, 6), Stratum(1, 2, 2, 7)],
        [Stratum(1, 1, 0, 2), Stratum(1, 2, 0, 1), Stratum(2, 5, 3, 5)],
        [Stratum(2, 7, 2, 7)],
    ],
)
def test_the_permutation_test_is_enumeration_within_monte_carlo_error(strata):
    expected, draws = exact_p_value(strata), 200_000
    error = math.sqrt(expected * (1 - expected) / draws)
    assert permutation_test(strata, draws, seed=3).p_value == pytest.approx(expected, abs=4 * error + 1e-5)


@given(st.lists(a_stratum(largest=8), min_size=1, max_size=4))
def test_the_difference_is_the_mean_of_the_strata_with_mantel_haenszel_weights(strata):
    informative = [s for s in strata if is_informative(s)]
    assume(informative)
    weights = [s.n_a * s.n_b / (s.n_a + s.n_b) for s in informative]
    differences = [s.events_a / s.n_a - s.events_b / s.n_b for s in informative]
    found = permutation_test(strata, 20).difference
    assert found == pytest.approx(np.average(differences, weights=weights), abs=1e-12)
    mirrored = permutation_test([complement(s) for s in strata], 20).difference
    turned = permutation_test([swapped(s) for s in strata], 20).difference
    assert (mirrored, turned) == pytest.approx((-found, -found), abs=1e-12)


def test_the_permutation_test_has_its_seed_and_never_a_p_value_of_zero():
    strata = [Stratum(40, 40, 0, 40), Stratum(30, 30, 0, 30)]
    assert permutation_test(strata, 99, seed=1).p_value == 1 / 100
    assert permutation_test(strata, 1, seed=1).p_value == 1 / 2
    close = [Stratum(20, 40, 15, 40)] * 3
    assert permutation_test(close, 500, seed=1) == permutation_test(close, 500, seed=1)
    assert permutation_test(close, 500, seed=1).p_value != permutation_test(close, 500, seed=2).p_value


def test_many_strata_are_drawn_in_blocks():
    strata = [Stratum(1, 2, 1, 3), Stratum(1, 3, 2, 4)] * 5_000
    result, normal = permutation_test(strata, 1_000), mantel_haenszel(strata).statistic
    assert result.p_value == pytest.approx(stats.chi2(1).sf(normal), abs=0.05)


def test_nothing_to_compare_is_null():
    for strata in ([], [Stratum(0, 0, 0, 0)], [Stratum(2, 4, 0, 0)], [Stratum(0, 4, 0, 3)], [Stratum(4, 4, 3, 3)]):
        result = permutation_test(strata, 10)
        assert (result.permutations, result.difference, result.p_value) == (10, None, None)
        pooled = mantel_haenszel(strata)
        assert (pooled.odds_ratio, pooled.p_value, pooled.informative_users, pooled.is_too_thin) == (
            None,
            None,
            0,
            True,
        )


def test_what_makes_no_sense_is_refused():
    for function in (mantel_haenszel, permutation_test):
        with pytest.raises(ValueError, match="between 0 and n"):
            function([Stratum(1, 2, 1, 2), Stratum(3, 2, 1, 2)])
    with pytest.raises(ValueError, match="at least 1"):
        permutation_test([], 0)
