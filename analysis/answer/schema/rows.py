"""What many sections share: the units of their figures, and rows of a tier, of a group and of a test."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, Lt

# The one of `typing` cannot be read into a JSON Schema before Python 3.12.
from typing_extensions import TypedDict

Count = Annotated[int, Ge(0)]
# Of a whole: 0.619, never rounded. A difference of two of them may be negative.
Fraction = Annotated[float, Ge(0), Le(1)]
Difference = Annotated[float, Ge(-1), Le(1)]
# Such as an odds ratio, a relative risk, or a number of hours.
NotNegative = Annotated[float, Ge(0)]
PValue = Annotated[float, Ge(0), Le(1)]
# Of confidence, of significance, of power.
Level = Annotated[float, Gt(0), Lt(1)]

GroupName = Literal["group_a", "group_b"]
# What a comparison shows of group a. `too_few_mentors`: not even the most unequal deal of so few mentors could show
# anything; `says_nothing`: another way of counting in which hardly anybody counts; `no_data`: a group is empty.
Conclusion = Literal["higher", "lower", "not_shown", "too_few_mentors", "says_nothing", "no_data"]


class OfTier(TypedDict):
    """Figures of one tier; every known tier has a row, best first."""

    tier: str
    """The tier, as in the mentor sheet: Gold, Silver or Bronze."""


class OfGroup(TypedDict):
    """Figures of one of the two groups compared, its tiers taken together."""

    group: GroupName
    """Which of the two groups."""
    tiers: list[str]
    """The tiers in it, as they were asked for."""


class TestResult(TypedDict):
    """A test of one null hypothesis."""

    statistic: float | None
    """The test's statistic, of the distribution that `method` names; null where the data cannot tell anything."""
    p_value: PValue | None
    """Two-sided; null where the statistic is."""
    method: str
    """The name of the test."""


class DifferenceOfRates(TypedDict):
    """Group a against group b, or one tier against another, by their rates, with the mentor as the unit."""

    difference: Difference | None
    """The rate of the first minus that of the second; null where one of them has no users."""
    difference_ci_low: Difference | None
    """Lower bound of the difference, robust to users of one mentor being alike; null where one of them has fewer than
    two mentors, or no mentor's rate differs from that of its group."""
    difference_ci_high: Difference | None
    """Upper bound of the difference; null as the lower bound."""
    p_value: PValue | None
    """Two-sided, of the mentors being alike whatever their group; null where one of them has no users."""
    p_value_standardised: PValue | None
    """The same with the difference divided by its standard error, which allows for the mentors of one of them having
    fewer users each; null where the p-value is. Something is shown where both lie below the significance level."""
    smallest_p_value: PValue | None
    """The smallest p-value that so many mentors allow; null where the p-value is."""
    group_a_mentors: Count
    """Mentors of the first with users."""
    group_b_mentors: Count
    """Mentors of the second with users."""
