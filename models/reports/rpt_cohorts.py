"""Rebooking by the month of the first session; the SQL comes from `analysis`."""

from sqlglot import exp
from sqlmesh import model
from sqlmesh.core.macros import MacroEvaluator

from analysis.metrics.cohorts import cohort_counts
from analysis.metrics.compilation import sql_for_engine
from analysis.metrics.marts import latest_event, mart


@model(
    "reports.rpt_cohorts",
    is_sql=True,
    kind="FULL",
    owner="analytics",
    description="One row per month and tier of the first session: its users, and how many of them rebooked.",
    depends_on=["marts.fct_bookings", "marts.fct_sessions", "reports.rpt_user_outcomes"],
    extract_dependencies_from_query=False,
    grain=["(month, tier)"],
    references=["tier"],
    column_descriptions={
        "month": "First day of the month of the first session, UTC",
        "tier": "The latest known tier of the mentor of the first session",
        "users": "Users whose first session was in the month with a mentor of the tier",
        "rebooked": "Of these, users with a later session within the rebooking window",
        "mature_users": "Users whose whole window lies before the latest event",
        "mature_rebooked": "Of the mature users, those who rebooked",
        "may_yet_rebook": "Users who are not mature and have not rebooked",
        "is_mature": "The window of whoever came in the month's last moment has passed; until then the rate is too low",
        "built_from": "The newest loads of sessions, bookings, users and mentors that the report was built from",
    },
    audits=[
        ("not_null", {"columns": exp.array("month", "tier", "users", "rebooked", "is_mature")}),
        ("unique_combination_of_columns", {"columns": exp.array("month", "tier")}),
        ("assert_rebooked_are_users", {}),
        ("assert_mature_cohorts_are_observed", {}),
    ],
)
def entrypoint(evaluator: MacroEvaluator) -> exp.Expr:
    window_days = evaluator.var("rebooking_window_days")
    as_of = latest_event(mart("fct_sessions"), mart("fct_bookings"))
    outcomes = mart("rpt_user_outcomes")
    counts = cohort_counts(outcomes, window_days, as_of).mutate(built_from=outcomes.built_from.max().as_scalar())
    return sql_for_engine(counts, evaluator)
