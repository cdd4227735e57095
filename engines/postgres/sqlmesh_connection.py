"""SQLMesh's connection to PostgreSQL, which it makes as all others are made, or shares with a refresh."""

from __future__ import annotations

import sys
from typing import Any

from pydantic import PrivateAttr
from sqlmesh.core.config import PostgresConnectionConfig
from sqlmesh.core.engine_adapter import create_engine_adapter
from sqlmesh.core.engine_adapter.base import EngineAdapter

from engines.postgres.connection import connect, libraries, parameters
from engines.postgres.lock import lock_for_sqlmesh


class SharedConnection(PostgresConnectionConfig):
    """SQLMesh's own configuration of a connection, but for how one is opened.

    A connection that SQLMesh opens for a command of its own keeps every refresh out: they write the same tables.
    """

    _wait_seconds: float | None = PrivateAttr(None)
    _adapter: EngineAdapter | None = PrivateAttr(None)

    def lock_each(self, wait_seconds: float) -> None:
        """Have each connection wait for a refresh to end, and keep the next one out."""
        self._wait_seconds = wait_seconds

    def share(self, adapter: EngineAdapter) -> None:
        """Have SQLMesh work by an adapter that is open, within the transaction that this has begun."""
        self._adapter = adapter

    def create_engine_adapter(
        self, register_comments_override: bool = False, concurrent_tasks: int | None = None
    ) -> EngineAdapter:
        return self._adapter or create_engine_adapter(
            self._open,
            self.DIALECT,
            multithreaded=(concurrent_tasks or self.concurrent_tasks) > 1,
            default_catalog=self.get_catalog(),
            register_comments=register_comments_override or self.register_comments,
            pre_ping=self.pre_ping,
        )

    def _open(self) -> Any:
        psycopg2, _ = libraries()
        connection = connect(psycopg2)
        if self._wait_seconds is not None:
            with connection.cursor() as cursor:
                lock_for_sqlmesh(cursor, self._wait_seconds, lambda line: print(line, file=sys.stderr))
            connection.commit()
        return connection


def connection_config() -> SharedConnection:
    """A connection to the database that the PG… variables name."""
    at = parameters()
    return SharedConnection(**at | {"port": int(at["port"])})  # type: ignore[arg-type]
