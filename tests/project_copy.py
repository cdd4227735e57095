"""A copy of the project whose files a test may change."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from settings import PROJECT_ROOT

BIN = Path(sys.executable).parent


class ProjectCopy:
    """The project's files in a folder of their own, with a warehouse beside them."""

    def __init__(self, folder: Path) -> None:
        command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
        files = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
        if files.returncode:
            pytest.skip("not a git checkout")
        for name in files.stdout.splitlines():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT_ROOT / name, folder / name)
        self.folder = folder
        self.warehouse = folder / "warehouse.duckdb"

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace the one place where a file says `old`."""
        path = self.folder / name
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, (name, old)
        path.write_text(text.replace(old, new), encoding="utf-8")

    def run(self, *command: str, **environment: str) -> str:
        """Run a command that must succeed, and give what it printed."""
        done = subprocess.run(
            command, cwd=self.folder, env=os.environ | environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def cli(self, *arguments: str, **environment: str) -> str:
        return self.run(sys.executable, "cli.py", *arguments, **environment)

    def plan(self, *arguments: str, **environment: str) -> str:
        return self.run(
            str(BIN / "sqlmesh"), "plan", *arguments, "--auto-apply", "--no-prompts", "--skip-tests", **environment
        )

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            return connection.execute(sql).fetchall()
