"""Bringing the dimensions up to what the sources now say, at the cost of what has changed.

SQLMesh writes a dimension anew for every moment at which something changed. Here it does so with the
versions of the keys that changed, in a table of their own; they then take the place of those in the
dimension. All other keys stay untouched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmesh.core.engine_adapter import EngineAdapter
from sqlmesh.core.model import Model
from sqlmesh.core.snapshot.evaluator import SCDType2Strategy

from pipeline.affected import over


@dataclass(frozen=True)
class Dimension:
    """The log of changes behind a dimension, and the column that says whose change it is."""

    key: str
    changes: str
    staging: str


DIMENSIONS = {
    "dim_users": Dimension("user_id", "raw.users", "stg_users"),
    "dim_mentors": Dimension("mentor_id", "raw.mentors", "stg_mentors"),
}

# SQLMesh replaces it like any table, which a temporary one cannot be.
_VERSIONS = "pipeline.versions_of_keys"


def pending_moments(
    adapter: EngineAdapter, dimension: Dimension, until: datetime, table: str | None = None
) -> list[datetime]:
    """When the changes took effect that a dimension does not hold yet, oldest first, naive UTC.

    Args:
        until: naive UTC; what takes effect later is not pending yet.
        table: the dimension; None: it holds nothing.
    """
    held = _not_held(table) if table else ""
    rows = adapter.fetchall(f"""
        SELECT DISTINCT GREATEST(loaded_at, effective_at) FROM {dimension.changes}
        WHERE GREATEST(loaded_at, effective_at) <= TIMESTAMP '{until}' {held}
    """)
    return sorted(moment for (moment,) in rows)


def replay_changes(
    adapter: EngineAdapter,
    dimension: Dimension,
    model: Model,
    table: str,
    schema_suffix: str,
    moments: Sequence[datetime],
) -> int:
    """Take up the changes of some moments, one moment after the other.

    Args:
        model: the dimension as the environment has it, of a kind SCD_TYPE_2.
        table: its table.
        schema_suffix: what the environment adds to the schema's name.
        moments: from `pending_moments`.

    Returns:
        How many versions the keys with changes now have.
    """
    key = dimension.key
    adapter.execute(f"""
        CREATE OR REPLACE TEMP TABLE changed_keys AS
        SELECT DISTINCT {key} FROM {dimension.changes}
        WHERE GREATEST(loaded_at, effective_at) <= TIMESTAMP '{moments[-1]}' {_not_held(table)}
    """)
    adapter.execute(f"""
        CREATE OR REPLACE TEMP TABLE changes_of_keys AS
        SELECT * FROM staging{schema_suffix}.{dimension.staging} SEMI JOIN changed_keys USING ({key})
    """)
    adapter.execute("CREATE SCHEMA IF NOT EXISTS pipeline")
    adapter.execute(
        f"CREATE OR REPLACE TABLE {_VERSIONS} AS SELECT * FROM {table} SEMI JOIN changed_keys USING ({key})"
    )
    strategy = SCDType2Strategy(adapter)
    for moment in moments:
        if moment == moment.replace(second=0, microsecond=0):
            # A whole minute would stand for all of it (macro is_known).
            moment += timedelta(microseconds=1)
        query = model.render_query_or_raise(execution_time=moment)
        strategy.insert(
            _VERSIONS,
            over(query, {f"staging.{dimension.staging}": "changes_of_keys"}),
            model,
            is_first_insert=False,
            render_kwargs={"execution_time": moment},
            execution_time=moment,
        )
    adapter.execute(f"DELETE FROM {table} WHERE {key} IN (FROM changed_keys)")
    adapter.execute(f"INSERT INTO {table} BY NAME FROM {_VERSIONS}")
    ((versions,),) = adapter.fetchall(f"SELECT COUNT(*) FROM {_VERSIONS}")
    adapter.execute(f"DROP TABLE {_VERSIONS}")
    return versions


def _not_held(table: str) -> str:
    """The condition that a dimension lacks a change; it holds all up to some moment."""
    return f"""
        AND GREATEST(loaded_at, effective_at) > (
            SELECT COALESCE(
                MAX(GREATEST(loaded_at, valid_from, COALESCE(valid_to, valid_from))), TIMESTAMP '0001-01-01'
            )
            FROM {table}
        )
    """
