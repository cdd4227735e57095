"""Users who share a mentor are alike: the rates of single mentors, and how far these lie apart.

Counts are `(events, n)` a cluster; clusters with n = 0 tell nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from analysis.statistics.cluster_robust import intraclass_correlation

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
