"""Bringing the dimensions up to what the sources now say, at the cost of what has changed.

SQLMesh writes a dimension anew for every moment at which something changed. Here it does so with the
versions of the keys that changed, in a table of their own; they then take the place of those in the
dimension. All other keys stay untouched.
"""

from __future__ import annotations

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


def first_change(adapter: EngineAdapter, dimension: Dimension, until: datetime) -> datetime | None:
    """When the first change took effect, no later than `until`; naive UTC; None: there is none."""
    ((moment,),) = adapter.fetchall(f"""
        SELECT MIN(GREATEST(loaded_at, effective_at)) FROM {dimension.changes}
        WHERE GREATEST(loaded_at, effective_at) <= TIMESTAMP '{until}'
    """)
    return moment


def replay_changes(
    adapter: EngineAdapter,
    dimension: Dimension,
    model: Model,
    table: str,
    schema_suffix: str,
    until: datetime,
) -> int | None:
    """Take up the changes that a dimension does not hold yet, in the order in which they took effect.

    Args:
        model: the dimension as the environment has it, of a kind SCD_TYPE_2.
        table: its table.
        schema_suffix: what the environment adds to the schema's name.
        until: naive UTC; what takes effect later has to wait.

    Returns:
        How many versions the keys with changes now have; None: nothing has changed.
    """
    key = dimension.key
    # A dimension holds all changes up to some moment.
    adapter.execute(f"""
        CREATE OR REPLACE TEMP TABLE pending AS
        SELECT {key}, GREATEST(loaded_at, effective_at) AS moment FROM {dimension.changes}
        WHERE moment <= TIMESTAMP '{until}' AND moment > (
            SELECT COALESCE(
                MAX(GREATEST(loaded_at, valid_from, COALESCE(valid_to, valid_from))), TIMESTAMP '0001-01-01'
            )
            FROM {table}
        )
    """)
    moments = [moment for (moment,) in adapter.fetchall("SELECT DISTINCT moment FROM pending ORDER BY moment")]
    if not moments:
        return None
    adapter.execute(f"""
        CREATE OR REPLACE TEMP TABLE changes_of_keys AS
        SELECT * FROM staging{schema_suffix}.{dimension.staging} SEMI JOIN pending USING ({key})
    """)
    adapter.execute("CREATE SCHEMA IF NOT EXISTS pipeline")
    adapter.execute(f"CREATE OR REPLACE TABLE {_VERSIONS} AS SELECT * FROM {table} SEMI JOIN pending USING ({key})")
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
    adapter.execute(f"DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM pending)")
    adapter.execute(f"INSERT INTO {table} BY NAME FROM {_VERSIONS}")
    ((versions,),) = adapter.fetchall(f"SELECT COUNT(*) FROM {_VERSIONS}")
    adapter.execute(f"DROP TABLE {_VERSIONS}")
    return versions
