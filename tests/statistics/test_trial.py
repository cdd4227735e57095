"""The size of a trial against simulated trials, its list against what blocks promise, its outcome by hand."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analysis.statistics.by_mentor import compare_by_mentor
from analysis.statistics.permutation import permutation_p_values
from analysis.statistics.trial import (
    correlation_within,
    deal_users,
    intention_to_treat,
    mentors_for_trial,
    spread_over,
    trial_size,
)

REPLICATES = 2_000
# Three Monte Carlo errors, and two points for Student's t in place of the permutation.
TOLERANCE = 3 * math.sqrt(0.8 * 0.2 / REPLICATES) + 0.02


def simulated_power(base: float, difference: float, correlation: float, shares: list, users: list) -> float:
    """How often the test by mentor finds the difference in trials of this size."""
    random = np.random.default_rng(1)
    n = np.vstack(
        [random.multinomial(u, np.array(s) / sum(s), REPLICATES).T for u, s in zip(users, shares, strict=True)]
    )
    rates = np.repeat([base + difference, base], [len(s) for s in shares])[:, np.newaxis]
    if correlation:
        rates = random.beta(rates * (1 / correlation - 1), (1 - rates) * (1 / correlation - 1), n.shape)
    events, complete = random.binomial(n, rates), (n > 0).all(axis=0)
    assert complete.mean() > 0.9
    of_a = (np.arange(len(n)) < len(shares[0])).astype(int)
    p_values = permutation_p_values(events[:, complete], n[:, complete], np.ones(len(n), dtype=int), of_a)
    return float((p_values.plain < 0.05).mean())


@pytest.mark.parametrize(
    ("base", "difference", "correlation", "shares_a", "shares_b"),
    [
        (0.24, 0.3, 0.05, [1] * 5, [1] * 10),
        (0.24, 0.2, 0.05, [1] * 5, [1] * 10),
        (0.24, 0.25, 0.05, [1] * 6, [1] * 7),
        (0.3, 0.2, 0.02, [3, 1, 1, 2, 2, 1], [1, 1, 2, 3, 1, 2]),
        (0.3, 0.15, 0.0, [1] * 6, [1] * 6),
        (0.5, -0.2, 0.02, [1] * 6, [1] * 8),
    ],
)
def test_trials_of_the_size_have_the_power(base, difference, correlation, shares_a, shares_b):
    size = trial_size(base, difference, correlation, shares_a, shares_b)
    users = [size.users_a, size.users_b]
    found = simulated_power(base, difference, correlation, [shares_a, shares_b], users)
    assert found == pytest.approx(0.8, abs=TOLERANCE)
    assert size.power == pytest.approx(0.8, abs=0.01)
    # Users who are not alike at all are fewer, and as many are too few.
    independent = trial_size(base, difference, 0, shares_a, shares_b)
    assert (independent.design_effect_a, independent.design_effect_b) == (1, 1)
    assert independent.users_a <= size.users_a
    if correlation >= 0.05:
        users = [independent.users_a, independent.users_b]
        assert simulated_power(base, difference, correlation, [shares_a, shares_b], users) < 0.8 - TOLERANCE / 2


def test_many_mentors_of_a_user_each_need_what_two_proportions_need():
    # Fleiss, Levin, Paik (2003): n = (z sqrt(2 m (1 - m)) + z' sqrt(p (1 - p) + q (1 - q)))² / difference².
    p, q = 0.35, 0.25
    z, power = stats.norm.ppf([0.975, 0.8])
    expected = (z + power) ** 2 * (p * (1 - p) + q * (1 - q)) / 0.1**2
    found = trial_size(q, 0.1, 0, [1] * 200, [1] * 200)
    assert found.users_a == found.users_b
    assert found.users_a == pytest.approx(expected, rel=0.02)


def test_mentors_who_differ_too_much_for_so_few_of_them_cannot_settle_it():
    none = trial_size(0.24, 0.2, 0.2, [1] * 5, [1] * 10)
    assert (none.users_a, none.users_b, none.design_effect_a) == (None, None, None)
    assert 0 < none.power < 0.8
    # Three against three mentors never have a p-value below 5 %.
    assert trial_size(0.24, 0.6, 0, [1] * 3, [1] * 3).power == 0
    assert trial_size(0.24, 0.6, 0, [1] * 3, [1] * 3).users_a is None
    assert trial_size(0, 1, 0, [1] * 5, [1] * 5).users_a == 5


@given(
    st.floats(0.05, 0.5), st.floats(0.05, 0.4), st.floats(0, 0.1), st.integers(4, 12), st.integers(4, 12),
)  # fmt: skip
def test_more_power_a_smaller_difference_and_alike_users_need_more(base, difference, correlation, a, b):
    size = trial_size(base, difference, correlation, [1] * a, [1] * b)
    for other in (
        trial_size(base, difference, correlation, [1] * a, [1] * b, power=0.9),
        trial_size(base, difference * 0.9, correlation, [1] * a, [1] * b),
        trial_size(base, difference, correlation + 0.05, [1] * a, [1] * b),
    ):
        if size.users_a is None:
            assert other.users_a is None
        else:
            assert other.users_a is None or other.users_a >= size.users_a
    turned = trial_size(1 - base, -difference, correlation, [1] * a, [1] * b)
    assert turned.users_a == size.users_a
    if size.users_a:
        assert size.power >= 0.8
        assert size.users_a >= a
        assert size.design_effect_a == pytest.approx(1 + (size.users_a / a - 1) * correlation)


@given(
    st.floats(0.05, 0.5), st.floats(0.05, 0.4), st.floats(0, 0.3), st.integers(1, 8), st.integers(1, 8),
)  # fmt: skip
def test_the_fewest_mentors_suffice_and_one_fewer_do_not(base, difference, correlation, a, b):
    shares_a, shares_b = [1 + place % 3 for place in range(a)], [1] * b
    found_a, found_b = mentors_for_trial(base, difference, correlation, shares_a, shares_b)

    def suffices(mentors_a: int, mentors_b: int) -> bool:
        spread = spread_over(shares_a, mentors_a), spread_over(shares_b, mentors_b)
        return trial_size(base, difference, correlation, *spread).users_a is not None

    assert suffices(found_a, found_b)
    fewer, more = sorted((a, b))
    least = min(found_a, found_b) if a != b else found_a
    if least > max(fewer, 2):
        most = max(2, math.ceil((least - 1) * more / fewer))
        assert not suffices(*((least - 1, most) if a <= b else (most, least - 1)))
    elif a == b or fewer > 1:
        assert (found_a, found_b) == (max(a, 2), max(b, 2))


def test_no_number_of_mentors_reaches_a_level_that_no_test_has():
    assert mentors_for_trial(0.24, 0.2, 0, [1] * 5, [1] * 10, significance_level=1e-5) is None
    assert mentors_for_trial(0.24, 0.2, 0, [], [1] * 10) is None
    assert mentors_for_trial(0.24, 0.2, 0, [1] * 5, [1] * 10) == (5, 10)


def test_how_alike_users_are_within_groups_is_found_whatever_the_groups_rates():
    random = np.random.default_rng(1)

    def group(rate: float, correlation: float, mentors: int) -> list[tuple[int, int]]:
        n = random.integers(5, 60, mentors)
        rates = random.beta(rate * (1 / correlation - 1), (1 - rate) * (1 / correlation - 1), mentors)
        return list(zip(random.binomial(n, rates).tolist(), n.tolist(), strict=True))

    both = group(0.7, 0.1, 400), group(0.2, 0.1, 400)
    assert correlation_within(*both) == pytest.approx(0.1, abs=0.015)
    # Taken for one group the difference between them would count as one between mentors.
    assert correlation_within([*both[0], *both[1]]) > 0.2


def test_what_cannot_tell_how_alike_users_are_does_not_count():
    telling = [(9, 10), (4, 10), (2, 10)]
    assert correlation_within(telling, [(0, 10), (0, 5)]) == correlation_within(telling)
    assert correlation_within(telling, [(3, 10)]) == correlation_within(telling)
    assert correlation_within([(0, 10), (0, 5)], [(1, 1), (0, 1)], []) is None
    assert correlation_within([(5, 10), (5, 10)]) == 0
    with pytest.raises(ValueError, match="between 0 and n"):
        correlation_within([(3, 2), (1, 1)])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.9, 0.2, 0, [1, 1], [1, 1]), "rates and the correlation .* got 1.1"),
        ((0.9, 0.05, -0.1, [1, 1], [1, 1]), "rates and the correlation .* got -0.1"),
        ((0.9, 0, 0, [1, 1], [1, 1]), "difference must not be 0"),
        ((0.5, 0.1, 0, [1, 1], [1, 1], 1.0), "share of a.* got 1.0"),
        ((0.5, 0.1, 0, [1], [1, 1]), "two mentors or more"),
        ((0.5, 0.1, 0, [1, 0], [1, 1]), "share above 0"),
        ((0.5, 0.1, 0, [], []), "share of a"),
    ],
)
def test_a_trial_that_makes_no_sense_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        trial_size(*arguments)


@given(st.integers(0, 200), st.integers(0, 4), st.integers(1, 4), st.integers(0, 2**32))
def test_every_block_has_its_proportions(users, of_a, of_b, seed):
    block = {"Gold": of_a, "Silver": of_b}
    dealt = deal_users(users, block, seed)
    assert len(dealt) == users
    size = of_a + of_b
    for start in range(0, users - size + 1, size):
        assert Counter(dealt[start : start + size]) == Counter({arm: times for arm, times in block.items() if times})
    assert deal_users(users, block, seed) == dealt
    assert deal_users(users // 2, block, seed) == dealt[: users // 2]


def test_within_a_block_every_order_is_as_likely():
    dealt = deal_users(4 * 6_000, {"a": 2, "b": 2}, seed=1)
    orders = Counter(tuple(dealt[start : start + 4]) for start in range(0, len(dealt), 4))
    assert len(orders) == 6
    assert stats.chisquare(list(orders.values())).pvalue > 1e-4


def test_a_list_that_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="must not be negative"):
        deal_users(-1, {"a": 1}, 1)
    with pytest.raises(ValueError, match="must not be negative"):
        deal_users(1, {"a": 2, "b": -1}, 1)
    with pytest.raises(ValueError, match="at least one user"):
        deal_users(1, {"a": 0}, 1)


def test_everyone_counts_in_the_arm_dealt():
    rows = [
        *[
            ("Gold", True, "m1"),
            ("Gold", False, "m1"),
            ("Gold", True, "m2"),
            ("Gold", False, None),
            ("Gold", False, None),
        ],
        *[("Silver", False, "m1"), ("Silver", True, "m3"), ("Silver", False, "m3"), ("Bronze", True, "m4")],
    ]
    found = intention_to_treat(rows, "Gold", "Silver")
    # Who met no mentor counts with one or other of the arm, and a mentor with users of both arms is one in each.
    assert found in [compare_by_mentor([(1, 2 + with_m1), (1, 3 - with_m1)], [(0, 1), (1, 2)]) for with_m1 in range(3)]
    assert found.difference == pytest.approx(2 / 5 - 1 / 3)
    # Without any mentor there is nobody to count with.
    alone = intention_to_treat([("Gold", False, None), ("Gold", True, None), *rows[5:]], "Gold", "Silver")
    assert alone == compare_by_mentor([(0, 1), (1, 1)], [(0, 1), (1, 2)])
    assert intention_to_treat(reversed(rows), "Gold", "Silver") == found
    assert intention_to_treat([], "Gold", "Silver").difference is None
    with pytest.raises(ValueError, match="got None in row 2"):
        intention_to_treat([("Gold", True, "m1"), ("Gold", None, "m1")], "Gold", "Silver")


def test_a_trial_without_an_effect_is_found_to_have_one_as_rarely_as_the_level_says():
    random, found = np.random.default_rng(1), 0
    for seed in range(400):
        dealt = deal_users(120, {"Gold": 1, "Silver": 1}, seed)
        rows = [(arm, bool(random.random() < 0.3), f"{arm} {random.integers(6)}") for arm in dealt]
        found += intention_to_treat(rows, "Gold", "Silver").p_value < 0.05
    assert stats.binomtest(found, 400, 0.05).pvalue > 0.001


@pytest.mark.parametrize(("absent", "power"), [(0.2, 0.7), (0.5, 0.45)])
def test_users_who_never_come_neither_make_a_difference_nor_hide_one(absent, power):
    random, trials = np.random.default_rng(1), 120
    found = Counter()
    for effect in (0.0, 0.2):
        for _ in range(trials):
            rows = []
            for place in range(400):
                arm, has_come = ("a", "b", "b")[place % 3], random.random() >= absent
                returns = has_come and random.random() < 0.4 + effect * (arm == "a")
                mentor = f"{arm}{random.integers(5 if arm == 'a' else 10)}" if has_come else None
                rows.append((arm, bool(returns), mentor))
            result = intention_to_treat(rows, "a", "b")
            found[effect] += max(result.p_value, result.p_value_standardised) < 0.05
    assert stats.binomtest(found[0.0], trials, 0.05).pvalue > 0.01
    assert found[0.2] / trials > power
