"""Warehouses that SQLMesh alone builds."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.bare_sqlmesh import Warehouse, came_back
from tests.conftest import built_once


@pytest.fixture
def bare(tmp_path: Path) -> Warehouse:
    """One in which nothing is yet."""
    return Warehouse(tmp_path)


@pytest.fixture(scope="session")
def planned_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `planned`."""

    def build(folder: Path) -> None:
        warehouse = Warehouse(folder)
        warehouse.ingest(came_back(range(1, 3)))
        warehouse.plan()

    return built_once(tmp_path_factory, "planned", build)


@pytest.fixture
def planned(planned_folder: Path, tmp_path: Path) -> Warehouse:
    """One in which two users came back to M-1, planned; a test may change it."""
    return Warehouse(shutil.copytree(planned_folder, tmp_path / "planned"))
