"""What ran: the run log where there is one, else the loads that the warehouse remembers."""

from __future__ import annotations

from typing import Any

from app import published
from settings import Settings

Record = dict[str, Any]
SHOWN_RUNS = 500


def latest_runs(settings: Settings) -> tuple[list[Record], int]:
    """The latest runs, newest first, and how many damaged lines stood among them in the log.

    Raises:
        WarehouseError: there is neither a run log nor a warehouse.
    """
    try:
        from pipeline.run_log import read_runs
    except ModuleNotFoundError:
        return published.loads(settings), 0
    return read_runs(settings.logs, SHOWN_RUNS)
