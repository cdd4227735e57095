"""Bringing the facts up to what the events now say, at the cost of what is new.

A late event changes a session or a booking that began before it, sometimes long before. Each fact
is worked out anew for the pairs of user and mentor that have new events, by the model's own query,
and compared with its rows: those that differ, and no others, are replaced.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlglot import exp
from sqlmesh.core.engine_adapter import EngineAdapter
from sqlmesh.core.model import Model

from settings import HISTORY_START


@dataclass(frozen=True)
class Fact:
    """The columns that tell a row of a fact from the others, and its place in time."""

    key: str
    time_column: str


@dataclass(frozen=True)
class Expected:
    """What the facts should hold: the query and the columns of each, and the columns that the queries read."""

    queries: dict[str, str]
    columns: dict[str, list[str]]
    event_columns: list[str]


# In the order in which they are computed.
FACTS = {"fct_bookings": Fact("booking_id", "requested_at"), "fct_sessions": Fact("session_id", "started_at")}


@dataclass(frozen=True)
class Replaced:
    """Rows of a fact that were replaced: between which moments (naive UTC), how many were written, in what time."""

    first: datetime
    last: datetime
    rows: int
    seconds: float


def expected_facts(models: Mapping[str, Model], until: datetime) -> Expected:
    """The facts' queries over the temporary tables of `replace_differing_rows`.

    Args:
        models: the facts as the environment has them, by table name.
        until: naive UTC; events up to here count.
    """
    names = {"staging.stg_events": "events_of_pairs"} | {f"marts.{fact}": f"expected_{fact}" for fact in FACTS}
    queries = {
        fact: over(
            models[fact].render_query_or_raise(start=HISTORY_START, end=until, execution_time=until),
            names,
        )
        for fact in FACTS
    }
    return Expected(
        {fact: query.sql(dialect="duckdb") for fact, query in queries.items()},
        {fact: list(models[fact].columns_to_types_or_raise) for fact in FACTS},
        sorted({column.name for query in queries.values() for column in query.find_all(exp.Column)}),
    )


def replace_differing_rows(
    adapter: EngineAdapter,
    expected: Expected,
    tables: Mapping[str, str],
    schema_suffix: str,
    loaded_since: datetime | None = None,
    occurred_since: datetime | None = None,
) -> dict[str, Replaced]:
    """Add the rows that a fact lacks, take those away that it has too many, and replace those that are different.

    Args:
        expected: from `expected_facts`.
        tables: the table of each fact to bring up to date; the others stay as they are.
        schema_suffix: what the environment adds to the schema's name.
        loaded_since: naive UTC; only pairs with events loaded after this moment are looked at.
        occurred_since: naive UTC; only pairs with events from this moment on are looked at.

    Returns:
        What was replaced in each fact; facts that agreed are absent.
    """
    loaded = f" AND loads.loaded_at > TIMESTAMP '{loaded_since}'" if loaded_since else ""
    occurred = f" AND events.occurred_at >= TIMESTAMP '{occurred_since}'" if occurred_since else ""
    adapter.execute(f"""
        CREATE OR REPLACE TEMP TABLE affected_pairs AS
        SELECT DISTINCT events.user_id, events.mentor_id
        FROM raw.booking_events AS events
        INNER JOIN raw.loads AS loads ON events.load_id = loads.load_id{loaded}{occurred}
    """)
    # Most of the time goes into reading the events: what nobody asks for stays unread.
    read = [name for name in adapter.columns(f"staging{schema_suffix}.stg_events") if name in expected.event_columns]
    adapter.execute(f"""
        CREATE OR REPLACE TEMP TABLE events_of_pairs AS
        SELECT {", ".join(f"events.{name}" for name in read)} FROM staging{schema_suffix}.stg_events AS events
        INNER JOIN affected_pairs AS pairs
        ON events.user_id = pairs.user_id AND events.mentor_id = pairs.mentor_id
    """)
    found = {}
    for fact, query in expected.queries.items():
        started = time.monotonic()
        adapter.execute(f"CREATE OR REPLACE TEMP TABLE expected_{fact} AS {query}")
        if fact not in tables:
            continue
        names = ", ".join(expected.columns[fact])
        adapter.execute(f"""
            CREATE OR REPLACE TEMP TABLE differing AS
            WITH present AS (
                SELECT {names} FROM {tables[fact]} AS facts
                WHERE EXISTS (
                    SELECT 1 FROM affected_pairs AS pairs
                    WHERE facts.user_id = pairs.user_id AND facts.mentor_id = pairs.mentor_id
                )
            )
            SELECT {names}, TRUE AS is_expected FROM (SELECT * FROM expected_{fact} EXCEPT SELECT * FROM present)
            UNION ALL
            SELECT {names}, FALSE AS is_expected FROM (SELECT * FROM present EXCEPT SELECT * FROM expected_{fact})
        """)
        key, time_column = FACTS[fact].key, FACTS[fact].time_column
        ((first, last, rows),) = adapter.fetchall(
            f"SELECT MIN({time_column}), MAX({time_column}), COUNT(*) FILTER (is_expected) FROM differing"
        )
        if first is None:
            continue
        adapter.execute(
            f"DELETE FROM {tables[fact]} WHERE {key} IN (SELECT {key} FROM differing WHERE NOT is_expected)"
        )
        adapter.execute(f"INSERT INTO {tables[fact]} ({names}) SELECT {names} FROM differing WHERE is_expected")
        found[fact] = Replaced(first, last, rows, time.monotonic() - started)
    return found


def over(query: exp.Expression, names: dict[str, str]) -> exp.Expression:
    """The query reading other tables: `names` maps schema.table to a temporary table."""

    def swap(node: exp.Expression) -> exp.Expression:
        if isinstance(node, exp.Table) and f"{node.db}.{node.name}" in names:
            return exp.alias_(exp.to_table(names[f"{node.db}.{node.name}"]), node.alias_or_name, table=True)
        return node

    return query.transform(swap)
