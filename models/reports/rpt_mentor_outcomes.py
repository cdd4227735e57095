"""Rebooking by the mentor of the first session; the SQL comes from `analysis`."""

from sqlglot import exp
from sqlmesh import model
from sqlmesh.core.macros import MacroEvaluator

from analysis.metrics.compilation import sql_for_engine
from analysis.metrics.marts import mart
from analysis.metrics.mentors import mentor_counts


@model(
    "reports.rpt_mentor_outcomes",
    is_sql=True,
    kind="FULL",
    owner="analytics",
    description="One row per mentor with a tier who was some user's first: these users, and how many rebooked.",
    depends_on=["reports.rpt_user_outcomes"],
    extract_dependencies_from_query=False,
    grain=["mentor_id"],
    references=["mentor_id", "tier"],
    column_descriptions={
        "mentor_id": "The mentor of the users' first session",
        "tier": "The mentor's latest known tier",
        "users": "Users whose first session was with the mentor",
        "rebooked": "Of these, users with a later session with any mentor within the rebooking window",
        "mature_users": "Users whose whole window lies before the latest event",
        "mature_rebooked": "Of the mature users, those who rebooked",
        "may_yet_rebook": "Users who are not mature and have not rebooked",
        "built_from": "The newest loads of sessions, bookings, users and mentors that the report was built from",
    },
    audits=[
        ("not_null", {"columns": exp.array("mentor_id", "tier", "users", "rebooked")}),
        ("unique_values", {"columns": exp.array("mentor_id")}),
        ("assert_rebooked_are_users", {}),
    ],
)
def entrypoint(evaluator: MacroEvaluator) -> exp.Expr:
    outcomes = mart("rpt_user_outcomes")
    counts = mentor_counts(outcomes).mutate(built_from=outcomes.built_from.max().as_scalar())
    return sql_for_engine(counts, evaluator)
