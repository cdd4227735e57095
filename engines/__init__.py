"""Where the warehouse lives: a class an engine, all of one protocol; no other room knows an engine's name."""

from __future__ import annotations

from engines.protocol import Engine
from settings import Settings


def engine_of(settings: Settings) -> Engine:
    """The engine that the setting `gateway` names; what it needs is imported now, and of no other engine."""
    if settings.gateway == "postgres":
        from engines.postgres import Postgres

        return Postgres()
    if settings.gateway == "spark":
        from engines.spark import Spark

        return Spark()
    from engines.duckdb import DuckDB

    return DuckDB()
