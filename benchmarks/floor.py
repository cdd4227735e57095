"""The least work that gives the headline, and the least that also keeps what is promised: plain DuckDB SQL.

    python -m benchmarks.floor DATA
    python -m benchmarks.floor DATA --keep warehouse.duckdb

Alone it reads the raw files once and keeps nothing. With a file it writes there what a warehouse is trusted with: the
typed log of all three sources, the rejected rows with their reason and text, sessions and bookings with SHA-256 keys.
Reads clean or dirty files, written from the definitions and not from the models. Prints, as JSON, the users and the
rebooked users of each tier.
"""

from __future__ import annotations

import json
from pathlib import Path

import click
import duckdb

EVENTS = r"""
SELECT
    ROW_NUMBER() OVER () AS position,
    event_id,
    TRY_CAST(TRIM(user_id) AS BIGINT) AS user_id,
    TRIM(mentor_id) AS mentor_id,
    TRY_CAST("timestamp" AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS occurred_at,
    LOWER(TRIM(event_type)) AS event_type,
    {'user_id': user_id, 'mentor_id': mentor_id, 'timestamp': "timestamp", 'event_type': event_type} AS said
FROM read_json($events, columns = {
    event_id: 'VARCHAR', user_id: 'VARCHAR', mentor_id: 'VARCHAR', "timestamp": 'VARCHAR', event_type: 'VARCHAR'
})
"""
MENTORS = """
SELECT
    TRIM(mentor_id) AS mentor_id,
    UPPER(TRIM(tier)[1]) || LOWER(TRIM(tier)[2:]) AS tier,
    TRY_CAST(hourly_rate AS DECIMAL(18, 4)) AS hourly_rate
FROM read_csv($mentors, all_varchar = true)
QUALIFY ROW_NUMBER() OVER (PARTITION BY TRIM(mentor_id)) = 1
"""
# In the order in which they count at one instant.
_TYPES = "['session_ended', 'booking_cancelled', 'booking_requested', 'booking_confirmed', 'session_started']"
_IS_WHOLE = f"user_id IS NOT NULL AND mentor_id <> '' AND occurred_at IS NOT NULL AND event_type IN {_TYPES}"
# Of events that are whole the first of each id.
KNOWN = f"""
SELECT * EXCLUDE (position, said) FROM events
WHERE {_IS_WHOLE}
QUALIFY ROW_NUMBER() OVER (PARTITION BY event_id ORDER BY position) = 1
"""
# From `starts` and `mentors`.
HEADLINE = """
SELECT tier, COUNT(*) AS users, COUNT(*) FILTER (next_at <= occurred_at + INTERVAL 30 DAY) AS rebooked
FROM (
    SELECT
        user_id, mentor_id, occurred_at,
        ROW_NUMBER() OVER visits AS number,
        MIN(CASE WHEN occurred_at > first_at THEN occurred_at END) OVER (PARTITION BY user_id) AS next_at
    FROM (SELECT *, MIN(occurred_at) OVER (PARTITION BY user_id) AS first_at FROM starts)
    WINDOW visits AS (
        PARTITION BY user_id
        ORDER BY occurred_at, SHA256(user_id || '|' || mentor_id || '|' || STRFTIME(occurred_at, '%Y-%m-%d %H:%M:%S'))
    )
) JOIN mentors USING (mentor_id)
WHERE number = 1
GROUP BY tier ORDER BY tier
"""
QUERY = f"""
WITH events AS ({EVENTS}),
starts AS (
    SELECT DISTINCT user_id, mentor_id, occurred_at FROM ({KNOWN}) WHERE event_type = 'session_started'
),
mentors AS ({MENTORS})
{HEADLINE}
"""

