"""The answer read from a warehouse file, without ever writing to it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import ibis

from analysis.answer import answer
from analysis.marts import COLUMNS, schema_of
from errors import SettingsError, WarehouseError
from ingest.warehouse import connect
from settings import Settings

# The reports that `diff` compares, and what names a row of each.
REPORTS = {
    "rpt_rebooking_by_tier": ("tier",),
    "rpt_reliability_by_tier": ("tier",),
    "rpt_cohorts": ("month", "tier"),
    "rpt_mentor_outcomes": ("mentor_id",),
    "rpt_reliability_by_week": ("week",),
}


def parse_as_of(text: str | None) -> datetime | None:
    """ISO-8601 text as naive UTC; no offset means UTC.

    Raises:
        SettingsError: it is anything else.
    """
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise SettingsError(f"--as-of {text!r} is not an ISO-8601 time such as 2023-07-01T12:00:00Z") from None
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def answer_from_warehouse(
    settings: Settings, environment: str, as_of: str | None, full: bool = False
) -> dict[str, Any]:
    """The answer document of one environment of the warehouse, with every section if `full`.

    Raises:
        SettingsError: `as_of` is no time.
        WarehouseError: there is no warehouse, it is locked, or the environment was never built.
    """
    moment = parse_as_of(as_of)
    with connect(settings.warehouse, read_only=True) as connection:
        return _answer(connection, settings, environment, moment, full)


def differences(settings: Settings, base: str, other: str, as_of: str | None) -> list[tuple[str, Any, Any]]:
    """What another environment changes in the answer and in the reports.

    The answer without the sections of the full one, whose counts the reports hold: a curve or a week would
    otherwise differ in a hundred figures for one new event.

    Returns:
        `(figure, value in base, value in other)` for every figure that differs, in the order of the
        answer document; a figure is a path such as `rebooking.sessions.tiers.Gold.rate`. A report that an
        environment does not have yet has no figures there.

    Raises:
        SettingsError, WarehouseError: as `answer_from_warehouse`.
    """
    moment = parse_as_of(as_of)
    with connect(settings.warehouse, read_only=True) as connection:
        figures = [
            dict(_figures(_answer(connection, settings, environment, moment)))
            | dict(_figures(_reports(connection, environment)))
            for environment in (base, other)
        ]
    names = [name for name in figures[0] | figures[1] if name != "parameters.environment"]
    pairs = [(name, figures[0].get(name), figures[1].get(name)) for name in names]
    return [(name, before, after) for name, before, after in pairs if before != after]


def environments(warehouse: Path) -> list[str]:
    """The environments that were built, prod first, the others by name.

    Raises:
        WarehouseError: there is no warehouse, or it is locked.
    """
    with connect(warehouse, read_only=True) as connection:
        return _environments(connection)


def _environments(connection: duckdb.DuckDBPyConnection) -> list[str]:
    built = [
        schema.removeprefix("marts").removeprefix("__") or "prod"
        for (schema,) in connection.execute(
            "SELECT DISTINCT table_schema FROM information_schema.tables "
            "WHERE table_name = 'fct_sessions' AND table_schema LIKE 'marts%'"
        ).fetchall()
    ]
    return sorted(built, key=lambda name: (name != "prod", name))


def _answer(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    environment: str,
    as_of: datetime | None,
    full: bool = False,
) -> dict[str, Any]:
    built = _environments(connection)
    if environment not in built:
        there = f"; there is {', '.join(built)}" if built else ""
        raise WarehouseError(
            f"the environment {environment} is not in {settings.warehouse}{there}; "
            f"run: python cli.py refresh --env {environment}"
        )
    try:
        missing = _missing_columns(connection, environment)
        if missing:
            raise WarehouseError(
                f"the environment {environment} of {settings.warehouse} was built by other models than these "
                f"(there is no {', '.join(missing)}); run: sqlmesh plan, then python cli.py refresh"
            )
        return answer(ibis.duckdb.from_connection(connection), settings, environment, as_of, full)
    except (duckdb.Error, ibis.IbisError) as error:
        raise WarehouseError(
            f"the warehouse {settings.warehouse} cannot answer (a file keeps the name it was built under): "
            f"{str(error).splitlines()[0]}"
        ) from None


def _missing_columns(connection: duckdb.DuckDBPyConnection, environment: str) -> list[str]:
    """The tables, or columns of tables that are there, that the metrics read and the environment lacks."""
    suffix = "" if environment == "prod" else f"__{environment}"
    # Without parameters: for those DuckDB imports pandas.
    there: dict[str, set[str]] = {}
    for schema, table, column in connection.execute(
        "SELECT table_schema, table_name, column_name FROM information_schema.columns"
    ).fetchall():
        there.setdefault(f"{schema}.{table}", set()).add(column)
    missing = []
    for name, columns in COLUMNS.items():
        table = f"{schema_of(name)}{suffix}.{name}"
        if table in there:
            missing += [f"{table}.{column}" for column in columns if column not in there[table]]
        else:
            missing.append(table)
    return missing


def _reports(connection: duckdb.DuckDBPyConnection, environment: str) -> dict[str, Any]:
    schema = "reports" if environment == "prod" else f"reports__{environment}"
    built = connection.execute("SELECT view_name FROM duckdb_views() WHERE schema_name = ?", [schema]).fetchall()
    reports = {}
    for report, keys in REPORTS.items():
        if (report,) not in built:
            continue
        order = ", ".join(f"{key} NULLS LAST" for key in keys)
        relation = connection.sql(f'SELECT * FROM "{schema}"."{report}" ORDER BY {order}')
        rows = [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]
        # By name, as a figure's path has it: a row that only one environment has then moves no other.
        reports[report] = {
            ".".join(str(row[key]) for key in keys): {name: row[name] for name in row if name not in keys}
            for row in rows
        }
    return reports


def _figures(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf of a document with its path; rows of a list go by their tier, group or name."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _figures(value, f"{path}.{key}" if path else key)
    elif isinstance(node, list) and node and isinstance(node[0], dict):
        for row in node:
            name = next((row[key] for key in ("tier", "group", "name") if key in row), None)
            yield from _figures(row, f"{path}.{name}")
    else:
        yield path, node
