"""The wheel brings a command that works from any folder and leaves its own files alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from settings import PROJECT_ROOT, project_version


def run(*words: str | Path, folder: Path, **environment: str) -> str:
    """What a command printed, which must succeed."""
    everything = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    done = subprocess.run(words, cwd=folder, env=os.environ | environment, check=False, **everything)
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def prefix(tmp_path_factory) -> Path:
    """A virtual environment in which the wheel is installed, with the dependencies of this one."""
    folder = tmp_path_factory.mktemp("installed")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
    built = ("--no-build-isolation", "--no-deps", "--no-index", "--wheel-dir", folder)
    run(*pip, "wheel", *built, PROJECT_ROOT, folder=folder)
    (wheel,) = folder.glob("*.whl")
    prefix = folder / "venv"
    venv.create(prefix)
    python = prefix / "bin" / "python"
    run(*pip, "--python", python, "install", "--no-deps", "--no-index", wheel, folder=folder)
    (site_packages,) = prefix.glob("lib/python*/site-packages")
    ours = {path.name for path in site_packages.iterdir() if not path.name.endswith((".dist-info", "__pycache__"))}
    assert ours == {"mentor_analytics.py"}
    dependencies = [path for path in sys.path if Path(path).name == "site-packages"]
    (site_packages / "dependencies.pth").write_text("\n".join(dependencies), encoding="utf-8")
    return prefix


def test_an_installed_copy_refreshes_and_answers_in_an_empty_folder(prefix, tmp_path, monkeypatch):
    for name in ("MENTOR_LOGS", "SQLMESH_DOTENV_PATH"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    command = prefix / "bin" / "mentor-analytics"
    before = {path for path in prefix.rglob("*") if "__pycache__" not in path.parts}
    assert run(command, "--version", folder=tmp_path) == f"mentor-analytics, version {project_version()}\n"
    run(command, "refresh", folder=tmp_path)
    assert {path.name for path in tmp_path.iterdir()} >= {"warehouse.duckdb", "logs", ".cache"}
    document = json.loads(run(command, "answer", "--format", "json", folder=tmp_path))
    assert [tier["users"] for tier in document["rebooking"]["sessions"]["tiers"]] == [42, 57, 33]
    run(command, "status", folder=tmp_path)
    assert {path for path in prefix.rglob("*") if "__pycache__" not in path.parts} == before

    # For SQLMesh they are the models of the checkout, down to the code that they carry.
    checkout = [sys.executable, "cli.py", "--warehouse", tmp_path / "warehouse.duckdb", "transform"]
    logs = {"MENTOR_LOGS": str(tmp_path / "logs")}
    assert "other versions" not in run(*checkout, folder=PROJECT_ROOT, **logs)


def test_settings_of_the_folder_come_before_those_of_the_copy(prefix, tmp_path):
    (tmp_path / "settings.toml").write_text("confidence_level = 2\n", encoding="utf-8")
    command = [prefix / "bin" / "mentor-analytics", "answer"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: wrong setting: confidence_level = 2")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_command_completes_itself(prefix, tmp_path, shell):
    command = prefix / "bin" / "mentor-analytics"
    script = run(command, folder=tmp_path, _MENTOR_ANALYTICS_COMPLETE=f"{shell}_source")
    assert "_MENTOR_ANALYTICS_COMPLETE=" in script
