"""What is said is no surer than the data: sentence, checks and caveats. Never weaken: each was once wrong."""

from __future__ import annotations

import pytest

from presentation.document import settings_of
from presentation.renderers.terminal import as_terminal
from presentation.sections import sections
from presentation.verdict import headline, reliability_sentence
from settings import load_settings
from tests.small_answers import MENTORS, booking, day, document_of, filled, session, user

GOLD = [row["mentor_id"] for row in MENTORS if row["tier"] == "Gold"]
SILVER = [row["mentor_id"] for row in MENTORS if row["tier"] == "Silver"]


def counted(returns: dict[str, tuple[int, int]], at: float = 10) -> list[dict]:
    """Sessions of users of each mentor: `(who come back, all)`."""
    sessions, number = [], 0
    for mentor, (back, users) in returns.items():
        for place in range(users):
            number += 1
            for moment in (0, at) if place < back else (0,):
                sessions.append(session(number, int(mentor[2:]), day(moment)))
    return sessions


def text_of(document: dict, **changes) -> str:
    content = sections(document, settings_of(document, load_settings(**changes)))
    return " ".join(as_terminal(content, colour=False).split())


def test_a_difference_that_single_mentors_explain_is_not_shown(connection):
    """Fisher's test said "very unlikely to be chance": one Gold mentor's users all came back, few of the others'."""
    gold = dict(zip(GOLD, [(30, 30), (2, 12), (3, 12), (2, 12), (3, 12)], strict=True))
    silver = dict(zip(SILVER, [(4, 20), (16, 20), (3, 20), (2, 20), (5, 20), (4, 20)], strict=True))
    document = document_of(connection, filled(counted(gold | silver)))
    comparison = document["rebooking"]["sessions"]["comparison"]
    assert comparison["if_independent"]["p_value"] < 0.005
    assert comparison["p_value"] > 0.3
    assert comparison["conclusion"] == "not_shown"
    assert headline(document).startswith("Not shown: 51.3 % of Gold users")
    assert "could well come from which mentors happen to be in which tier" in headline(document)


def test_so_few_mentors_can_show_nothing_however_far_they_lie_apart(connection):
    document = document_of(connection, filled(counted({"M-1": (40, 40), "M-3": (0, 40), "M-4": (0, 40)})))
    comparison = document["rebooking"]["sessions"]["comparison"]
    assert comparison["smallest_p_value"] == pytest.approx(1 / 3)
    assert (comparison["conclusion"], comparison["difference_ci_low"]) == ("too_few_mentors", None)
    needed = comparison["mentors_needed"]
    assert headline(document).startswith(
        "Not settled: 100.0 % of Gold users rebook within 30 days, 0.0 % of Silver/Bronze users, but with 1 against 2 "
        "mentors no difference could be told from chance; it takes at least "
        f"{needed['group_a']} against {needed['group_b']}."
    )


def test_who_may_yet_rebook_has_not_done_so(connection):
    """Users inside their window who had come back already were counted as well."""
    sessions = [session(1, 1, day(0)), session(1, 1, day(5)), session(2, 1, day(0)), session(3, 1, day(-100))]
    document = document_of(connection, filled(sessions, until=10))
    assert document["rebooking"]["sessions"]["groups"][0]["may_yet_rebook"] == 1
    assert "Users of Gold still inside their window, who may yet rebook: 1." in document["warnings"]


def test_without_a_window_all_who_have_not_come_back_may_yet_do_so(connection):
    """The caveat was left out where it matters most."""
    document = document_of(connection, filled(counted({"M-1": (1, 3)})), rebooking_window_days="none")
    assert "Users of Gold who have not come back, and may yet do so: 2." in document["warnings"]
    assert "No user had a first session with a mentor of Silver/Bronze." in document["warnings"]
    assert not any("wide: 0" in warning for warning in document["warnings"])


def test_a_return_after_exactly_the_window_is_in_the_curve_as_in_the_rate(connection):
    document = document_of(connection, filled(counted({"M-1": (3, 8)}, at=30)))
    gold = document["rebooking"]["sessions"]["tiers"][0]
    horizon = next(row for row in document["time_to_rebooking"]["tiers"][0]["horizons"] if row["days"] == 30)
    assert horizon["share"] == pytest.approx(gold["rate"]) == pytest.approx(3 / 8)


def test_one_request_or_none_makes_no_system_reliable(connection):
    """ "Every check passes" was said of one request, and of none."""
    none = document_of(connection, filled(), full=False)
    assert (none["reliability"]["verdict"], reliability_sentence(none)) == (
        "no_data",
        "There are no bookings to judge the booking system by.",
    )
    one = [booking(1, 1, day(0), "attended", confirmed_at=day(0), session_started_at=day(1))]
    document = document_of(connection, filled([session(1, 1, day(1))], one, [user(1)]), full=False)
    assert document["reliability"]["verdict"] == "not_settled"
    assert reliability_sentence(document).startswith("Whether the booking system is reliable is not settled: requests")


