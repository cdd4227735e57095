"""Copying a warehouse to another engine, so that everything goes on there as if it had always been there.

SQLMesh builds the models there from the copied log of what was loaded: they get its names for that engine and its
state, and are what a rebuild gives. One thing a rebuild cannot give: when the warehouse held a version of a user or a
mentor to be so. The rows of both dimensions are therefore put in the place of those that SQLMesh has just made. It is
the one place where anybody else writes a table of SQLMesh's, before the copy is published and by rows that SQLMesh's
own run made elsewhere. Its next run reads them and nothing else, and goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from analysis.metrics.definitions import checksums
from engines import engine_of
from engines.duckdb.connection import connect, one_row, without_nul
from engines.protocol import Reader, State, UnknownNameError
from errors import WarehouseError
from ingest.raw_tables import make_raw_tables
from pipeline.interruption import begin_publishing
from pipeline.run_log import Run
from settings import COMMAND, Settings
from warehouse.environments import (
    built_by_other_models,
    environment_names,
    has_loads,
    plan_command,
    read_environment,
    refuse_earlier_version,
)

Say = Callable[[str], None]

# What holds rows; those of `staging` are views of `raw`.
_COMPARED = ("raw", "marts", "reports", "reference")
_WITH_RECORD_TIME = ("dim_mentors", "dim_users")


def copy_warehouse(run: Run, target: Settings, say: Say, on_step: Say) -> None:
    """Copy the published state of one engine to another one that has no warehouse yet, and compare every row.

    Args:
        run: of the warehouse to copy.
        target: the settings with the gateway to copy to.
        say: shows a line that stays.
        on_step: shows what is being done, one phrase a step.

    Raises:
        WarehouseError: there is nothing to copy, prod is not up to date, there is a warehouse already, or a table
            would not be the same.
        TransformError: a model or a blocking audit failed.
    """
    origin, goal = engine_of(run.settings), engine_of(target)
    with origin.reading(run.settings) as source:
        refuse_earlier_version(source)
        stands = read_environment(source, "prod")
        if remarks := stands.remarks(run.settings, checksums()):
            raise WarehouseError(f"prod cannot be copied as it stands: {remarks[0]}")
        with goal.writing(target, say, begin_publishing) as state:
            _refuse_a_warehouse(state, target)
            _copy_raw(source, state, on_step)
            _build(run, state, on_step)
            _copy_record_time(source, state, on_step)
            tables, rows = _compare(source, state, on_step)
            on_step("publishing")
        others = environment_names(source)[1:]
    say(f"copied {origin.place(run.settings)} to {goal.place(target)}")
    say(f"compared {tables} tables with {rows:,} rows, the history with them: all the same")
    for name in others:
        say(f"the environment {name} was not copied; to make it anew there run: {plan_command(name)}")
    say(f"to work there set gateway = {target.gateway!r} in settings.toml, or MENTOR_GATEWAY={target.gateway}")


def _refuse_a_warehouse(state: State, target: Settings) -> None:
    goal = engine_of(target)
    if not goal.is_there(state.settings):
        return
    with state.reading() as there:
        if has_loads(there) or environment_names(there):
            raise WarehouseError(
                f"there is a warehouse in {goal.place(target)} already; to empty it run: "
                f"{COMMAND} --gateway {target.gateway} reset --yes"
            )


def _copy_raw(source: Reader, state: State, on_step: Say) -> None:
    with state.loading() as there:
        make_raw_tables(there)
        made = there.connection.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'raw'").fetchall()
        for (table,) in made:
            on_step(f"copying raw.{table}")
            there.replace(f"raw.{table}", source.batches(f"SELECT * FROM raw.{table}"))


def _build(run: Run, state: State, on_step: Say) -> None:
    from pipeline.transform import transform  # imports SQLMesh

    transform(state, "prod", on_step, run)


def _copy_record_time(source: Reader, state: State, on_step: Say) -> None:
    with state.reading() as there:
        behind = there.tables_behind("marts")
    with state.loading() as there:
        for dimension in _WITH_RECORD_TIME:
            on_step(f"copying marts.{dimension}")
            there.replace(behind[dimension], source.batches(f"SELECT * FROM marts.{dimension}"))


def _compare(source: Reader, state: State, on_step: Say) -> tuple[int, int]:
    """How many tables, with how many rows, are the same.

    Raises:
        WarehouseError: one is not.
    """
    rows = 0
    with (
        TemporaryDirectory(prefix="mentor-analytics-") as folder,
        connect(Path(folder) / "comparing.duckdb") as scratch,
        state.reading() as there,
    ):
        tables = [f"{schema}.{name}" for schema, name in sorted(there.tables()) if schema in _COMPARED]
        for table in tables:
            on_step(f"comparing {table}")
            try:
                rows += _compared(scratch, table, source, there)
            except UnknownNameError as error:
                raise built_by_other_models("prod", str(error)) from None
    return len(tables), rows


def _compared(scratch: duckdb.DuckDBPyConnection, table: str, source: Reader, there: Reader) -> int:
    columns = ", ".join(source.batches(f"SELECT * FROM {table} LIMIT 0").schema.names)
    for side, reader in (("here", source), ("there", there)):
        scratch.register("rows", reader.batches(f"SELECT {columns} FROM {table}"))
        scratch.execute(f"CREATE OR REPLACE TABLE {side} AS {without_nul(scratch, 'FROM rows')}")
        scratch.unregister("rows")
    (missing,) = one_row(scratch, "SELECT COUNT(*) FROM (FROM here EXCEPT ALL FROM there)")
    (added,) = one_row(scratch, "SELECT COUNT(*) FROM (FROM there EXCEPT ALL FROM here)")
    if missing or added:
        raise WarehouseError(
            f"nothing was copied: {table} would not be the same, {missing:,} of its rows are not there and {added:,} "
            f"others are; prod was not built from what was loaded by the models here: run {plan_command('prod')} "
            "and copy again"
        )
    (rows,) = one_row(scratch, "SELECT COUNT(*) FROM here")
    return int(rows)
