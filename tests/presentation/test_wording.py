"""The words that sections share: for chance, by the significance level of the question; for how fresh the data are."""

from __future__ import annotations

import pytest

from presentation.document import settings_of, shortened
from presentation.wording import age_in_words, chance, last_new_row, week_in_words
from settings import load_settings


@pytest.mark.parametrize(
    ("p_value", "confidence_level", "said"),
    [
        (0.00001, 0.95, "it is very unlikely to be chance (p < 0.0001)"),
        (0.02, 0.95, "it is unlikely to be chance (p = 0.020)"),
        (0.02, 0.99, "it could well be chance (p = 0.020)"),
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


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "The newest event is 1,234.5 hours old: not checked, since max_feed_age_hours is not set."),
        (
            {"age_hours": 2.0, "max_age_hours": 48, "status": "fresh"},
            "is 2.0 hours old: fresh, since max_feed_age_hours",
        ),
        ({"max_age_hours": 1000, "status": "stale"}, "1,234.5 hours old: stale, since max_feed_age_hours is 1,000."),
        ({"age_hours": -3.0}, "The newest event lies 3.0 hours ahead of this clock: not checked"),
        ({"age_hours": None, "status": "no_data"}, "No event yet."),
    ],
)
def test_the_age_of_the_newest_event_is_said_with_what_it_is_held_to(changes, said):
    assert said in age_in_words({"age_hours": 1234.5, "max_age_hours": None, "status": "not_checked"} | changes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "The seven days up to it have 12 events; the eight weeks before had 8 to 15 a week, 10.5 on average."),
        ({"events": 1, "is_unusual": True}, "The seven days up to it have 1 event, which is unusual; the eight weeks"),
        ({"expected": None}, "The seven days up to it have 12 events; there are not yet eight weeks before"),
    ],
)
def test_the_volume_of_the_latest_week_is_said_with_those_before(changes, said):
    week = {"events": 12, "expected": 10.5, "lowest": 8, "highest": 15, "is_unusual": False}
    assert week_in_words({"week": week | changes}).startswith(said)
    assert week_in_words({"week": None}) == ""


def test_a_source_without_a_new_row_has_a_dash():
    assert last_new_row({"last_new_row": "2024-01-01T04:17:00Z"}) == "2024-01-01 04:17:00"
    assert last_new_row({"last_new_row": None}) == "–"
