"""Where the facts differ from what the events now say.

A late event changes a session or a booking that began before it, sometimes long before. Each fact
is worked out anew for the pairs of user and mentor that have new events, by the model's own
query, and compared with its rows: the first and the last difference bound what has to be restated.
"""

from __future__ import annotations

from datetime import datetime

from sqlglot import exp
from sqlmesh.core.engine_adapter import EngineAdapter
from sqlmesh.core.model import Model

from settings import HISTORY_START

# In the order in which they are computed; each with its time column.
FACTS = {"fct_bookings": "requested_at", "fct_sessions": "started_at"}


def expected_facts(models: dict[str, Model], until: datetime) -> dict[str, tuple[str, list[str]]]:
    """The query of each fact over the temporary tables of `affected_spans`, and the fact's columns.

    Args:
        models: the facts as the environment has them, by table name.
        until: naive UTC; events up to here count.
    """
    names = {"staging.stg_events": "events_of_pairs"} | {f"marts.{fact}": f"expected_{fact}" for fact in FACTS}
    expected = {}
    for fact in FACTS:
        query = models[fact].render_query_or_raise(start=HISTORY_START, end=until, execution_time=until)
        expected[fact] = (_over(query, names).sql(dialect="duckdb"), list(models[fact].columns_to_types_or_raise))
    return expected


def affected_spans(
    adapter: EngineAdapter, expected: dict[str, tuple[str, list[str]]], schema_suffix: str, since: datetime | None
) -> dict[str, tuple[datetime, datetime]]:
    """The first and the last moment at which each fact lacks a row, has one too many or a different one.

    Args:
        expected: from `expected_facts`.
        schema_suffix: what the environment adds to the schemas' names.
        since: naive UTC; only pairs with events loaded after this moment are looked at; None: all pairs.

    Returns:
        Two moments (naive UTC) per fact that differs; facts that agree are absent.
    """
    staging, marts = f"staging{schema_suffix}", f"marts{schema_suffix}"
    loaded = f"WHERE loads.loaded_at > TIMESTAMP '{since}'" if since else ""
    adapter.execute(f"""
        CREATE OR REPLACE TEMP TABLE affected_pairs AS
        SELECT DISTINCT events.user_id, events.mentor_id
        FROM raw.booking_events AS events
        INNER JOIN raw.loads AS loads ON events.load_id = loads.load_id {loaded}
    """)
    adapter.execute(f"""
        CREATE OR REPLACE TEMP TABLE events_of_pairs AS
        SELECT events.* FROM {staging}.stg_events AS events
        INNER JOIN affected_pairs AS pairs
        ON events.user_id = pairs.user_id AND events.mentor_id = pairs.mentor_id
    """)
    found = {}
    for fact, time_column in FACTS.items():
        query, names = expected[fact]
        columns = ", ".join(names)
        adapter.execute(f"CREATE OR REPLACE TEMP TABLE expected_{fact} AS {query}")
        (row,) = adapter.fetchall(f"""
            WITH present AS (
                SELECT {columns} FROM {marts}.{fact} AS facts
                WHERE EXISTS (
                    SELECT 1 FROM affected_pairs AS pairs
                    WHERE facts.user_id = pairs.user_id AND facts.mentor_id = pairs.mentor_id
                )
            )
            SELECT MIN({time_column}), MAX({time_column}) FROM (
                (SELECT {columns} FROM expected_{fact} EXCEPT SELECT {columns} FROM present)
                UNION ALL
                (SELECT {columns} FROM present EXCEPT SELECT {columns} FROM expected_{fact})
            ) AS differences
        """)
        if row[0] is not None:
            found[fact] = row
    return found


def _over(query: exp.Expression, names: dict[str, str]) -> exp.Expression:
    """The query reading other tables: `names` maps schema.table to a temporary table."""

    def swap(node: exp.Expression) -> exp.Expression:
        if isinstance(node, exp.Table) and f"{node.db}.{node.name}" in names:
            return exp.alias_(exp.to_table(names[f"{node.db}.{node.name}"]), node.alias_or_name, table=True)
        return node

    return query.transform(swap)
