"""Users who were forgotten: known by a salted hash alone, their rows are refused by every later load.

A user id is a small number, so that who has the warehouse can try them all: the hash keeps the id out of sight and out
of a search, it is no secret.
"""

from __future__ import annotations

import hashlib

import duckdb

from engines.duckdb.connection import one_row
from ingest.normalisation import without_review
from ingest.sources import Source

REASON = "forgotten_user"


def user_hash(salt: str, user_id: int) -> str:
    """What `raw.forgotten_users` knows of a user."""
    return hashlib.sha256(f"{salt}|{user_id}".encode()).hexdigest()


def _is_needed(connection: duckdb.DuckDBPyConnection, source: Source) -> bool:
    return "user_id" in source.columns and one_row(connection, "SELECT COUNT(*) > 0 FROM raw.forgotten_users")[0]


def refuse_forgotten(connection: duckdb.DuckDBPyConnection, source: Source, number: int) -> None:
    """Give the rows of forgotten users among `normalised` that reason, whatever else is wrong with them."""
    if not _is_needed(connection, source):
        return
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE of_forgotten AS
        SELECT DISTINCT position
        FROM normalised_{number} CROSS JOIN (SELECT DISTINCT salt FROM raw.forgotten_users) AS salts
        SEMI JOIN raw.forgotten_users AS forgotten
            ON forgotten.user_hash = SHA256(salts.salt || '|' || user_id)
    """)
    connection.execute(f"""
        CREATE OR REPLACE TEMP VIEW normalised AS
        SELECT * REPLACE (CASE WHEN position IN (FROM of_forgotten) THEN '{REASON}' ELSE reason END AS reason)
        FROM normalised_{number}
    """)


def text_to_keep(connection: duckdb.DuckDBPyConnection, source: Source) -> str:
    """SQL for the text of a rejected row without a review; null where any number in it is a forgotten user's id."""
    text = without_review("raw_text")
    if not _is_needed(connection, source):
        return text
    numbers = (
        "LIST_TRANSFORM(REGEXP_EXTRACT_ALL(raw_text, '[0-9]+'), lambda n: COALESCE(NULLIF(LTRIM(n, '0'), ''), '0'))"
    )
    salts = [salt for (salt,) in connection.execute("SELECT DISTINCT salt FROM raw.forgotten_users").fetchall()]
    known = "(SELECT LIST(user_hash) FROM raw.forgotten_users)"
    named = [
        f"LIST_HAS_ANY(LIST_TRANSFORM({numbers}, lambda n: SHA256('{salt}|{sign}' || n)), {known})"
        for salt in salts
        for sign in ("", "-")
    ]
    return f"CASE WHEN NOT ({' OR '.join(named)}) THEN {text} END"
