"""Where a user stands: every table is searched for the id, and for the e-mail addresses in the user's rows."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from engines.protocol import SCHEMAS, Reader, UnknownNameError
from errors import WarehouseError
from settings import COMMAND

EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_TEXTS = {"VARCHAR", "TEXT", "CHARACTER VARYING", "JSON", "JSONB"}
# Text that was refused may name a user anywhere.
REJECTED = "raw.rejected_rows.raw_text"


@dataclass(frozen=True)
class Place:
    """A column of a table, or a file, that was searched.

    Attributes:
        name: `schema.table.column`, or the path of the file.
        searched: rows of the table, or lines of the file.
        found: those of them with what was searched for.
        meaning: `the user`, `an e-mail address of the user`, or `the number alone`, which may be anything.
    """

    name: str
    searched: int
    found: int
    meaning: str

    @property
    def is_the_user(self) -> bool:
        """Whether what was found says something of the user."""
        return self.found > 0 and self.meaning != "the number alone"


def number_pattern(user_id: int) -> str:
    """A regular expression, of every engine, for the id as a number of its own in a text."""
    sign, digits = ("-", -user_id) if user_id < 0 else ("", user_id)
    return f"(^|[^0-9A-Za-z]){sign}0*{digits}([^0-9A-Za-z]|$)"


def names_number(column: str, user_id: int) -> str:
    """SQL for whether a text has the id as a number of its own; false where it is null."""
    text = f"CAST({column} AS VARCHAR)"
    return f"COALESCE(LENGTH(REGEXP_REPLACE({text}, '{number_pattern(user_id)}', '')) < LENGTH({text}), FALSE)"


def names_email(column: str, emails: Collection[str]) -> str:
    """SQL for whether a text has one of the addresses; false where it is null."""
    conditions = [f"STRPOS(LOWER(CAST({column} AS VARCHAR)), '{email}') > 0" for email in sorted(emails)]
    return f"COALESCE({' OR '.join(conditions)}, FALSE)" if conditions else "FALSE"


def columns_of_tables(reader: Reader) -> dict[str, dict[str, str]]:
    """Every table of ours, SQLMesh's too, as `"schema"."table"`: the types of its columns by their names."""
    found: dict[str, dict[str, str]] = {}
    for schema, table, column, kind in reader.rows("""
        SELECT table_schema, table_name, column_name, data_type
        FROM information_schema.columns JOIN information_schema.tables USING (table_catalog, table_schema, table_name)
        WHERE table_type = 'BASE TABLE' AND table_catalog = CURRENT_DATABASE()
        ORDER BY table_schema, table_name, ordinal_position
    """):
        if schema.removeprefix("sqlmesh__").split("__")[0] in SCHEMAS:
            found.setdefault(f'"{schema}"."{table}"', {})[column] = kind.upper()
    return found


def emails_of(reader: Reader, user_id: int) -> set[str]:
    """The e-mail addresses, in small letters, in what the loads said of a user; that of a mentor is not the user's.

    Raises:
        WarehouseError: nothing was loaded yet.
    """
    try:
        rows = [
            *reader.rows(f"SELECT company_id, status FROM raw.users WHERE user_id = {user_id}"),
            *(
                [value for name, value in event.items() if name != "mentor_id" and isinstance(value, str)]
                for event in reader.records(f"SELECT * FROM raw.booking_events WHERE user_id = {user_id}")
            ),
            *reader.rows(f"SELECT raw_text FROM raw.rejected_rows WHERE {names_number('raw_text', user_id)}"),
        ]
    except UnknownNameError:
        raise WarehouseError(f"nothing was loaded into this warehouse yet; run: {COMMAND} refresh") from None
    return {email for row in rows for text in row for email in EMAIL.findall((text or "").lower())}


def search(reader: Reader, user_id: int, emails: Collection[str]) -> list[Place]:
    """Every column of every table that could hold the user, with what was found there."""
    places = []
    for table, columns in columns_of_tables(reader).items():
        name = table.replace('"', "")
        asked: list[tuple[str, str, str]] = []
        if "user_id" in columns:
            asked.append((f"{name}.user_id", f"user_id = {user_id}", "the user"))
        for column, kind in columns.items():
            if kind in _TEXTS:
                meaning = "the user" if f"{name}.{column}" == REJECTED else "the number alone"
                asked.append((f"{name}.{column}", names_number(f'"{column}"', user_id), meaning))
                if emails:
                    condition = names_email(f'"{column}"', emails)
                    asked.append((f"{name}.{column}", condition, "an e-mail address of the user"))
        counts = "".join(f", SUM(CASE WHEN {condition} THEN 1 ELSE 0 END)" for _, condition, _ in asked)
        ((rows, *found),) = reader.rows(f"SELECT COUNT(*){counts} FROM {table}")
        places += [
            Place(place, rows, int(count or 0), meaning)
            for (place, _, meaning), count in zip(asked, found, strict=True)
        ]
    return places
