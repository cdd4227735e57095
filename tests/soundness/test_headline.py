"""The sentence that a reader may read alone is true and no surer than the data. Never weaken: each was once wrong."""

from __future__ import annotations

from datetime import timedelta

import pytest

from presentation.verdict import headline
from tests.small_answers import MENTORS, booking, day, document_of, filled, session, user
from tests.soundness.test_certainty import GOLD, SILVER, counted

BRONZE = ["M-5", "M-9", "M-10", "M-11", "M-12"]
# The mentors from M-9 on are Bronze here: two Silver ones are left.
MORE_BRONZE = [row | {"tier": "Bronze"} if row["mentor_id"] in BRONZE else row for row in MENTORS]
CLEAR = {**dict.fromkeys(GOLD, (15, 20)), **dict.fromkeys(SILVER, (5, 20))}


def lies_in(document: dict) -> dict[str, dict]:
    return {row["tier"]: row for row in document["rebooking"]["sessions"]["without_tier"]}


def test_without_a_tier_the_opposite_may_show(connection):
    """Nine of ten users of Silver return, half of Gold's, nearly none of Bronze's many: it was said to be not shown."""
    returns = {**dict.fromkeys(GOLD, (10, 20)), "M-3": (9, 10), "M-4": (9, 10), **dict.fromkeys(BRONZE, (1, 30))}
    document = document_of(connection, filled(counted(returns)) | {"dim_mentors": MORE_BRONZE})
    assert lies_in(document)["Bronze"]["conclusion"] == "lower"
    assert headline(document).startswith("Yes: 50.0 % of Gold users")
    assert "Without Bronze the opposite shows (-40.0 points, p = " in headline(document)


def test_a_p_value_is_the_larger_of_the_two_that_conclude(connection):
    """ "Very unlikely (p = 0.0022)" was said where the standardised p-value is five times as large."""
    few, many = ((3, 6), (4, 6), (5, 6), (3, 6), (3, 6)), ((7, 20), (8, 20), (10, 20), (7, 20), (9, 20), (8, 20))
    returns = dict(zip(GOLD, few, strict=True)) | dict(zip(SILVER, many, strict=True))
    document = document_of(connection, filled(counted(returns)))
    compared = document["rebooking"]["sessions"]["comparison"]
    assert compared["p_value"] < 0.01 < compared["p_value_standardised"] < 0.05
    assert "that is unlikely to come from which mentors happen to be in which tier (p = 0.011)" in headline(document)


def test_a_difference_that_is_not_shown_without_a_tier_has_no_p_value_that_shows_it(connection):
    """ "Not shown (p = 0.03)" was said, of the one p-value that lies below the level."""
    few, many = ((4, 6), (6, 6), (2, 6), (4, 6), (3, 6)), ((10, 20), (6, 20), (8, 20), (9, 20), (8, 20), (12, 20))
    returns = dict(zip(GOLD, few, strict=True)) | dict(zip(SILVER, many, strict=True)) | {"M-5": (0, 40)}
    document = document_of(connection, filled(counted(returns)))
    without = lies_in(document)["Bronze"]
    assert (without["conclusion"], without["nobody_returns"]) == ("not_shown", True)
    assert without["p_value"] < 0.05 < without["p_value_standardised"]
    assert "without them the difference is not shown (+19.2 points, p = 0.069)" in headline(document)


def test_a_way_of_counting_that_can_tell_nothing_does_not_confirm(connection):
    """Mature are the users of two mentors a group alone: that way was among those said to change nothing."""
    late = [row | {"started_at": row["started_at"].replace(year=2024)} for row in counted(CLEAR)]
    for place, row in enumerate(late):
        row |= {"session_id": f"{place}"}
        if row["mentor_id"] in (*GOLD[:2], *SILVER[:2]):
            row["started_at"] = row["started_at"].replace(year=2023)
    document = document_of(connection, filled(late, until=380))
    (mature,) = [row for row in document["sensitivity"]["variants"] if row["name"] == "mature users only"]
    assert (document["sensitivity"]["conclusion"], mature["conclusion"]) == ("higher", "too_few_mentors")
    told = [row for row in document["sensitivity"]["variants"][1:] if row["conclusion"] in ("higher", "not_shown")]
    assert not told
    assert "of counting" not in headline(document)


