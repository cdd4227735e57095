"""The tables of the `raw` schema: what the loads said, and what became of every row."""

from __future__ import annotations

from engines.protocol import Loading, Reader, UnknownNameError

RAW_TABLES = """
CREATE SCHEMA IF NOT EXISTS raw;
CREATE TABLE IF NOT EXISTS raw.users (
    user_id BIGINT NOT NULL, company_id VARCHAR, signup_date DATE NOT NULL, status VARCHAR,
    updated_at TIMESTAMP, loaded_at TIMESTAMP NOT NULL, load_id BIGINT NOT NULL
);
CREATE TABLE IF NOT EXISTS raw.mentors (
    mentor_id VARCHAR NOT NULL, tier VARCHAR NOT NULL, hourly_rate DECIMAL(18, 4),
    updated_at TIMESTAMP, is_deleted BOOLEAN NOT NULL, loaded_at TIMESTAMP NOT NULL, load_id BIGINT NOT NULL
);
CREATE TABLE IF NOT EXISTS raw.booking_events (
    event_id VARCHAR NOT NULL, user_id BIGINT NOT NULL, mentor_id VARCHAR,
    occurred_at TIMESTAMP NOT NULL, event_type VARCHAR NOT NULL,
    cancelled_by VARCHAR, cancellation_reason VARCHAR, confirmed_start_time VARCHAR,
    requested_duration_minutes VARCHAR, duration_seconds VARCHAR,
    signup_source VARCHAR, churn_reason VARCHAR, viewed_from VARCHAR, rating BIGINT, load_id BIGINT NOT NULL
);
CREATE TABLE IF NOT EXISTS raw.rejected_rows (
    load_id BIGINT NOT NULL, file VARCHAR NOT NULL, position BIGINT NOT NULL,
    reason VARCHAR NOT NULL, raw_text VARCHAR
);
CREATE TABLE IF NOT EXISTS raw.replayed_rows (
    load_id BIGINT NOT NULL, rejected_load_id BIGINT NOT NULL, position BIGINT NOT NULL, outcome VARCHAR NOT NULL
);
CREATE TABLE IF NOT EXISTS raw.csv_headers (
    load_id BIGINT NOT NULL, header VARCHAR NOT NULL
);
CREATE TABLE IF NOT EXISTS raw.loads (
    load_id BIGINT NOT NULL, source VARCHAR NOT NULL, file VARCHAR NOT NULL, checksum VARCHAR NOT NULL,
    rows_read BIGINT NOT NULL, rows_loaded BIGINT NOT NULL, rows_known BIGINT NOT NULL,
    rows_duplicate BIGINT NOT NULL, rows_rejected BIGINT NOT NULL,
    loaded_at TIMESTAMP NOT NULL, outcome VARCHAR NOT NULL
);
CREATE TABLE IF NOT EXISTS raw.forgotten_users (
    salt VARCHAR NOT NULL, user_hash VARCHAR NOT NULL, forgotten_at TIMESTAMP NOT NULL, load_id BIGINT NOT NULL
);
"""

# What a warehouse lacks that was loaded into before there were optional events.
_ADDED_COLUMNS = """
ALTER TABLE raw.booking_events ADD COLUMN signup_source VARCHAR;
ALTER TABLE raw.booking_events ADD COLUMN churn_reason VARCHAR;
ALTER TABLE raw.booking_events ADD COLUMN viewed_from VARCHAR;
ALTER TABLE raw.booking_events ADD COLUMN rating BIGINT;
ALTER TABLE raw.booking_events ALTER COLUMN mentor_id DROP NOT NULL;
"""


def make_raw_tables(raw: Loading) -> None:
    """Make what is not there yet of the tables of `raw`, and add the columns that an earlier version had not."""
    raw.create(RAW_TABLES)
    raw.extend("booking_events", "rating", _ADDED_COLUMNS)


def has_all_columns(reader: Reader) -> bool:
    """Whether the tables of `raw` are there, with the columns that loading writes."""
    try:
        reader.rows("SELECT rating FROM raw.booking_events LIMIT 0")
    except UnknownNameError:
        return False
    return True