_KEY = "SHA256(user_id || '|' || mentor_id || '|' || CAST({} AS VARCHAR))"
_ORDERED = f"""
SELECT
    user_id, mentor_id, occurred_at, event_type,
    MAX(CASE WHEN event_type = '{{opened_by}}' THEN occurred_at END) OVER (
        PARTITION BY user_id, mentor_id ORDER BY occurred_at, LIST_POSITION({_TYPES}, event_type)
        ROWS UNBOUNDED PRECEDING
    ) AS opened_at
FROM booking_events
"""
KEPT = {
    "rejected_events": f"""
        SELECT
            position,
            CASE
                WHEN user_id IS NULL THEN 'user'
                WHEN occurred_at IS NULL THEN 'timestamp'
                WHEN COALESCE(mentor_id, '') = '' THEN 'mentor'
                ELSE 'event_type'
            END AS reason,
            CAST(TO_JSON(said) AS VARCHAR) AS raw_text
        FROM events
        WHERE ({_IS_WHOLE}) IS NOT TRUE
    """,
    "booking_events": KNOWN,
    "users": """
        SELECT DISTINCT ON (TRY_CAST(TRIM(user_id) AS BIGINT)) TRY_CAST(TRIM(user_id) AS BIGINT) AS user_id, company_id,
            TRY_CAST(signup_date AS DATE) AS signup_date, LOWER(TRIM(status)) AS status
        FROM read_csv($users, all_varchar = true)
        WHERE TRY_CAST(TRIM(user_id) AS BIGINT) IS NOT NULL
    """,
    "mentors": MENTORS,
    "sessions": f"""
        SELECT
            {_KEY.format("opened_at")} AS session_id, user_id, mentor_id, opened_at AS started_at,
            MIN(occurred_at) FILTER (
                event_type = 'session_ended' AND occurred_at <= opened_at + INTERVAL 24 HOUR
            ) AS ended_at
        FROM ({_ORDERED.format(opened_by="session_started")})
        WHERE opened_at IS NOT NULL
        GROUP BY user_id, mentor_id, opened_at
    """,
    "bookings": f"""
        SELECT
            {_KEY.format("opened_at")} AS booking_id, user_id, mentor_id, opened_at AS requested_at,
            MIN(occurred_at) FILTER (event_type = 'booking_confirmed') AS confirmed_at,
            MIN(occurred_at) FILTER (event_type = 'booking_cancelled') AS cancelled_at,
            MIN(occurred_at) FILTER (event_type = 'session_started') AS started_at,
            CASE
                WHEN cancelled_at <= COALESCE(started_at, cancelled_at) THEN 'cancelled'
                WHEN started_at IS NOT NULL THEN 'attended'
                WHEN confirmed_at IS NOT NULL THEN 'confirmed'
                ELSE 'pending'
            END AS booking_status
        FROM ({_ORDERED.format(opened_by="booking_requested")})
        WHERE opened_at IS NOT NULL
        GROUP BY user_id, mentor_id, opened_at
    """,
}


def headline(folder: Path, keep: Path | None = None) -> dict[str, list[int]]:
    """`[users, rebooked]` by tier.

    Args:
        keep: where the tables of `KEPT` are written; nothing is kept without it.
    """
    (events,) = folder.glob("booking_events.*")
    files = {
        "$events": str(events),
        "$mentors": str(folder / "mentor_tiers.csv"),
        "$users": str(folder / "users_db_export.csv"),
    }

    def of(query: str) -> str:
        for name, file in files.items():
            query = query.replace(name, "'" + file.replace("'", "''") + "'")
        return query

    with duckdb.connect(str(keep) if keep else ":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
        if keep is None:
            rows = connection.execute(of(QUERY)).fetchall()
        else:
            connection.execute(of(f"CREATE TEMP TABLE events AS {EVENTS}"))
            for name, query in KEPT.items():
                connection.execute(of(f"CREATE TABLE {name} AS {query}"))
            starts = "SELECT user_id, mentor_id, started_at AS occurred_at FROM sessions"
            rows = connection.execute(f"WITH starts AS ({starts}) {HEADLINE}").fetchall()
    return {tier: [users, rebooked] for tier, users, rebooked in rows}


@click.command()
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--keep", type=click.Path(path_type=Path), help="A file, not there yet, for what a warehouse keeps.")
def main(data: Path, keep: Path | None) -> None:
    """Print the headline counts of a data folder."""
    click.echo(json.dumps(headline(data, keep)))


if __name__ == "__main__":
    main()