def test_rates_that_no_window_is_over_for_may_rise(connection):
    """ "0.0 % rebook within 30 days" was said two days after the first sessions."""
    nobody = dict.fromkeys([*GOLD, *SILVER], (0, 20))
    still_open = "; no Gold or Silver/Bronze user has been observed for the whole 30 days yet, so more may rebook."
    for returns, until, is_open in ((nobody, 2, True), (CLEAR, 12, True), (CLEAR, 30, False), (nobody, 200, False)):
        assert (still_open in headline(document_of(connection, filled(counted(returns), until=until)))) is is_open
    everybody = filled(counted(dict.fromkeys([*GOLD, *SILVER], (20, 20))), until=12)
    assert "may rebook" not in headline(document_of(connection, everybody))
    assert "observed" not in headline(
        document_of(connection, filled(counted(CLEAR), until=12), rebooking_window_days="none")
    )
    gold_only = [row for row in counted(CLEAR) if row["mentor_id"] in GOLD]
    old = counted({**dict.fromkeys(GOLD, (0, 0)), **dict.fromkeys(SILVER, (5, 20))})
    new = [
        session(row["user_id"] + 1000, int(row["mentor_id"][2:]), row["started_at"].replace(2024)) for row in gold_only
    ]
    document = document_of(connection, filled([*old, *new], until=380))
    assert "; no Gold user has been observed for the whole 30 days yet, so more may rebook." in headline(document)


def test_an_attended_first_visit_counts_however_often_it_was_put_off(connection):
    """Without the bookings that took the place of a rescheduled one the first visits were gone, and the difference."""
    bookings = []
    for row in counted(CLEAR):
        first, mentor, at = row["started_at"] == day(0), int(row["mentor_id"][2:]), row["started_at"]
        if first:
            put_off = booking(row["user_id"], mentor, at - timedelta(days=2), "cancelled", cancelled_at=day(-1))
            bookings.append(put_off | {"is_rescheduled": True})
        bookings.append(booking(row["user_id"], mentor, at, "attended", confirmed_at=at, session_started_at=at))
    users = [user(number) for number in {row["user_id"] for row in bookings}]
    document = document_of(connection, filled(counted(CLEAR), bookings, users))
    assert document["sensitivity"]["is_robust"]
    # The same users and returns as the headline: not a variant of its own.
    assert "first requests" in document["sensitivity"]["variants"][0]["also"]


def test_equal_rates_are_no_difference_that_chance_explains(connection):
    document = document_of(connection, filled(counted(dict.fromkeys([*GOLD, *SILVER], (7, 20)))))
    assert headline(document).startswith(
        "Not shown: 35.0 % of Gold users rebook within 30 days, 35.0 % of Silver/Bronze users; that is no difference."
    )


def test_the_opposite_is_said_of_the_group_that_is_asked_about(connection):
    """ "The opposite shows … No, the opposite" left open which way each of them goes."""
    sessions = []
    for number, mentor in enumerate([*GOLD, *SILVER] * 20):
        # The first group's users come back early or not at all; most of the others late.
        back = 3 if mentor in SILVER and number % 5 < 2 else 20 if mentor in GOLD and number % 5 < 4 else None
        sessions += [session(number, int(mentor[2:]), day(at)) for at in (0, back) if at is not None]
    marts = filled(sessions)
    document = document_of(connection, marts, full=False)
    assert headline(document).startswith(
        "Counted in another way Gold users rebook less: window of 7 days; as asked, yes: 80.0 % of Gold users"
    )
    swapped = document_of(connection, marts, full=False, group_a=["Silver", "Bronze"], group_b=["Gold"])
    assert headline(swapped).startswith(
        "Counted in another way Silver/Bronze users rebook more: window of 7 days; as asked, no, the opposite: 40.0 %"
    )


@pytest.mark.parametrize(("window", "said"), [("1", "within 1 day,"), ("30", "within 30 days,")])
def test_one_day_is_no_days(connection, window, said):
    assert said in headline(document_of(connection, filled(counted(CLEAR, at=0.5)), rebooking_window_days=window))


def test_one_user_and_one_day_are_told_in_the_singular(connection):
    """ "None of 1 Bronze users rebook", and "observed for the whole 1 day"."""
    document = document_of(connection, filled(counted(CLEAR | {"M-5": (0, 1)})), full=False)
    assert lies_in(document)["Bronze"]["users"] == 1
    assert "The one Bronze user does not rebook, and without that one +" in headline(document)
    early = document_of(connection, filled(counted(CLEAR), until=0.5), full=False, rebooking_window_days=1)
    assert "has been observed for the whole day yet" in headline(early)


def test_every_check_that_is_not_a_pass_is_named(connection):
    """Of double bookings nothing was said where no session has a recorded end."""
    sessions = [row | {"is_duration_estimated": True} for row in counted(CLEAR)]
    said = headline(document_of(connection, filled(sessions), full=False))
    assert "too many sessions without a recorded end, 100.0 %" in said
    assert said.endswith("; no data on requests never answered, no-shows, cancellations and double bookings.")
