"""The least work that gives the headline: plain DuckDB SQL over the raw files, in one pass, nothing kept.

Reads clean or dirty files, written from the definitions and not from the models. Prints, as JSON,
the users and the rebooked users of each tier.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import duckdb

QUERY = r"""
WITH events AS (
    SELECT
        ROW_NUMBER() OVER () AS position,
        event_id,
        TRY_CAST(TRIM(user_id) AS BIGINT) AS user_id,
        TRIM(mentor_id) AS mentor_id,
        TRY_CAST("timestamp" AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS occurred_at,
        LOWER(TRIM(event_type)) AS event_type
    FROM read_json($events, columns = {
        event_id: 'VARCHAR', user_id: 'VARCHAR', mentor_id: 'VARCHAR', "timestamp": 'VARCHAR', event_type: 'VARCHAR'
    })
    WHERE TRIM(mentor_id) <> ''
),
starts AS (
    SELECT DISTINCT user_id, mentor_id, occurred_at
    FROM (
        SELECT * FROM events WHERE user_id IS NOT NULL AND occurred_at IS NOT NULL
        QUALIFY ROW_NUMBER() OVER (PARTITION BY event_id ORDER BY position) = 1
    )
    WHERE event_type = 'session_started'
),
ranked AS (
    SELECT
        user_id, mentor_id, occurred_at,
        ROW_NUMBER() OVER visits AS number,
        MIN(CASE WHEN occurred_at > first_at THEN occurred_at END) OVER (PARTITION BY user_id) AS next_at
    FROM (SELECT *, MIN(occurred_at) OVER (PARTITION BY user_id) AS first_at FROM starts)
    WINDOW visits AS (
        PARTITION BY user_id
        ORDER BY occurred_at, SHA256(user_id || '|' || mentor_id || '|' || STRFTIME(occurred_at, '%Y-%m-%d %H:%M:%S'))
    )
),
mentors AS (
    SELECT TRIM(mentor_id) AS mentor_id, UPPER(TRIM(tier)[1]) || LOWER(TRIM(tier)[2:]) AS tier
    FROM read_csv($mentors, all_varchar = true)
    QUALIFY ROW_NUMBER() OVER (PARTITION BY TRIM(mentor_id)) = 1
)
SELECT tier, COUNT(*) AS users, COUNT(*) FILTER (next_at <= occurred_at + INTERVAL 30 DAY) AS rebooked
FROM ranked JOIN mentors USING (mentor_id)
WHERE number = 1
GROUP BY tier ORDER BY tier
"""


def headline(folder: Path) -> dict[str, list[int]]:
    """`[users, rebooked]` by tier."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
        (events,) = folder.glob("booking_events.*")
        files = {"events": str(events), "mentors": str(folder / "mentor_tiers.csv")}
        return {tier: [users, rebooked] for tier, users, rebooked in connection.execute(QUERY, files).fetchall()}


if __name__ == "__main__":
    print(json.dumps(headline(Path(sys.argv[1]))))
