"""The answer read from a warehouse file, without ever writing to it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import duckdb
import ibis

from analysis.answer import answer
from errors import SettingsError, WarehouseError
from ingest.warehouse import connect
from settings import Settings


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


def answer_from_warehouse(settings: Settings, environment: str, as_of: str | None) -> dict[str, Any]:
    """The answer document of one environment of the warehouse.

    Raises:
        SettingsError: `as_of` is no time.
        WarehouseError: there is no warehouse, it is locked, or the environment was never built.
    """
    moment = parse_as_of(as_of)
    with connect(settings.warehouse, read_only=True) as connection:
        built = [
            schema.removeprefix("marts").removeprefix("__") or "prod"
            for (schema,) in connection.execute(
                "SELECT DISTINCT table_schema FROM information_schema.tables "
                "WHERE table_name = 'fct_sessions' AND table_schema LIKE 'marts%'"
            ).fetchall()
        ]
        if environment not in built:
            there = f"; there is {', '.join(sorted(built))}" if built else ""
            raise WarehouseError(
                f"the environment {environment} is not in {settings.warehouse}{there}; "
                f"run: python cli.py refresh --env {environment}"
            )
        try:
            return answer(ibis.duckdb.from_connection(connection), settings, environment, moment)
        except duckdb.Error as error:
            raise WarehouseError(
                f"the warehouse {settings.warehouse} cannot answer (a file keeps the name it was built under): "
                f"{str(error).splitlines()[0]}"
            ) from None
