"""Who may write: a refresh alone, or SQLMesh's own commands by any number of connections."""

from __future__ import annotations

from typing import Any

from engines.postgres.connection import place
from engines.protocol import Say
from engines.waiting import wait_for_writer

# The advisory lock that writers of one database share.
LOCK = 0x6D656E746F72


def lock_for_refresh(cursor: Any, wait_seconds: float, say: Say) -> None:
    """Keep every other writer out until the transaction ends.

    Args:
        say: called once when it waits.

    Raises:
        WarehouseError: somebody else still writes after `wait_seconds`.
    """
    _acquire(cursor, f"pg_try_advisory_xact_lock({LOCK})", wait_seconds, say)


def lock_for_sqlmesh(cursor: Any, wait_seconds: float, say: Say) -> None:
    """Keep every refresh out for as long as this session lasts; as `lock_for_refresh`."""
    _acquire(cursor, f"pg_try_advisory_lock_shared({LOCK})", wait_seconds, say)


def _acquire(cursor: Any, attempt: str, wait_seconds: float, say: Say) -> None:
    # The server takes the lock back from who dies.

    def holder() -> str | None:
        cursor.execute(f"SELECT {attempt}")
        if cursor.fetchone() == (True,):
            return None
        cursor.execute(
            "SELECT usename, backend_start AT TIME ZONE 'UTC' FROM pg_stat_activity JOIN pg_locks USING (pid) "
            "WHERE locktype = 'advisory' AND granted AND datname = current_database() "
            f"AND (classid::BIGINT << 32) | objid::BIGINT = {LOCK}"
        )
        holders = cursor.fetchall()
        who = f"a session of {holders[0][0]} since {holders[0][1]:%Y-%m-%d %H:%M:%S} UTC" if holders else "somebody"
        return f"{who} is writing the {place()}"

    wait_for_writer(holder, wait_seconds, say)
