"""The sections on what could explain the headline: time, cohorts, like with like, mentors, chance."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict

from analysis.answer.schema.rows import (
    Count,
    Difference,
    DifferenceOfRates,
    Fraction,
    GroupName,
    Level,
    NotNegative,
    OfGroup,
    OfTier,
    PValue,
    TestResult,
)

StratifiedBy = Literal["company", "month", "company_size"]


class CurvePoint(TypedDict):
    """One day of a Kaplan-Meier curve of exact times: day 0, and every day on which something happens."""

    day: Count
    """So many times 24 hours since the first session, the last moment included."""
    at_risk: Count
    """Users who have not returned and are still observed after the 24 hours before."""
    returned: Count
    """Users who return in the 24 hours that end then."""
    censored: Count
    """Users whose observation ends in these 24 hours without a return."""
    share: Fraction
    """The share of users who have returned by then."""
    ci_low: Fraction
    """Lower bound of the share."""
    ci_high: Fraction
    """Upper bound of the share."""


class Horizon(TypedDict):
    """The share of users who return within so many times 24 hours, the last moment included."""

    days: Count
    """The horizon."""
    at_risk: Count
    """Users still observed then who have not returned; 0 where the curve does not reach that far."""
    share: Fraction | None
    """The share of users who have returned by then; null where the curve does not reach that far."""
    ci_low: Fraction | None
    """Lower bound of the share; null where the share is."""
    ci_high: Fraction | None
    """Upper bound of the share; null where the share is."""


class ReturnFigures(TypedDict):
    """The time until users return, whatever the rebooking window."""

    users: Count
    """Users whose first session was with a mentor of these tiers."""
    returned: Count
    """Those of them who came back at any time until `as_of`."""
    curve: list[CurvePoint]
    """The curve, day by day; empty without users."""
    horizons: list[Horizon]
    """The share of users who returned within 7, 14, 30, 60 and 90 days."""


class ReturnOfTier(OfTier, ReturnFigures):
    """The time until the users of one tier return."""


class ReturnOfGroup(OfGroup, ReturnFigures):
    """The time until the users of one group return."""


class TimeToRebooking(TypedDict):
    """The share of users who have come back, day by day."""

    tiers: list[ReturnOfTier]
    """One row per tier."""
    groups: list[ReturnOfGroup]
    """Group a, then group b."""
    log_rank: TestResult
    """Of the groups returning at the same pace; the statistic is chi-squared with 1 degree of freedom."""


class OfMonth(TypedDict):
    """Figures of the users whose first session was in one month."""

    month: str
    """The month of the first session, UTC, as YYYY-MM."""


class CohortFigures(TypedDict):
    """The rebooking of the users whose first session was in one month."""

    users: Count
    """Users whose first session was in that month, with a mentor of these tiers."""
    rebooked: Count
    """Those of them who came back within the window."""
    rate: Fraction | None
    """rebooked / users; null without users, and where the cohort is not mature: it could only be too low."""
    ci_low: Fraction | None
    """Lower bound of the rate, by Wilson's interval at the confidence level; null where the rate is."""
    ci_high: Fraction | None
    """Upper bound of the rate, by Wilson's interval at the confidence level; null where the rate is."""
    mature_users: Count
    """Those of the users whose whole window lies before `as_of`."""
    is_mature: bool
    """The window of whoever came in the last moment of the month lies before `as_of`."""


class CohortOfTier(OfMonth, OfTier, CohortFigures):
    """One month of one tier."""


class CohortOfGroup(OfMonth, OfGroup, CohortFigures):
    """One month of one group."""


class Trend(TestResult):
    """Whether the rate of a group rises or falls over its mature months."""

    group: GroupName
    """Which of the two groups; the statistic is positive where its rate rises."""


class Cohorts(TypedDict):
    """Rebooking by the month of the first session."""

    tiers: list[CohortOfTier]
    """One row per month with users and tier, in order of months."""
    groups: list[CohortOfGroup]
    """One row per month with users and group, in order of months."""
    trend: list[Trend]
    """Group a, then group b."""


class StratifiedComparison(TypedDict):
    """Group a against group b, compared within strata only."""

    stratified_by: StratifiedBy
    """What the users of one stratum share."""
    strata: Count
    """How many strata there are."""
    informative_strata: Count
    """Those with users of both groups of whom some, not all, came back: only these tell anything."""
    informative_users: Count
    """The users in informative strata."""
    odds_ratio: NotNegative | None
    """The pooled odds ratio of a against b; null without an informative stratum, and where it is not finite."""
    odds_ratio_ci_low: NotNegative | None
    """Lower bound of the odds ratio; null where the ratio is, or is 0."""
    odds_ratio_ci_high: NotNegative | None
    """Upper bound of the odds ratio; null where the ratio is, or is 0."""
    statistic: NotNegative | None
    """Of the test of no difference, chi-squared with 1 degree of freedom; null without an informative stratum."""
    p_value: PValue | None
    """Of that test; null where the statistic is."""
    heterogeneity_p_value: PValue | None
    """Of the test that the odds ratio is the same in all strata; null where they are too few or too small for it."""
    is_too_thin: bool
    """The strata leave too little to compare, and the p-value is not to be relied on."""
    method: str
    """Which estimate, interval and tests."""


