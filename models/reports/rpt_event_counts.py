"""How many events there are, and how many of them are odd; the SQL comes from `analysis`."""

from sqlglot import exp
from sqlmesh import model
from sqlmesh.core.macros import MacroEvaluator

from analysis.metrics.compilation import sql_for_engine
from analysis.metrics.marts import built_from, latest_marts, mart
from analysis.metrics.reliability import event_counts


@model(
    "reports.rpt_event_counts",
    is_sql=True,
    kind="FULL",
    owner="analytics",
    description="One row per load, event type and week before the latest event: its events, and how many are odd.",
    depends_on=[
        "staging.stg_events",
        "marts.dim_mentors",
        "marts.dim_users",
        "marts.fct_bookings",
        "marts.fct_sessions",
    ],
    extract_dependencies_from_query=False,
    grain=["(event_load_id, event_type, weeks_before)"],
    references=["event_type"],
    column_descriptions={
        "event_load_id": "The load that brought the events",
        "event_type": "Type of the events, one of the event catalogue",
        "weeks_before": "0: in the seven days up to the latest event of the facts, 1: in the seven days before, up "
        "to 8; 9: older; -1: after it",
        "events": "How many events",
        "at_midnight": "Events stamped exactly 00:00:00 UTC",
        "unknown_user_events": "Events of users that no export has",
        "unknown_mentor_events": "Events of mentors that no sheet has",
        "built_from": "The newest loads of sessions, bookings, users and mentors that the report was built from",
    },
    audits=[
        ("not_null", {"columns": exp.array("event_load_id", "event_type", "weeks_before", "events")}),
        ("unique_combination_of_columns", {"columns": exp.array("event_load_id", "event_type", "weeks_before")}),
        ("assert_odd_events_are_events", {}),
    ],
)
def entrypoint(evaluator: MacroEvaluator) -> exp.Expr:
    marts = latest_marts(mart)
    counts = event_counts(marts.events, marts.users, marts.mentors, marts.as_of)
    return sql_for_engine(counts.mutate(built_from=built_from(mart)), evaluator)
