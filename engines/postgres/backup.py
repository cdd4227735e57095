"""Saving the schemas of the warehouse, by pg_dump, and restoring them, in the transaction of a refresh."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engines.postgres.connection import parameters, place, uninterrupted_copy
from engines.postgres.loading import is_ours
from engines.protocol import SCHEMAS
from errors import SettingsError, WarehouseError

# What pg_dump says of the session of who reads it, in lines of their own; ours is set up.
_SESSION = ("SET ", "SELECT pg_catalog.set_config(", "\\restrict", "\\unrestrict")
_END_OF_ROWS = b"\\.\n"
_CHUNK_BYTES = 1 << 16


def schemas(cursor: Any) -> list[str]:
    """The schemas of the models, of SQLMesh's state and of what is loaded, those of environments too."""
    cursor.execute("SELECT nspname FROM pg_namespace ORDER BY nspname")
    return [name for (name,) in cursor.fetchall() if name.removeprefix("sqlmesh__").split("__")[0] in SCHEMAS]


def drop_schemas(cursor: Any) -> None:
    """Drop them, with all that is in them."""
    for name in schemas(cursor):
        cursor.execute(f'DROP SCHEMA "{name}" CASCADE')


def dump(connection: Any, file: Path) -> None:
    """Write the schemas, as the transaction of a connection sees them, as a script of SQL.

    Raises:
        SettingsError: there is no pg_dump.
        WarehouseError: there is no warehouse, or pg_dump fails.
    """
    program = shutil.which("pg_dump")
    if not program:
        raise SettingsError("a backup takes pg_dump; install the client programs of PostgreSQL, or add them to PATH")
    with connection.cursor() as cursor:
        if not is_ours(cursor):
            raise WarehouseError(f"there is no warehouse in the {place()} yet; nothing to save")
        cursor.execute("SELECT pg_export_snapshot()")
        (snapshot,) = cursor.fetchone()
        wanted = [f'--schema="{name}"' for name in schemas(cursor)]
    at = parameters()
    variables = {
        "PGHOST": at["host"],
        "PGPORT": at["port"],
        "PGUSER": at["user"],
        "PGPASSWORD": at["password"],
        "PGDATABASE": at["database"],
    }
    done = subprocess.run(
        [
            program,
            "--no-owner",
            "--no-password",
            "--encoding=UTF8",
            f"--snapshot={snapshot}",
            f"--file={file}",
            *wanted,
        ],
        env=os.environ | {name: value for name, value in variables.items() if value},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"]
        raise WarehouseError(f"the {place()} cannot be saved: {lines[-1]}")


def restore(connection: Any, file: Path) -> None:
    """Run what `dump` wrote in the transaction of a connection, in the place of the schemas that are there."""
    with connection.cursor() as cursor:
        drop_schemas(cursor)
        with file.open("rb") as script:
            statement: list[bytes] = []
            for line in script:
                if line.startswith(b"COPY ") and line.endswith(b" FROM stdin;\n"):
                    with uninterrupted_copy():
                        cursor.copy_expert(line.decode(), _Rows(script))
                elif statement or not line.decode().startswith((*_SESSION, "--", "\n")):
                    statement.append(line)
                    if line.endswith(b";\n"):
                        cursor.execute(b"".join(statement))
                        statement = []


def write_anew(connection: Any) -> None:
    """Write anew every table that names users: in the old files of the server deleted rows stand until overwritten."""
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT FORMAT('%I.%I', table_schema, table_name) FROM information_schema.columns "
            "JOIN information_schema.tables USING (table_schema, table_name) "
            "WHERE table_type = 'BASE TABLE' AND column_name IN ('user_id', 'raw_text')"
        )
        for (table,) in cursor.fetchall():
            cursor.execute(f"VACUUM (FULL, ANALYZE) {table}")


class _Rows:
    """The rows of one table, up to the line that ends them, as a file."""

    def __init__(self, script: Any) -> None:
        self.lines: Iterator[bytes] = iter(script.readline, _END_OF_ROWS)

    def read(self, _size: int = -1) -> bytes:
        chunk, size = [], 0
        for line in self.lines:
            chunk.append(line)
            size += len(line)
            if not line or size >= _CHUNK_BYTES:  # a script that was cut short, or enough for one message
                break
        return b"".join(chunk)
