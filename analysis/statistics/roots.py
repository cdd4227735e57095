"""Where a function crosses zero, without `scipy.optimize`: importing that takes a tenth of the time of an answer."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable


def crossing(function: Callable[[float], float], low: float, high: float, tolerance: float = 1e-12) -> float:
    """Where a continuous function is zero between two points at which its signs differ.

    Source: Ridders, IEEE Transactions on Circuits and Systems 26 (1979) 979-980.

    Args:
        function: of one number; increasing or decreasing, or neither.
        low, high: the points, low below high.
        tolerance: the search ends when it moves by no more.

    Raises:
        ValueError: the signs are the same.

    >>> round(crossing(lambda x: x * x - 2, 0, 2), 9)
    1.414213562
    """
    at_low, at_high = function(low), function(high)
    if at_low * at_high > 0:
        raise ValueError(f"the signs must differ, got {at_low} at {low} and {at_high} at {high}")
    if at_low == 0 or at_high == 0:
        return low if at_low == 0 else high
    found, last = low, math.inf
    while abs(found - last) > tolerance and high - low > tolerance:
        middle = (low + high) / 2
        at_middle = function(middle)
        step = (middle - low) * at_middle / math.sqrt(at_middle**2 - at_low * at_high)
        last, found = found, middle + math.copysign(1, at_low - at_high) * step
        at_found = function(found)
        if at_found == 0:
            break
        points = sorted([(low, at_low), (middle, at_middle), (found, at_found), (high, at_high)])
        (low, at_low), (high, at_high) = next(
            (left, right) for left, right in itertools.pairwise(points) if left[1] * right[1] <= 0
        )
    return found
