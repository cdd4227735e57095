"""Reading a Snowflake warehouse."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any, NoReturn

from engines.protocol import QueryError, Row, UnknownNameError, not_built
from engines.snowflake.connection import (
    failure,
    is_forbidden,
    is_lost,
    is_unknown_name,
    library,
    one_line,
    place,
)
from engines.snowflake.dialect import in_snowflake
from errors import WarehouseError

_SHOWN_TABLE = re.compile(r"\bFROM\s+(.+?)\s*;?\s*$", re.IGNORECASE | re.DOTALL)


class SnowflakeReader:
    """A `Reader` of the current database of a session."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    @cached_property
    def backend(self) -> Any:
        import ibis

        # The temporary tables of an answer go to the current schema.
        self._fetched('USE SCHEMA "marts"')
        # Without functions of its own, for which Ibis would make a database.
        return ibis.snowflake.from_connection(self.connection, create_object_udfs=False)

    def rows(self, query: str) -> list[Row]:
        return self._fetched(in_snowflake(query))[1]

    def records(self, query: str) -> list[dict[str, Any]]:
        names, rows = self._fetched(in_snowflake(query))
        return [dict(zip(names, row, strict=True)) for row in rows]

    def _fetched(self, statement: str) -> tuple[list[str], list[Row]]:
        with self.explained(), self.connection.cursor() as cursor:
            cursor.execute(statement)
            return [column[0] for column in cursor.description], cursor.fetchall()

    def batches(self, query: str) -> NoReturn:
        raise not_built("copying from here", "Snowflake")

    def contents(self) -> NoReturn:
        raise not_built("a backup", "Snowflake")

    def tables(self) -> list[tuple[str, str]]:
        return [
            (schema, name)
            for schema, name in self.rows("SELECT table_schema, table_name FROM information_schema.tables")
        ]

    def tables_behind(self, schema: str) -> dict[str, str]:
        # Who does not own a view may be shown none of its text.
        found = self.rows(
            f"SELECT table_name, view_definition FROM information_schema.views WHERE table_schema = '{schema}'"
        )
        shown = {name: _SHOWN_TABLE.search(text or "") for name, text in found}
        return {name: match[1] for name, match in shown.items() if match}

    @contextmanager
    def explained(self) -> Iterator[None]:
        errors = library().errors
        try:
            yield
        except errors.Error as error:
            if is_unknown_name(error):
                raise UnknownNameError(one_line(error)) from None
            if is_lost(error) or is_forbidden(error):
                raise failure(error, "read") from None
            raise QueryError(one_line(error)) from None

    def cannot_answer(self, reason: Exception) -> WarehouseError:
        return WarehouseError(f"the {place()} cannot answer: {str(reason).splitlines()[0]}")
