"""How fresh the data of an environment are: the newest event, each file's last new row, the latest week's volume.

Only the ages depend on the clock, and the clock is whatever moment the caller gives.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import duckdb

from analysis.answer.schema.freshness import Freshness, FreshnessStatus, SourceFreshness, WeekVolume
from settings import COMMAND, Settings
from warehouse.environments import Environment, built_by_other_models, schema

WEEK = timedelta(days=7)
WEEKS_BEFORE = 8
# A week is unusual below this share of the lowest of the weeks before, or above this multiple of the highest.
UNUSUALLY_LOW, UNUSUALLY_HIGH = 0.5, 2


def read_freshness(
    connection: duckdb.DuckDBPyConnection, environment: Environment, settings: Settings, now: datetime
) -> Freshness:
    """How fresh an environment is.

    Args:
        now: the moment that ages are measured at, with a time zone.

    Raises:
        WarehouseError: other models built the environment.
    """
    newest = environment.as_of
    return {
        "newest_event": newest.isoformat() + "Z" if newest else None,
        "age_hours": _age(newest, now) / timedelta(hours=1) if newest else None,
        "max_age_hours": settings.max_feed_age_hours,
        "files": _files(connection),
        "week": _week(connection, environment, newest) if newest else None,
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


def _files(connection: duckdb.DuckDBPyConnection) -> list[SourceFreshness]:
    rows = connection.execute(
        "SELECT source, MAX(loaded_at) FILTER (rows_loaded > 0) FROM raw.loads GROUP BY source ORDER BY MIN(load_id)"
    ).fetchall()
    return [
        {"source": source, "last_new_row": loaded_at.isoformat(timespec="seconds") + "Z" if loaded_at else None}
        for source, loaded_at in rows
    ]


def _week(connection: duckdb.DuckDBPyConnection, environment: Environment, newest: datetime) -> WeekVolume:
    too_early = WEEKS_BEFORE + 1
    ago = f"(EPOCH_US(TIMESTAMP '{newest}') - EPOCH_US(occurred_at)) // {WEEK // timedelta(microseconds=1)}"
    try:
        events = dict(
            connection.execute(f"""
                SELECT LEAST({ago}, {too_early}) AS weeks_ago, COUNT(*)
                FROM {schema("staging", environment.name)}.stg_events
                WHERE load_id <= {environment.newest_load} AND occurred_at <= TIMESTAMP '{newest}'
                GROUP BY weeks_ago
            """).fetchall()
        )
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        raise built_by_other_models(environment.name, str(error).splitlines()[0]) from None
    latest = events.get(0, 0)
    if too_early not in events:
        return {"events": latest, "expected": None, "lowest": None, "highest": None, "is_unusual": None}
    before = [events.get(weeks_ago, 0) for weeks_ago in range(1, too_early)]
    return {
        "events": latest,
        "expected": sum(before) / WEEKS_BEFORE,
        "lowest": min(before),
        "highest": max(before),
        "is_unusual": latest < UNUSUALLY_LOW * min(before) or latest > UNUSUALLY_HIGH * max(before),
    }
