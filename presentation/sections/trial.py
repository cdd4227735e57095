"""A trial that would settle it: how to do it, and what came of one."""

from __future__ import annotations

from presentation.content import Block, Column, Interval, Points, Section, Table, written
from presentation.document import Row, group_names, name_of
from presentation.verdict import spoken_of
from presentation.wording import against, count_of, difference_in_words, from_mentors, interval_at, within
from settings import Settings


def trial_question(document: Row) -> str:
    """The question that a trial answers."""
    a, b = group_names(document)
    return f"Do {a} mentors make users come back more often than {b} mentors do?"


def trial_plan(document: Row, settings: Settings) -> list[Section]:
    """The plan: how many users, how long, and on what it rests.

    Args:
        document: a `TrialPlan`.
        settings: those the document was made with.
    """
    blocks: list[Block] = [_planned(document), spoken_of(document), _dealing(document)]
    blocks += [_needs("trial", f"What it takes: {against(document)}", [document["needs"]])]
    if document["with_more_mentors"]:
        caption = "With more mentors, users spread over them as over the present ones"
        blocks.append(_needs("more_mentors", caption, document["with_more_mentors"]))
    blocks.append(Points([*_assumptions(document, settings), *document["warnings"]]))
    return [Section("trial_plan", "A test that would settle it", blocks)]


def _planned(document: Row) -> str:
    """The sentence that says what it takes, or why it cannot be done."""
    needs, (a, b) = document["needs"], group_names(document)
    points = _points(document["difference"])
    status = document["status"]
    if status == "no_data":
        return (
            f"A test cannot be planned: there are too few returns and mentors of {a} and of {b} to say how often users "
            "come back now, and how alike users of one mentor are."
        )
    if status == "difference_too_large":
        rate = written("rate", document["base_rate"])
        return f"No test can find this: {rate} of {b} users come back now, and {points} more would be above 100 %."
    if status == "too_few_mentors":
        mentors = f"{needs['group_a_mentors']} against {needs['group_b_mentors']} mentors"
        return f"No number of users settles a difference of {points}: {mentors} are too few. {_more(document)}"
    users = needs["group_a_users"] + needs["group_b_users"]
    power = f"{document['power'] * 100:g} %"
    return (
        f"A difference of {points} is found with a chance of {power} if {users:,} new users are dealt at random: "
        f"{needs['group_a_users']:,} to {a} and {needs['group_b_users']:,} to {b}. {_time(document)}"
    )


def _more(document: Row) -> str:
    if not document["with_more_mentors"]:
        return "More mentors would not help either; ask for a larger difference or a lower confidence level."
    fewest = document["with_more_mentors"][0]
    return f"It takes at least {fewest['group_a_mentors']:,} against {fewest['group_b_mentors']:,}."


def _time(document: Row) -> str:
    weeks, days = document["needs"]["weeks"], document["parameters"]["window_days"]
    if weeks is None:
        return "There are no new users at present, so nobody knows how long that takes."
    pace = f"{document['new_users_per_week']:,.1f} new users a week"
    last = f", and {count_of(days, 'day')} more until the last window is over" if days else ""
    return f"That takes {count_of(weeks, 'week')} at {pace}{last}."


def _dealing(document: Row) -> str:
    a, b = group_names(document)
    text = f"How: each new user, before the first booking, is dealt at random to the mentors of {a} (a) or of {b} (b)"
    if document["block_a"] is None:
        return f"{text}."
    return (
        f"{text}, {document['block_a']:,} to a for every {document['block_b']:,} to b, so that every mentor gets about "
        "as many. --allocation FILE writes the random list."
    )


def _needs(name: str, caption: str, rows: list[Row]) -> Table:
    columns = [Column("mentors a", "count"), Column("mentors b", "count"), Column("users a", "count")]
    columns += [Column("users b", "count"), Column("weeks", "count")]
    fields = ("group_a_mentors", "group_b_mentors", "group_a_users", "group_b_users", "weeks")
    return Table(name, caption, columns, [[row[field] for field in fields] for row in rows], keys=2)


