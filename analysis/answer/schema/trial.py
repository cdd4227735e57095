"""A trial that would settle it: its plan, printed by `answer --plan-test`, and its outcome, by `answer --test`."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict

from analysis.answer.schema.document import Parameters
from analysis.answer.schema.rows import (
    Conclusion,
    Count,
    Difference,
    DifferenceOfRates,
    Fraction,
    GroupName,
    Level,
    NotNegative,
    OfGroup,
)

Status = Literal["planned", "too_few_mentors", "difference_too_large", "no_data"]


class TrialNeeds(TypedDict):
    """How many users a trial needs, and how long their dealing takes."""

    group_a_mentors: Count
    """Mentors of group a."""
    group_b_mentors: Count
    """Mentors of group b."""
    group_a_users: Count | None
    """Users dealt to group a; null where no number of users suffices."""
    group_b_users: Count | None
    """Users dealt to group b; null as those of group a."""
    weeks: Count | None
    """Weeks until so many new users have come, at `new_users_per_week`; null without users or without new ones."""


class TrialDesign(TypedDict):
    """What follows from the mentors that there are, and the difference."""

    status: Status
    """`too_few_mentors`: no number of users suffices; `difference_too_large`: the rate of b plus the difference is
    above 1; `no_data`: a rate, a group of mentors or how alike users of one mentor are is not known."""
    base_rate: Fraction | None
    """The rebooking rate of group b now; null without users."""
    intraclass_correlation: Fraction | None
    """How alike users of one mentor are within a group, now; null where it cannot be estimated."""
    needs: TrialNeeds
    """With the mentors who have users now."""
    design_effect_a: NotNegative | None
    """How many times as many users of a it takes as if users of one mentor were not alike; null without users."""
    design_effect_b: NotNegative | None
    """The same of b."""
    reached_power: Fraction | None
    """The power with these users, or with users without end where no number suffices; null where it is not known."""
    block_a: Count | None
    """How many of each block of the random list go to group a, so that every mentor gets as many; null
    without users."""
    block_b: Count | None
    """How many of each block go to group b; null as those of a."""
    with_more_mentors: list[TrialNeeds]
    """Where mentors are too few: what it takes with the fewest who suffice, half as many more, and twice as many. Empty
    where there are enough, and where no number suffices."""


class TrialPlan(TrialDesign):
    """The design of a trial: new users dealt at random to the mentors of group a or of group b."""

    parameters: Parameters
    """What was asked, of which environment, and as of when."""
    difference: Difference
    """The difference worth acting on, a minus b, as a fraction."""
    significance_level: Level
    """The chance of calling a difference shown when there is none."""
    power: Level
    """The chance of finding the difference that is asked for."""
    new_users: Count
    """Users whose first session, with a mentor of either group, lay in these weeks."""
    new_users_weeks: Count
    """The latest whole weeks before `as_of` that are counted, eight at most; fewer where the data begin later."""
    new_users_per_week: NotNegative | None
    """new_users / new_users_weeks; null without a whole week."""
    warnings: list[str]
    """What the reader has to know besides, one sentence each."""


class TrialArm(OfGroup):
    """One arm of a trial, by intention to treat: every user dealt to it, whatever happened afterwards."""

    users: Count
    """Users dealt to it."""
    with_session: Count
    """Those of them with a session since the start of the trial."""
    as_dealt: Count
    """Those whose first session since then was with a mentor of the arm."""
    other_arm: Count
    """Those whose first session since then was with a mentor of the other arm."""
    adherence: Fraction | None
    """as_dealt / with_session; null where nobody had a session."""
    rebooked: Count
    """Those who came back within the window after that first session, to any mentor."""
    rate: Fraction | None
    """rebooked / users; null without users."""
    ci_low: Fraction | None
    """Lower bound of the rate, by Wilson's interval at the confidence level; null without users."""
    ci_high: Fraction | None
    """Upper bound of the rate, by Wilson's interval at the confidence level; null without users."""
    inside_window: Count
    """Those with a session who have not come back and may yet do so within the window."""


class TrialComparison(DifferenceOfRates):
    """Arm a against arm b; a user without a session counts with a mentor of the arm, drawn at random."""

    conclusion: Conclusion
    """What that shows of group a."""
    method: str
    """Which test and which interval."""


class TrialOutcome(TypedDict):
    """What came of a trial, by intention to treat."""

    parameters: Parameters
    """What was asked, of which environment, and as of when."""
    start: str
    """The day on which the trial began, ISO 8601, UTC."""
    arms: list[TrialArm]
    """Arm a, then arm b."""
    comparison: TrialComparison
    """Arm a against arm b."""
    seen_before: Count
    """Users dealt who had a session before the start, so were not new."""
    unknown_users: Count
    """Users dealt whom no export has."""
    warnings: list[str]
    """What the reader has to know besides, one sentence each."""


# The arms as a file may name them.
ARMS: dict[str, GroupName] = {"a": "group_a", "b": "group_b", "group_a": "group_a", "group_b": "group_b"}
