"""Opening the warehouse file, with failures told in one line."""

from __future__ import annotations

import glob
import os
import re
import shutil
import socket
from pathlib import Path
from typing import Any

import duckdb

from engines.processes import is_alive
from errors import SettingsError, WarehouseError
from settings import COMMAND, Settings, load_settings


def engine_options(settings: Settings, database: Path, read_only: bool = False) -> dict[str, Any]:
    """DuckDB's options for a connection: the limits, no downloads, and a folder of its own for what it spills.

    DuckDB's own choice is one folder a database: processes that spill at once read each other's blocks.

    Raises:
        SettingsError: the temp_directory cannot be made.
    """
    folder = settings.temp_directory or database.parent
    if settings.temp_directory:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsError(f"the temp_directory {folder} cannot be made: {error.strerror or error}") from None
    name = f"{_spill_of_this_host(database)}{os.getpid()}{'-reading' if read_only else ''}"
    return settings.engine_options() | {
        "autoinstall_known_extensions": "false",
        "temp_directory": str(folder / name),
    }


def _spill_of_this_host(database: Path) -> str:
    return f"{database.name}.tmp-{socket.gethostname()}-"


def remove_abandoned_spill(database: Path) -> None:
    """Delete what processes of this host that are gone have spilled."""
    for folder in {database.parent, load_settings().temp_directory or database.parent}:
        start = _spill_of_this_host(database)
        for spill in folder.glob(f"{glob.escape(start)}*"):
            process = spill.name.removeprefix(start).removesuffix("-reading")
            if process.isdigit() and not is_alive(int(process)):
                shutil.rmtree(spill, ignore_errors=True)


def connect(warehouse: Path, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    """A connection to the warehouse, its time zone UTC, within the limits of the settings.

    A reader can neither change the warehouse nor touch another file.

    Raises:
        SettingsError: a setting has a value that is not allowed.
        WarehouseError: there is none to read, another process holds it, or it is no DuckDB file.
    """
    if read_only and not warehouse.exists():
        raise WarehouseError(f"there is no warehouse at {warehouse} yet; run: {COMMAND} refresh")
    if not read_only:
        warehouse.parent.mkdir(parents=True, exist_ok=True)
    options = engine_options(load_settings(), warehouse, read_only)
    try:
        connection = duckdb.connect(str(warehouse), read_only=read_only, config=options)
    except duckdb.Error as error:
        raise WarehouseError(_explain(warehouse, str(error))) from None
    connection.execute("SET TimeZone = 'UTC'")
    if read_only:
        connection.execute("SET enable_external_access = false")
    return connection


def one_row(connection: duckdb.DuckDBPyConnection, query: str, parameters: list[Any] | None = None) -> tuple[Any, ...]:
    """The row of a query that always gives one, such as a count."""
    row = connection.execute(query, parameters).fetchone()
    assert row is not None
    return row


def without_nul(connection: duckdb.DuckDBPyConnection, query: str) -> str:
    """A query of the same rows with U+FFFD for the character NUL, which text of other engines cannot hold."""
    described = connection.execute(f"DESCRIBE {query}").fetchall()
    texts = [name for name, kind, *_ in described if kind == "VARCHAR"]
    shown = ", ".join(f"REPLACE({name}, CHR(0), '\ufffd') AS {name}" for name in texts)
    return f"SELECT * REPLACE ({shown}) FROM ({query})" if shown else query


def one_line(error: duckdb.Error) -> str:
    """What DuckDB says, without the kind of its error and its advice to programmers."""
    return re.sub(r"^[\w ]+ Error: ", "", str(error).strip().split("\n")[0]).strip()


def writing_failure(warehouse: Path, error: duckdb.Error) -> WarehouseError:
    """What to tell of a failure while the warehouse was written: a full disk, too little memory."""
    if isinstance(error, duckdb.OutOfMemoryException):
        return WarehouseError(f"this takes more memory than memory_limit allows: {one_line(error)}")
    return WarehouseError(f"the warehouse {warehouse} cannot be written: {one_line(error)}")


def _explain(warehouse: Path, message: str) -> str:
    if "lock" in message.lower():
        holder = re.search(r"PID (\d+)", message)
        who = f"process {holder.group(1)}" if holder else "another process"
        return f"the warehouse {warehouse} is in use by {who}; wait until it is done, or end it"
    if "not a valid DuckDB database" in message:
        return f"{warehouse} is not a DuckDB file; name another with --warehouse"
    return f"the warehouse {warehouse} cannot be opened: {' '.join(message.split())}"
