"""Rates whose users come in clusters, with a variance that stays nearly unbiased when the clusters are few.

Everything here takes one set of clusters, or many at once: clusters along the first axis, sets along the rest.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import special


class RobustRate(NamedTuple):
    """A rate of users.

    Attributes:
        rate: events / n over all clusters, a fraction.
        variance: of the rate, in fractions squared.
        freedom: the degrees of freedom of the variance.
    """

    rate: np.ndarray
    variance: np.ndarray
    freedom: np.ndarray


class Interval(NamedTuple):
    """An interval by Student's t.

    Attributes:
        low, high: its bounds.
        freedom: the degrees of freedom.
    """

    low: np.ndarray
    high: np.ndarray
    freedom: np.ndarray


def robust_rate(events: np.ndarray, n: np.ndarray) -> RobustRate:
    """The rate of one group with the CR2 variance and its degrees of freedom.

    Source: Bell and McCaffrey, Survey Methodology 28 (2002) 169-181, for a regression on nothing but the
    group, under the working model of independent users. There the correction (I - H)^(-1/2) of a cluster
    with the share h of the users multiplies the sum of its residuals by (1 - h)^(-1/2), so that

        variance = sum of (events - n rate)² / (1 - h) / N²,

    and Satterthwaite's degrees of freedom (trace of G)² / trace of G² of the quadratic form come to

        1 / (sum of h² + 2 sum over pairs of q q'),  with q = h² / (1 - h).

    They lie between 1 and the clusters less one, which they reach where all are of one size.

    Args:
        events, n: of each cluster, along the first axis; at least two clusters, every n above 0.
    """
    return RobustRate(*cr2_variance(events, n), cr2_freedom(n / n.sum(axis=0)))


def cr2_variance(events: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rate of `robust_rate` and its variance."""
    total = n.sum(axis=0)
    rate = events.sum(axis=0) / total
    return rate, ((events - n * rate) ** 2 / (1 - n / total)).sum(axis=0) / total**2


def cr2_freedom(share: np.ndarray) -> np.ndarray:
    """The degrees of freedom of `robust_rate`, which hang on the clusters' shares of the users alone.

    Args:
        share: of each cluster, along the first axis; fractions between 0 and 1 that sum to 1.
    """
    # From the smallest up: the sum over pairs as a difference would lose the small ones beside a large one.
    q = np.sort(share**2 / (1 - share), axis=0)
    pairs = (q[1:] * np.cumsum(q, axis=0)[:-1]).sum(axis=0)
    freedom: np.ndarray = 1 / ((share**2).sum(axis=0) + 2 * pairs)
    return freedom


def difference_interval(a: RobustRate, b: RobustRate, confidence_level: float = 0.95) -> Interval:
    """The interval of the rate of a minus that of b.

    The degrees of freedom of the two groups are combined by Satterthwaite, Biometrics Bulletin 2 (1946)
    110-114. Cut at -1 and 1. NaN where both variances are 0, as when all users of a group or none have
    the event: the variance cannot be told from them.
    """
    freedom, margin = _margin(a.variance, a.freedom, b.variance, b.freedom, confidence_level)
    difference = a.rate - b.rate
    return Interval(np.maximum(difference - margin, -1.0), np.minimum(difference + margin, 1.0), freedom)


def ratio_interval(a: RobustRate, b: RobustRate, confidence_level: float = 0.95) -> Interval:
    """The interval of the rate of a divided by that of b, by the delta method on its logarithm.

    Its variance is the sum of variance / rate² of the two (Katz and others, Biometrics 34 (1978) 469-474,
    method C), with the CR2 variances. NaN where a rate or both variances are 0.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        relative_a, relative_b = a.variance / a.rate**2, b.variance / b.rate**2
        center = np.log(a.rate) - np.log(b.rate)
        freedom, margin = _margin(relative_a, a.freedom, relative_b, b.freedom, confidence_level)
        return Interval(np.exp(center - margin), np.exp(center + margin), freedom)


def combined_freedom(
    variance_a: np.ndarray, freedom_a: np.ndarray, variance_b: np.ndarray, freedom_b: np.ndarray
) -> np.ndarray:
    """Satterthwaite's degrees of freedom of the sum of two variances; NaN where both are 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        share = variance_a / (variance_a + variance_b)
        freedom: np.ndarray = 1 / (share**2 / freedom_a + (1 - share) ** 2 / freedom_b)
        return freedom


def intraclass_correlation(events: np.ndarray, n: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """Kleinman's moment estimate with weights n (JASA 68 (1973) 46-54), not bounded, a column a set.

    Args:
        events, n: a row a kind of cluster, every n above 0.
        clusters: how many are of each kind, along the rows.

    Returns:
        NaN where it is not defined: every n is 1, or all users have the event or none.
    """
    total = (clusters * n).sum(axis=0)
    p = (clusters * events).sum(axis=0) / total
    within, others = p * (1 - p), clusters * (1 - n / total)
    between, pairs = (clusters * (events - n * p) ** 2 / n).sum(axis=0), within * (others * (n - 1)).sum(axis=0)
    correlation: np.ndarray = (between - within * others.sum(axis=0)) / np.where(pairs == 0, np.nan, pairs)
    return correlation


def _margin(
    variance_a: np.ndarray,
    freedom_a: np.ndarray,
    variance_b: np.ndarray,
    freedom_b: np.ndarray,
    confidence_level: float,
) -> tuple[np.ndarray, np.ndarray]:
    freedom = combined_freedom(variance_a, freedom_a, variance_b, freedom_b)
    return freedom, special.stdtrit(freedom, (1 + confidence_level) / 2) * np.sqrt(variance_a + variance_b)
