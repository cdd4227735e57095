"""Reading a PostgreSQL warehouse."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from engines.postgres.connection import failure, first_line, is_forbidden, is_lost, is_unknown_name, libraries, place
from engines.protocol import SCHEMAS, Contents, QueryError, Row, UnknownNameError
from errors import WarehouseError

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH_ROWS = 50_000


class PostgresReader:
    """A `Reader` of a transaction of psycopg or, within a refresh, of psycopg2."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    @cached_property
    def backend(self) -> Any:
        import ibis

        return ibis.postgres.from_connection(self.connection)

    def rows(self, query: str) -> list[Row]:
        return self._fetched(query)[1]

    def records(self, query: str) -> list[dict[str, Any]]:
        names, rows = self._fetched(query)
        return [dict(zip(names, row, strict=True)) for row in rows]

    def _fetched(self, query: str) -> tuple[list[str], list[Row]]:
        # The transaction goes on after a query that was refused.
        with self.explained(), self.connection.cursor() as cursor:
            cursor.execute("SAVEPOINT before_query")
            try:
                cursor.execute(query)
                rows = cursor.fetchall()
            except Exception as error:
                if not is_lost(error):
                    cursor.execute("ROLLBACK TO SAVEPOINT before_query")
                raise
            names = [column[0] for column in cursor.description]
            cursor.execute("RELEASE SAVEPOINT before_query")
        return names, rows

    def batches(self, query: str) -> pa.RecordBatchReader:
        with self.explained():
            return batches(self.connection, query)

    def tables(self) -> list[tuple[str, str]]:
        # The information schema would leave out what this user may not read.
        return [
            (schema, name)
            for schema, name in self.rows(
                "SELECT nspname, relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace "
                "WHERE relkind IN ('r', 'p', 'v', 'm', 'f')"
            )
        ]

    def tables_behind(self, schema: str) -> dict[str, str]:
        return dict(
            self.rows(f"""
                SELECT DISTINCT views.relname, tables.relnamespace::REGNAMESPACE || '.' || tables.relname
                FROM pg_class AS views
                JOIN pg_rewrite AS rules ON rules.ev_class = views.oid
                JOIN pg_depend AS uses
                    ON uses.objid = rules.oid AND uses.classid = 'pg_rewrite'::REGCLASS
                    AND uses.refclassid = 'pg_class'::REGCLASS
                JOIN pg_class AS tables ON tables.oid = uses.refobjid AND tables.oid <> views.oid
                JOIN pg_namespace AS schemas ON schemas.oid = views.relnamespace
                WHERE views.relkind = 'v' AND schemas.nspname = '{schema}'
            """)
        )

    def contents(self) -> Contents:
        found: Contents = {}
        ours = ", ".join(f"'{name}'" for name in SCHEMAS)
        for schema, name, view in self.rows(f"""
            SELECT nspname, relname, CASE relkind WHEN 'v' THEN MD5(pg_get_viewdef(pg_class.oid)) END
            FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
            WHERE relkind IN ('r', 'v') AND SPLIT_PART(REGEXP_REPLACE(nspname, '^sqlmesh__', ''), '__', 1) IN ({ours})
            ORDER BY 1, 2
        """):
            if view is not None:
                found[f"{schema}.{name}"] = 0, view
                continue
            ((rows, digest),) = self.rows(
                "SELECT COUNT(*), SUM(('x' || SUBSTR(MD5(t::TEXT), 1, 15))::BIT(60)::BIGINT) "
                f'FROM "{schema}"."{name}" AS t'
            )
            found[f"{schema}.{name}"] = rows, str(digest or 0)
        return found

    @contextmanager
    def explained(self) -> Iterator[None]:
        psycopg2, psycopg = libraries()
        try:
            yield
        except (psycopg2.Error, psycopg.Error) as error:
            if is_unknown_name(error):
                raise UnknownNameError(first_line(error)) from None
            if is_lost(error) or is_forbidden(error):
                raise failure(error, "read") from None
            raise QueryError(first_line(error)) from None

    def cannot_answer(self, reason: Exception) -> WarehouseError:
        return WarehouseError(f"the {place()} cannot answer: {str(reason).splitlines()[0]}")


def batches(connection: Any, query: str) -> pa.RecordBatchReader:
    """The rows of a query of either library, as Arrow; they are fetched as they are read."""
    import pyarrow as pa

    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM ({query}) AS described LIMIT 0")
        described = list(cursor.description)
    schema = pa.schema([(column[0], _arrow_type(column)) for column in described])

    def fetched() -> Iterator[pa.RecordBatch]:
        with connection.cursor(name="fetching") as cursor:
            cursor.itersize = _BATCH_ROWS
            cursor.execute(query)
            while rows := cursor.fetchmany(_BATCH_ROWS):
                columns = zip(zip(*rows, strict=True), schema.types, strict=True)
                yield pa.record_batch([pa.array(values, kind) for values, kind in columns], schema)

    return pa.RecordBatchReader.from_batches(schema, fetched())


def _arrow_type(column: Any) -> pa.DataType:
    """The type of a column of a cursor's description, which has PostgreSQL's number of it."""
    import pyarrow as pa

    by_number = {
        16: pa.bool_(),
        20: pa.int64(),
        23: pa.int32(),
        25: pa.string(),
        701: pa.float64(),
        1043: pa.string(),
        1082: pa.date32(),
        1114: pa.timestamp("us"),
    }
    name, number, _, _, precision, scale, _ = column
    if number == 1700:
        return pa.decimal128(precision, scale)
    if number not in by_number:
        raise QueryError(f"the column {name} is of a type that is not read")
    return by_number[number]
