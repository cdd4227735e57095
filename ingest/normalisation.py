"""The normalisation rules of the sources, as DuckDB SQL.

Each query reads `source_rows`, with the `position` of a row in its file and its text as `raw_text`,
and gives `position`, the typed columns, and `reason`: why the row is rejected, or null. The
variable `loaded_at` is the naive UTC time of the load.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from ingest.event_catalogue import EVENT_TYPES, EventType, always_required, further_properties
from settings import HISTORY_START

# How far an event may lie ahead of the clock of the machine that loads it.
CLOCK_GRACE = timedelta(days=1)

# All that Unicode calls white space, and the byte order mark.
_WHITE_SPACE = (
    " \t\n\r\x0b\x0c\x85\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
_DAY = r"\d{4}-\d{2}-\d{2}"
_OFFSET = r"(Z|[+-](0\d|1[0-4])(:?[0-5]\d)?)"
_UTC = rf"{_DAY}([T ]([01]\d|2[0-3]):\d{{2}}:\d{{2}}(\.\d{{1,6}})?Z?)?"
_ISO_8601 = rf"{_DAY}([T ]\d{{2}}:\d{{2}}(:\d{{2}}([.,]\d+)?)?{_OFFSET}?)?"


def trimmed(column: str) -> str:
    """Text without surrounding white space; blank becomes null."""
    # Trimming knows all of Unicode and takes its time; most texts show at a glance that they need none.
    return (
        f"CASE WHEN REGEXP_FULL_MATCH({column}, '[!-~]+') THEN {column} "
        f"ELSE NULLIF(TRIM({column}, '{_WHITE_SPACE}'), '') END"
    )


def utc_timestamp(column: str, is_trimmed: bool = False) -> str:
    """ISO-8601 text of the years 1 to 9999 as naive UTC; null where it is anything else. No offset means UTC."""
    text = f"UPPER({column if is_trimmed else trimmed(column)})"
    # DuckDB wants seconds before an offset, and a point before their fraction.
    with_seconds = rf"REGEXP_REPLACE(REPLACE({text}, ',', '.'), '([T ]\d{{2}}:\d{{2}})({_OFFSET}?)$', '\1:00\2')"
    moment = (
        f"CASE WHEN REGEXP_FULL_MATCH({text}, '{_ISO_8601}') "
        f"THEN TRY_CAST({with_seconds} AS TIMESTAMPTZ) AT TIME ZONE 'UTC' END"
    )
    # An offset may lead out of the years that other systems know. Most times have none: they are cast at once.
    return (
        f"CASE WHEN REGEXP_FULL_MATCH({text}, '{_UTC}') AND NOT STARTS_WITH({text}, '0000') "
        f"THEN TRY_CAST({text} AS TIMESTAMP) "
        f"WHEN {moment} >= TIMESTAMP '0001-01-01' AND {moment} < TIMESTAMP '10000-01-01' THEN {moment} END"
    )


def bigint(column: str, is_trimmed: bool = False) -> str:
    """A 64-bit integer; null where the text is not one."""
    text = column if is_trimmed else trimmed(column)
    return rf"CASE WHEN REGEXP_FULL_MATCH({text}, '[+-]?\d+') THEN TRY_CAST({text} AS BIGINT) END"


def rate(column: str) -> str:
    """A number of 0 or more, rounded to the 4 decimals of a DECIMAL(18, 4); null where the text is not one."""
    text = trimmed(column)
    # DuckDB casts text with an exponent to a decimal wrongly at times: `99979e-20` becomes 0.0001.
    return (
        rf"CASE WHEN REGEXP_FULL_MATCH({text}, '\+?(\d+\.?\d*|\.\d+)') THEN TRY_CAST({text} AS DECIMAL(18, 4)) "
        rf"WHEN REGEXP_FULL_MATCH({text}, '\+?(\d+\.?\d*|\.\d+)[eE][+-]?\d+') "
        f"THEN TRY_CAST(TRY_CAST({text} AS DOUBLE) AS DECIMAL(18, 4)) END"
    )


def title_case(column: str) -> str:
    """Each word with a capital first letter, the rest small."""
    words = rf"STRING_SPLIT_REGEX({trimmed(column)}, '\s+')"
    return f"ARRAY_TO_STRING(LIST_TRANSFORM({words}, lambda w: UPPER(w[1]) || LOWER(w[2:])), ' ')"


USERS = f"""
SELECT
    position,
    {bigint("user_id")} AS user_id,
    {trimmed("company_id")} AS company_id,
    CAST({utc_timestamp("signup_date")} AS DATE) AS signup_date,
    LOWER({trimmed("status")}) AS status,
    {utc_timestamp("updated_at")} AS updated_at,
    CASE
        WHEN unreadable IS NOT NULL THEN unreadable
        WHEN CONTAINS(raw_text, CHR(0)) THEN 'nul_character'
        WHEN {trimmed("user_id")} IS NULL THEN 'missing_user_id'
        WHEN {bigint("user_id")} IS NULL THEN 'invalid_user_id'
        WHEN {utc_timestamp("signup_date")} IS NULL THEN 'invalid_signup_date'
        WHEN {trimmed("updated_at")} IS NOT NULL AND {utc_timestamp("updated_at")} IS NULL THEN 'invalid_updated_at'
    END AS reason
