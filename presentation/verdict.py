"""The sentences that answer the question: what `answer` says first, and the pages say in their headings."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from presentation.content import Interval, written
from presentation.document import Row, group_names
from presentation.wording import CHECK_NAMES, count_of, from_mentors, p_equals

# Conclusions that speak neither for nor against another.
SAY_NOTHING = ("says_nothing", "too_few_mentors", "no_data")


def question(document: Row) -> str:
    """The question that the document answers."""
    a, b = group_names(document)
    return f"Do {a} mentors retain users better than {b}, and is the booking system reliable?"


def headline(document: Row) -> str:
    """The sentences that answer the CEO's two questions: who comes back more, how sure and where; and how reliable.

    Before them, where it is so: that the figures follow other definitions than the environment was built with, and
    that another way of counting shows the opposite, in one sentence with who comes back more.
    """
    return " ".join(
        [
            *other_definitions(document),
            _after_reversal(document, rebooking_sentence(document, "sessions")),
            *robustness(document),
            reliability_sentence(document),
        ]
    )


def other_definitions(document: Row) -> list[str]:
    """That the figures follow the definitions here and not those of the environment, as a sentence, if it is so."""
    parameters = document["parameters"]
    if not parameters["changed_definitions"]:
        return []
    names = ", ".join(parameters["changed_definitions"])
    return [
        f"By the definitions of {names} in this working tree, which {parameters['environment']} was not built with."
    ]


def spoken_of(document: Row) -> str:
    """The moment and the environment that the answer speaks of, and how long ago that was when it was given."""
    parameters = document["parameters"]
    if parameters["as_of"] is None:
        return f"No event yet, environment {parameters['environment']}."
    ago = datetime.fromisoformat(parameters["answered_at"]) - datetime.fromisoformat(parameters["as_of"])
    days, hours = abs(ago).days, abs(ago).seconds // 3600
    length = count_of(days, "day") if days else count_of(hours, "hour")
    when = f"{length} {'ahead of this clock' if ago < timedelta(0) else 'ago'}"
    return f"As of {parameters['as_of']}, {when}, environment {parameters['environment']}."


def rebooking_sentence(document: Row, approach: str) -> str:
    """Whether users of the first group come back more often, counted by `sessions` or by `bookings`, and how sure."""
    part = document["rebooking"][approach]
    a, b = part["groups"]
    compared, window = part["comparison"], document["parameters"]["window_days"]
    names, conclusion = group_names(document), compared["conclusion"]
    within = "at any later time" if window is None else f"within {count_of(window, 'day')}"
    rate_a, rate_b = written("rate", a["rate"]), written("rate", b["rate"])
    if conclusion == "no_data":
        if not (a["users"] or b["users"]):
            return f"There are no users to compare {names[0]} with {names[1]}."
        there, known, missing = (names[0], rate_a, names[1]) if a["users"] else (names[1], rate_b, names[0])
        return (
            f"Not settled: {known} of {there} users rebook {within}, and there are no {missing} users to compare "
            "them with."
        )
    rates = f"{rate_a} of {names[0]} users rebook {within}, {rate_b} of {names[1]} users"
    if conclusion == "too_few_mentors":
        mentors = f"{compared['group_a_mentors']} against {compared['group_b_mentors']} mentors"
        needed = compared["mentors_needed"]
        takes = f"; it takes at least {needed['group_a']} against {needed['group_b']}" if needed else ""
        return f"Not settled: {rates}, but with {mentors} no difference could be told from chance{takes}."
    # What is concluded needs both p-values below the level: it is no surer than the larger one.
    value, open_still = _larger_p_value(compared), _still_open(document, approach)
    if conclusion == "not_shown":
        chance = "that is no difference" if compared["difference"] == 0 else f"that {from_mentors(value, False)}"
        return f"Not shown: {rates}; {chance}{open_still}."
    word = "Yes" if conclusion == "higher" else "No, the opposite"
    return f"{word}: {rates}; that is {from_mentors(value, True)}{open_still}."


def _larger_p_value(compared: Row) -> float:
    values: tuple[float, float] = (compared["p_value"], compared["p_value_standardised"])
    return max(values)


def _still_open(document: Row, approach: str) -> str:
    """That the window of nobody of a group is over, as a clause, if it is so."""
    window = document["parameters"]["window_days"]
    groups = zip(document["rebooking"][approach]["groups"], group_names(document), strict=True)
    names = [name for row, name in groups if row["may_yet_rebook"] and not row["mature_users"]]
    if window is None or not names:
        return ""
    whole = "the whole day" if window == 1 else f"the whole {count_of(window, 'day')}"
    return f"; no {' or '.join(names)} user has been observed for {whole} yet, so more may rebook"


def reliability_sentence(document: Row) -> str:
    """Whether the booking system is reliable, and every check that does not pass."""
    part = document["reliability"]
    if part["verdict"] == "no_data":
        return "There are no bookings to judge the booking system by."
    deciding = [check for check in part["checks"] if check["decides"]]
    kinds = (
        ("too many ", [check for check in deciding if check["status"] == "fail"]),
        (
            "" if part["verdict"] == "not_settled" else "not settled: ",
            [check for check in deciding if check["status"] == "not_settled"],
        ),
        ("no data on ", [check for check in part["checks"] if check["status"] == "no_data"]),
        (
            "not decisive: ",
            [check for check in part["checks"] if not check["decides"] and check["status"] in ("warn", "not_settled")],
        ),
    )
    found = [f"{said}{_and(_check_in_words(check) for check in checks)}" for said, checks in kinds if checks]
    passing = "that has data" if any(check["status"] == "no_data" for check in deciding) else "that decides"
    verdict = {
        "reliable": f"The booking system is reliable: every check {passing} passes",
        "not_reliable": "The booking system is not reliable",
        "not_settled": "Whether the booking system is reliable is not settled",
    }[part["verdict"]]
    joined = "; " if part["verdict"] == "reliable" else ": "
    return f"{verdict}{joined if found else ''}{'; '.join(found)}."


def _check_in_words(check: Row) -> str:
    name = CHECK_NAMES[check["name"]]
    if check["status"] == "no_data":
        return name
    interval = written("rate", Interval(check["ci_low"], check["ci_high"]))
    return f"{name}, {written('rate', check['value'])} ({interval}, limit {written('rate', check['threshold'])})"


def _after_reversal(document: Row, sentence: str) -> str:
    """The sentence, and before it that another way of counting shows the opposite, if it is so."""
    reversed_by = document["sensitivity"]["reversed_by"]
    if not reversed_by:
        return sentence
    less = "less" if document["sensitivity"]["conclusion"] == "higher" else "more"
    other = f"Counted in another way {group_names(document)[0]} users rebook {less}: {', '.join(reversed_by)}"
    return f"{other}; as asked, {sentence[0].lower()}{sentence[1:]}"


def robustness(document: Row) -> list[str]:
    """Where a difference lies, and whether other ways of counting come to the same, as a sentence, if there is one."""
    sensitivity = document["sensitivity"]
    if sensitivity["is_robust"] is None:
        return []
    is_shown = sensitivity["conclusion"] in ("higher", "lower")
    found = _lies_in(document["rebooking"]["sessions"]["without_tier"]) if is_shown else []
    others = sum(row["conclusion"] not in SAY_NOTHING for row in sensitivity["variants"]) - 1
    changed = sensitivity["changed_by"]
    if others == 1:
        found.append(
            f"the one other way of counting does not say the same: {changed[0]}"
            if changed
            else "the one other way of counting does not change that"
        )
    elif changed:
        verb = "does" if len(changed) == 1 else "do"
        found.append(f"of {others} other ways of counting {len(changed)} {verb} not say the same: {', '.join(changed)}")
    elif others:
        found.append(f"none of {others} other ways of counting changes that")
    sentence = "; ".join(found)
    return [f"{sentence[0].upper()}{sentence[1:]}."] if sentence else []


def _lies_in(without_tier: list[Row]) -> list[str]:
    """Which single tiers carry the difference."""
    found = []
    for row in without_tier:
        if not row["carries_difference"]:
            continue
        left = f"{written('points', row['difference'])} points"
        value = p_equals(_larger_p_value(row))
        if row["changes_conclusion"] is None:
            remains = "too few mentors are left to show anything"
        elif row["conclusion"] != "not_shown" and row["changes_conclusion"]:
            remains = f"the opposite shows ({left}, {value})"
        elif row["changes_conclusion"]:
            remains = f"the difference is not shown ({left}, {value})"
        else:
            remains = f"{left} remain ({value})"
        if row["nobody_returns"] and row["users"] == 1:
            found.append(f"the one {row['tier']} user does not rebook, and without that one {remains}")
        elif row["nobody_returns"]:
            found.append(f"none of {row['users']:,} {row['tier']} users rebook, and without them {remains}")
        else:
            found.append(f"without {row['tier']} {remains}")
    return found


def _and(words: Iterable[str]) -> str:
    words = list(words)
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
