"""The sections on rebooking: the headline, intent, and whether another way of counting changes the conclusion."""

from __future__ import annotations

from typing_extensions import TypedDict

from analysis.answer.schema.rows import (
    Conclusion,
    Count,
    Difference,
    DifferenceOfRates,
    Fraction,
    GroupName,
    NotNegative,
    OfGroup,
    OfTier,
    PValue,
)


class RebookingRate(TypedDict):
    """How many users came back within the rebooking window after their first session."""

    users: Count
    """Users whose first session was with a mentor of these tiers."""
    rebooked: Count
    """Those of them who came back within the window, to any mentor."""
    rate: Fraction | None
    """rebooked / users; null without users."""
    ci_low: Fraction | None
    """Lower bound of the rate, by Wilson's interval at the confidence level; null without users."""
    ci_high: Fraction | None
    """Upper bound of the rate, by Wilson's interval at the confidence level; null without users."""


class RebookingFigures(RebookingRate):
    """The rebooking rate, and that of the users whose whole window has passed."""

    mature_users: Count
    """Users whose whole window lies before `as_of`; 0 where the window has no limit."""
    mature_rebooked: Count
    """Those of the mature users who came back within the window."""
    mature_rate: Fraction | None
    """mature_rebooked / mature_users; null without mature users."""
    may_yet_rebook: Count
    """Users who are not mature and have not come back yet; all who have not, where the window has no limit."""


class RebookingOfTier(OfTier, RebookingFigures):
    """The rebooking of one tier."""

    tier_category: str
    """The category that the reference data put the tier in, such as top_tier or standard_tier."""


class RebookingOfGroup(OfGroup, RebookingFigures):
    """The rebooking of one group."""


class IfIndependent(TypedDict):
    """Group a against group b as if users of one mentor were not alike: for comparison, not for conclusions."""

    difference_ci_low: Difference | None
    """Lower bound of the difference; null where a group is empty."""
    difference_ci_high: Difference | None
    """Upper bound of the difference; null where a group is empty."""
    relative_risk: NotNegative | None
    """The rate of a divided by that of b; null where a group is empty or nobody of b came back."""
    relative_risk_ci_low: NotNegative | None
    """Lower bound of the relative risk; null where nobody of a group or everybody of both came back."""
    relative_risk_ci_high: NotNegative | None
    """Upper bound of the relative risk; null where nobody of a group or everybody of both came back."""
    odds_ratio: NotNegative | None
    """The odds of a divided by those of b; null where a group is empty, all or none of the users came back, or the
    ratio is not finite."""
    odds_ratio_ci_low: NotNegative | None
    """Lower bound of the odds ratio; null where a group is empty, or all or none of the users came back."""
    odds_ratio_ci_high: NotNegative | None
    """Upper bound of the odds ratio; null where a group is empty, all or none of the users came back, or the bound is
    not finite."""
    p_value: PValue | None
    """Two-sided, of equal rates; null where a group is empty."""
    method: str
    """Which test and which intervals."""


class MentorsNeeded(TypedDict):
    """The fewest mentors of either group, in the ratio of those that there are."""

    group_a: Count
    """Of group a."""
    group_b: Count
    """Of group b."""


class Comparison(DifferenceOfRates):
    """Group a against group b."""

    conclusion: Conclusion
    """What that shows of group a."""
    mentors_needed: MentorsNeeded | None
    """The fewest mentors with whom something could be shown at all; null where there are enough, or none."""
    method: str
    """Which test and which interval."""
    if_independent: IfIndependent
    """The same as if users were independent of each other."""


class WithoutTier(OfTier):
    """The comparison of the groups without one tier."""

    group: GroupName
    """The group that it is left out of."""
    users: Count
    """Users of the tier."""
    nobody_returns: bool
    """None of its users came back, while some of another tier did."""
    difference: Difference | None
    """Of the rates without it; null where a group is empty."""
    p_value: PValue | None
    """Without it; null where the difference is."""
    p_value_standardised: PValue | None
    """The same with the difference divided by its standard error; null where the difference is."""
    conclusion: Conclusion
    """What the comparison without it shows of group a."""
    changes_conclusion: bool | None
    """The conclusion is another without it; null where so few mentors are left that none could be drawn."""
    carries_difference: bool
    """Nobody of the tier returns, or the conclusion is another without it."""