@pytest.mark.parametrize(
    ("threshold", "status", "verdict"),
    [(0.95, "pass", "not_settled"), (0.5, "not_settled", "not_settled"), (0.05, "fail", "not_reliable")],
)
def test_a_check_is_settled_by_its_interval(connection, threshold, status, verdict):
    """It passed or failed on its point alone: one cancellation of two bookings may be any rate from 9 to 91 %."""
    bookings = [booking(1, 1, day(0), "cancelled", cancelled_at=day(0.5)), booking(2, 1, day(0), "pending")]
    marts = filled([session(3, 1, day(0.5))], bookings, until=0.9)
    document = document_of(connection, marts, full=False, max_cancellation_rate=threshold)
    checks = {check["name"]: check for check in document["reliability"]["checks"]}
    assert (checks["cancellation_rate"]["value"], checks["cancellation_rate"]["status"]) == (0.5, status)
    # The orphan rate of two bookings is not settled either.
    assert document["reliability"]["verdict"] == verdict
    # Nobody attended and nobody failed to: there is no rate to judge.
    assert (checks["no_show_rate"]["value"], checks["no_show_rate"]["status"]) == (None, "no_data")


def test_users_without_a_tier_at_their_first_session_are_counted_and_the_attribution_is_said(connection):
    """They were dropped without a word."""
    marts = filled(counted({"M-1": (1, 3), "M-2": (0, 2)}))
    late = [row | {"valid_from": day(5)} if row["mentor_id"] == "M-2" else row for row in MENTORS]
    document = document_of(connection, marts | {"dim_mentors": late}, tier_attribution="at_session")
    assert document["rebooking"]["sessions"]["groups"][0]["users"] == 3
    assert "Users left out, since their mentor had no tier yet at the first session: 2." in document["warnings"]
    assert any("the tier that they had at the first session" in warning for warning in document["warnings"])


def test_a_week_whose_no_shows_are_not_ripe_raises_no_alarm(connection):
    bookings = [booking(n, 1, day(7 * week), "attended") for week in range(20) for n in range(30)]
    new = [booking(n, 1, day(140), "confirmed", confirmed_at=day(140)) for n in range(30)]
    # The last week is over, and none of its bookings can be a no-show yet.
    document = document_of(connection, filled([session(1, 1, day(0))], bookings + new, until=148.5))
    weeks = {chart["rate"]: chart["points"][-1]["week"] for chart in document["reliability_in_time"]["control_charts"]}
    assert weeks["no_show_rate"] < weeks["cancellation_rate"]
    assert not any(
        point["is_alert"] for chart in document["reliability_in_time"]["control_charts"] for point in chart["points"]
    )


def test_no_hours_are_measured_from_a_clock_that_knows_days(connection):
    """Delays were printed to the tenth of an hour though most requests were stamped at midnight."""
    bookings = [booking(n, 1, day(n), "attended", confirmed_at=day(n), session_started_at=day(n + 1)) for n in range(9)]
    marts = filled([session(n, 1, day(n + 1)) for n in range(9)], bookings)
    at_midnight = {"event_id": "m", "user_id": 1, "mentor_id": "M-1", "event_type": "booking_requested", "load_id": 1}
    at_midnight |= {"occurred_at": day(0).replace(hour=0)}
    for events, is_coarse in (([], False), ([at_midnight], True)):
        document = document_of(connection, marts | {"stg_events": [*marts["stg_events"], *events]})
        assert [clock["is_coarse"] for clock in document["reliability"]["clock"]] == [is_coarse]
        delay = document["reliability_in_time"]["delays"][0]["session_hours"]
        assert (delay["n"], delay["median"] is None) == (9, is_coarse)
        assert ("Hours from the request" in text_of(document)) is not is_coarse
        assert ("stamped at midnight" in text_of(document)) is is_coarse


@pytest.mark.parametrize(("at_midnight", "is_coarse"), [(29, False), (30, True)])
def test_a_clock_is_coarse_above_its_limit_and_not_at_it(connection, at_midnight, is_coarse):
    """0.29 * 100 is less than 29, as a double."""
    marts = filled([session(1, 1, day(1))])
    (latest,) = marts["stg_events"]
    marts["stg_events"] = [
        latest | {"event_id": f"e{n}", "occurred_at": day(n).replace(hour=0 if n < at_midnight else 10)}
        for n in range(100)
    ]
    (clock,) = document_of(connection, marts, coarse_clock_share=0.29)["reliability"]["clock"]
    assert clock == clock | {"events": 100, "at_midnight": at_midnight, "is_coarse": is_coarse}


@pytest.mark.parametrize("level", ["0.8", "0.99"])
def test_the_words_follow_the_confidence_level(connection, level):
    gold = dict(zip(GOLD, [(8, 12), (7, 12), (6, 12), (7, 12), (6, 12)], strict=True))
    silver = dict(zip(SILVER, [(3, 12), (4, 12), (8, 12), (4, 12), (7, 12), (5, 12)], strict=True))
    document = document_of(connection, filled(counted(gold | silver)), confidence_level=level)
    p_value = document["rebooking"]["sessions"]["comparison"]["p_value"]
    assert 0.01 < p_value < 0.2
    assert headline(document).startswith("Yes" if level == "0.8" else "Not shown")
    assert "95 %" not in text_of(document, confidence_level=level)


def test_a_check_without_data_is_no_check_that_passes(connection):
    document = document_of(connection, filled(counted({"M-1": (40, 40)})), full=False)
    assert document["reliability"]["verdict"] == "reliable"
    assert reliability_sentence(document).startswith(
        "The booking system is reliable: every check that has data passes; no data on requests never answered, "
        "no-shows and cancellations"
    )
