"""The models of the project, built of one population by DuckDB, PostgreSQL and Spark."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import sqlglot
from sqlglot import exp
from sqlmesh import Context
from sqlmesh.core.config import Config, GatewayConfig, PostgresConnectionConfig
from sqlmesh.core.model import Model

from ingest.raw_tables import RAW_TABLES
from tests.bare_sqlmesh import Warehouse
from tests.engines import population
from tests.engines.rendering import query_of, sql_of

RAW = re.findall(r"CREATE TABLE IF NOT EXISTS raw\.(\w+)", RAW_TABLES)
# When the warehouse came to know of a version: no two runs do so at the same moment.
RECORD_TIMES = ("recorded_from", "recorded_to")


@dataclass
class Days:
    """A warehouse in DuckDB, planned after a first day and run after a second, and the rows of `raw` on each of them.

    Attributes:
        raw: by day, the rows of each table.
    """

    warehouse: Warehouse
    raw: list[dict[str, list[tuple]]] = field(default_factory=list)

    @classmethod
    def built(cls, folder: Path) -> Days:
        days = cls(Warehouse(folder))
        for write in (population.write_first_day, population.write_second_day):
            write(days.warehouse.data)
            population.load(days.warehouse.file, days.warehouse.data)
            days.raw.append({name: days.warehouse.query(f"SELECT * FROM raw.{name}") for name in RAW})
            build_a_day(days.warehouse, len(days.raw))
        return days


def build_a_day(warehouse: Warehouse, day: int) -> None:
    """Plan on day 1; run on a later one."""
    if day == 1:
        warehouse.plan()
    else:
        warehouse.run()


class PostgresWarehouse(Warehouse):
    """A warehouse of which PostgreSQL holds `raw`, the models' tables and SQLMesh's state."""

    def __init__(self, folder: Path, server: Any, database: str) -> None:
        super().__init__(folder)
        self.server, self.database = server, database

    def config(self) -> Config:
        config = super().config()
        server = self.server
        connection = PostgresConnectionConfig(
            host=server.host, port=server.port, user=server.user, password=server.password, database=self.database
        )
        config.gateways = {"postgres": GatewayConfig(connection=connection)}
        config.default_gateway = "postgres"
        return config

    def fill(self, raw: dict[str, list[tuple]]) -> None:
        """Replace the rows of `raw`."""
        from psycopg2.extras import execute_values

        connection = self.server.connect(self.database)
        with connection.cursor() as cursor:
            for statement in sqlglot.transpile(RAW_TABLES, read="duckdb", write="postgres"):
                cursor.execute(statement)
            for name, rows in raw.items():
                cursor.execute(f"TRUNCATE raw.{name}")
                execute_values(cursor, f"INSERT INTO raw.{name} VALUES %s", rows, page_size=1000)
        connection.close()

    def query(self, sql: str) -> list[tuple]:
        connection = self.server.connect(self.database)
        with connection.cursor() as cursor:
            cursor.execute(sql)
            rows = cursor.fetchall()
        connection.close()
        return rows


def models_in_order(context: Context) -> Iterator[Model]:
    """The models that are built, each after those that it reads."""
    for name in context.dag:
        model = context.models.get(name)
        if model and not model.kind.is_external:
            yield model


def compared_columns(model: Model) -> list[str]:
    """What is selected of a model's table to be compared, its record times only as far as a version still holds."""
    named = [f'"{name}"' for name in model.columns_to_types_or_raise if name not in RECORD_TIMES]
    return named + (["recorded_to IS NULL"] if "recorded_to" in model.columns_to_types_or_raise else [])


class SparkWarehouse:
    """The models' queries, run on Spark as CREATE TABLE AS, each once and over everything.

    SQLMesh does not run them: INCREMENTAL_BY_UNIQUE_KEY needs MERGE, which tables of plain Parquet files do not have.
    A version of a dimension has no history of records, therefore: every one holds.
    """

    def __init__(self, session: Any) -> None:
        self.session = session

    def build(self, context: Context, source: Path, folder: Path) -> None:
        """Build all models of the rows of `raw` and of the seeds that the DuckDB file `source` holds."""
        folder.mkdir(parents=True, exist_ok=True)
        seeds = [model.name for model in models_in_order(context) if model.kind.is_seed]
        for schema in ("raw", "reference", "staging", "marts", "reports"):
            self.session.sql(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        with duckdb.connect(str(source), read_only=True) as connection:
            for name in [*(f"raw.{table}" for table in RAW), *seeds]:
                file = folder / f"{name}.parquet"
                connection.execute(f"COPY (FROM {name}) TO '{file}'")
                self.session.sql(f"CREATE TABLE {name} USING parquet AS SELECT * FROM parquet.`{file}`")
        for model in models_in_order(context):
            if not model.kind.is_seed:
                records = "".join(
                    f", CAST(NULL AS TIMESTAMP_NTZ) AS {name}"
                    for name in RECORD_TIMES
                    if name in model.columns_to_types_or_raise
                )
                query = sql_of(without_catalog(query_of(model, "spark")), "spark")
                self.session.sql(f"CREATE TABLE {model.name} USING parquet AS SELECT *{records} FROM ({query})")

    def query(self, sql: str) -> list[tuple]:
        return [tuple(row) for row in self.session.sql(sqlglot.transpile(sql, "duckdb", "spark")[0]).collect()]


def without_catalog(query: exp.Query) -> exp.Query:
    """A query whose tables are named by schema and name alone."""
    query = query.copy()
    for table in query.find_all(exp.Table):
        table.set("catalog", None)
    return query
