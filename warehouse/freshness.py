"""How fresh the data of an environment are: the newest event, each file's last new row, the latest week's volume.

Only the ages depend on the clock, and the clock is whatever moment the caller gives.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from analysis.metrics.classes import OLDER_THAN_WEEKS, OPTIONAL_EVENTS, WEEKS_BEFORE
from engines.protocol import Reader, UnknownNameError
from settings import COMMAND, Settings
from warehouse.environments import Environment, built_by_other_models
from warehouse.views import schema

if TYPE_CHECKING:
    from analysis.answer.schema.freshness import Freshness, FreshnessStatus, SourceFreshness, WeekVolume

WEEK = timedelta(days=7)
# A week is unusual below this share of the lowest of the weeks before, or above this multiple of the highest.
UNUSUALLY_LOW, UNUSUALLY_HIGH = 0.5, 2


def read_freshness(
    reader: Reader, environment: Environment, settings: Settings, now: datetime, reports_say_now: bool
) -> Freshness:
    """How fresh an environment is.

    Args:
        now: the moment that ages are measured at, with a time zone.
        reports_say_now: the reports say of now what the events would, as these metrics count them.

    Raises:
        WarehouseError: other models built the environment.
    """
    newest = environment.as_of
    return {
        "newest_event": newest.isoformat() + "Z" if newest else None,
        "age_hours": _age(newest, now) / timedelta(hours=1) if newest else None,
        "max_age_hours": settings.max_feed_age_hours,
        "files": _files(reader),
        "week": _week(reader, environment, newest, reports_say_now) if newest else None,
        "status": _status(newest, settings, now),
    }


def stale_remarks(environment: Environment, settings: Settings, now: datetime) -> list[str]:
    """That the newest event of an environment is too old, as one line, if it is; `now` has a time zone."""
    newest, name = environment.as_of, environment.name
    if newest is None or _status(newest, settings, now) != "stale":
        return []
    run = f"{COMMAND} refresh" + ("" if name == "prod" else f" --env {name}")
    return [
        f"{name} is stale: its newest event, of {newest:%Y-%m-%dT%H:%M:%SZ}, is older than max_feed_age_hours = "
        f"{settings.max_feed_age_hours}; check that the booking tool still sends events, then run: {run}"
    ]


def volume_remarks(name: str, week: WeekVolume | None) -> list[str]:
    """That the latest week of an environment has unusually few or many events, as one line, if it has."""
    if week is None or not week["is_unusual"] or week["lowest"] is None or week["highest"] is None:
        return []
    is_low = week["events"] < week["lowest"]
    than = "fewer than half of the lowest" if is_low else "more than twice the highest"
    return [
        f"{name} has {week['events']:,} event{'s' * (week['events'] != 1)} in the seven days up to the newest one, "
        f"{than} of the {WEEKS_BEFORE} weeks before ({week['lowest']:,} to {week['highest']:,}); "
        "check that the files of events are complete and hold nothing twice"
    ]


def _age(newest: datetime, now: datetime) -> timedelta:
    return now - newest.replace(tzinfo=UTC)


def _status(newest: datetime | None, settings: Settings, now: datetime) -> FreshnessStatus:
    if newest is None:
        return "no_data"
    if settings.max_feed_age_hours is None:
        return "not_checked"
    return "stale" if _age(newest, now) > timedelta(hours=settings.max_feed_age_hours) else "fresh"


def _files(reader: Reader) -> list[SourceFreshness]:
    rows = reader.rows(
        "SELECT source, MAX(CASE WHEN rows_loaded > 0 THEN loaded_at END) FROM raw.loads "
        "GROUP BY source ORDER BY MIN(load_id)"
    )
    return [
        {"source": source, "last_new_row": loaded_at.isoformat(timespec="seconds") + "Z" if loaded_at else None}
        for source, loaded_at in rows
    ]


def _week(reader: Reader, environment: Environment, newest: datetime, reports_say_now: bool) -> WeekVolume:
    count = _reported_weeks if reports_say_now else _counted_weeks
    try:
        latest, *before, earlier = count(reader, environment, newest)
    except UnknownNameError as error:
        raise built_by_other_models(environment.name, str(error)) from None
    if not earlier:
        return {"events": latest, "expected": None, "lowest": None, "highest": None, "is_unusual": None}
    return {
        "events": latest,
        "expected": sum(before) / WEEKS_BEFORE,
        "lowest": min(before),
        "highest": max(before),
        "is_unusual": latest < UNUSUALLY_LOW * min(before) or latest > UNUSUALLY_HIGH * max(before),
    }


def _reported_weeks(reader: Reader, environment: Environment, _newest: datetime) -> list[int]:
    """Events of the latest week, of each of those before it, and of all time before that."""
    rows = reader.rows(f"""
        SELECT weeks_before, CAST(SUM(events) AS BIGINT) FROM {schema("reports", environment.name)}.rpt_event_counts
        WHERE event_load_id <= {environment.newest_load} AND event_type NOT IN {OPTIONAL_EVENTS} GROUP BY weeks_before
    """)
    events: dict[int, int] = dict(rows)
    return [events.get(weeks, 0) for weeks in range(OLDER_THAN_WEEKS + 1)]


def _counted_weeks(reader: Reader, environment: Environment, newest: datetime) -> list[int]:
    """The same from the events."""
    starts = [newest - weeks * WEEK for weeks in range(1, WEEKS_BEFORE + 2)]
    weeks = ", ".join(
        f"COUNT(CASE WHEN occurred_at > TIMESTAMP '{start}' AND occurred_at <= TIMESTAMP '{start + WEEK}' THEN 1 END)"
        for start in starts
    )
    (row,) = reader.rows(f"""
        SELECT {weeks}, COUNT(CASE WHEN occurred_at <= TIMESTAMP '{starts[-1]}' THEN 1 END)
        FROM {schema("staging", environment.name)}.stg_events
        WHERE load_id <= {environment.newest_load} AND occurred_at <= TIMESTAMP '{newest}'
            AND event_type NOT IN {OPTIONAL_EVENTS}
    """)
    return list(row)
