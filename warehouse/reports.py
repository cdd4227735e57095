"""Whether the reports of an environment say what its facts and dimensions do."""

from __future__ import annotations

from engines.protocol import Reader

# Every report, and the fact that gives it rows as soon as it has some; None: what has no tier gives it none.
REPORTS = {
    "rpt_user_outcomes": "fct_sessions",
    "rpt_reliability_by_tier": "fct_bookings",
    "rpt_reliability_by_week": "fct_bookings",
    "rpt_rebooking_by_tier": None,
    "rpt_cohorts": None,
    "rpt_mentor_outcomes": None,
    "rpt_rebooking_by_mentor": "fct_sessions",
    "rpt_event_counts": "fct_bookings",
    "rpt_reliability_overall": "fct_sessions",
    "rpt_optional_events": None,
}


def are_reports_behind(reader: Reader, reports: str, marts: str, held: str) -> bool:
    """Whether a report says less than the facts and dimensions: an environment that shares these may have run.

    Args:
        reports, marts: the schemas of the environment.
        held: what its facts and dimensions hold, as `built_from` of a report says it.
    """
    built = reader.rows(
        " UNION ALL ".join(f"SELECT '{report}', MAX(built_from) FROM {reports}.{report}" for report in REPORTS)
    )
    for report, built_from in built:
        fact = REPORTS[report]
        if built_from is None:
            is_behind = bool(fact) and reader.rows(f"SELECT COUNT(*) FROM {marts}.{fact}") != [(0,)]
        else:
            is_behind = built_from != held
        if is_behind:
            return True
    return False


def has_counted_events(reader: Reader, reports: str, newest_load: int) -> bool:
    """Whether the events of all loads up to one are counted in the reports: they need have changed no fact."""
    ((counted,),) = reader.rows(f"SELECT COALESCE(MAX(event_load_id), 0) FROM {reports}.rpt_event_counts")
    ((loaded,),) = reader.rows(
        "SELECT COALESCE(MAX(load_id), 0) FROM raw.loads "
        f"WHERE source = 'booking_events' AND rows_loaded > 0 AND load_id <= {newest_load}"
    )
    return bool(counted >= loaded)
