"""Who may import whom: the rules of docs/architecture.md."""

from __future__ import annotations

import ast
import subprocess
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from settings import PROJECT_ROOT

# Each room of the house, and the rooms that it may use.
MAY_USE = {
    "errors": set(),
    "settings": {"errors"},
    "analysis.statistics": set(),
    "analysis.metrics": set(),
    "analysis.answer": {"analysis.metrics", "analysis.statistics", "settings"},
    "engines": {"errors", "settings"},
    "warehouse": {"analysis.answer", "analysis.metrics", "engines", "errors", "settings"},
    "ingest": {"engines", "errors", "settings", "warehouse"},
    "alerts": {"errors", "settings"},
    "config": {"alerts", "analysis.metrics", "engines", "settings"},
    "pipeline": {"analysis.metrics", "config", "engines", "errors", "ingest", "settings", "warehouse"},
    "presentation": {"engines", "errors", "settings", "warehouse"},
    "app": {
        "analysis.answer",
        "analysis.statistics",
        "engines",
        "errors",
        "pipeline",
        "presentation",
        "settings",
        "warehouse",
    },
    "simulation": {"ingest"},
    "docs.generate": {"analysis.answer", "analysis.metrics", "config", "errors", "ingest", "settings"},
    "benchmarks": {"analysis.statistics", "engines", "settings", "simulation", "warehouse"},
    "cli": {
        *("alerts", "analysis.answer", "analysis.metrics", "app", "docs.generate", "engines", "errors", "ingest"),
        *("pipeline", "presentation", "settings", "simulation", "warehouse"),
    },
}
# Folders that belong to a room of another name.
LIVES_IN = {"commands": "cli"}
# Libraries that a room must not import.
MUST_NOT = {
    "analysis.statistics": {"ibis", "duckdb", "sqlmesh"},
    "analysis.metrics": {"duckdb", "sqlmesh"},
    "analysis.answer": {"duckdb", "sqlmesh"},
    "presentation": {"ibis", "sqlmesh", "app"},
}


def room_of(module: str) -> str | None:
    """The room of a module of ours; None: it is a library, or a folder that SQLMesh or pytest reads."""
    module = LIVES_IN.get(module.split(".")[0], module)
    return next((room for room in MAY_USE if module == room or module.startswith(f"{room}.")), None)


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            # `from analysis import metrics` names a room by its parent.
            found |= {node.module} if room_of(node.module) else {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.fixture(scope="module")
def uses() -> dict[str, set[str]]:
    """What each room imports, modules of ours and libraries alike."""
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    found: dict[str, set[str]] = {}
    for name in listed.stdout.splitlines():
        room = room_of(name.removesuffix(".py").removesuffix("/__init__").replace("/", "."))
        if room and (PROJECT_ROOT / name).exists():
            found.setdefault(room, set()).update(imported(PROJECT_ROOT / name))
    return found


def test_every_room_uses_what_it_may_and_no_other(uses):
    used = {room: {room_of(module) for module in modules} - {None, room} for room, modules in uses.items()}
    assert used == MAY_USE


def test_no_room_leads_back_to_itself():
    assert set(TopologicalSorter(MAY_USE).static_order()) == set(MAY_USE)
    assert not any("cli" in rooms for rooms in MAY_USE.values())


@pytest.mark.parametrize("room", MUST_NOT)
def test_a_room_knows_no_engine_that_is_not_its_business(uses, room):
    assert not {module.split(".")[0] for module in uses[room]} & MUST_NOT[room]


def test_the_page_names_every_room():
    page = (PROJECT_ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    for room in MAY_USE:
        name = f"{room.replace('.', '/')}{'.py' if (PROJECT_ROOT / f'{room}.py').is_file() else '/'}"
        assert f"`{name}`" in page, name
