"""Two groups compared within strata, such as companies: what else than the group could make the difference?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

MANTEL_HAENSZEL_METHOD = (
    "Mantel-Haenszel odds ratio with Robins-Breslow-Greenland interval; Cochran-Mantel-Haenszel test without "
    "continuity correction; Breslow-Day test of equal odds ratios with Tarone's correction"
)
PERMUTATION_METHOD = (
    "Permutation test within strata, two-sided, of the difference of rates with Mantel-Haenszel weights"
)

# Below this the chi-squared approximation of the pooled test does not hold: Mantel and Fleiss's rule.
_LEAST_FREEDOM = 5.0
# The chi-squared approximation of the test of equal odds ratios wants so many of the fitted counts above five.
_LEAST_LARGE_SHARE = 0.8
# Differences between sums of whole numbers and their expectation that are nothing but rounding.
_ROUNDING = 1e-9
_BLOCK = 4_000_000


@dataclass(frozen=True)
class Stratum:
    """Events and sizes of both groups within one stratum."""

    events_a: int
    n_a: int
    events_b: int
    n_b: int


@dataclass(frozen=True)
class StratifiedComparison:
    """Group a against group b, compared within strata only.

    Attributes:
        strata: how many there are.
        informative_strata: those with users of both groups of whom some, not all, had the event: only
            these tell anything.
        informative_users: the users in them.
        odds_ratio: the pooled odds ratio with its bounds; None where it is a division by zero.
        statistic: of the test of no difference within strata, chi-squared with one degree of freedom.
        p_value: of that test; None, as the statistic, without an informative stratum.
        heterogeneity_p_value: of the test that the odds ratio is the same in all strata; None with
            fewer than two informative strata, and where these are too small for it.
        is_too_thin: the strata leave too little to compare, and the p-value is not to be relied on.
        method: which estimate, interval and tests.
    """

    strata: int
    informative_strata: int
    informative_users: int
    odds_ratio: float | None
    odds_ratio_ci_low: float | None
    odds_ratio_ci_high: float | None
    statistic: float | None
    p_value: float | None
    heterogeneity_p_value: float | None
    is_too_thin: bool
    method: str


@dataclass(frozen=True)
class PermutationResult:
    """A permutation test within strata.

    Attributes:
        permutations: how many were drawn.
        difference: the mean over the strata of the difference of rates, a minus b, as a fraction, with
            Mantel-Haenszel weights; None, as the p-value, without an informative stratum.
        p_value: two-sided.
        method: the name of the test.
    """

    permutations: int
    difference: float | None
    p_value: float | None
    method: str


def mantel_haenszel(strata: Sequence[Stratum], confidence_level: float = 0.95) -> StratifiedComparison:
    """The pooled odds ratio of a against b within strata, and its tests.

    Sources: Mantel and Haenszel, JNCI 22 (1959) 719-748; interval: Robins, Breslow, Greenland, Biometrics
    42 (1986) 311-323; equal odds ratios: Breslow and Day, Statistical Methods in Cancer Research I (1980)
    142-146 with Tarone, Biometrika 72 (1985) 91-95, only where at least 80 % of the fitted counts exceed
    five (SAS/STAT User's Guide, procedure FREQ).

    Too thin is what fails the rule of Mantel and Fleiss, American Journal of Epidemiology 112 (1980)
    129-134: the events of group a could, given the margins, have been at least five fewer and at least
    five more than expected.

    Args:
        strata: one entry a stratum.
        confidence_level: a fraction, such as 0.95.

    Raises:
        ValueError: a count of events is negative or above its n.

    >>> result = mantel_haenszel([Stratum(12, 20, 10, 40), Stratum(14, 22, 12, 50)])
    >>> round(result.odds_ratio, 2), round(result.p_value, 5), result.is_too_thin
    (5.02, 4e-05, False)
    """
    tables = _informative(strata)
    a, n_a, c, n_b = tables
    n, events = n_a + n_b, a + c
    count = a.size
    summary = (len(strata), count, int(n.sum()))
    if not count:
        return StratifiedComparison(*summary, *(None,) * 6, True, MANTEL_HAENSZEL_METHOD)
    expected, variance = _moments(tables)
    statistic = float((a - expected).sum() ** 2 / variance.sum())
    fewest, most = np.maximum(0, events - n_b), np.minimum(n_a, events)
    freedom = min((expected - fewest).sum(), (most - expected).sum())

    b, d = n_a - a, n_b - c
    concordant, discordant = a * d / n, b * c / n
    r, s = concordant.sum(), discordant.sum()
    odds_ratio = low = high = heterogeneity = None
    if s > 0:
        odds_ratio = float(r / s)
    if odds_ratio:
        p, q = (a + d) / n, (b + c) / n
        error = math.sqrt(
            (p * concordant).sum() / (2 * r * r)
            + (p * discordant + q * concordant).sum() / (2 * r * s)
            + (q * discordant).sum() / (2 * s * s)
        )
        margin = float(special.ndtri((1 + confidence_level) / 2)) * error
        low, high = odds_ratio * math.exp(-margin), odds_ratio * math.exp(margin)
        heterogeneity = _heterogeneity_p_value(tables, odds_ratio)
    return StratifiedComparison(
        *summary,
        odds_ratio,
        low,
        high,
        statistic,
        float(special.chdtrc(1, statistic)),
        heterogeneity,
        bool(freedom < _LEAST_FREEDOM),
        MANTEL_HAENSZEL_METHOD,
    )


def permutation_test(strata: Sequence[Stratum], permutations: int = 10_000, seed: int = 1) -> PermutationResult:
    """Would so large a difference come about if users were dealt to the groups at random within strata?

    Dealing users out is drawing the events of group a from a hypergeometric distribution, stratum by
    stratum. The p-value counts the observed deal among the drawn ones, so that it is never 0 and the
    test holds its level. Source: Phipson and Smyth, Statistical Applications in Genetics and Molecular
    Biology 9 (2010) article 39.

    Args:
        strata: one entry a stratum.
        permutations: how many deals to draw; the time grows with these times the informative strata.
        seed: of NumPy's generator; the same seed gives the same p-value.

    Raises:
        ValueError: a count of events is negative or above its n, or permutations is below 1.

    >>> result = permutation_test([Stratum(12, 20, 10, 40), Stratum(14, 22, 12, 50)], permutations=999)
    >>> round(result.difference, 3), result.p_value
    (0.375, 0.001)
    """
    if permutations < 1:
        raise ValueError(f"permutations must be at least 1, got {permutations}")
    tables = _informative(strata)
    a, n_a, c, n_b = tables
    if not a.size:
        return PermutationResult(permutations, None, None, PERMUTATION_METHOD)
    expected, _ = _moments(tables)
    random = np.random.default_rng(seed)
    events, rest = (a + c).astype(np.int64), (n_a + n_b - a - c).astype(np.int64)
    drawn = np.zeros(permutations)
    block = max(1, _BLOCK // permutations)
    for start in range(0, a.size, block):
        part = slice(start, start + block)
        size = (permutations, events[part].size)
        drawn += random.hypergeometric(events[part], rest[part], n_a[part].astype(np.int64), size).sum(axis=1)
    excess = float((a - expected).sum())
    as_extreme = np.count_nonzero(np.abs(drawn - expected.sum()) >= abs(excess) - _ROUNDING * max(1.0, a.sum()))
    weight = float((n_a * n_b / (n_a + n_b)).sum())
    return PermutationResult(
        permutations, excess / weight, (1 + int(as_extreme)) / (1 + permutations), PERMUTATION_METHOD
    )


def _informative(strata: Sequence[Stratum]) -> np.ndarray:
    """Four rows, events and size of a and of b, with a column for each informative stratum."""
    tables = np.array([(s.events_a, s.n_a, s.events_b, s.n_b) for s in strata], dtype=float).reshape(-1, 4).T
    a, n_a, c, n_b = tables
    is_wrong = (a < 0) | (a > n_a) | (c < 0) | (c > n_b)
    if is_wrong.any():
        raise ValueError(f"events must lie between 0 and n, got {strata[int(is_wrong.argmax())]}")
    return tables[:, (n_a > 0) & (n_b > 0) & (a + c > 0) & (a + c < n_a + n_b)]


def _moments(tables: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of the events of group a given the margins, by stratum."""
    a, n_a, c, n_b = tables
    n, events = n_a + n_b, a + c
    expected = n_a * events / n
    return expected, expected * (n_b / n) * (n - events) / (n - 1)


def _heterogeneity_p_value(tables: np.ndarray, odds_ratio: float) -> float | None:
    """Breslow and Day's test with Tarone's correction; None where its approximation does not hold."""
    a, n_a, c, n_b = tables
    events = a + c
    # The events of group a that have this odds ratio given the margins: the root of a quadratic, in the form
    # that also holds for an odds ratio of 1.
    linear = n_b - events + odds_ratio * (events + n_a)
    constant = odds_ratio * events * n_a
    fitted_a = 2 * constant / (linear + np.sqrt(linear**2 + 4 * (1 - odds_ratio) * constant))
    fitted = np.array([fitted_a, n_a - fitted_a, events - fitted_a, n_b - events + fitted_a])
    if a.size < 2 or (fitted > 5).mean() < _LEAST_LARGE_SHARE:
        return None
    variance = 1 / (1 / fitted).sum(axis=0)
    excess = a - fitted_a
    statistic = (excess**2 / variance).sum() - excess.sum() ** 2 / variance.sum()
    return float(special.chdtrc(a.size - 1, max(0.0, statistic)))
