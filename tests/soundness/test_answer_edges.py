"""Edges of the answer: thresholds, tiers that change, moments in the past, users and mentors that nobody knows."""

from __future__ import annotations

from tests.conftest import event
from tests.test_answer import answer, run

START = "session_started"


def row(rows: list[dict], tier: str) -> dict:
    return next(row for row in rows if row["tier"] == tier)


def test_the_tier_that_held_at_the_first_session(data_folder, warehouse):
    events = [
        event("1", timestamp="2023-02-10T10:00:00Z", event_type=START),
        event("2", user_id=2, timestamp="2023-03-10T10:00:00Z", event_type=START),
        # The instant of the change belongs to the new tier.
        event("3", user_id=3, timestamp="2023-03-01T00:00:00Z", event_type=START),
    ]
    sheet = "mentor_id,tier,hourly_rate,updated_at\nM-1,{},200,{}\n"
    for tier, updated_at in (("Gold", ""), ("Silver", "2023-03-01"), ("Gold", "2023-06-01")):
        run(warehouse, "refresh", "--data", str(data_folder(mentors=sheet.format(tier, updated_at), events=events)))
    for attribution, expected in (("current", (3, 0)), ("at_session", (1, 2))):
        tiers = answer(warehouse, "--tier-attribution", attribution)["rebooking"]["sessions"]["tiers"]
        assert tuple(row(tiers, tier)["users"] for tier in ("Gold", "Silver")) == expected


def test_a_mentor_who_left_keeps_the_tier(data_folder, warehouse):
    events = [event("1", event_type=START)]
    run(warehouse, "refresh", "--data", str(data_folder(events=events)))
    run(
        warehouse,
        "refresh",
        "--data",
        str(data_folder(events=events, mentors="mentor_id,tier,hourly_rate\nM-2,Silver,1\n")),
    )
    assert row(answer(warehouse)["rebooking"]["sessions"]["tiers"], "Gold")["users"] == 1


def test_a_mentor_whose_rate_cannot_be_read_keeps_the_tier(data_folder, warehouse):
    """The row was rejected, and the users of the mentor were missing from the tiers."""
    events = [
        event("1", event_type=START),
        event("2", user_id=2, mentor_id="M-2", event_type=START),
        event("3", user_id=2, mentor_id="M-2", timestamp="2023-02-20T10:00:00Z", event_type=START),
    ]
    documents = []
    for rate in ("100", "abc"):
        warehouse.unlink(missing_ok=True)
        sheet = f"mentor_id,tier,hourly_rate\nM-1,Gold,200\nM-2,Silver,{rate}\n"
        run(warehouse, "refresh", "--data", str(data_folder(events=events, mentors=sheet)))
        documents.append(answer(warehouse))
    known, unreadable = documents
    silver = row(unreadable["rebooking"]["sessions"]["tiers"], "Silver")
    assert (silver["users"], silver["rebooked"]) == (1, 1)
    assert unreadable["rebooking"] == known["rebooking"]
    # The rate itself is missing, not taken for zero.
    assert [document["robustness"]["hourly_rate"]["group_b_mentors"] for document in documents] == [1, 0]


def test_maturity_and_outcomes_as_of_an_earlier_moment(data_folder, warehouse):
    events = [
        event("1", timestamp="2023-02-01T10:00:00Z", event_type=START),
        event("2", timestamp="2023-02-20T10:00:00Z"),
        event("3", user_id=2, timestamp="2023-04-01T10:00:00Z"),
    ]
    run(warehouse, "refresh", "--data", str(data_folder(events=events)))
    for as_of, mature, orphans in (
        ("2023-03-03T10:00:00Z", 1, 1),
        ("2023-03-03T09:59:59Z", 0, 1),
        ("2023-02-21T10:00:00Z", 0, 0),
        ("2023-02-21T10:00:01Z", 0, 1),
    ):
        document = answer(warehouse, "--as-of", as_of)
        assert row(document["rebooking"]["sessions"]["tiers"], "Gold")["mature_users"] == mature
        assert row(document["reliability"]["tiers"], "Gold")["orphan"] == orphans


def test_before_the_first_event_there_is_no_answer(refreshed):
    """Of a moment before any event "Yes: 61.9 %" was said, as if nothing had been asked."""
    refused = run(refreshed, "answer", "--as-of", "2023-02-01T09:59:59Z", exit_code=1)
    assert refused.stdout == ""
    assert refused.stderr == (
        "error: --as-of 2023-02-01T09:59:59Z lies before the first event; the first event is of 2023-02-01T10:00:00Z\n"
    )
    assert answer(refreshed, "--as-of", "2023-02-01T10:00:00Z")["parameters"]["as_of"] == "2023-02-01T10:00:00Z"


def test_unknown_users_and_mentors_are_counted_and_told(data_folder, warehouse):
    events = [
        event("1", user_id=99, event_type=START),
        event("2", mentor_id="M-9", event_type=START),
        event("3", user_id=2, event_type=START),
    ]
    run(warehouse, "refresh", "--data", str(data_folder(events=events)))
    document = answer(warehouse)
    overall = document["reliability"]["overall"]
    assert (overall["unknown_user_events"], overall["unknown_mentor_events"]) == (1, 1)
    assert "Events of users that no export has: 1." in document["warnings"]
    assert "Events of mentors that no sheet has: 1." in document["warnings"]
    assert row(document["rebooking"]["sessions"]["tiers"], "Gold")["users"] == 2


def test_every_window_gives_an_answer(data_folder, warehouse):
    events = [
        event("1", timestamp="2001-01-01T00:00:00Z", event_type=START),
        event("2", timestamp="2023-01-01T00:00:00Z", event_type=START),
    ]
    run(warehouse, "refresh", "--data", str(data_folder(events=events)))
    for window, rebooked in (("1", 0), ("36500", 1), ("none", 1)):
        tiers = answer(warehouse, "--window-days", window)["rebooking"]["sessions"]["tiers"]
        assert row(tiers, "Gold")["rebooked"] == rebooked
        for output in ("table", "csv", "markdown"):
            assert "Gold" in run(warehouse, "answer", "--window-days", window, "--format", output).stdout
