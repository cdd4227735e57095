"""The normalisation rules of the sources, as DuckDB SQL.

Each query reads `source_rows`, with the `position` of a row in its file and its text as `raw_text`,
and gives `position`, the typed columns, and `reason`: why the row is rejected, or null. The
variable `loaded_at` is the naive UTC time of the load.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import timedelta

from ingest.event_catalogue import (
    EVENT_TYPES,
    RANGES,
    EventType,
    always_required,
    exempt,
    further_properties,
    only_of,
)
from settings import HISTORY_START

# How far an event may lie ahead of the clock of the machine that loads it.
CLOCK_GRACE = timedelta(days=1)

# All that Unicode calls white space, and the byte order mark.
WHITE_SPACE = (
    " \t\n\r\x0b\x0c\x85\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
_DAY = r"\d{4}-\d{2}-\d{2}"
_OFFSET = r"(Z|[+-](0\d|1[0-4])(:?[0-5]\d)?)"
_UTC = rf"{_DAY}([T ]([01]\d|2[0-3]):\d{{2}}:\d{{2}}(\.\d{{1,6}})?Z?)?"
ISO_8601 = rf"{_DAY}([T ]\d{{2}}:\d{{2}}(:\d{{2}}([.,]\d+)?)?{_OFFSET}?)?"


def trimmed(column: str, has_none: str | None = None) -> str:
    """Text without surrounding white space; blank becomes null.

    Args:
        has_none: SQL for texts that are known not to need it.
    """
    # Trimming knows all of Unicode and takes its time; most texts show at a glance that they need none.
    has_none = has_none or f"REGEXP_FULL_MATCH({column}, '[!-~]+')"
    return f"CASE WHEN {has_none} THEN {column} ELSE NULLIF(TRIM({column}, '{WHITE_SPACE}'), '') END"


def utc_timestamp(column: str, is_trimmed: bool = False) -> str:
    """ISO-8601 text of the years 1 to 9999 as naive UTC; null where it is anything else. No offset means UTC."""
    text = f"UPPER({column if is_trimmed else trimmed(column)})"
    # DuckDB wants seconds before an offset, and a point before their fraction.
    with_seconds = rf"REGEXP_REPLACE(REPLACE({text}, ',', '.'), '([T ]\d{{2}}:\d{{2}})({_OFFSET}?)$', '\1:00\2')"
    moment = (
        f"CASE WHEN REGEXP_FULL_MATCH({text}, '{ISO_8601}') "
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


def without_review(text: str) -> str:
    """SQL for the text of a row without what a user writes about a person: no review is kept, nor in a rejected row."""
    written = r'"review_text"\s*:\s*"(\\.|[^"\\])*"'
    return (
        f"CASE WHEN CONTAINS({text}, 'review_text') "
        f"THEN REGEXP_REPLACE({text}, '{written}', '\"review_text\": null', 'g') ELSE {text} END"
    )


def columns_of_objects(rows: str, names: Mapping[str, str | None]) -> str:
    """What the rules for users and mentors read, of `rows` (position, raw_text) that are JSON objects.

    Args:
        names: of the properties, by ours; None: they have no such property.
    """
    theirs = [name for name in names.values() if name is not None]
    columns = "".join(
        f", {'NULL' if name is None else f'CASE WHEN unreadable IS NULL THEN field[{theirs.index(name) + 1}] END'}"
        f"::VARCHAR AS {ours}"
        for ours, name in names.items()
    )
    return f"""
        SELECT position, raw_text, unreadable{columns}
        FROM (
            SELECT *, CASE
                WHEN NOT STARTS_WITH(raw_text, '{{') THEN 'not_an_object'
                WHEN LEN(LIST_DISTINCT(keys)) < LEN(keys) THEN 'repeated_property'
                WHEN CONTAINS(ARRAY_TO_STRING(field, ''), CHR(0)) THEN 'nul_character'
                WHEN LIST_HAS_ANY(JSON_TYPE(raw_text, [{_paths(theirs)}]), ['OBJECT', 'ARRAY']) THEN 'nested_value'
            END AS unreadable
            FROM (
                SELECT
                    position, raw_text, JSON_KEYS(raw_text) AS keys,
                    JSON_EXTRACT_STRING(raw_text, [{_paths(theirs)}]) AS field
                FROM ({rows})
            )
        )
    """


def _objects_of_events(required: tuple[str, ...], names: Mapping[str, str | None]) -> str:
    """Two steps, `parsed` and `checked`, of the rule for events that are JSON objects."""
    theirs = {ours: name for ours, name in names.items() if name is not None}
    must_be_flat = _paths(theirs[name] for name in required)
    properties = json.dumps(dict.fromkeys(theirs.values(), "VARCHAR"), ensure_ascii=False).replace("'", "''")
    # Read out at once, by one parse of the text. No two of ours have one name, see `SourceMapping.names`.
    values = {ours: f"STRUCT_EXTRACT_AT(properties, {place})" for place, ours in enumerate(theirs, start=1)}
    fields = ", ".join(
        (
            trimmed(values[ours], f"is_plain AND {values[ours]} <> '' AND NOT CONTAINS({values[ours]}, ' ')")
            if ours in values
            else "NULL::VARCHAR"
        )
        + f" AS {ours}"
        for ours in names
    )
    found = " + ".join(f"({value} IS NOT NULL)::INT" for value in values.values())
    return f"""
