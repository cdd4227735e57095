"""Opening the warehouse file, with failures told in one line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import duckdb

from errors import WarehouseError
from settings import Settings, load_settings

# Nothing is fetched over the network behind a user's back.
_NO_DOWNLOADS = {"autoinstall_known_extensions": "false"}


def engine_options(settings: Settings) -> dict[str, Any]:
    """DuckDB's options for every connection that writes."""
    return settings.engine_options() | _NO_DOWNLOADS


def connect(warehouse: Path, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    """A connection to the warehouse, its time zone UTC, within the limits of the settings.

    A reader can neither change the warehouse nor touch any other file.

    Raises:
        SettingsError: a setting has a value that is not allowed.
        WarehouseError: there is none to read, another process holds it, or it is no DuckDB file.
    """
    if read_only and not warehouse.exists():
        raise WarehouseError(f"there is no warehouse at {warehouse} yet; run: python cli.py refresh")
    if not read_only:
        warehouse.parent.mkdir(parents=True, exist_ok=True)
    options = engine_options(load_settings())
    if read_only:
        options["enable_external_access"] = "false"
    try:
        connection = duckdb.connect(str(warehouse), read_only=read_only, config=options)
    except duckdb.Error as error:
        raise WarehouseError(_explain(warehouse, str(error))) from None
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def _explain(warehouse: Path, message: str) -> str:
    if "lock" in message.lower():
        holder = re.search(r"PID (\d+)", message)
        who = f"process {holder.group(1)}" if holder else "another process"
        return f"the warehouse {warehouse} is in use by {who}; wait until it is done, or end it"
    if "not a valid DuckDB database" in message:
        return f"{warehouse} is not a DuckDB file; name another with --warehouse"
    return f"the warehouse {warehouse} cannot be opened: {' '.join(message.split())}"
