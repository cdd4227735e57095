"""A copy of the project whose files a test may change."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import duckdb
import pytest

from settings import PROJECT_ROOT
from tests.processes import Command


class ProjectCopy:
    """The project's files in a folder of their own, with a warehouse beside them.

    An empty folder gets the files that git knows; a folder that has a project is taken as it is.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.warehouse = folder / "warehouse.duckdb"
        if folder.exists() and any(folder.iterdir()):
            return
        command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
        files = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
        if files.returncode:
            pytest.skip("not a git checkout")
        for name in files.stdout.splitlines():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT_ROOT / name, folder / name)

    def copy(self, folder: Path) -> ProjectCopy:
        """The same project and warehouse, as they are now, in another folder."""
        shutil.copytree(self.folder, folder, ignore=shutil.ignore_patterns(".next", ".previous"))
        return ProjectCopy(folder)

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace the one place where a file says `old`."""
        path = self.folder / name
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, (name, old)
        path.write_text(text.replace(old, new), encoding="utf-8")

    def run(self, *words: str, **environment: str) -> str:
        """Run `cli.py …` or `sqlmesh …`, which must succeed, and give what it printed."""
        command = Command(self.folder, *words, **environment)
        output = command.output()
        assert command.wait() == 0, output
        return output

    def cli(self, *arguments: str, **environment: str) -> str:
        return self.run("cli.py", *arguments, **environment)

    def plan(self, *arguments: str, **environment: str) -> str:
        return self.run("sqlmesh", "plan", *arguments, "--auto-apply", "--no-prompts", "--skip-tests", **environment)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            return connection.execute(sql).fetchall()
