"""How wrong it could be: by enumeration of every other way the users could have done, and by published figures."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.statistics import robustness
from analysis.statistics.by_mentor import compare_by_mentor
from analysis.statistics.robustness import (
    conclusion,
    e_value,
    e_value_of_limit,
    leave_one_out,
    returns_to_overturn,
    tiers_left_out,
)

GOLD = [(7, 11), (4, 8), (6, 9), (7, 10), (3, 6)]
SILVER = [(4, 11), (2, 6), (5, 12), (3, 7), (2, 5), (6, 13), (1, 4)]
BRONZE = [(0, 9), (0, 12), (0, 8)]

COUNTS = st.lists(st.integers(0, 12).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), max_size=5)


@pytest.mark.parametrize(
    ("relative_risk", "low", "high", "expected", "of_limit"),
    [
        # VanderWeele and Ding 2017: feeding and deaths of infants by respiratory infection; smoking and lung cancer.
        (3.9, 1.8, 8.7, 7.26, 3.00),
        (10.73, 8.02, 14.36, 20.95, 15.5),
    ],
)
def test_published_e_values(relative_risk, low, high, expected, of_limit):
    assert e_value(relative_risk) == pytest.approx(expected, abs=0.005)
    assert e_value_of_limit(low, high) == pytest.approx(of_limit, abs=0.05)
    assert e_value_of_limit(1 / high, 1 / low) == pytest.approx(of_limit, abs=0.05)


@given(st.floats(1.001, 1e6))
def test_a_cause_as_strong_as_the_e_value_explains_the_risk_and_no_more(risk):
    # The largest relative risk that a cause going x-fold with both can make: x² / (2 x - 1).
    x = e_value(risk)
    assert x * x / (2 * x - 1) == pytest.approx(risk, rel=1e-9)
    assert e_value(1 / risk) == pytest.approx(x, rel=1e-9)


def test_edges_of_the_e_value():
    assert e_value(1) == 1
    assert e_value(None) is e_value(0) is None
    assert e_value_of_limit(0.9, 4) == e_value_of_limit(1, 2) == 1
    assert e_value_of_limit(None, 2) is None
    with pytest.raises(ValueError, match="must not be negative, got -1"):
        e_value(-1)


@given(COUNTS, COUNTS)
def test_the_range_with_one_left_out_is_that_of_the_comparisons_without_one(a, b):
    others = []
    for group, counts in (("a", a), ("b", b)):
        for place, (_, n) in enumerate(counts):
            rest = counts[:place] + counts[place + 1 :]
            without = compare_by_mentor(*((rest, b) if group == "a" else (a, rest)))
            if n and without.difference is not None:
                others.append((without.difference, group, place))
    found = leave_one_out(a, b)
    if not others:
        assert found is None
        return
    assert [one.difference for one in found] == pytest.approx([min(others)[0], max(others)[0]])
    for one in found:
        assert any((one.group, one.place) == (group, place) for _, group, place in others)
        assert one.difference == pytest.approx(next(d for d, *rest in others if rest == [one.group, one.place]))


def fewest(a: list[tuple[int, int]], b: list[tuple[int, int]]) -> int:
    """The smallest number of events of a that, taken away in some way, leave no conclusion."""
    for number in itertools.count(1):
        for taken in itertools.product(*(range(min(number, events) + 1) for events, _ in a)):
            if sum(taken) == number:
                changed = [(events - less, n) for (events, n), less in zip(a, taken, strict=True)]
                if conclusion(changed, b) != 1:
                    return number
    raise AssertionError


def mirrored(counts: list[tuple[int, int]]) -> list[tuple[int, int]]:
    return [(n - events, n) for events, n in counts]


def test_the_number_to_overturn_is_nearly_always_the_smallest_and_never_below():
    random, excess = np.random.default_rng(2), []
    while len(excess) < 60:
        a, b = (
            [(int(random.binomial(n, rate)), int(n)) for n in random.integers(3, 8, k)]
            for k, rate in ((3, 0.7), (5, 0.2))
        )
        found = returns_to_overturn(a, b)
        assert (found is None) == (conclusion(a, b) == 0)
        if found and conclusion(a, b) == 1:
            excess += [found.fewer_events - fewest(a, b), found.more_events - fewest(mirrored(b), mirrored(a))]
    assert set(excess) <= {0, 1}
    assert np.mean(excess) < 0.05


def taken(counts: list[tuple[int, int]], number: int, first: int) -> list[tuple[int, int]]:
    """So many events taken one by one, all of the mentor in the first place and then those of the lowest rates."""
    order = sorted(range(len(counts)), key=lambda place: (counts[place][0] / counts[place][1], -counts[place][1]))
    left = list(counts)
    for place in [order.pop(first), *order]:
        events, n = left[place]
        left[place] = (events - min(events, number), n)
        number -= min(events, number)
    return left


def drawn_groups(random: np.random.Generator, *groups: tuple[int, float]) -> list[list[tuple[int, int]]]:
    return [[(int(random.binomial(n, rate)), int(n)) for n in random.integers(2, 9, k)] for k, rate in groups]


@given(st.integers(0, 10**6))
@settings(max_examples=40)
def test_the_number_to_overturn_is_the_first_of_those_counted_one_by_one(seed):
    a, b = drawn_groups(np.random.default_rng(seed), (4, 0.7), (6, 0.25))
    found = returns_to_overturn(a, b)
    if found is None or conclusion(a, b) != 1:
        return
    for number, (group, other) in (
        (found.fewer_events, (a, b)),
        (found.more_events, (mirrored(b), mirrored(a))),
    ):
        falls = (
            any(conclusion(taken(group, less, first), other) != 1 for first in range(len(group)))
            for less in itertools.count(1)
        )
        assert number == 1 + next(place for place, has_fallen in enumerate(falls) if has_fallen)


@given(st.integers(0, 10**6))
@settings(max_examples=40)
def test_a_number_that_is_looked_for_is_one_at_which_the_conclusion_falls(seed):
    a, b = drawn_groups(np.random.default_rng(seed), (5, 0.75), (8, 0.25))
    with pytest.MonkeyPatch.context() as patch:
        # Looked for as where deals are drawn, among all deals: within one of so few events.
        patch.setattr(robustness, "is_exact", lambda *_: False)
        found = returns_to_overturn(a, b)
    if found is None or conclusion(a, b) != 1:
        return
    for number, total, (group, other) in (
        (found.fewer_events, found.of_events, (a, b)),
        (found.more_events, found.of_others, (mirrored(b), mirrored(a))),
    ):
        holds = [conclusion(taken(group, less, 0), other) == 1 for less in range(total + 1)]
        assert (holds[number - 1], holds[number]) == (True, False)
        if holds == sorted(holds, reverse=True):
            assert number == holds.index(False)


@pytest.mark.parametrize(("a", "b"), [(GOLD, SILVER), (GOLD, BRONZE), (SILVER, BRONZE)])
def test_the_number_to_overturn_of_groups_of_tiers_is_the_smallest(a, b):
    assert returns_to_overturn(a, b).fewer_events == fewest(a, b)


@settings(max_examples=50)
@given(COUNTS, COUNTS)
def test_the_names_of_the_groups_do_not_matter(a, b):
    found = returns_to_overturn(a, b, 0.2)
    assert returns_to_overturn(b, a, 0.2) == found
    assert conclusion(b, a, 0.2) == -conclusion(a, b, 0.2)
    if found:
        assert 1 <= found.fewer_events <= found.of_events
        assert 1 <= found.more_events <= found.of_others
        other = returns_to_overturn(mirrored(a), mirrored(b), 0.2)
        assert (other.fewer_events, other.more_events) == (found.more_events, found.fewer_events)


def test_thousands_of_users_take_a_few_tests(monkeypatch):
    calls = []
    real = robustness.permutation_p_values
    monkeypatch.setattr(robustness, "permutation_p_values", lambda *args: calls.append(1) or real(*args))
    random = np.random.default_rng(1)
    a, b = ([(int(random.binomial(200, rate)), 200) for _ in range(k)] for rate, k in ((0.5, 20), (0.25, 45)))
    found = returns_to_overturn(a, b)
    assert 100 < found.fewer_events < found.of_events
    assert returns_to_overturn(a[::-1], b[::-1]) == found
    # Ten numbers a time leave an eleventh: twice in either direction, for each order.
    assert len(calls) == 2 * 4
    # Taken by hand as the rule says: with as many the conclusion falls, with far fewer it does not.
    for number, concluded in ((found.fewer_events, 0), (found.fewer_events - found.of_events // 50, 1)):
        left, changed = number, []
        for events, n in sorted(a):
            changed.append((max(0, events - left), n))
            left = max(0, left - events)
        assert conclusion(changed, b) == concluded


def test_tiers_that_carry_the_difference():
    silver, bronze = tiers_left_out({"Gold": GOLD}, {"Silver": SILVER, "Bronze": BRONZE})
    assert (silver.tier, silver.group, silver.users, silver.has_no_event) == ("Silver", "b", 58, False)
    assert (bronze.tier, bronze.has_no_event, bronze.changes_conclusion) == ("Bronze", True, False)
    assert (bronze.carries_difference, silver.carries_difference) == (True, False)
    alone = compare_by_mentor(GOLD, SILVER)
    assert (bronze.difference, bronze.p_value) == (alone.difference, alone.p_value)
    assert (bronze.p_value_standardised, bronze.concluded) == (alone.p_value_standardised, 1)
    # Without the one tier that differs nothing is left of the difference.
    like_gold, low = [(6, 10), (5, 8), (4, 8)], [(1, 20), (0, 19), (2, 30), (1, 25), (2, 21)]
    silver, bronze = tiers_left_out({"Gold": GOLD}, {"Silver": like_gold, "Bronze": low})
    assert bronze.p_value > 0.05 > silver.p_value
    assert (bronze.changes_conclusion, bronze.has_no_event, silver.changes_conclusion) == (True, False, False)


def test_a_tier_whose_rest_is_too_few_to_tell_does_not_carry():
    without = {one.tier: one for one in tiers_left_out({"A": [(3, 4)] * 3}, {"B": [(1, 9)] * 3, "C": [(1, 9)] * 3})}
    assert {one.changes_conclusion for one in without.values()} == {None}
    assert not any(one.carries_difference for one in without.values())


def test_a_tier_alone_in_its_group_or_without_users_is_not_left_out():
    assert tiers_left_out({"A": [(1, 2)]}, {"B": [(1, 2)], "C": [(0, 0)]}) == []
    assert tiers_left_out({}, {"B": [(1, 2)], "C": [(1, 2)]}) == []


def test_nobody_returned_at_all_is_no_tier_that_carries():
    assert not any(one.has_no_event for one in tiers_left_out({"A": BRONZE}, {"B": BRONZE, "C": BRONZE}))
