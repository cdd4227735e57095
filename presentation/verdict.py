"""The sentences that answer the question: what `answer` says first, and the pages say in their headings."""

from __future__ import annotations

from datetime import datetime, timedelta

from presentation.content import written
from presentation.document import Row, group_names
from presentation.wording import CHECK_NAMES, p_in_words


def question(document: Row) -> str:
    """The question that the document answers."""
    a, b = group_names(document)
    return f"Do {a} mentors retain users better than {b}, and is the booking system reliable?"


def headline(document: Row) -> str:
    """The sentences that answer the CEO's two questions, and say whether another way of counting would change them.

    Before them, where it is so: that the figures follow other definitions than the environment was built with.
    """
    first = rebooking_sentence(document, "sessions", document["sensitivity"]["conclusion"])
    return " ".join([*other_definitions(document), first, *robustness(document), reliability_sentence(document)])


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
    length = f"{days:,} day{'s' * (days != 1)}" if days else f"{hours} hour{'s' * (hours != 1)}"
    when = f"{length} {'ahead of this clock' if ago < timedelta(0) else 'ago'}"
    return f"As of {parameters['as_of']}, {when}, environment {parameters['environment']}."


def rebooking_sentence(document: Row, approach: str, conclusion: str) -> str:
    """Whether users of the first group come back more often, counted by `sessions` or by `bookings`.

    Args:
        conclusion: what that comparison shows; see `conclude` in analysis/answer/sensitivity.py.
    """
    part = document["rebooking"][approach]
    a, b = part["groups"]
    value, window = part["comparison"]["p_value"], document["parameters"]["window_days"]
    names = group_names(document)
    if conclusion == "no data":
        return f"There are no users to compare {names[0]} with {names[1]}."
    within = "at any later time" if window is None else f"within {window} days"
    rate_a, rate_b = written("rate", a["rate"]), written("rate", b["rate"])
    rates = f"{rate_a} of {names[0]} users rebook {within}, {rate_b} of {names[1]} users"
    if conclusion == "not shown":
        return f"Not shown: {rates}; the difference {p_in_words(value, False)}."
    word = "Yes" if conclusion == "higher" else "No, the opposite"
    return f"{word}: {rates}; the difference is {p_in_words(value, True)}."


def reliability_sentence(document: Row) -> str:
    """Whether the booking system is reliable, and what is wrong with it."""
    failing = [CHECK_NAMES[c["name"]] for c in document["reliability"]["checks"] if c["status"] == "fail"]
    return {
        "reliable": "The booking system is reliable: every check passes.",
        "unreliable": f"The booking system is not reliable: too many {', '.join(failing)}.",
        "no data": "There are no bookings to judge the booking system by.",
    }[document["reliability"]["verdict"]]


def robustness(document: Row) -> list[str]:
    """Whether other ways of counting come to the same conclusion, as a sentence; none without a conclusion."""
    sensitivity = document["sensitivity"]
    if sensitivity["is_robust"] is None:
        return []
    others = sum(row["conclusion"] != "no data" for row in sensitivity["variants"]) - 1
    if sensitivity["is_robust"]:
        return [f"None of {others} other ways of counting changes that."]
    changed = sensitivity["changed_by"]
    verb = "does" if len(changed) == 1 else "do"
    return [f"Of {others} other ways of counting {len(changed)} {verb} not say the same: {', '.join(changed)}."]
