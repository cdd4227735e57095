"""What the pages read: the published state, kept until another one is published."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl
import streamlit as st

from engines import engine_of
from engines.protocol import Version
from errors import WarehouseError
from settings import COMMAND, Settings
from warehouse import answers, loads

# An answer says how old the data are: it is read again also where nothing new is published.
KEPT_FOR = timedelta(minutes=10)


def state(settings: Settings) -> Version:
    """Which state is published.

    Raises:
        WarehouseError: there is no warehouse yet, or it cannot be reached.
    """
    engine = engine_of(settings)
    published = engine.version(settings)
    if published is None:
        raise WarehouseError(
            f"there is no warehouse at {engine.place(settings)} yet: refresh on the page Pipeline, "
            f"or run: {COMMAND} refresh"
        )
    return published


def answer(
    settings: Settings, environment: str, as_of: str | None, full: bool = False, asked: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The answer document of an environment as of a moment, with every section if `full`.

    Args:
        settings, as_of, asked: as `warehouse.answers.answer_from_warehouse`.

    Raises:
        SettingsError, WarehouseError: as `warehouse.answers.answer_from_warehouse`.
    """
    return _answer(state(settings), settings.model_dump_json(), settings, environment, as_of, full, asked)


def settings_as_built(settings: Settings, environment: str) -> Settings:
    """The settings, with those that an environment was built with in their place.

    Raises:
        WarehouseError: as `warehouse.answers.settings_as_built`.
    """
    return _settings_as_built(state(settings), settings.model_dump_json(), settings, environment)


def environments(settings: Settings) -> list[str]:
    """The environments that were built, prod first.

    Raises:
        WarehouseError: the warehouse cannot be read.
    """
    return _environments(state(settings), settings)


def rejected_rows(settings: Settings) -> pl.DataFrame:
    """The rejected rows, newest load first, with the columns `warehouse.loads.REJECTED_COLUMNS`.

    Raises:
        WarehouseError: as `warehouse.loads.rejected_rows`.
    """
    return _rejected_rows(state(settings), settings)


@st.cache_data(max_entries=100, ttl=KEPT_FOR, show_spinner="Reading the warehouse")
def _answer(
    published_state: Version,
    parameters: str,
    _settings: Settings,
    environment: str,
    as_of: str | None,
    full: bool,
    asked: tuple[str, ...],
) -> dict[str, Any]:
    return answers.answer_from_warehouse(_settings, environment, as_of, full, asked)


@st.cache_data(max_entries=20, show_spinner=False)
def _settings_as_built(published_state: Version, parameters: str, _settings: Settings, environment: str) -> Settings:
    return answers.settings_as_built(_settings, environment)


@st.cache_data(max_entries=4, show_spinner=False)
def _environments(published_state: Version, _settings: Settings) -> list[str]:
    return answers.environments(_settings)


@st.cache_data(max_entries=1, ttl=KEPT_FOR, show_spinner=False)
def _rejected_rows(published_state: Version, _settings: Settings) -> pl.DataFrame:
    numbers = ("load_id", "position", "became_in_load")
    columns = {name: pl.Int64 if name in numbers else pl.String for name in loads.REJECTED_COLUMNS}
    rows = loads.rejected_rows(_settings)
    return pl.DataFrame(rows, schema=columns, orient="row").sort(
        "load_id", "file", "position", descending=[True, False, False]
    )
