"""The words for chance follow the significance level of the question."""

from __future__ import annotations

import pytest

from presentation.document import settings_of, shortened
from presentation.wording import chance
from settings import load_settings


@pytest.mark.parametrize(
    ("p_value", "confidence_level", "said"),
    [
        (0.00001, 0.95, "it is very unlikely to be chance (p < 0.0001)"),
        (0.02, 0.95, "it is unlikely to be chance (p = 0.02)"),
        (0.02, 0.99, "it could well be chance (p = 0.02)"),
        (0.2, 0.95, "it could well be chance (p = 0.20)"),
        (0.2, 0.5, "it is unlikely to be chance (p = 0.20)"),
    ],
)
def test_a_difference_is_shown_at_the_level_that_was_asked_for(p_value, confidence_level, said):
    assert chance("it", p_value, load_settings(confidence_level=confidence_level)) == said


def test_the_settings_of_a_document_are_its_question_and_those_it_was_built_with(document):
    document["parameters"] |= {"window_days": None, "tier_attribution": "at_session", "group_b": ["Bronze"]}
    document["parameters"]["settings"]["orphan_grace_days"] = 9
    settings = settings_of(document, load_settings(confidence_level=0.9))
    assert (settings.rebooking_window_days, settings.tier_attribution, settings.group_b) == (
        None,
        "at_session",
        ["Bronze"],
    )
    assert (settings.orphan_grace_days, settings.confidence_level) == (9, 0.9)


def test_long_lists_keep_what_is_greatest_in_the_order_given():
    rows = [{"week": week, "of": of} for of in "ab" for week in (3, 1, 2)]
    shown, others = shortened(rows, lambda row: row["week"], 2)
    assert [(row["of"], row["week"]) for row in shown] == [("a", 3), ("a", 2), ("b", 3), ("b", 2)]
    assert [row["week"] for row in others] == [1, 1]
