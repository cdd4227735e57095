"""A trial that would settle it: new users dealt at random to two arms of mentors, such as tiers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from analysis.statistics.by_mentor import Counts, MentorComparison, compare_by_mentor, mentor_counts
from analysis.statistics.cluster_robust import cr2_freedom, intraclass_correlation
from analysis.statistics.permutation import smallest_p_value

# More users than this no trial has: the answer is then that more mentors are needed, not more users.
_MOST_USERS = 10**9
# Of the mentors drawn for users who had none.
_SEED = 1
# More mentors than this in the smaller arm no trial has either.
_MOST_MENTORS = 2**14


@dataclass(frozen=True)
class TrialSize:
    """How many users a trial needs.

    Attributes:
        users_a, users_b: of either arm; None where no number of users gives the power, because mentors
            differ too much for so few of them.
        design_effect_a, design_effect_b: how many times as many users each is than if users of one mentor
            were not alike; None with the users.
        power: with so many users, a fraction; with users without end where there are None.
    """

    users_a: int | None
    users_b: int | None
    design_effect_a: float | None
    design_effect_b: float | None
    power: float


def trial_size(
    base_rate: float,
    difference: float,
    correlation: float,
    shares_a: Sequence[float],
    shares_b: Sequence[float],
    share_of_a: float | None = None,
    significance_level: float = 0.05,
    power: float = 0.8,
) -> TrialSize:
    """The fewest users with whom a comparison by mentor finds a true difference and its sign with the given power.

    With N users in an arm, mentors' shares h of them and an intraclass correlation rho the rate p of the
    arm has the variance p (1 - p) ((1 - rho) / N + rho sum of h²): design effects of unequal clusters as in
    Eldridge, Ashby and Kerry, International Journal of Epidemiology 35 (2006) 1292-1300. The power is that
    of Student's t, from the noncentral distribution, with the degrees of freedom of both arms together
    (`cluster_robust.cr2_freedom`) and at the largest p-value below the level that the permutation test of
    so few mentors can have: its own power comes within a few points of that where the mentors of both
    arms get about as many users each, and falls short by ten with only four mentors an arm. The second
    term does not shrink with N: beyond some number of users only more mentors help.

    Args:
        base_rate: the rate of arm b, a fraction.
        difference: worth acting on; the rate of a is the base rate plus this, in fractions, not 0.
        correlation: how alike users of one mentor are, 0 to 1.
        shares_a, shares_b: one of each mentor of the arm, in any unit: how the arm's users are spread over
            its mentors.
        share_of_a: which part of the new users is dealt to a, between 0 and 1; by default in proportion
            to the mentors of the arms, so that every mentor gets as many.
        significance_level, power: fractions.

    Raises:
        ValueError: a rate or another fraction is out of its range, the difference is 0, an arm has fewer
            than two mentors, or a share is not above 0.

    >>> trial_size(0.24, 0.2, 0.05, [1] * 10, [1] * 20).users_a
    105
    """
    shares = [np.array(one, dtype=float) for one in (shares_a, shares_b)]
    if share_of_a is None:
        share_of_a = len(shares_a) / max(1, len(shares_a) + len(shares_b))
    _check_trial(base_rate, difference, correlation, shares, share_of_a, significance_level, power)
    shares = [one / one.sum() for one in shares]
    rates, parts = (base_rate + difference, base_rate), (share_of_a, 1 - share_of_a)
    within = np.array([p * (1 - p) for p in rates])
    alike = np.array([float((one**2).sum()) for one in shares])
    freedom = float(sum(cr2_freedom(one) for one in shares))
    # The p-values of a permutation test are steps, of which so many lie below the level.
    step = smallest_p_value(len(shares_a), len(shares_b)) or 1.0
    attained = step * (math.ceil(significance_level / step * (1 - 1e-12)) - 1)

    def power_with(users: float) -> float:
        variances = within * ((1 - correlation) / (users * np.array(parts)) + correlation * alike)
        error = math.sqrt(variances.sum())
        if attained == 0 or error == 0:
            return float(attained > 0)
        limit, shift = float(special.stdtrit(freedom, 1 - attained / 2)), abs(difference) / error
        # Far out the distribution function comes as NaN where it is 0.
        return 1 - float(np.nan_to_num(special.nctdtr(freedom, shift, limit)))

    if power_with(_MOST_USERS) < power:
        return TrialSize(None, None, None, None, power_with(_MOST_USERS))
    too_few, users = 0, max(len(shares_a) + len(shares_b), 4)
    while power_with(users) < power:
        too_few, users = users, 2 * users
    while users - too_few > 1:
        middle = (too_few + users) // 2
        too_few, users = (too_few, middle) if power_with(middle) >= power else (middle, users)
    # No mentor goes without a user, so that all of them count.
    sizes = [max(math.ceil(users * part - 1e-9), one.size) for part, one in zip(parts, shares, strict=True)]
    effects = [1 + (size * one - 1) * correlation for size, one in zip(sizes, alike.tolist(), strict=True)]
    return TrialSize(sizes[0], sizes[1], effects[0], effects[1], power_with(users))


def mentors_for_trial(
    base_rate: float,
    difference: float,
    correlation: float,
    shares_a: Sequence[float],
    shares_b: Sequence[float],
    significance_level: float = 0.05,
    power: float = 0.8,
) -> tuple[int, int] | None:
    """The fewest mentors of either arm with whom some number of users gives the power, at the present ratio.

    The smaller arm grows by one mentor at a time and the larger in proportion, rounded up, never below two;
    users are spread over them as over the present ones (`spread_over`). With no more than these mentors the
    users are very many: `trial_size` says how many.

    Args:
        base_rate, difference, correlation, shares_a, shares_b, significance_level, power: of `trial_size`.

    Returns:
        The two numbers, the present ones where they suffice; None when an arm has no mentor, and when
        16,384 mentors in the smaller arm are not enough, as at a level that no test by mentor can reach.

    Raises:
        ValueError: as `trial_size`.

    >>> mentors_for_trial(0.24, 0.2, 0.2, [1] * 5, [1] * 10)
    (14, 28)
    """
    fewer, more = sorted((len(shares_a), len(shares_b)))
    if not fewer:
        return None

    def both(least: int) -> tuple[int, int]:
        most = max(2, -(-least * more // fewer))
        return (least, most) if len(shares_a) <= len(shares_b) else (most, least)

    def suffices(least: int) -> bool:
        a, b = both(least)
        size = trial_size(
            *(base_rate, difference, correlation, spread_over(shares_a, a), spread_over(shares_b, b)),
            significance_level=significance_level,
            power=power,
        )
        return size.users_a is not None

    too_few, enough = 1, max(fewer, 2)
    while not suffices(enough):
        too_few, enough = enough, 2 * enough
        if enough > _MOST_MENTORS:
            return None
    while enough > max(fewer, 2) and enough - too_few > 1:
        middle = (too_few + enough) // 2
        too_few, enough = (too_few, middle) if suffices(middle) else (middle, enough)
    return both(enough)


def spread_over(shares: Sequence[float], mentors: int) -> list[float]:
    """The shares of so many mentors who are as unequal as the present ones: these, over and over.

    >>> spread_over([3, 1], 5)
    [3, 1, 3, 1, 3]
    """
    return [shares[place % len(shares)] for place in range(mentors)]


def correlation_within(*groups: Counts) -> float | None:
    """How alike users of one mentor are, within groups whose rates may differ.

    The mean of the groups' estimates (`cluster_robust.intraclass_correlation`), each weighed by its users beyond
    the first of each mentor, in whom alone it shows; bounded by 0 and 1.

    Args:
        groups: of each group events and n of its mentors.

    Returns:
        A fraction; None where no group tells: no mentor has two users, or all users of a group or none have the event.

    Raises:
        ValueError: a count of events is negative or above its n.

    >>> round(correlation_within([(9, 10), (1, 10)], [(5, 10), (5, 10)]), 3)
    0.6
    """
    total = weight = 0.0
    for group in groups:
        events, n = mentor_counts(group)
        if n.size < 2 or not 0 < events.sum() < n.sum():
            continue
        found = float(intraclass_correlation(events, n, np.ones_like(n)))
        if not math.isnan(found):
            total += found * int(n.sum() - n.size)
            weight += int(n.sum() - n.size)
    return min(max(total / weight, 0.0), 1.0) if weight else None


def deal_users(users: int, per_block: Mapping[str, int], seed: int) -> list[str]:
    """Which arm each new user is dealt to, in the order in which they come.

    Random permuted blocks: however early the list is broken off, the arms have their proportions up to
    one block. Source: Matts and Lachin, Controlled Clinical Trials 9 (1988) 327-344.

    Args:
        users: how many.
        per_block: by arm, how many of each block go to it, such as {"Gold": 2, "Silver": 4}.
        seed: of NumPy's generator; the same seed gives the same list.

    Returns:
        One arm a user; the last block may be cut short.

    Raises:
        ValueError: the number of users or one of a block is negative, or a block is empty.

    >>> dealt = deal_users(9, {"Gold": 1, "Silver": 2}, seed=1)
    >>> len(dealt), dealt.count("Gold"), dealt[:3].count("Gold")
    (9, 3, 1)
    """
    if users < 0 or min(per_block.values(), default=0) < 0:
        raise ValueError(f"numbers of users must not be negative, got {users} and {dict(per_block)}")
    block = [arm for arm, times in per_block.items() for _ in range(times)]
    if not block:
        raise ValueError("a block must hold at least one user")
    random = np.random.default_rng(seed)
    dealt: list[str] = []
    while len(dealt) < users:
        dealt += [block[place] for place in random.permutation(len(block))]
    return dealt[:users]


def intention_to_treat(
    rows: Iterable[tuple[str, bool, str | None]], arm_a: str, arm_b: str, confidence_level: float = 0.95
) -> MentorComparison:
    """What came of a trial: each user counts in the arm dealt, whatever happened afterwards.

    Leaving out users who did not get what they were dealt, or moving them, would undo the dealing: those who
    do not follow it are no random choice. Source: Hollis and Campbell, BMJ 319 (1999) 670-674.

    Nobody knows which mentor a user would have gone to who never came. Such a user is counted with one of the
    mentors of the arm, drawn with the numbers of their users as weights and a fixed seed. As units of their
    own these users would outnumber the mentors, and dealing the groups anew would move all mentors to one
    side: with 5 and 10 mentors and 400 users, a fifth of whom never come, 60 % of the others returning
    against 40 % is then found in about 50 % of simulated trials, drawn in about 80 %, and without a difference one
    is found in about 2 and 5 %.

    Args:
        rows: of each user the arm dealt, whether the user returned (a user who never came did not), and the
            first mentor, None for a user who had none. Rows of other arms do not count. A mentor with users of
            both arms is one in each. In an arm without any mentor each user is a unit.
        arm_a, arm_b: the arms compared.
        confidence_level: a fraction, such as 0.95.

    Raises:
        ValueError: whether a user returned is not said.

    >>> rows = [("Gold", True, "m1"), ("Gold", False, None), ("Silver", False, "m2"), ("Silver", False, "m3")]
    >>> result = intention_to_treat(rows, "Gold", "Silver")
    >>> result.difference, result.group_a_mentors, result.group_b_mentors
    (0.5, 1, 2)
    """
    seen: dict[str, Counter[tuple[str | None, bool]]] = {arm_a: Counter(), arm_b: Counter()}
    for place, (arm, has_returned, mentor) in enumerate(rows):
        if has_returned not in (True, False):
            raise ValueError(f"whether a user returned must be true or false, got {has_returned!r} in row {place + 1}")
        if arm in seen:
            seen[arm][mentor, bool(has_returned)] += 1
    return compare_by_mentor(_units(seen[arm_a]), _units(seen[arm_b]), confidence_level)


def _units(seen: Counter[tuple[str | None, bool]]) -> list[tuple[int, int]]:
    """Returned and all users of each mentor of an arm, from users by mentor and whether they returned."""
    without = [seen[None, False], seen[None, True]]
    mentors = sorted({mentor for mentor, _ in seen if mentor is not None})
    if not mentors:
        return [(0, 1)] * without[0] + [(1, 1)] * without[1]
    own = np.array([[seen[mentor, False], seen[mentor, True]] for mentor in mentors])
    random, shares = np.random.default_rng(_SEED), own.sum(axis=1) / own.sum()
    drawn = np.stack([random.multinomial(users, shares) for users in without], axis=1)
    counts = own + drawn
    return list(zip(counts[:, 1].tolist(), counts.sum(axis=1).tolist(), strict=True))


def _check_trial(
    base_rate: float,
    difference: float,
    correlation: float,
    shares: Sequence[np.ndarray],
    share_of_a: float,
    significance_level: float,
    power: float,
) -> None:
    for rate in (base_rate, base_rate + difference, correlation):
        if not 0 <= rate <= 1:
            raise ValueError(f"rates and the correlation must lie between 0 and 1, got {rate}")
    if difference == 0:
        raise ValueError("the difference must not be 0")
    for part in (share_of_a, significance_level, power):
        if not 0 < part < 1:
            raise ValueError(f"the share of a, the level and the power must lie between 0 and 1, got {part}")
    for one in shares:
        if one.size < 2 or one.min() <= 0:
            raise ValueError("each arm needs two mentors or more, each with a share above 0")
