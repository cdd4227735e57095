"""Rebooking by mentor, counted in every way that the answer compares; the SQL comes from `analysis`."""

import ibis
from sqlglot import exp
from sqlmesh import model
from sqlmesh.core.macros import MacroEvaluator

from analysis.metrics.classes import WINDOWS
from analysis.metrics.compilation import sql_for_engine
from analysis.metrics.marts import built_from, latest_marts, mart
from analysis.metrics.rebooking import user_outcomes
from analysis.metrics.sensitivity import variant_counts, visits_by_approach, with_both_tiers


@model(
    "reports.rpt_rebooking_by_mentor",
    is_sql=True,
    kind="FULL",
    owner="analytics",
    description="One row per approach, mentor of the first visit and the two tiers that the mentor may count with: "
    "its users, and how many rebooked, by each way of counting that the answer compares.",
    depends_on=[
        "marts.dim_mentors",
        "marts.dim_users",
        "marts.fct_bookings",
        "marts.fct_sessions",
        "reports.rpt_user_outcomes",
    ],
    extract_dependencies_from_query=False,
    grain=["(approach, mentor_id, tier, other_tier)"],
    references=["mentor_id", "tier"],
    column_descriptions={
        "approach": "What counts as a visit: sessions, bookings, first requests or recorded sessions",
        "mentor_id": "The mentor of the users' first visit",
        "tier": "The mentor's latest known tier; null for a mentor that no sheet has",
        "other_tier": "The tier that the mentor held at the first visit; null where no sheet said one by then",
        "users": "Users whose first visit was with the mentor",
        "rebooked": "Of these, users with a later visit to any mentor within the rebooking window",
        "mature_users": "Users whose whole window lies before the latest event",
        "mature_rebooked": "Of the mature users, those who rebooked",
        "may_yet_rebook": "Users who are not mature and have not rebooked",
        "kept_users": "Users whose status is not churned",
        "kept_rebooked": "Of these, those who rebooked",
        "rebooked_within_7": "Users with a later visit within 7 days",
        "rebooked_within_14": "Users with a later visit within 14 days",
        "rebooked_within_30": "Users with a later visit within 30 days",
        "rebooked_within_60": "Users with a later visit within 60 days",
        "rebooked_within_90": "Users with a later visit within 90 days",
        "built_from": "The newest loads of sessions, bookings, users and mentors that the report was built from",
    },
    audits=[
        ("not_null", {"columns": exp.array("approach", "mentor_id", "users", "rebooked")}),
        ("unique_combination_of_columns", {"columns": exp.array("approach", "mentor_id", "tier", "other_tier")}),
        ("assert_rebooked_are_users", {}),
        ("assert_longer_windows_hold_more", {}),
    ],
)
def entrypoint(evaluator: MacroEvaluator) -> exp.Expr:
    window_days = evaluator.var("rebooking_window_days")
    marts = latest_marts(mart)
    by_session = mart("rpt_user_outcomes").drop("tier", "built_from").mutate(approach=ibis.literal("sessions"))
    visits = visits_by_approach(marts.sessions, marts.bookings, marts.users)
    by_other = user_outcomes(visits, window_days, marts.as_of, "approach").select(by_session.columns)
    outcomes = with_both_tiers(by_session.union(by_other), marts.mentors, "current")
    counts = variant_counts(outcomes, marts.users, list(WINDOWS), "approach")
    return sql_for_engine(counts.mutate(built_from=built_from(mart)), evaluator)
