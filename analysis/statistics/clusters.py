"""Users who share a mentor are alike: single mentors, their spread, and a comparison that allows for it.

Counts are `(events, n)` a cluster; clusters with n = 0 tell nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from analysis.statistics.cluster_robust import intraclass_correlation
from analysis.statistics.proportions import newcombe_interval

CLUSTERED_METHOD = (
    "Rao-Scott test of the difference, two-sided, with Satterthwaite's degrees of freedom; Newcombe's interval at "
    "the effective sizes"
)

# Of the numerical integration over the correlation: steps, and where it ends.
_STEPS, _MOST_ALIKE = 200, 0.5


@dataclass(frozen=True)
class Shrunk:
    """A cluster's rate, drawn towards the rate of all as far as chance may have made it differ.

    Attributes:
        rate: the posterior mean, a fraction, with the bounds of its central interval.
    """

    rate: float
    ci_low: float
    ci_high: float


@dataclass(frozen=True)
class Spread:
    """How far the true rates of clusters lie apart.

    Attributes:
        sd: the standard deviation of the true rates between clusters, a fraction; 0 where the rates
            differ no more than chance makes them.
        p_value: of the test that all clusters have the same rate.
    """

    sd: float | None
    p_value: float | None


@dataclass(frozen=True)
class ClusteredDifference:
    """Group a against group b, where users come in clusters.

    Attributes:
        difference: the rate of a minus that of b, in fractions, with its bounds.
        p_value: two-sided, of equal rates.
        design_effect_a, design_effect_b: how many times the variance of the group's rate is that of
            independent users; 1 where they are independent. n / design effect is the effective size.
        method: the names of test and interval.
    """

    difference: float | None
    difference_ci_low: float | None
    difference_ci_high: float | None
    p_value: float | None
    design_effect_a: float | None
    design_effect_b: float | None
    method: str


def beta_binomial_shrinkage(counts: Sequence[tuple[int, int]], confidence_level: float = 0.95) -> list[Shrunk | None]:
    """Each cluster's rate under a beta-binomial model of all clusters.

    The true rates follow a beta distribution. How alike users of a cluster are, its intraclass correlation,
    is weighed by the marginal likelihood, all values up to a half being equally likely beforehand (beyond, the
    distribution would weigh less than one user): taking one estimate of it for the truth would make intervals
    far too narrow with a dozen clusters. Over these weights and the uncertainty of the overall rate, mean and
    variance of each cluster's rate add up, and the interval is that of the beta distribution which has them.
    Sources: beta-binomial: Skellam, JRSS B 10 (1948) 257-261; the prior: Daniels, Canadian Journal of
    Statistics 27 (1999) 567-578; the variance: Kass and Steffey, JASA 84 (1989) 717-726.

    Args:
        counts: events and n of each cluster.
        confidence_level: a fraction, such as 0.95.

    Returns:
        One entry a cluster, in the same order; None for all when no cluster has users. A cluster without
        users has the rate of all.

    Raises:
        ValueError: a count of events is negative or above its n.

    >>> [round(shrunk.rate, 2) for shrunk in beta_binomial_shrinkage([(9, 10), (2, 10), (1, 2)])]
    [0.82, 0.28, 0.52]
    """
    events, n = _counts(counts)
    if not n.sum():
        return [None] * len(events)
    # Finer near 0, where it matters most: equal steps of the root.
    root = (np.arange(_STEPS) + 0.5) / _STEPS
    spread, a, b = _beta_model(events, n, _MOST_ALIKE * root**2)
    log_likelihood = (special.betaln(a + events, b + n - events) - special.betaln(a, b)).sum(axis=1)
    weight = special.softmax(log_likelihood + np.log(spread) / 2 + np.log(root))[:, np.newaxis]

    size, own = a + b + n, (a + events) / (a + b + n)
    mean = (weight * own).sum(axis=0)
    variance = own * (1 - own) / (size + 1) + ((a + b) / size) ** 2 * spread[:, np.newaxis] + (own - mean) ** 2
    precision = mean * (1 - mean) / (weight * variance).sum(axis=0) - 1
    tail = (1 - confidence_level) / 2
    low, high = (special.betaincinv(mean * precision, (1 - mean) * precision, q) for q in (tail, 1 - tail))
    return [Shrunk(float(p), float(lower), float(upper)) for p, lower, upper in zip(mean, low, high, strict=True)]


def between_cluster_spread(counts: Sequence[tuple[int, int]]) -> Spread:
    """How far the true rates of clusters lie apart, beyond chance.

    The standard deviation is by the method of moments (Kleinman, JASA 68 (1973) 46-54); the test is
    Pearson's chi-squared of equal rates, scaled to its exact mean given the margins (Haldane, Biometrika 31
    (1940) 346-355), since clusters are often small.

    Args:
        counts: events and n of each cluster.

    Returns:
        Both None with fewer than two clusters that have users, and the standard deviation also where no
        cluster has two; a spread of 0 without a p-value where all or none of the users had the event.

    Raises:
        ValueError: a count of events is negative or above its n.

    >>> spread = between_cluster_spread([(9, 10), (2, 10), (5, 10)])
    >>> round(spread.sd, 2), round(spread.p_value, 4)
    (0.33, 0.0083)
    """
    events, n = _counts(counts)
    events, n = events[n > 0], n[n > 0]
    if n.size < 2:
        return Spread(None, None)
    total = n.sum()
    p = events.sum() / total
    if p in (0, 1):
        return Spread(0.0, None)
    correlation = float(intraclass_correlation(events, n, np.ones_like(n)))
    sd = None if math.isnan(correlation) else math.sqrt(min(max(0.0, correlation), 1.0) * p * (1 - p))
    statistic = ((events - n * p) ** 2 / n).sum() / (p * (1 - p)) * (total - 1) / total
    return Spread(sd, float(special.chdtrc(n.size - 1, statistic)))


def clustered_difference(
    counts_a: Sequence[tuple[int, int]], counts_b: Sequence[tuple[int, int]], confidence_level: float = 0.95
) -> ClusteredDifference:
    """The difference of two rates whose users come in clusters.

    The variance of each rate is that of a ratio of sums over clusters; divided by that of independent
    users it is the design effect, and n divided by it the effective size, with which the usual methods
    hold: Rao and Scott, Biometrics 48 (1992) 577-585. Clusters are few, so Student's t takes the place of
    the normal distribution, in the interval by a smaller effective size (Korn and Graubard, Survey
    Methodology 24 (1998) 193-201), with
    Satterthwaite's degrees of freedom (Biometrics Bulletin 2 (1946) 110-114). A design effect below 1,
    which would have users of one mentor more unlike than strangers, counts as 1, as does one of a rate of 0 or 1.

    Args:
        counts_a, counts_b: events and n of each cluster of either group.
        confidence_level: a fraction, such as 0.95.

    Returns:
        The difference is None when a group has no users; everything else also when a group has fewer
        than two clusters with users, and the p-value when all or none of the users had the event.

    Raises:
        ValueError: a count of events is negative or above its n.

    >>> result = clustered_difference([(9, 12), (4, 10), (8, 11)], [(2, 10), (6, 15), (1, 12), (3, 11)])
    >>> round(result.difference, 3), round(result.p_value, 4), round(result.design_effect_a, 2)
    (0.386, 0.0518, 1.66)
    """
    (events_a, n_a), (events_b, n_b) = (_counts(counts) for counts in (counts_a, counts_b))
    total_a, total_b = n_a.sum(), n_b.sum()
    if not (total_a and total_b):
        return ClusteredDifference(*(None,) * 6, CLUSTERED_METHOD)
    p_a, p_b = events_a.sum() / total_a, events_b.sum() / total_b
    difference = float(p_a - p_b)
    effect_a, effect_b = _design_effect(events_a, n_a), _design_effect(events_b, n_b)
    if effect_a is None or effect_b is None:
        return ClusteredDifference(difference, *(None,) * 5, CLUSTERED_METHOD)
    size_a, size_b = total_a / effect_a, total_b / effect_b
    variance_a, variance_b = p_a * (1 - p_a) / size_a, p_b * (1 - p_b) / size_b
    freedom_a, freedom_b = np.count_nonzero(n_a) - 1, np.count_nonzero(n_b) - 1
    freedom = float(freedom_a + freedom_b)
    if variance_a + variance_b > 0:
        freedom = (variance_a + variance_b) ** 2 / (variance_a**2 / freedom_a + variance_b**2 / freedom_b)
    quantile = (1 + confidence_level) / 2
    t_for_z = (special.ndtri(quantile) / special.stdtrit(freedom, quantile)) ** 2
    wide_a, wide_b = float(size_a * t_for_z), float(size_b * t_for_z)
    low, high = newcombe_interval(float(p_a * wide_a), wide_a, float(p_b * wide_b), wide_b, confidence_level)
    pooled = (p_a * size_a + p_b * size_b) / (size_a + size_b)
    error = math.sqrt(pooled * (1 - pooled) * (1 / size_a + 1 / size_b))
    p_value = float(2 * special.stdtr(freedom, -abs(difference) / error)) if error > 0 else None
    return ClusteredDifference(difference, low, high, p_value, effect_a, effect_b, CLUSTERED_METHOD)


def _counts(counts: Sequence[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    events, n = np.array(counts, dtype=float).reshape(-1, 2).T
    is_wrong = (events < 0) | (events > n)
    if is_wrong.any():
        place = int(is_wrong.argmax())
        raise ValueError(f"events must lie between 0 and n, got {tuple(counts[place])}")
    return events, n


def _beta_model(
    events: np.ndarray, n: np.ndarray, correlation: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each correlation the variance of the rate of all, and the two parameters of the clusters' rates (as columns).

    A user counts for less the more users share the cluster; half a user is added on either side, so that a
    rate of 0 or 1 is not taken for certain.
    """
    counts_for = 1 / (1 + np.maximum(n - 1, 0) * correlation[:, np.newaxis])
    size = (n * counts_for).sum(axis=1) + 1
    rate = ((events * counts_for).sum(axis=1) + 0.5) / size
    weight = 1 / correlation - 1
    return rate * (1 - rate) / size, (rate * weight)[:, np.newaxis], ((1 - rate) * weight)[:, np.newaxis]


def _design_effect(events: np.ndarray, n: np.ndarray) -> float | None:
    """The variance of a rate over clusters by that of independent users, at least 1; None with one cluster."""
    clusters, total = np.count_nonzero(n), n.sum()
    if clusters < 2:
        return None
    p = events.sum() / total
    if p in (0, 1):
        return 1.0
    variance = clusters / (clusters - 1) * ((events - n * p) ** 2).sum() / total**2
    return max(1.0, float(variance * total / (p * (1 - p))))
