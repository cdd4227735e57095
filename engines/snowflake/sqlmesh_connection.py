"""SQLMesh's connection to Snowflake, which it makes as all others are made, or shares with a refresh."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import closing
from typing import Any

from pydantic import PrivateAttr, ValidationError
from sqlmesh.core.config import SnowflakeConnectionConfig
from sqlmesh.core.engine_adapter.base import EngineAdapter
from sqlmesh.core.engine_adapter.shared import CatalogSupport
from sqlmesh.core.engine_adapter.snowflake import SnowflakeEngineAdapter
from sqlmesh.utils.errors import ConfigError

from engines.snowflake.connection import connect, library, parameters, place, told
from engines.snowflake.databases import find, wait_for_writer
from errors import SettingsError, WarehouseError
from settings import COMMAND


class WithinOneDatabase(SnowflakeEngineAdapter):
    """SQLMesh's own adapter, but for names: none says its database, so that a clone of it leads to itself.

    And they stay as they are: Snowflake's own rule would put the name of an environment in capitals.
    """

    DIALECT = "snowflake, normalization_strategy = case_sensitive"

    @property
    def catalog_support(self) -> CatalogSupport:
        return CatalogSupport.UNSUPPORTED


class SharedConnection(SnowflakeConnectionConfig):
    """SQLMesh's own configuration of a connection, but for how one is opened.

    A connection that SQLMesh opens for a command of its own waits for a refresh to end.
    """

    _wait_seconds: float | None = PrivateAttr(None)
    _adapter: EngineAdapter | None = PrivateAttr(None)

    @property
    def _engine_adapter(self) -> type[EngineAdapter]:
        return WithinOneDatabase

    @property
    def _connection_factory(self) -> Callable[..., Any]:
        def opened(**_: Any) -> Any:
            name = parameters()["database"]
            connection = connect(name, autocommit=False)
            if self._wait_seconds is not None:
                with told("written"), closing(connection.cursor()) as cursor:
                    if not find(cursor, name):
                        raise WarehouseError(f"there is no {place()} yet; run: {COMMAND} refresh")
                    wait_for_writer(cursor, name, self._wait_seconds, lambda line: print(line, file=sys.stderr))
            return connection

        return opened

    def wait_for_each(self, wait_seconds: float) -> None:
        """Have each connection wait for a refresh to end."""
        self._wait_seconds = wait_seconds

    def share(self, adapter: EngineAdapter) -> None:
        """Have SQLMesh work by an adapter that is open, in the database that is its current one."""
        self._adapter = adapter

    def create_engine_adapter(
        self, register_comments_override: bool = False, concurrent_tasks: int | None = None
    ) -> EngineAdapter:
        return self._adapter or super().create_engine_adapter(register_comments_override, concurrent_tasks)


def connection_config() -> SharedConnection:
    """A connection to the database that the SNOWFLAKE_… variables name.

    Raises:
        SettingsError: SQLMesh does not take them.
    """
    library()
    at: dict[str, Any] = parameters()
    names = {
        "private_key_file": "private_key_path",  # pragma: allowlist secret
        "private_key_file_pwd": "private_key_passphrase",  # pragma: allowlist secret
    }
    try:
        return SharedConnection(**{names.get(name, name): value for name, value in at.items()})
    except ValidationError as error:  # its own text would show the values
        reason = error.errors()[0]["msg"]
    except (ConfigError, ValueError, TypeError, ImportError) as error:
        reason = str(error).splitlines()[0]
    raise SettingsError(f"the SNOWFLAKE_… variables name no connection: {reason}") from None
