"""What samples of a given size can show."""

from __future__ import annotations

import math

from scipy import special

from analysis.statistics.roots import crossing


def minimum_detectable_difference(
    n_a: int, n_b: int, base_rate: float | None, significance_level: float = 0.05, power: float = 0.8
) -> float | None:
    """The smallest true difference that a two-sided test of two proportions finds with the given power.

    Group b has the base rate and a a higher one. By the normal approximation with the pooled variance
    under no difference and the two groups' own under one.
    Source: Fleiss, Levin, Paik, Statistical Methods for Rates and Proportions, 3rd ed. (2003), section 4.2.

    Args:
        n_a, n_b: the sizes of the groups.
        base_rate: the true rate of group b, a fraction; None when it is not known.
        significance_level: the chance of a false rejection, a fraction.
        power: the chance of finding the difference, a fraction.

    Returns:
        A difference of fractions; None when a group is empty, without a base rate, and when even a rate
        of 1 in group a would be found less often.

    Raises:
        ValueError: a size is negative, a rate, level or power is not a fraction.

    >>> round(minimum_detectable_difference(42, 90, 0.244), 3)
    0.246
    """
    if min(n_a, n_b) < 0:
        raise ValueError(f"a group's size must not be negative, got {n_a} and {n_b}")
    if not (0 < significance_level < 1 and 0 < power < 1):
        raise ValueError(f"level and power must lie between 0 and 1, got {significance_level} and {power}")
    if not (n_a and n_b) or base_rate is None:
        return None
    _check_rate(base_rate)
    level, found = float(special.ndtri(1 - significance_level / 2)), float(special.ndtri(power))

    def shortfall(difference: float) -> float:
        rate_a = min(1.0, base_rate + difference)
        pooled = (n_a * rate_a + n_b * base_rate) / (n_a + n_b)
        null_error = math.sqrt(pooled * (1 - pooled) * (1 / n_a + 1 / n_b))
        error = math.sqrt(rate_a * (1 - rate_a) / n_a + base_rate * (1 - base_rate) / n_b)
        return level * null_error + found * error - difference

    highest = 1 - base_rate
    if highest == 0 or shortfall(highest) > 0:
        return None
    # With a base rate of 0 and no difference nothing varies, and the shortfall is zero there too.
    return crossing(shortfall, 1e-12, highest)


def users_for_half_width(rate: float | None, half_width: float, confidence_level: float = 0.95) -> int | None:
    """How many users a Wilson interval of a rate needs to be no wider than twice the half width.

    Source: Wilson's interval (JASA 22, 1927, 209-212) solved for n.

    Args:
        rate: the rate expected, a fraction; None when it is not known.
        half_width: half of the interval's width, a fraction (0.05 is five points).
        confidence_level: a fraction, such as 0.95.

    Returns:
        The smallest such number of users; None without a rate.

    Raises:
        ValueError: the rate is not a fraction, or the half width is not above 0.

    >>> users_for_half_width(0.62, 0.05)
    359
    """
    if half_width <= 0:
        raise ValueError(f"the half width must be above 0, got {half_width}")
    if rate is None:
        return None
    _check_rate(rate)
    if half_width >= 0.5:
        return 1
    # half_width² (1 + u)² = u rate (1 - rate) + u² / 4, with u = z² / n.
    a, b, c = half_width**2 - 0.25, 2 * half_width**2 - rate * (1 - rate), half_width**2
    u = (-b - math.sqrt(b * b - 4 * a * c)) / (2 * a)
    exact = float(special.ndtri((1 + confidence_level) / 2)) ** 2 / u
    return math.ceil(exact * (1 - 1e-12))


def _check_rate(rate: float) -> None:
    if not 0 <= rate <= 1:
        raise ValueError(f"a rate must lie between 0 and 1, got {rate}")
