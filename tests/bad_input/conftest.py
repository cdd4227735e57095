"""The good data that bad input is held against."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import MENTORS_CSV, USERS_CSV, event, ingest


def write_good(folder: Path) -> Path:
    folder.mkdir()
    (folder / "users_db_export.csv").write_text(USERS_CSV)
    (folder / "mentor_tiers.csv").write_text(MENTORS_CSV)
    (folder / "booking_events.json").write_text(json.dumps([event("e1")]))
    return folder


@pytest.fixture(scope="session")
def good_warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse that knows the good folder."""
    place = tmp_path_factory.mktemp("good")
    ingest(place / "warehouse.duckdb", write_good(place / "data"))
    return place / "warehouse.duckdb"
