"""The section on how wrong the comparison could be."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge, Le
from typing_extensions import TypedDict

from analysis.answer.schema.rows import Count, Difference, Fraction, GroupName, NotNegative


class WithoutMentor(TypedDict):
    """The difference of the groups with one mentor left out."""

    mentor_id: str
    """The mentor."""
    group: GroupName
    """The mentor's group."""
    difference: Difference
    """The rate of a minus that of b without the mentor's users."""


class ReturnsToOverturn(TypedDict):
    """How many users would have to have done other than they did for the conclusion to fall."""

    group: GroupName
    """The group with the higher rate."""
    fewer_returns: Count
    """Returns of that group that would have to be none."""
    of_returns: Count
    """All returns of that group."""
    more_returns: Count
    """Users of the other group who would have to have come back, of those who did not."""
    of_others: Count
    """All users of the other group who did not come back."""


class AttributeOfMentors(TypedDict):
    """How far another attribute of the mentors tells the same groups apart."""

    rank_correlation: Annotated[float, Ge(-1), Le(1)] | None
    """Of the pairs of one mentor of either group the share in which that of a has more, less the share in which that of
    b has; null where a group has no mentor with a value."""
    is_perfect: bool
    """Every mentor of one group has more than every mentor of the other: nothing in the data can tell the group from
    the attribute."""
    group_a_mentors: Count
    """Mentors of a with users and a value."""
    group_b_mentors: Count
    """Mentors of b with users and a value."""


class Balance(TypedDict):
    """How many users of either group have one value of an attribute at the first session."""

    attribute: str
    """`company size`, `month`, `weekday`, or `came by`: booked or walked in."""
    value: str
    """Its value."""
    group_a_share: Fraction | None
    """The share of the users of a; null without users."""
    group_b_share: Fraction | None
    """The share of the users of b; null without users."""
    standardised_difference: float | None
    """Of the shares, in standard deviations; above 0.1 either way the groups are often held to be unlike. Null where a
    group is empty, or all of one group and none of the other have the value."""


class Robustness(TypedDict):
    """What would have to be otherwise for the conclusion to fall, and how alike the groups were before."""

    e_value: NotNegative | None
    """How many times likelier a hidden cause would have to make both the group and the return to explain the whole
    difference; null where the relative risk is not defined or not finite either way."""
    e_value_of_limit: NotNegative | None
    """The same for that bound of the relative risk, by mentor, which lies nearer to 1; 1 where the interval includes
    it. Null without an interval."""
    lowest_without_mentor: WithoutMentor | None
    """The mentor without whom the difference is the lowest; null where none can be left out."""
    highest_without_mentor: WithoutMentor | None
    """The mentor without whom it is the highest; null where none can be left out."""
    returns_to_overturn: ReturnsToOverturn | None
    """What it takes to overturn the conclusion; null where nothing is concluded."""
    hourly_rate: AttributeOfMentors
    """The mentors' latest hourly rate beside their tier."""
    balance: list[Balance]
    """One row per attribute and value."""
