"""SQLMesh at work by the one connection of a refresh, its state with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from settings import PROJECT_ROOT

if TYPE_CHECKING:
    from sqlmesh import Context
    from sqlmesh.core.config import Config


class SharingConnection(Protocol):
    """SQLMesh's configuration of a connection, which can be told to open none."""

    def share(self, adapter: Any) -> None:
        """Have SQLMesh work by an adapter that is open."""


def context_by(adapter: Any, config: Config, gateway: str) -> Context:
    """A context of SQLMesh whose models and state go by an adapter that is open.

    Args:
        config: its connection of `gateway` is a `SharingConnection`.
    """
    from sqlmesh import Context
    from sqlmesh.core.console import get_console
    from sqlmesh.core.state_sync import EngineAdapterStateSync

    cast(SharingConnection, config.get_connection(gateway)).share(adapter)
    state_sync = EngineAdapterStateSync(
        adapter,
        schema=config.get_state_schema(gateway),
        console=get_console(),
        cache_dir=Path(str(config.cache_dir)),
    )
    return Context(paths=[str(PROJECT_ROOT)], config=config, state_sync=state_sync, concurrent_tasks=1)