, parsed AS (
    SELECT
        position, raw_text, JSON_TRANSFORM(raw_text, '{properties}') AS properties, JSON_KEYS(raw_text) AS keys,
        -- Of white space no property can have any but blanks.
        STRLEN(raw_text) = LENGTH(raw_text) AND NOT CONTAINS(raw_text, '\\') AS is_plain
    FROM source_rows
),
-- What is rare is looked at closely only where a cheap sign says that it may be there.
checked AS (
    SELECT
        position,
        {fields},
        CASE
            WHEN LEN(keys) <> {found}
                THEN LIST_FILTER(keys, lambda key: key NOT IN ({_quoted(theirs.values())}))
        END AS unknown_properties,
        CASE
            WHEN NOT STARTS_WITH(raw_text, '{{') THEN 'not_an_object'
            WHEN LEN(keys) <> {found} AND LEN(LIST_DISTINCT(keys)) < LEN(keys) THEN 'repeated_property'
            WHEN CONTAINS(raw_text, '\\u0000') AND CONTAINS(CONCAT({", ".join(values.values())}), CHR(0))
                THEN 'nul_character'
            WHEN (CONTAINS(raw_text, '[') OR raw_text LIKE '{{%{{%')
                AND LIST_HAS_ANY(JSON_TYPE(raw_text, [{must_be_flat}]), ['OBJECT', 'ARRAY'])
                THEN 'nested_value'
        END AS defect
    FROM parsed
),
"""


def _columns_of_events(names: Iterable[str]) -> str:
    """The step `checked` of the rule for events that are rows of a CSV."""
    return f"""
, checked AS (
    SELECT
        position,
        {", ".join(f"{trimmed(name)} AS {name}" for name in names)},
        NULL::VARCHAR[] AS unknown_properties,
        CASE
            WHEN unreadable IS NOT NULL THEN unreadable
            WHEN CONTAINS(raw_text, CHR(0)) THEN 'nul_character'
        END AS defect
    FROM source_rows
),
"""


def booking_events(
    event_types: tuple[EventType, ...] = EVENT_TYPES,
    names: Mapping[str, str | None] | None = None,
    type_names: Mapping[str, str] | None = None,
    is_csv: bool = False,
) -> str:
    """The rule for events, which takes from the event catalogue what there is and what is required.

    What lies further ahead of the load than the grace for a wrong clock or time zone has not happened. What only
    optional events have is read of these alone: other events stay what they are, whatever else they say.
    `unknown_properties` lists the names that no column takes.

    Args:
        names: of the properties, by ours; None: they have no such property. Ours where it is not given.
        type_names: our names of event types, by theirs in lower case.
        is_csv: `source_rows` are those of a CSV, with our names; else JSON objects.
    """
    required, further = always_required(event_types), further_properties(event_types)
    names = names or {name: name for name in (*required, *further)}
    properties = ",\n    ".join(_property(name, event_types) for name in further)
    event_type = "LOWER(event_type)"
    if type_names:
        mapped = " ".join(f"WHEN {_quoted([theirs])} THEN '{ours}'" for theirs, ours in type_names.items())
        event_type = f"CASE {event_type} {mapped} ELSE {event_type} END"
    return f"""
{_columns_of_events(names) if is_csv else _objects_of_events(required, names)}
typed AS (
    SELECT
        * EXCLUDE (event_type),
        {bigint("user_id", is_trimmed=True)} AS user_number,
        {utc_timestamp("timestamp", is_trimmed=True)} AS occurred_at,
        {event_type} AS event_type
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
    {_not_loaded(names, event_types)} AS unknown_properties,
    CASE
        WHEN defect IS NOT NULL THEN defect
        {_defects(event_types)}
    END AS reason
FROM typed
"""


def _property(name: str, event_types: tuple[EventType, ...]) -> str:
    """The column of a property that not every event has."""
    value = bigint(name, is_trimmed=True) if name in RANGES else name
    if types := only_of(name, event_types):
        return f"CASE WHEN event_type IN ({_quoted(types)}) THEN {value} END AS {name}"
    return value if value == name else f"{value} AS {name}"


def _not_loaded(names: Mapping[str, str | None], event_types: tuple[EventType, ...]) -> str:
    """The names that no column takes, with those that only optional events have where another event says them."""
    only = {name: types for name in further_properties(event_types) if (types := only_of(name, event_types))}
    found = [
        f"IF({name} IS NOT NULL AND event_type NOT IN ({_quoted(types)}), {_quoted([theirs])}, NULL)"
        for name, types in only.items()
        if (theirs := names[name]) is not None
    ]
    if not found:
        return "unknown_properties"
    return (
        f"CASE WHEN COALESCE({', '.join(only)}) IS NULL THEN unknown_properties ELSE "
        f"LIST_FILTER(LIST_CONCAT(unknown_properties, [{', '.join(found)}]), lambda name: name IS NOT NULL) END"
    )


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
        missing = f"{name} IS NULL"
        if others := exempt(name, event_types):
            missing += f" AND COALESCE(event_type NOT IN ({_quoted(others)}), TRUE)"
        conditions += [f"WHEN {missing} THEN 'missing_{name}'", *not_allowed.get(name, ())]
    for name in further_properties(event_types):
        types = [event.name for event in event_types if name in event.required]
        if types:
            conditions.append(f"WHEN {name} IS NULL AND event_type IN ({_quoted(types)}) THEN 'missing_{name}'")
        if name in RANGES:
            low, high = RANGES[name]
            is_in_range = f"COALESCE({bigint(name, is_trimmed=True)} BETWEEN {low} AND {high}, FALSE)"
            types = [event.name for event in event_types if name in (*event.required, *event.optional)]
            conditions.append(
                f"WHEN {name} IS NOT NULL AND event_type IN ({_quoted(types)}) AND NOT {is_in_range} "
                f"THEN 'invalid_{name}'"
            )
    return "\n        ".join(conditions)


def _quoted(names: Iterable[str]) -> str:
    return ", ".join("'" + name.replace("'", "''") + "'" for name in names)


def _paths(names: Iterable[str]) -> str:
    return _quoted(f'$."{name}"' for name in names)
