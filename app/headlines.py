"""What the figures of a page say, in one sentence."""

from __future__ import annotations

from typing import Any

from presentation import CHECK_NAMES, p_in_words, percent


def rebooking(document: dict[str, Any], approach: str, significance_level: float) -> str:
    """Whether users of the first group come back more often, by one approach."""
    part = document["rebooking"][approach]
    a, b = part["groups"]
    comparison, window = part["comparison"], document["parameters"]["window_days"]
    names = "/".join(a["tiers"]), "/".join(b["tiers"])
    p_value = comparison["p_value"]
    if p_value is None:
        return f"There are no users to compare {names[0]} with {names[1]}."
    within = "at any later time" if window is None else f"within {window} days"
    rates = f"{percent(a['rate'])} of {names[0]} users rebook {within}, {percent(b['rate'])} of {names[1]} users"
    if p_value >= significance_level:
        return f"Not shown: {rates}; the difference {p_in_words(p_value, False)}."
    word = "Yes" if comparison["difference"] > 0 else "No, the opposite"
    return f"{word}: {rates}; the difference is {p_in_words(p_value, True)}."


def reliability(document: dict[str, Any]) -> str:
    """Whether the booking system is reliable."""
    failing = [CHECK_NAMES[check["name"]] for check in document["reliability"]["checks"] if check["status"] == "fail"]
    return {
        "reliable": "The booking system is reliable: every check passes.",
        "unreliable": f"The booking system is not reliable: too many {', '.join(failing)}.",
        "no data": "There are no bookings to judge the booking system by.",
    }[document["reliability"]["verdict"]]
