"""What is new in a file: which of its rows say something that the warehouse does not know.

`raw.users` and `raw.mentors` are logs of what the loads said. A row holds from its `updated_at`,
also where that lies in the past or the future, or else from its load; it stands unless a later load
says something of the same key from the same moment or before. The dimensions make versions of this,
and keep what was held before in their record time.

A row is loaded where it says what the last row of its key in the log does not:
- other attributes;
- a later `updated_at`, or one where there was none (the state is confirmed, or its date added);
- of a state announced for later, any other date, or none: it holds already.

Otherwise it is known. What would be loaded is rejected as `outdated` where its `updated_at` is older
than the newest date of the key: the latest `updated_at` that has come by now, among the rows that stand.
So a stale sheet never wins, while an announced change can be taken back. A mentor who has left and
returns starts anew.
"""

from __future__ import annotations

import duckdb

from ingest.sources import Source


def classify(connection: duckdb.DuckDBPyConnection, source: Source) -> None:
    """Make `not_loaded`: position, class (known, duplicate, rejected) and reason of the rows that bring nothing new.

    The first row of a key stays; a later one is a duplicate or, where the source calls that a
    conflict, rejected when it differs. What is news of a user or a mentor, and what is outdated, the
    head of this module says; an event whose id is known never is.
    """
    key, compared = source.key, ", ".join(source.columns)
    this_row = f"ROW({', '.join(f'n.{column}' for column in source.columns)})"
    differs_from_first = f"{this_row} IS DISTINCT FROM first_row"
    differs_from_known = f"{this_row} IS DISTINCT FROM known_row"
    conflict = f"'{source.conflict}'" if source.conflict else "NULL"
    if not source.has_states:
        # A copy of the event that is known is no conflict, whatever else its file says of it.
        is_conflict = f"{differs_from_first} AND {differs_from_known}"
        dates = "NULL AS known_updated_at, NULL AS newest_date"
        is_news = differs_from_known
        refused = f"WHEN known_row IS NOT NULL AND {is_news} THEN {conflict}"
    else:
        is_conflict = differs_from_first
        dates = "known.updated_at AS known_updated_at, newest_date"
        is_news = f"""(
            {differs_from_known}
            OR CASE
                WHEN known_updated_at > GETVARIABLE('loaded_at')
                    THEN COALESCE(n.updated_at, GETVARIABLE('loaded_at')) <> known_updated_at
                ELSE COALESCE(n.updated_at > COALESCE(known_updated_at, TIMESTAMP '-infinity'), false)
            END
        )"""
        refused = f"WHEN {is_news} AND n.updated_at < newest_date THEN 'outdated'"
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE not_loaded AS
        WITH repeated AS (
            SELECT {key}, MIN(position) AS position FROM normalised
            WHERE reason IS NULL GROUP BY {key} HAVING COUNT(*) > 1
        ),
        first_rows AS (
            SELECT {key}, position, ROW({compared}) AS first_row
            FROM normalised JOIN repeated USING ({key}, position)
        ),
        known_rows AS (
            SELECT {key}, ROW({compared}) AS known_row, {dates}
            FROM ({source.known}) AS known
        ),
        -- A condition beside the keys would turn the joins below into nested loops.
        keyed AS (SELECT *, CASE WHEN reason IS NULL THEN {key} END AS valid_key FROM normalised),
        judged AS (
            SELECT
                n.position,
                COALESCE(first_rows.position < n.position, false) AS is_repeated,
                known_row IS NULL OR {is_news} AS is_news,
                CASE
                    WHEN n.reason IS NOT NULL THEN n.reason
                    WHEN first_rows.position < n.position
                        THEN CASE WHEN {is_conflict} THEN {conflict} END
                    {refused}
                END AS reason
            FROM keyed AS n
            LEFT JOIN first_rows ON first_rows.{key} = n.valid_key
            LEFT JOIN known_rows ON known_rows.{key} = n.valid_key
        )
        SELECT
            position,
            CASE
                WHEN reason IS NOT NULL THEN 'rejected'
                WHEN is_repeated THEN 'duplicate'
                ELSE 'known'
            END AS class,
            reason
        FROM judged
        WHERE reason IS NOT NULL OR is_repeated OR NOT is_news
    """)
