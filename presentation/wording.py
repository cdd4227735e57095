"""Names and phrases that several sections share."""

from __future__ import annotations

from collections.abc import Iterable

from presentation.content import NO_VALUE, written
from presentation.document import Row, group_names
from settings import Settings

CHECK_NAMES = {
    "orphan_rate": "requests never answered",
    "no_show_rate": "no-shows",
    "cancellation_rate": "cancellations",
    "estimated_end_rate": "sessions without a recorded end",
    "double_booking_rate": "double bookings",
}
STRATA_NAMES = {"company": "same company", "month": "same first month", "company_size": "same company size"}


def p_equals(value: float) -> str:
    """A p-value with its letter.

    >>> p_equals(0.02), p_equals(0.00005)
    ('p = 0.020', 'p < 0.0001')
    """
    return "p < 0.0001" if value < 0.0001 else f"p = {written('p_value', value)}"


def p_in_words(value: float, is_shown: bool, alternative: str = "be chance") -> str:
    """What the p-value says of the alternative, in words; `is_shown`: it lies below the significance level."""
    if not is_shown:
        return f"could well {alternative} ({p_equals(value)})"
    return f"{'very ' if value < 0.01 else ''}unlikely to {alternative} ({p_equals(value)})"


def from_mentors(value: float, is_shown: bool) -> str:
    """What the p-value of a comparison by mentor says, in words; `is_shown`: it lies below the significance level."""
    return p_in_words(value, is_shown, "come from which mentors happen to be in which tier")


def chance(subject: str, p_value: float, settings: Settings) -> str:
    """What a p-value says of the subject, as a clause."""
    is_shown = p_value < settings.significance_level
    return f"{subject} {'is ' if is_shown else ''}{p_in_words(p_value, is_shown)}"


def words(name: str) -> str:
    """A name of a column or a reason, as words.

    >>> words("no_show_rate"), words("user_id_is_no_integer")
    ('no-show rate', 'user id is no integer')
    """
    return name.replace("no_show", "no-show").replace("_", " ")


def against(document: Row) -> str:
    """The groups compared, as a phrase."""
    a, b = group_names(document)
    return f"{a} (a) against {b} (b)"


def within(document: Row) -> str:
    """The window as a phrase; nothing where there is no limit."""
    days = document["parameters"]["window_days"]
    return "" if days is None else f" within {count_of(days, 'day')}"


def interval_at(settings: Settings) -> str:
    """The heading of a column of intervals."""
    return f"{settings.confidence_level * 100:g} % interval"


def count_of(number: int, unit: str) -> str:
    """A number of units, one in the singular."""
    return f"{number:,} {unit}" if number == 1 else f"{number:,} {unit}s"


def interval_in_words(kind: str, low: float | None, high: float | None) -> str:
    """Both bounds of an interval in a sentence; a dash where there is none."""
    return NO_VALUE if low is None and high is None else f"{written(kind, low)} to {written(kind, high)}"


def difference_in_words(row: Row, name: str = "interval") -> str:
    """A difference between the groups with its interval, if there is one."""
    interval = interval_in_words("points", row["difference_ci_low"], row["difference_ci_high"])
    known = f"no {name}" if interval == NO_VALUE else f"{name} {interval}"
    return f"{written('points', row['difference'])} points, {known}"


def rate_in_words(row: Row) -> str:
    """A rate with its interval, in words."""
    if not row["users"]:
        return "no users"
    interval = interval_in_words("rate", row["ci_low"], row["ci_high"])
    return f"{written('rate', row['rate'])} of {row['users']:,} users, interval {interval}"


def facts_in_words(facts: Iterable[tuple[str, str]]) -> str:
    """What a chart shows, for those who do not see it."""
    sentence = "; ".join(f"{name}: {fact}" for name, fact in facts)
    return f"{sentence}." if sentence else "No data."


def age_in_words(freshness: Row) -> str:
    """How old the newest event is and what the check of it says, as a sentence."""
    age, limit = freshness["age_hours"], freshness["max_age_hours"]
    if age is None:
        return "No event yet."
    length = f"{written('hours', abs(age))} hours"
    when = f"lies {length} ahead of this clock" if age < 0 else f"is {length} old"
    judged = "not checked, since max_feed_age_hours is not set" if limit is None else f"{freshness['status']}, since"
    return f"The newest event {when}: {judged}{'' if limit is None else f' max_feed_age_hours is {limit:,}'}."


def week_in_words(freshness: Row) -> str:
    """How many events the latest week has against those before, as a sentence; nothing without events."""
    week = freshness["week"]
    if week is None:
        return ""
    latest = f"The seven days up to it have {count_of(week['events'], 'event')}"
    if week["expected"] is None:
        return f"{latest}; there are not yet eight weeks before to compare with."
    before = f"{week['lowest']:,} to {week['highest']:,} a week, {week['expected']:,.1f} on average"
    return f"{latest}{', which is unusual' if week['is_unusual'] else ''}; the eight weeks before had {before}."


def last_new_row(file: Row) -> str:
    """When a source last brought a new row, to the second, UTC; a dash where it never did."""
    return file["last_new_row"].replace("T", " ").removesuffix("Z") if file["last_new_row"] else NO_VALUE