class RebookingByTier(TypedDict):
    """Rebooking by tier and group, by one way of counting visits."""

    tiers: list[RebookingOfTier]
    """One row per tier."""
    groups: list[RebookingOfGroup]
    """Group a, then group b."""
    comparison: Comparison
    """Group a against group b."""
    mature_comparison: Comparison
    """The same of mature users alone."""
    without_tier: list[WithoutTier]
    """The comparison without each tier in turn whose group has another one with users: where the difference lies."""


class Rebooking(TypedDict):
    """The headline: who came back, by tier of the mentor of the first visit."""

    sessions: RebookingByTier
    """A visit is a session that took place: the headline."""
    bookings: RebookingByTier
    """A visit is a booking of a known user that was not cancelled."""


class IntentFigures(TypedDict):
    """Who asked for another session within the window, and what became of it."""

    users: Count
    """Users whose first session was with a mentor of these tiers."""
    with_intent: Count
    """Those of them who placed a request within the window after the first session."""
    attended: Count
    """Those with intent of whom one of these requests was attended, whenever."""
    lost: Count
    """Those with intent of whom every one of these requests was cancelled."""
    intent_rate: Fraction | None
    """with_intent / users; null without users."""
    commitment_rate: Fraction | None
    """attended / with_intent; null where nobody has intent."""


class IntentOfTier(OfTier, IntentFigures):
    """The intent of the users of one tier."""


class IntentOfGroup(OfGroup, IntentFigures):
    """The intent of the users of one group."""


class LoyaltyFigures(TypedDict):
    """Of the users who came back, whenever, how many to the mentor of their first session."""

    returned: Count
    """Users with a second session."""
    same_mentor: Count
    """Those of them whose second session is with the mentor of the first."""
    same_mentor_rate: Fraction | None
    """same_mentor / returned; null where nobody came back."""


class LoyaltyOfTier(OfTier, LoyaltyFigures):
    """The loyalty of the users of one tier."""


class LoyaltyOfGroup(OfGroup, LoyaltyFigures):
    """The loyalty of the users of one group."""


class Loyalty(TypedDict):
    """Whether users who come back go to the same mentor."""

    tiers: list[LoyaltyOfTier]
    """One row per tier."""
    groups: list[LoyaltyOfGroup]
    """Group a, then group b."""


class Intent(TypedDict):
    """Intent, commitment and loyalty by tier and group."""

    tiers: list[IntentOfTier]
    """One row per tier."""
    groups: list[IntentOfGroup]
    """Group a, then group b."""
    loyalty: Loyalty
    """Whether users who come back go to the same mentor."""


class Variant(DifferenceOfRates):
    """The headline counted in one way."""

    name: str
    """How it is counted: `headline`, or what is otherwise than in the headline."""
    also: list[str]
    """Other ways of counting that come to the same users and returns of every mentor."""
    group_a_users: Count
    """Users of group a."""
    group_a_rebooked: Count
    """Those of them who came back."""
    group_b_users: Count
    """Users of group b."""
    group_b_rebooked: Count
    """Those of them who came back."""
    conclusion: Conclusion
    """What this way of counting shows of group a."""


class Sensitivity(TypedDict):
    """Whether another defensible way of counting changes the conclusion."""

    variants: list[Variant]
    """The headline, then every other way of counting."""
    conclusion: Conclusion
    """That of the headline."""
    changed_by: list[str]
    """The names of the variants with another conclusion; those that say nothing do not count."""
    reversed_by: list[str]
    """Those of them that show the opposite."""
    is_robust: bool | None
    """No variant has another conclusion; null where the headline has none."""
