"""The checks of a commit can fail, and a release says what changed."""

from __future__ import annotations

import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from engines import engine_of
from errors import SettingsError
from settings import PROJECT_ROOT, load_settings

HOOKS = {
    hook["id"]: hook
    for repository in YAML(typ="safe").load(PROJECT_ROOT / ".pre-commit-config.yaml")["repos"]
    for hook in repository["hooks"]
}
# Put together here, or the checks would find them in this file.
KEY = " ".join(["-----BEGIN", "RSA", "PRIVATE", "KEY-----"])
PASSWORD = " = ".join(["password", '"kR8#vQ2zL9pX"'])


def run(*words: str | Path, folder: Path = PROJECT_ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("hook", "content", "options"),
    [
        ("ruff-check", "import os\n", []),
        ("ruff-format", "x  =  1\n", []),
        ("large-files", "x" * 400_000, ["--enforce-all"]),
        ("private-keys", KEY, []),
        ("secrets", PASSWORD, []),
    ],
)
def test_a_check_of_a_commit_refuses_what_it_is_there_for(tmp_path, hook, content, options):
    run("git", "init", folder=tmp_path)
    file = tmp_path / "changed.py"
    program, *arguments = shlex.split(HOOKS[hook]["entry"])
    command = [Path(sys.executable).parent / Path(program).name, *arguments, *options, file.name]
    file.write_text("x = 1\n", encoding="utf-8")
    assert run(*command, folder=tmp_path).returncode == 0
    file.write_text(content, encoding="utf-8")
    assert run(*command, folder=tmp_path).returncode == 1


@pytest.mark.parametrize(
    ("message", "is_taken"),
    [
        ("feat: a new section", True),
        ("fix(history)!: a mentor who left takes no tier with him\n\nWhy.", True),
        ("Merge branch 'x'", True),
        ("a new section", False),
        ("feature: a new section", False),
        ("a new section\n\nfix: in the body", False),
    ],
)
def test_a_message_says_what_kind_of_change_it_is(tmp_path, message, is_taken):
    file = tmp_path / "message"
    file.write_text(message, encoding="utf-8")
    hook = HOOKS["commit-message"]
    done = run(sys.executable, "-m", "pre_commit.languages.pygrep", *hook["args"], hook["entry"], file)
    assert (done.returncode == 0) == is_taken, done.stdout


def test_the_notes_of_a_release_are_its_section_of_the_changelog(tmp_path):
    (tmp_path / ".ci").mkdir()
    script = tmp_path / ".ci" / "release_notes"
    script.write_text((PROJECT_ROOT / ".ci" / "release_notes").read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "CHANGELOG.md").write_text(
        "# Changelog\n\n## Unreleased\n\n- new\n\n## 1.2.0 (2026-01-02)\n\n- two\n- lines\n\n## 1.2.01\n\n## 1.1\n",
        encoding="utf-8",
    )
    assert run("bash", script, "1.2.0").stdout == "- two\n- lines\n"
    assert run("bash", script, "Unreleased").stdout == "- new\n"
    for version in ("1.2", "1.2.01", "2.0"):
        done = run("bash", script, version)
        assert (done.returncode, done.stdout) == (1, "")
        assert f'"## {version}"' in done.stderr


def test_the_pythons_that_are_tested_are_those_that_are_promised():
    promised = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "requires-python"
    ]
    matrix = YAML(typ="safe").load(PROJECT_ROOT / ".github" / "workflows" / "ci.yml")["jobs"]["test"]["strategy"][
        "matrix"
    ]
    oldest, *_, newest = matrix["python-version"]
    assert promised == f">={oldest}"
    assert f"Python {oldest} to {newest}" in (PROJECT_ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_windows_is_refused_in_one_line(monkeypatch):
    monkeypatch.setattr("engines.sys.platform", "win32")
    with pytest.raises(SettingsError, match="on Windows run it in WSL 2"):
        engine_of(load_settings())
