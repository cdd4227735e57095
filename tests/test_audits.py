"""Every audit of the project reports a row that is wrong, and nothing else."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import duckdb
import pytest

from settings import PROJECT_ROOT

JANUARY, FEBRUARY, MARCH = (datetime(2023, month, 1) for month in (1, 2, 3))
OPEN = datetime(9999, 12, 31)

# One good row of each model that an audit looks at; a case replaces some of its columns.
GOOD: dict[str, dict[str, Any]] = {
    "marts.dim_mentors": {
        "mentor_id": "M-1",
        "tier": "Gold",
        "hourly_rate": None,
        "valid_from": JANUARY,
        "valid_to": OPEN,
        "load_id": 2,
    },
    "marts.dim_users": {
        "user_id": 1,
        "company_id": "7",
        "signup_date": JANUARY,
        "status": "active",
        "valid_from": JANUARY,
        "valid_to": OPEN,
        "load_id": 2,
    },
    "staging.stg_events": {"event_id": "e", "load_id": 2},
    "marts.fct_sessions": {
        "session_id": "s",
        "user_id": 1,
        "mentor_id": "M-1",
        "started_at": datetime(2023, 1, 1, 10),
        "ended_at": datetime(2023, 1, 1, 11),
        "end_recorded_at": datetime(2023, 1, 1, 11),
        "duration_minutes": 60,
        "is_duration_estimated": False,
    },
    "marts.fct_bookings": {
        "booking_id": "b",
        "requested_at": JANUARY,
        "booking_status": "attended",
        "confirmed_at": JANUARY,
        "session_started_at": FEBRUARY,
        "session_id": "s",
    },
    "reports.rpt_rebooking_by_tier": {
        "tier": "Gold",
        "users": 10,
        "rebooked": 5,
        "mature_users": 8,
        "mature_rebooked": 5,
        "with_intent": 8,
        "attended": 5,
        "lost": 3,
        "returned": 6,
        "same_mentor": 6,
    },
    "reports.rpt_rebooking_by_mentor": {
        "approach": "bookings",
        "mentor_id": "M-1",
        "users": 10,
        "rebooked": 5,
        "mature_users": 8,
        "mature_rebooked": 5,
        "kept_users": 10,
        "kept_rebooked": 5,
        "rebooked_within_7": 2,
        "rebooked_within_14": 3,
        "rebooked_within_30": 5,
        "rebooked_within_60": 5,
        "rebooked_within_90": 6,
    },
    "reports.rpt_event_counts": {
        "event_load_id": 1,
        "event_type": "session_started",
        "weeks_before": 0,
        "events": 3,
        "at_midnight": 3,
        "unknown_user_events": 3,
        "unknown_mentor_events": 3,
    },
    "reports.rpt_reliability_overall": {
        "sessions": 10,
        "running": 1,
        "estimated_ends": 2,
        "recorded_ends": 7,
        "walk_ins": 10,
        "double_booked": 7,
        "double_booked_same_company": 7,
    },
    "reports.rpt_cohorts": {
        "month": datetime(2023, 1, 1),
        "tier": "Gold",
        "users": 10,
        "rebooked": 5,
        "mature_users": 10,
        "mature_rebooked": 5,
        "is_mature": True,
    },
    "reports.rpt_optional_events": {
        "event_type": "session_reviewed",
        "tier": "Gold",
        "users": 3,
        "counted": 4,
        "rating_sum": 12,
        "requested": 0,
        "attended": 0,
    },
    "reports.rpt_mentor_outcomes": {
        "mentor_id": "M-1",
        "tier": "Gold",
        "users": 10,
        "rebooked": 5,
        "mature_users": 8,
        "mature_rebooked": 5,
    },
    "reports.rpt_reliability_by_week": {
        "week": datetime(2023, 1, 2),
        "bookings": 100,
        "attended": 80,
        "missing_confirmations": 80,
        "cancelled": 10,
        "rescheduled": 10,
        "no_show": 2,
        "upcoming": 2,
        "orphan": 5,
        "open": 1,
        "is_cancellation_rate_ripe": True,
        "is_orphan_rate_ripe": False,
        "is_no_show_rate_ripe": False,
    },
    "reports.rpt_reliability_by_tier": {
        "tier": "Gold",
        "bookings": 100,
        "attended": 80,
        "missing_confirmations": 80,
        "cancelled": 10,
        "rescheduled": 10,
        "no_show": 2,
        "upcoming": 2,
        "orphan": 5,
        "open": 1,
    },
}
# What other tables the audits look into.
SOURCES = """
    CREATE SCHEMA warehouse.raw; CREATE SCHEMA warehouse.staging;
    CREATE TABLE warehouse.raw.mentors AS SELECT 'M-1' AS mentor_id;
    CREATE TABLE warehouse.staging.stg_mentors AS
        SELECT * FROM (VALUES
            ('M-1', 'Silver', NULL, false, TIMESTAMP '2023-01-01', 1),
            ('M-1', 'Gold', NULL, false, TIMESTAMP '2023-01-01', 2),
            ('M-9', 'Gold', 100, false, TIMESTAMP '2023-01-01', 1),
            ('M-9', 'Gold', 100, true, TIMESTAMP '2023-02-01', 2),
            ('never', 'Gold', 100, false, TIMESTAMP '9999-12-31', 1)
        ) AS t(mentor_id, tier, hourly_rate, is_deleted, effective_at, load_id);
    CREATE TABLE warehouse.staging.stg_users AS
        SELECT * FROM (VALUES
            (1, '7', DATE '2023-01-01', 'churned', TIMESTAMP '2023-01-01', 1),
            (1, '7', DATE '2023-01-01', 'active', TIMESTAMP '2023-01-01', 2),
            (2, '7', DATE '2023-01-01', 'active', TIMESTAMP '2023-01-01', 2)
        ) AS t(user_id, company_id, signup_date, status, effective_at, load_id);
