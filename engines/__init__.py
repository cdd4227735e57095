"""Where the warehouse lives: a class an engine, all of one protocol; no other room knows an engine's name."""

from __future__ import annotations

import sys

from engines.protocol import Engine
from errors import SettingsError
from settings import Settings

# The gateways to which a warehouse of another one can be copied.
COPY_TARGETS = ("duckdb", "postgres")


def engine_of(settings: Settings) -> Engine:
    """The engine that the setting `gateway` names; what it needs is imported now, and of no other engine.

    Raises:
        SettingsError: this is Windows, whose files cannot be replaced while somebody reads them.
    """
    if sys.platform == "win32":
        raise SettingsError("mentor-analytics runs on Linux and macOS; on Windows run it in WSL 2")
    if settings.gateway == "postgres":
        from engines.postgres import Postgres

        return Postgres()
    if settings.gateway == "spark":
        from engines.spark import Spark

        return Spark()
    if settings.gateway == "snowflake":
        from engines.snowflake import Snowflake

        return Snowflake()
    from engines.duckdb import DuckDB

    return DuckDB()
