"""Several tests at once."""

from __future__ import annotations

from collections.abc import Sequence


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's step-down adjustment: with it, the chance of any false rejection stays within the level.

    Source: Holm, Scandinavian Journal of Statistics 6 (1979) 65-70.

    Args:
        p_values: one of each test; None for a test that could not be made, which then does not count.

    Returns:
        The adjusted p-values, in the same order; None where there was none.

    Raises:
        ValueError: a p-value is not within 0 and 1.

    >>> holm([0.01, 0.04, None, 0.03])
    [0.03, 0.06, None, 0.06]
    """
    made = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    floor = 0.0
    for rank, (p, place) in enumerate(made):
        if not 0 <= p <= 1:
            raise ValueError(f"a p-value must lie between 0 and 1, got {p}")
        floor = max(floor, min(1.0, (len(made) - rank) * p))
        adjusted[place] = floor
    return adjusted
