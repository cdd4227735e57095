"""What the pages read: the published state, kept until another one is published."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import streamlit as st

from analysis import published
from errors import WarehouseError
from ingest import load
from ingest.warehouse import connect
from settings import Settings

State = tuple[str, int, int, int]


def state(warehouse: Path) -> State:
    """What tells one published state from another: the file with its time, inode and size.

    Raises:
        WarehouseError: there is no warehouse yet.
    """
    try:
        file = warehouse.stat()
    except FileNotFoundError:
        raise WarehouseError(
            f"there is no warehouse at {warehouse} yet: refresh on the page Pipeline, or run: python cli.py refresh"
        ) from None
    return str(warehouse), file.st_mtime_ns, file.st_ino, file.st_size


def answer(settings: Settings, environment: str) -> dict[str, Any]:
    """The answer document of an environment.

    Raises:
        WarehouseError: as `analysis.published.answer_from_warehouse`.
    """
    return _answer(state(settings.warehouse), settings.model_dump_json(), settings, environment)


def environments(settings: Settings) -> list[str]:
    """The environments that were built, prod first.

    Raises:
        WarehouseError: the warehouse cannot be read.
    """
    return _environments(state(settings.warehouse), settings)


def rejected_rows(settings: Settings) -> pl.DataFrame:
    """The rejected rows, newest load first: load_id, file, position, reason, raw_text.

    Raises:
        WarehouseError: as `ingest.load.rejected_rows`.
    """
    return _rejected_rows(state(settings.warehouse), settings)


def loads(settings: Settings) -> list[dict[str, Any]]:
    """What was loaded together, newest first, as records of runs: `run_id, command, outcome, started_at, files`.

    Raises:
        WarehouseError: there is no warehouse, or it cannot be read.
    """
    return _loads(state(settings.warehouse), settings)


@st.cache_data(max_entries=100, show_spinner="Reading the warehouse")
def _answer(published_state: State, parameters: str, _settings: Settings, environment: str) -> dict[str, Any]:
    return published.answer_from_warehouse(_settings, environment, None)


@st.cache_data(max_entries=4, show_spinner=False)
def _environments(published_state: State, _settings: Settings) -> list[str]:
    return published.environments(_settings.warehouse)


@st.cache_data(max_entries=4, show_spinner=False)
def _rejected_rows(published_state: State, _settings: Settings) -> pl.DataFrame:
    columns = {"load_id": pl.Int64, "file": pl.String, "position": pl.Int64, "reason": pl.String, "raw_text": pl.String}
    rows = load.rejected_rows(_settings.warehouse)
    return pl.DataFrame(rows, schema=columns, orient="row").sort(
        "load_id", "file", "position", descending=[True, False, False]
    )


@st.cache_data(max_entries=4, show_spinner=False)
def _loads(published_state: State, _settings: Settings) -> list[dict[str, Any]]:
    with connect(_settings.warehouse, read_only=True) as connection:
        rows = connection.sql("SELECT * FROM raw.loads ORDER BY load_id DESC").pl()
    return [
        {
            "run_id": str(files["load_id"].min()),
            "command": "ingest",
            "outcome": "done",
            "started_at": f"{moment:%Y-%m-%dT%H:%M:%S}+00:00",
            "files": files.drop("load_id", "source", "loaded_at").to_dicts(),
        }
        for (moment,), files in rows.group_by("loaded_at", maintain_order=True)
    ]
