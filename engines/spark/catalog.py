"""The list of a set's tables and views: a file that a session takes them from, and that is written of a session."""

from __future__ import annotations

import json
import shutil
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlparse

import sqlglot
from sqlglot import exp

from engines.spark.sets import CATALOG, TABLES

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# A schema that every session has.
_DEFAULT = "default"


def register(session: SparkSession, folder: Path) -> None:
    """Give a new session the tables and views of a set."""
    from pyspark.sql.types import StructType

    if not (folder / CATALOG).exists():
        return
    listed = json.loads((folder / CATALOG).read_text(encoding="utf-8"))
    for schema in listed["schemas"]:
        session.sql(f"CREATE SCHEMA IF NOT EXISTS `{schema}`")
    for table in listed["tables"]:
        columns = StructType.fromJson(table["columns"])
        session.catalog.createTable(table["name"], str(folder / table["location"]), "parquet", columns)
    for view in listed["views"]:
        session.sql(view)


def save(session: SparkSession, folder: Path) -> None:
    """Write the list of a set, and delete the files of tables that are no more."""
    schemas = [name for (name,) in session.sql("SHOW SCHEMAS").collect() if name != _DEFAULT]
    tables: list[dict[str, Any]] = []
    views: dict[str, str] = {}
    for schema in schemas:
        viewed = {row.viewName for row in session.sql(f"SHOW VIEWS IN `{schema}`").collect()}
        for name in names_in(session, schema):
            if name in viewed:
                views[f"{schema}.{name}"] = definition(session, schema, name)
                continue
            place = _location(session, folder, schema, name)
            columns = session.table(f"`{schema}`.`{name}`").schema.jsonValue()
            tables.append({"name": f"`{schema}`.`{name}`", "location": place, "columns": columns})
    # Each view after those that it reads.
    reads = {name: [table for table in tables_in(text) if table in views] for name, text in views.items()}
    ordered = [views[name] for name in TopologicalSorter(reads).static_order()]
    listed = {"schemas": schemas, "tables": tables, "views": ordered}
    (folder / CATALOG).write_text(json.dumps(listed, indent=1), encoding="utf-8")
    kept = {str(folder / table["location"]) for table in tables}
    for unknown in {path for path in (folder / TABLES).glob("*/*/*") if path.is_dir()}:
        if str(unknown) not in kept:
            shutil.rmtree(unknown)


def names_in(session: SparkSession, schema: str) -> list[str]:
    """The tables and views of a schema."""
    return [row.tableName for row in session.sql(f"SHOW TABLES IN `{schema}`").collect() if not row.isTemporary]


def definition(session: SparkSession, schema: str, view: str) -> str:
    """The statement that makes a view."""
    ((text,),) = session.sql(f"SHOW CREATE TABLE `{schema}`.`{view}`").collect()
    return str(text)


def tables_in(statement: str) -> list[str]:
    """`schema.table` of what a statement reads, what a view is made by included."""
    parsed = sqlglot.parse_one(statement, dialect="spark")
    query = parsed.expression if isinstance(parsed, exp.Create) else parsed
    return [f"{table.db}.{table.name}" for table in query.find_all(exp.Table) if table.db]


def _location(session: SparkSession, folder: Path, schema: str, name: str) -> str:
    """The folder of a table, as seen from that of its set."""
    rows = session.sql(f"DESCRIBE TABLE EXTENDED `{schema}`.`{name}`").collect()
    (place,) = [row.data_type for row in rows if row.col_name == "Location"]
    return str(Path(unquote(urlparse(place).path)).relative_to(folder))