FROM source_rows
"""

MENTORS = f"""
SELECT
    position,
    {trimmed("mentor_id")} AS mentor_id,
    {title_case("tier")} AS tier,
    {rate("hourly_rate")} AS hourly_rate,
    {trimmed("hourly_rate")} AS hourly_rate_text,
    {utc_timestamp("updated_at")} AS updated_at,
    CASE
        WHEN unreadable IS NOT NULL THEN unreadable
        WHEN CONTAINS(raw_text, CHR(0)) THEN 'nul_character'
        WHEN {trimmed("mentor_id")} IS NULL THEN 'missing_mentor_id'
        WHEN {trimmed("tier")} IS NULL THEN 'missing_tier'
        WHEN {trimmed("updated_at")} IS NOT NULL AND {utc_timestamp("updated_at")} IS NULL THEN 'invalid_updated_at'
    END AS reason
FROM source_rows
"""


def booking_events(event_types: tuple[EventType, ...] = EVENT_TYPES) -> str:
    """The rule for events, which takes from the event catalogue what there is and what is required.

    What lies further ahead of the load than the grace for a wrong clock or time zone has not happened.
    `unknown_properties` lists the names that no column takes.
    """
    required, further = always_required(event_types), further_properties(event_types)
    names = (*required, *further)
    trimmed_fields = ", ".join(f"{trimmed(f'field[{index}]')} AS {name}" for index, name in enumerate(names, start=1))
    properties = ", ".join(further)
    return f"""
, parsed AS (
    SELECT position, raw_text, JSON_EXTRACT_STRING(raw_text, [{_paths(names)}]) AS field, JSON_KEYS(raw_text) AS keys
    FROM source_rows
),
-- What is rare is looked at closely only where a cheap sign says that it may be there.
checked AS (
    SELECT
        position,
        {trimmed_fields},
        CASE
            WHEN LEN(keys) <> LIST_COUNT(field) THEN LIST_FILTER(keys, lambda key: key NOT IN ({_quoted(names)}))
        END AS unknown_properties,
        CASE
            WHEN NOT STARTS_WITH(raw_text, '{{') THEN 'not_an_object'
            WHEN LEN(keys) <> LIST_COUNT(field) AND LEN(LIST_DISTINCT(keys)) < LEN(keys) THEN 'repeated_property'
            WHEN CONTAINS(raw_text, '\\u0000') AND CONTAINS(ARRAY_TO_STRING(field, ''), CHR(0)) THEN 'nul_character'
            WHEN (CONTAINS(raw_text, '[') OR CONTAINS(raw_text[2:], '{{'))
                AND LIST_HAS_ANY(JSON_TYPE(raw_text, [{_paths(required)}]), ['OBJECT', 'ARRAY'])
                THEN 'nested_value'
        END AS defect
    FROM parsed
),
typed AS (
    SELECT
        * EXCLUDE (event_type),
        {bigint("user_id", is_trimmed=True)} AS user_number,
        {utc_timestamp("timestamp", is_trimmed=True)} AS occurred_at,
        LOWER(event_type) AS event_type
    FROM checked
)
SELECT
    position,
    event_id,
    user_number AS user_id,
    mentor_id,
    occurred_at,
    event_type,
    {properties},
    unknown_properties,
    CASE
        WHEN defect IS NOT NULL THEN defect
        {_defects(event_types)}
    END AS reason
FROM typed
"""


def _defects(event_types: tuple[EventType, ...]) -> str:
    """The conditions of a CASE for why an event is rejected, property by property."""
    latest = f"GETVARIABLE('loaded_at') + INTERVAL {CLOCK_GRACE.days} DAY"
    not_allowed = {
        "user_id": ["WHEN user_number IS NULL THEN 'invalid_user_id'"],
        "timestamp": [
            "WHEN occurred_at IS NULL THEN 'invalid_timestamp'",
            f"WHEN occurred_at < TIMESTAMP '{HISTORY_START}' THEN 'implausible_timestamp'",
            f"WHEN occurred_at > {latest} THEN 'implausible_timestamp'",
        ],
        "event_type": [
            f"WHEN event_type NOT IN ({_quoted(event.name for event in event_types)}) THEN 'unknown_event_type'"
        ],
    }
    conditions = []
    for name in always_required(event_types):
        conditions += [f"WHEN {name} IS NULL THEN 'missing_{name}'", *not_allowed.get(name, ())]
    for name in further_properties(event_types):
        types = [event.name for event in event_types if name in event.required]
        if types:
            conditions.append(f"WHEN {name} IS NULL AND event_type IN ({_quoted(types)}) THEN 'missing_{name}'")
    return "\n        ".join(conditions)


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def _paths(names: tuple[str, ...]) -> str:
    return ", ".join(f"'$.{name}'" for name in names)