"""

# audit, model, the rows as changes of the good one, whether the audit must report something.
CASES = [
    ("assert_no_overlapping_validity", "marts.dim_mentors", [{"valid_to": FEBRUARY}, {"valid_from": FEBRUARY}], False),
    ("assert_no_overlapping_validity", "marts.dim_mentors", [{"valid_to": MARCH}, {"valid_from": FEBRUARY}], True),
    ("assert_no_overlapping_validity", "marts.dim_mentors", [{}, {"valid_from": FEBRUARY}], True),
    ("assert_no_overlapping_validity", "marts.dim_mentors", [{}, {"recorded_to": FEBRUARY}], False),
    ("assert_no_overlapping_validity", "marts.dim_users", [{"valid_to": JANUARY}], True),
    ("assert_no_overlapping_validity", "marts.dim_users", [{}, {}], True),
    ("assert_no_overlapping_validity", "marts.dim_users", [{}, {"user_id": 2}], False),
    ("assert_last_state_is_open", "marts.dim_mentors", [{}, {"tier": "Silver", "recorded_to": MARCH}], False),
    ("assert_last_state_is_open", "marts.dim_mentors", [{}, {"mentor_id": "M-9", "valid_to": FEBRUARY}], False),
    ("assert_last_state_is_open", "marts.dim_mentors", [{}, {"mentor_id": "M-9"}], True),
    ("assert_last_state_is_open", "marts.dim_mentors", [{}, {"mentor_id": "nobody"}], True),
    ("assert_last_state_is_open", "marts.dim_mentors", [{"tier": "Silver"}], True),
    ("assert_last_state_is_open", "marts.dim_mentors", [{"hourly_rate": 1}], True),
    ("assert_last_state_is_open", "marts.dim_mentors", [{"load_id": 1}], True),
    ("assert_last_state_is_open", "marts.dim_mentors", [{"recorded_to": MARCH}], True),
    ("assert_last_state_is_open", "marts.dim_users", [{}, {"user_id": 2}], False),
    ("assert_last_state_is_open", "marts.dim_users", [{}], True),
    ("assert_last_state_is_open", "marts.dim_users", [{"company_id": "8"}, {"user_id": 2}], True),
    ("assert_last_state_is_open", "marts.dim_users", [{"valid_to": MARCH}, {"user_id": 2}], True),
    ("assert_tiers_known", "marts.dim_mentors", [{}, {"tier": "Bronze"}], False),
    ("assert_tiers_known", "marts.dim_mentors", [{"tier": "Platinum"}], True),
    ("assert_tiers_known", "marts.dim_mentors", [{"tier": "Platinum", "recorded_to": MARCH}], False),
    ("assert_newest_events_unique", "staging.stg_events", [{}, {"event_id": "f", "load_id": 1}], False),
    ("assert_newest_events_unique", "staging.stg_events", [{}, {}], True),
    ("assert_newest_events_unique", "staging.stg_events", [{}, {"load_id": 1}], True),
    ("assert_durations_not_negative", "marts.fct_sessions", [{}], False),
    ("assert_durations_not_negative", "marts.fct_sessions", [{"duration_minutes": -1}], True),
    ("assert_durations_not_negative", "marts.fct_sessions", [{"ended_at": datetime(2023, 1, 1, 10)}], True),
    ("assert_ends_are_recorded", "marts.fct_sessions", [{}, {"end_recorded_at": MARCH}], False),
    (
        "assert_ends_are_recorded",
        "marts.fct_sessions",
        [{"end_recorded_at": None, "is_duration_estimated": True}],
        False,
    ),
    ("assert_ends_are_recorded", "marts.fct_sessions", [{"end_recorded_at": None}], True),
    ("assert_ends_are_recorded", "marts.fct_sessions", [{"is_duration_estimated": True}], True),
    ("assert_ends_are_recorded", "marts.fct_sessions", [{"end_recorded_at": JANUARY}], True),
    ("assert_durations_usual", "marts.fct_sessions", [{"duration_minutes": 240}], False),
    ("assert_durations_usual", "marts.fct_sessions", [{"duration_minutes": 240.1}], True),
    ("assert_mentors_of_sessions_known", "marts.fct_sessions", [{}], False),
    ("assert_mentors_of_sessions_known", "marts.fct_sessions", [{"mentor_id": "M-2"}], True),
    ("assert_booking_status_agrees_with_times", "marts.fct_bookings", [{}], False),
    ("assert_booking_status_agrees_with_times", "marts.fct_bookings", [{"session_id": None}], True),
    ("assert_booking_status_agrees_with_times", "marts.fct_bookings", [{"cancelled_at": FEBRUARY}], True),
    ("assert_booking_status_agrees_with_times", "marts.fct_bookings", [{"booking_status": "pending"}], True),
    ("assert_booking_status_agrees_with_times", "marts.fct_bookings", [{"requested_at": MARCH}], True),
    ("assert_booking_status_agrees_with_times", "marts.fct_bookings", [{"agreed_start_at": JANUARY}], False),
    (
        "assert_booking_status_agrees_with_times",
        "marts.fct_bookings",
        [{"agreed_start_at": datetime(2022, 1, 1)}],
        True,
    ),
    (
        "assert_booking_status_agrees_with_times",
        "marts.fct_bookings",
        [{"agreed_start_at": FEBRUARY, "confirmed_at": None}],
        True,
    ),
    ("assert_booking_status_agrees_with_times", "marts.fct_bookings", [{"cancelled_by": "user"}], True),
    ("assert_booking_status_agrees_with_times", "marts.fct_bookings", [{"cancellation_reason": "ill"}], True),
    ("assert_rebooked_are_users", "reports.rpt_rebooking_by_tier", [{}], False),
    ("assert_rebooked_are_users", "reports.rpt_rebooking_by_tier", [{"rebooked": 11}], True),
    ("assert_rebooked_are_users", "reports.rpt_rebooking_by_tier", [{"mature_users": 4}], True),
    (
        "assert_optional_events_add_up",
        "reports.rpt_optional_events",
        [{}, {"rating_sum": 4}, {"rating_sum": 20}],
        False,
    ),
    *(
        ("assert_optional_events_add_up", "reports.rpt_optional_events", [wrong], True)
        for wrong in (
            *({"users": 5}, {"rating_sum": 3}, {"rating_sum": 21}, {"requested": 1}),
            {"event_type": "user_churned"},
            {"event_type": "mentor_profile_viewed", "rating_sum": None, "requested": 5},
            {"event_type": "mentor_profile_viewed", "rating_sum": None, "requested": 1, "attended": 2},
        )
    ),
    ("assert_rebooked_are_users", "reports.rpt_cohorts", [{}], False),
    ("assert_rebooked_are_users", "reports.rpt_cohorts", [{"rebooked": 11}], True),
    ("assert_rebooked_are_users", "reports.rpt_mentor_outcomes", [{}], False),
    ("assert_rebooked_are_users", "reports.rpt_mentor_outcomes", [{"mature_rebooked": 6}], True),
    ("assert_rebooked_are_users", "reports.rpt_rebooking_by_mentor", [{}], False),
    ("assert_rebooked_are_users", "reports.rpt_rebooking_by_mentor", [{"rebooked": 11}], True),
    ("assert_follow_ups_are_of_users", "reports.rpt_rebooking_by_tier", [{}], False),
    *(
        ("assert_follow_ups_are_of_users", "reports.rpt_rebooking_by_tier", [wrong], True)
        for wrong in ({"with_intent": 11}, {"lost": 4}, {"returned": 11}, {"same_mentor": 7}, {"returned": 4})
    ),
    ("assert_longer_windows_hold_more", "reports.rpt_rebooking_by_mentor", [{}], False),
    *(
        ("assert_longer_windows_hold_more", "reports.rpt_rebooking_by_mentor", [wrong], True)
        for wrong in (
            {"rebooked_within_7": 4},
            {"rebooked_within_14": 6},
            {"rebooked_within_30": 6},
            {"rebooked_within_60": 7},
            {"rebooked_within_90": 11},
            {"kept_users": 11},
            {"kept_users": 4},
        )
    ),
    ("assert_odd_events_are_events", "reports.rpt_event_counts", [{}], False),
    *(
        ("assert_odd_events_are_events", "reports.rpt_event_counts", [wrong], True)
        for wrong in (
            {"events": 0, "at_midnight": 0, "unknown_user_events": 0, "unknown_mentor_events": 0},
            {"at_midnight": 4},
            {"unknown_user_events": 4},
            {"unknown_mentor_events": 4},
        )
    ),
    ("assert_sessions_add_up", "reports.rpt_reliability_overall", [{}], False),
    *(
        ("assert_sessions_add_up", "reports.rpt_reliability_overall", [wrong], True)
        for wrong in (
            {"running": 2},
            {"sessions": None},
            {"double_booked": 8},
            {"double_booked_same_company": 8},
            {"walk_ins": 11},
        )
    ),
    ("assert_mature_cohorts_are_observed", "reports.rpt_cohorts", [{}], False),
    ("assert_mature_cohorts_are_observed", "reports.rpt_cohorts", [{"mature_users": 9, "is_mature": False}], False),
    ("assert_mature_cohorts_are_observed", "reports.rpt_cohorts", [{"mature_users": 9}], True),
    ("assert_bookings_add_up", "reports.rpt_reliability_by_week", [{}], False),
    ("assert_bookings_add_up", "reports.rpt_reliability_by_week", [{"orphan": 6}], True),
    ("assert_bookings_add_up", "reports.rpt_reliability_by_tier", [{}], False),
    ("assert_bookings_add_up", "reports.rpt_reliability_by_tier", [{"bookings": 101}], True),
    ("assert_bookings_add_up", "reports.rpt_reliability_by_tier", [{"rescheduled": 11}], True),
    ("assert_bookings_add_up", "reports.rpt_reliability_by_tier", [{"missing_confirmations": 81}], True),
    ("assert_bookings_add_up", "reports.rpt_reliability_by_tier", [{"open": None}], True),
    (
        "assert_ripe_weeks_are_settled",
        "reports.rpt_reliability_by_week",
        [{}, {"open": 0, "is_orphan_rate_ripe": True}],
        False,
    ),
    ("assert_ripe_weeks_are_settled", "reports.rpt_reliability_by_week", [{"is_orphan_rate_ripe": True}], True),
    (
        "assert_ripe_weeks_are_settled",
        "reports.rpt_reliability_by_week",
        [{"open": 0, "is_orphan_rate_ripe": True, "is_cancellation_rate_ripe": False}],
        True,
    ),
    (
        "assert_ripe_weeks_are_settled",
        "reports.rpt_reliability_by_week",
        [{"open": 0, "is_orphan_rate_ripe": True, "is_no_show_rate_ripe": True}],
        True,
    ),
    (
        "assert_ripe_weeks_are_settled",
        "reports.rpt_reliability_by_week",
        [{"upcoming": 0, "is_no_show_rate_ripe": True}],
        True,
    ),
    ("assert_orphan_rate_under_threshold", "reports.rpt_reliability_by_tier", [{}], False),
    ("assert_orphan_rate_under_threshold", "reports.rpt_reliability_by_tier", [{"orphan": 6}], True),
]
ONLY_WARN = {
    "assert_durations_usual",
    "assert_mentors_of_sessions_known",
    "assert_orphan_rate_under_threshold",
}


@pytest.fixture(scope="module")
def database():
    with duckdb.connect() as connection:
        connection.execute("ATTACH ':memory:' AS warehouse; CREATE SCHEMA warehouse.marts")
        connection.execute("CREATE SCHEMA warehouse.reports")
        connection.execute(SOURCES)
        yield connection


def audit_of(context, model: str, name: str):
    return next(pair for pair in context.get_model(model).audits_with_args if pair[0].name == name)


@pytest.mark.parametrize(("name", "model_name", "changes", "is_reported"), CASES)
def test_audit_reports_what_is_wrong_and_only_that(context, database, name, model_name, changes, is_reported):
    model = context.get_model(model_name)
    columns = ", ".join(f'"{column}" {kind.sql("duckdb")}' for column, kind in model.columns_to_types.items())
    database.execute(f"CREATE OR REPLACE TABLE warehouse.{model_name} ({columns})")
    for change in changes:
        row = GOOD[model_name] | change
        names = ", ".join(f'"{column}"' for column in row)
        marks = ", ".join("?" for _ in row)
        database.execute(f"INSERT INTO warehouse.{model_name} ({names}) VALUES ({marks})", list(row.values()))
    audit, arguments = audit_of(context, model_name, name)
    june = datetime(2023, 6, 1)
    query = model.render_audit_query(audit, start="2000-01-01", end=june, execution_time=june, **arguments)
    found = database.execute(query.sql(dialect="duckdb")).fetchall()
    assert bool(found) is is_reported, found


def test_every_own_audit_has_a_good_and_a_bad_case_and_is_used(context):
    text = "".join(path.read_text(encoding="utf-8") for path in (PROJECT_ROOT / "audits").glob("*.sql"))
    own = set(re.findall(r"AUDIT \(\s*name (\w+)", text))
    assert own
    assert {name for name, _, _, is_reported in CASES if is_reported} == own
    assert {name for name, _, _, is_reported in CASES if not is_reported} == own
    used = {
        (audit.name, f"{model.fully_qualified_table.db}.{model.name.split('.')[-1].strip(chr(34))}")
        for model in context.models.values()
        for audit, _ in model.audits_with_args
        if audit.name in own
    }
    assert used == {(name, model) for name, model, _, _ in CASES}


def test_what_stops_a_promotion_and_what_only_warns(context):
    for name, model, _, _ in CASES:
        audit, arguments = audit_of(context, model, name)
        assert "blocking" not in arguments
        assert audit.blocking is (name not in ONLY_WARN), name
