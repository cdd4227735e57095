"""SQLMesh's connection to PostgreSQL, which it makes as all others are made, or shares with a refresh."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import PrivateAttr
from sqlmesh.core.config import PostgresConnectionConfig
from sqlmesh.core.engine_adapter.base import EngineAdapter

from engines.postgres.connection import connect, libraries, parameters


class SharedConnection(PostgresConnectionConfig):
    """SQLMesh's own configuration of a connection, but for how one is opened."""

    _adapter: EngineAdapter | None = PrivateAttr(None)

    @property
    def _connection_factory(self) -> Callable[..., Any]:
        psycopg2, _ = libraries()
        return lambda **_: connect(psycopg2)

    def share(self, adapter: EngineAdapter) -> None:
        """Have SQLMesh work by an adapter that is open, within the transaction that this has begun."""
        self._adapter = adapter

    def create_engine_adapter(
        self, register_comments_override: bool = False, concurrent_tasks: int | None = None
    ) -> EngineAdapter:
        return self._adapter or super().create_engine_adapter(register_comments_override, concurrent_tasks)


def connection_config() -> SharedConnection:
    """A connection to the database that the PG… variables name."""
    at = parameters()
    return SharedConnection(
        **at | {"port": int(at["port"])}  # type: ignore[arg-type]
    )
