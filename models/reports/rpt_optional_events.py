"""What the optional events of the tracking plan say, by tier; the SQL comes from `analysis`."""

from sqlglot import exp
from sqlmesh import model
from sqlmesh.core.macros import MacroEvaluator

from analysis.metrics.compilation import sql_for_engine
from analysis.metrics.marts import latest_marts, mart
from analysis.metrics.optional_events import optional_event_counts


@model(
    "reports.rpt_optional_events",
    is_sql=True,
    kind="FULL",
    owner="analytics",
    description="One row per type of optional event, tier and reason to leave: reviews, users who left, and "
    "profiles viewed. None without such events.",
    depends_on=[
        "staging.stg_events",
        "marts.dim_mentors",
        "marts.fct_bookings",
        "marts.fct_sessions",
        "reports.rpt_user_outcomes",
    ],
    extract_dependencies_from_query=False,
    grain=["(event_type, tier, churn_reason)"],
    references=["event_type", "tier"],
    column_descriptions={
        "event_type": "session_reviewed, user_churned or mentor_profile_viewed",
        "tier": "The mentor's latest known tier; of a user who left, that of the mentor of the first session",
        "churn_reason": "Why users left, lower case; null where it is not said, and of other events",
        "users": "Users with such an event",
        "counted": "Reviews; users who left; pairs of a user and a mentor whose profile the user has viewed",
        "rating_sum": "Sum of the ratings, 1 to 5, of the reviews; null of other events",
        "requested": "Pairs with a request after the first view of the profile; 0 of other events",
        "attended": "Of these, pairs with such a request that was attended; 0 of other events",
        "built_from": "The newest loads of sessions, bookings, users and mentors that the report was built from",
    },
    audits=[
        ("not_null", {"columns": exp.array("event_type", "tier", "users", "counted")}),
        ("unique_combination_of_columns", {"columns": exp.array("event_type", "tier", "churn_reason")}),
        ("assert_optional_events_add_up", {}),
    ],
)
def entrypoint(evaluator: MacroEvaluator) -> exp.Expr:
    marts, outcomes = latest_marts(mart), mart("rpt_user_outcomes")
    counts = optional_event_counts(marts.events, outcomes, marts.bookings, marts.mentors, "current", marts.as_of)
    return sql_for_engine(counts.mutate(built_from=outcomes.built_from.max().as_scalar()), evaluator, is_merged=True)