def _assumptions(document: Row, settings: Settings) -> list[str]:
    b = group_names(document)[1]
    level = f"{settings.confidence_level * 100:g} %"
    found = []
    if document["base_rate"] is not None:
        found.append(
            f"Base rate: {written('rate', document['base_rate'])} of {b} users come back{within(document)} now."
        )
    if document["intraclass_correlation"] is not None:
        found.append(
            f"Users of one mentor are alike: intraclass correlation {document['intraclass_correlation']:.3f} within "
            "the groups now, estimated from few mentors and so uncertain; the larger it is, the more users it takes."
        )
    if document["design_effect_a"] is not None:
        found.append(
            f"For that it takes {document['design_effect_a']:.1f} times as many users of a, and "
            f"{document['design_effect_b']:.1f} times as many of b, as if all users were independent."
        )
    if document["status"] == "too_few_mentors" and document["reached_power"] is not None:
        found.append(
            f"With users without end the chance of finding it is {written('rate', document['reached_power'])}."
        )
    weeks = document["new_users_weeks"]
    if weeks:
        found.append(
            f"New users: {document['new_users']:,} had their first session with one of these mentors in the latest "
            f"{count_of(weeks, 'whole week')}."
        )
    if document["status"] == "planned":
        found.append(
            "Reckoned without users who never come or go to a mentor of the other arm: each of them makes the "
            "difference smaller, so deal more users where there will be such."
        )
    found.append(f"Compared by mentor at a confidence level of {level}, as in the answer.")
    return found


def _points(difference: float) -> str:
    return f"{difference * 100:g} points"


def trial_outcome(document: Row, settings: Settings) -> list[Section]:
    """What came of a trial: who came back by arm, and how sure the difference is.

    Args:
        document: a `TrialOutcome`.
        settings: those the document was made with.
    """
    compared = document["comparison"]
    blocks: list[Block] = [_came_of_it(document), spoken_of(document), _arms(document, settings)]
    if compared["difference"] is not None:
        values = " and ".join(written("p_value", compared[name]) for name in ("p_value", "p_value_standardised"))
        found = difference_in_words(compared, interval_at(settings))
        blocks.append(f"{against(document)}: a difference of {found}; p-values, plain and standardised: {values}.")
    blocks.append(
        "By intention to treat: everyone counts in the arm dealt, whichever mentor the first session was with, and "
        f"whether there was one at all; a return counts{within(document)} after it."
    )
    if document["warnings"]:
        blocks.append(Points(document["warnings"]))
    return [Section("trial_outcome", "What came of the test", [*blocks, f"Method: {compared['method']}."])]


def _came_of_it(document: Row) -> str:
    a, b = document["arms"]
    compared, names = document["comparison"], group_names(document)
    conclusion = compared["conclusion"]
    if conclusion == "no_data":
        return "An arm of the test has no users, so there is nothing to compare."
    rate_a, rate_b = written("rate", a["rate"]), written("rate", b["rate"])
    rates = f"{rate_a} of users dealt to {names[0]} came back{within(document)}, {rate_b} of those dealt to {names[1]}"
    unfinished = " and is not over" if a["inside_window"] or b["inside_window"] else ""
    begun = f"In the test that began on {document['start']}{unfinished},"
    if conclusion == "too_few_mentors":
        return f"Not settled. {begun} {rates}; with so few mentors no difference could be told from chance."
    value = max(compared["p_value"], compared["p_value_standardised"])
    if conclusion == "not_shown":
        return f"Not shown. {begun} {rates}; that {from_mentors(value, False)}."
    word = "Yes" if conclusion == "higher" else "No, the opposite"
    cause = "if users were dealt at random, the arm is the cause"
    return f"{word}. {begun} {rates}; that is {from_mentors(value, True)}, and {cause}."


def _arms(document: Row, settings: Settings) -> Table:
    columns = [
        Column("arm"),
        Column("dealt", "count"),
        Column("came", "count"),
        Column("as dealt", "count"),
        Column("other arm", "count", is_essential=False),
        Column("adherence", "rate"),
        Column("returned", "count"),
        Column("rate", "rate"),
        Column(interval_at(settings), "rate", is_essential=False),
        Column("in window", "count"),
    ]
    fields = ("users", "with_session", "as_dealt", "other_arm", "adherence", "rebooked", "rate")
    rows = [
        [
            name_of(row),
            *(row[field] for field in fields),
            Interval(row["ci_low"], row["ci_high"]),
            row["inside_window"],
        ]
        for row in document["arms"]
    ]
    caption = "Users dealt, who had a session since, with a mentor of their arm, and who came back"
    return Table("trial_arms", caption, columns, rows)