class PermutationResult(TypedDict):
    """Whether chance alone gives so large a difference when users change groups within their strata."""

    stratified_by: Literal["company"]
    """What the users of one stratum share."""
    permutations: Count
    """How many deals of the users were drawn."""
    difference: Difference | None
    """The mean over the strata of the rate of a minus that of b, with Mantel-Haenszel weights; null without an
    informative stratum."""
    p_value: PValue | None
    """Two-sided; null where the difference is."""
    method: str
    """The name of the test."""


class Confounding(TypedDict):
    """The groups compared among users who are alike."""

    stratified: list[StratifiedComparison]
    """By company, by month of the first session, by size of the company."""
    permutation: PermutationResult
    """A permutation test within companies."""


class Mentor(TypedDict):
    """The rebooking of the users whose first session was with one mentor."""

    mentor_id: str
    """The mentor."""
    tier: str
    """The mentor's tier; by the tier at the first session a mentor may have a row in more than one."""
    users: Count
    """Users whose first session was with the mentor."""
    rebooked: Count
    """Those of them who came back within the window, to any mentor."""
    rate: Fraction | None
    """rebooked / users; null without users."""
    ci_low: Fraction | None
    """Lower bound of the rate, by Wilson's interval at the confidence level; null without users."""
    ci_high: Fraction | None
    """Upper bound of the rate, by Wilson's interval at the confidence level; null without users."""
    shrunk_rate: Fraction | None
    """The rate drawn towards that of the tier, the more so the fewer the users; null where the tier has no users."""
    shrunk_ci_low: Fraction | None
    """Lower bound of the shrunk rate; null where that is."""
    shrunk_ci_high: Fraction | None
    """Upper bound of the shrunk rate; null where that is."""


class SpreadOfMentors(OfTier):
    """How far the true rates of the mentors of one tier lie apart."""

    mentors: Count
    """Mentors of the tier with users."""
    users: Count
    """Their users."""
    rate: Fraction | None
    """The rebooking rate of all of them; null without users."""
    between_mentor_sd: Fraction | None
    """Standard deviation of the true rates between mentors; null with fewer than two mentors, or one user each."""
    heterogeneity_p_value: PValue | None
    """Of the test that all mentors have the same rate; null with fewer than two mentors, and where all or none of
    the users came back."""


class ClusteredDifference(DifferenceOfRates):
    """Group a against group b, allowing for users of one mentor being alike."""

    design_effect_a: NotNegative | None
    """How many times the variance of the rate of group a is that of independent users; null with fewer than two
    mentors in a group."""
    design_effect_b: NotNegative | None
    """How many times the variance of the rate of group b is that of independent users; null with fewer than two
    mentors in a group."""
    method: str
    """Which test and which interval."""


class Mentors(TypedDict):
    """Whether a tier is good, or a few of its mentors are."""

    mentors: list[Mentor]
    """One row per mentor and tier, by tier and within it by mentor."""
    tiers: list[SpreadOfMentors]
    """One row per tier."""
    clustered: ClusteredDifference
    """The groups compared by mentor."""


class UsersByGroup(TypedDict):
    """A number of users for each group."""

    group_a: Count | None
    """Of group a; null where its rate is not known."""
    group_b: Count | None
    """Of group b; null where its rate is not known."""


class Power(TypedDict):
    """What samples of this size can show."""

    significance_level: Level
    """The chance of calling a difference shown when there is none: 1 - confidence level."""
    power: Level
    """The chance of finding a difference that is there."""
    minimum_detectable_difference: Difference | None
    """The smallest true difference found with that power; null where a group is empty, or no difference is large
    enough."""
    half_width_points: Fraction
    """Half the width of a narrow interval of a rate, as a fraction: 0.05 is five points."""
    users_for_half_width: UsersByGroup
    """How many users a group needs for its rate to have so narrow an interval."""


class Pair(DifferenceOfRates):
    """One tier against another."""

    tier_a: str
    """The first tier, the better one."""
    tier_b: str
    """The second tier."""
    p_value_holm: PValue | None
    """The p-value adjusted for there being several pairs, by Holm's method; null where that is."""
