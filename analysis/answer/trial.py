"""A trial that would settle whether tiers make users come back: its plan, and its outcome."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import ibis
import pyarrow as pa
from ibis.expr.types import Table

from analysis.answer.built import Built, parameters
from analysis.answer.comparison import MentorCounts, conclude, differs, mentor_counts, summed
from analysis.answer.facts import fetched, marts_asked
from analysis.answer.rebooking import POWER
from analysis.answer.schema.rows import GroupName
from analysis.answer.schema.trial import Status, TrialArm, TrialDesign, TrialNeeds, TrialOutcome, TrialPlan
from analysis.answer.tiers import Row, groups
from analysis.metrics.rebooking import rebooking_counts, session_visits, user_outcomes, with_tier
from analysis.metrics.trial import dealt_outcomes, new_users_by_week
from analysis.statistics.proportions import rate, wilson_interval
from analysis.statistics.trial import (
    TrialSize,
    correlation_within,
    deal_users,
    intention_to_treat,
    mentors_for_trial,
    spread_over,
    trial_size,
)
from settings import Settings

# Over how many of the latest weeks new users are counted.
WEEKS = 8
# Where mentors are too few: so many times the fewest who suffice.
MORE_MENTORS = (1, 1.5, 2)


def trial_plan(
    table: Callable[[str], Table], settings: Settings, built: Built, as_of: datetime | None, difference: float
) -> TrialPlan:
    """How many new users have to be dealt at random to the mentors of either group to find a difference.

    The base rate is that of group b now, the mentors are those who have users now, with their present shares,
    and how alike users of one mentor are is estimated within the groups (`correlation_within`). New users are
    those whose first session was with a mentor of either group.

    Args:
        table, settings, built, as_of: as of `answer`.
        difference: worth acting on, a minus b, a fraction.
    """
    marts = marts_asked(table, settings, built, as_of)
    visits = session_visits(marts.sessions)
    outcomes = with_tier(
        user_outcomes(visits, settings.rebooking_window_days, marts.as_of),
        marts.mentors,
        settings.tier_attribution,
        "first_at",
    )
    of_groups = outcomes.filter(outcomes.tier.isin([*settings.group_a, *settings.group_b]))
    counts = fetched(rebooking_counts(outcomes, "mentor_id", "tier"))
    a, b = (mentor_counts(counts, tiers) for _, tiers in groups(settings))
    moment = as_of or built.as_of
    new_users, weeks = _new_users(fetched(new_users_by_week(of_groups, marts.as_of)), moment)
    return {
        "parameters": parameters(settings, built, as_of),
        "difference": difference,
        "significance_level": settings.significance_level,
        "power": POWER,
        "new_users": new_users,
        "new_users_weeks": weeks,
        "new_users_per_week": new_users / weeks if weeks else None,
        **_design(a, b, difference, settings.significance_level, new_users / weeks if weeks else 0),
        "warnings": [],
    }


def allocation(plan: TrialPlan, seed: int) -> list[str]:
    """The arm, `a` or `b`, of each user of a trial in the order in which they come: as many as the plan needs.

    Args:
        seed: the same seed gives the same list.

    Returns:
        None at all where the plan has no number of users.
    """
    needs = plan["needs"]
    if plan["status"] != "planned":
        return []
    users = (needs["group_a_users"] or 0) + (needs["group_b_users"] or 0)
    return deal_users(users, {"a": plan["block_a"] or 0, "b": plan["block_b"] or 0}, seed)


def trial_outcome(
    table: Callable[[str], Table],
    settings: Settings,
    built: Built,
    as_of: datetime | None,
    dealt: Mapping[int, GroupName],
    start: datetime,
) -> TrialOutcome:
    """Who came back of the users dealt, by intention to treat.

    A user who had no session since the start did not return, and counts with a mentor of the arm drawn at random
    (`intention_to_treat`); every other user belongs to the mentor of that first session, of whichever tier,
    within the arm dealt.

    Args:
        table, settings, built, as_of: as of `answer`.
        dealt: the arm of each user.
        start: when the trial began, naive UTC.
    """
    marts = marts_asked(table, settings, built, as_of)
    window_days = settings.rebooking_window_days
    given = ibis.memtable(
        pa.table(
            {
                "user_id": pa.array(dealt.keys(), pa.int64()),
                "arm": pa.array(dealt.values(), pa.string()),
            }
        )
    )
    outcomes = dealt_outcomes(given, session_visits(marts.sessions), start, window_days, marts.as_of)
    rows = fetched(with_tier(outcomes, marts.mentors, settings.tier_attribution, "first_at"))
    (unknown,) = fetched(given.anti_join(marts.users, "user_id").aggregate(users=lambda found: found.count()))
    result = intention_to_treat(
        [(row["arm"], row["is_rebooked"], row["mentor_id"]) for row in rows],
        "group_a",
        "group_b",
        settings.confidence_level,
    )
    arms = [_arm(group, rows, settings) for group, _ in groups(settings)]
    seen_before = sum(row["was_seen_before"] for row in rows)
    return {
        "parameters": parameters(settings, built, as_of),
        "start": start.date().isoformat(),
        "arms": arms,
        "comparison": {
            **differs(result),
            "conclusion": conclude(result, settings.significance_level),
            "method": result.method,
        },
        "seen_before": seen_before,
        "unknown_users": unknown["users"],
        "warnings": _warnings(arms, seen_before, unknown["users"]),
    }


def _new_users(rows: list[Row], as_of: datetime | None) -> tuple[int, int]:
    """New users of the latest whole weeks, and how many weeks these are."""
    if not rows or as_of is None:
        return 0, 0
    this_week = as_of.date() - timedelta(days=as_of.weekday())
    weeks = min(WEEKS, (this_week - min(row["week"] for row in rows)).days // 7)
    return sum(row["new_users"] for row in rows if row["week"] >= this_week - timedelta(weeks=weeks)), weeks


def _design(
    a: MentorCounts, b: MentorCounts, difference: float, significance_level: float, per_week: float
) -> TrialDesign:
    """The part of the plan that depends on the mentors."""
    base_rate, correlation = rate(*summed(b)), correlation_within(a, b)
    shares = [users for _, users in a], [users for _, users in b]
    status: Status = "planned"
    more: list[TrialNeeds] = []
    size, reached = TrialSize(None, None, None, None, 0.0), None
    if base_rate is None or correlation is None or not (a and b):
        status = "no_data"
    elif base_rate + difference > 1:
        status = "difference_too_large"
    else:
        asked = base_rate, difference, correlation
        if min(len(a), len(b)) > 1:
            size = trial_size(*asked, *shares, significance_level=significance_level, power=POWER)
            reached = size.power
        if size.users_a is None:
            status, more = "too_few_mentors", _more_mentors(asked, shares, significance_level, per_week)
    is_planned = status == "planned"
    divisor = math.gcd(len(a), len(b))
    return {
        "status": status,
        "base_rate": base_rate,
        "intraclass_correlation": correlation,
        "needs": _needs(len(a), len(b), size, per_week),
        "design_effect_a": size.design_effect_a,
        "design_effect_b": size.design_effect_b,
        "reached_power": reached,
        "block_a": len(a) // divisor if is_planned else None,
        "block_b": len(b) // divisor if is_planned else None,
        "with_more_mentors": more,
    }


def _more_mentors(
    asked: tuple[float, float, float], shares: tuple[list[int], list[int]], significance_level: float, per_week: float
) -> list[TrialNeeds]:
    fewest = mentors_for_trial(*asked, *shares, significance_level, POWER)
    found = []
    for times in MORE_MENTORS if fewest else ():
        a, b = (math.ceil(times * mentors) for mentors in fewest or ())
        spread = spread_over(shares[0], a), spread_over(shares[1], b)
        size = trial_size(*asked, *spread, significance_level=significance_level, power=POWER)
        found.append(_needs(a, b, size, per_week))
    return found


def _needs(mentors_a: int, mentors_b: int, size: TrialSize, per_week: float) -> TrialNeeds:
    weeks = None
    if size.users_a is not None and size.users_b is not None and per_week:
        weeks = math.ceil((size.users_a + size.users_b) / per_week)
    return {
        "group_a_mentors": mentors_a,
        "group_b_mentors": mentors_b,
        "group_a_users": size.users_a,
        "group_b_users": size.users_b,
        "weeks": weeks,
    }


def _arm(group: GroupName, rows: list[Row], settings: Settings) -> TrialArm:
    tiers = dict(groups(settings))
    other = tiers["group_b" if group == "group_a" else "group_a"]
    own = [row for row in rows if row["arm"] == group]
    came = [row for row in own if row["first_at"] is not None]
    rebooked = sum(row["is_rebooked"] for row in own)
    as_dealt = sum(row["tier"] in tiers[group] for row in came)
    low, high = wilson_interval(rebooked, len(own), settings.confidence_level)
    return {
        "group": group,
        "tiers": tiers[group],
        "users": len(own),
        "with_session": len(came),
        "as_dealt": as_dealt,
        "other_arm": sum(row["tier"] in other for row in came),
        "adherence": rate(as_dealt, len(came)),
        "rebooked": rebooked,
        "rate": rate(rebooked, len(own)),
        "ci_low": low,
        "ci_high": high,
        "inside_window": sum(not row["is_mature"] and not row["is_rebooked"] for row in came),
    }


def _warnings(arms: list[TrialArm], seen_before: int, unknown_users: int) -> list[str]:
    found = []
    if inside := sum(arm["inside_window"] for arm in arms):
        found.append(f"The test is not over: users still inside their window, who may yet rebook: {inside:,}.")
    if waiting := sum(arm["users"] - arm["with_session"] for arm in arms):
        found.append(f"Users dealt who have had no session since the start, counted as not returned: {waiting:,}.")
    if seen_before:
        found.append(f"Users dealt who had a session before the start, so were not new: {seen_before:,}.")
    if unknown_users:
        found.append(f"Users dealt whom no export has; look for typing errors in the file: {unknown_users:,}.")
    return found
