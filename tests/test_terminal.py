"""What is shown on a real terminal and off it, while a command works and as its result."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys

import pytest

from docs.generate.terminal import shown_on_a_terminal
from settings import PROJECT_ROOT

CLI = [sys.executable, str(PROJECT_ROOT / "cli.py")]


def test_progress_is_shown_on_a_terminal_and_nowhere_else(warehouse):
    command = [*CLI, "--warehouse", str(warehouse), "refresh"]
    shown = shown_on_a_terminal(command, "stderr")
    for step in ("reading the models", "evaluating reports.rpt_reliability_by_tier", "prod is up to date"):
        assert step in shown
    reset = [*command[:-1], "reset", "--yes"]
    subprocess.run(reset, check=True, capture_output=True)
    piped = subprocess.run(command, check=True, capture_output=True, text=True)
    assert (piped.stdout, piped.stderr.count("\n")) == ("", 4)
    assert "\x1b" not in piped.stderr


@pytest.mark.parametrize(
    ("variables", "coloured"), [({"NO_COLOR": ""}, True), ({"NO_COLOR": "1"}, False)], ids=["empty", "set"]
)
def test_the_answer_is_coloured_on_a_terminal_unless_told_otherwise(hostile_warehouse, variables, coloured):
    shown = shown_on_a_terminal([*CLI, "--warehouse", str(hostile_warehouse), "answer"], **variables)
    assert "Gold" in shown
    assert ("\x1b" in shown) is coloured


def test_the_answer_is_plain_in_a_pipe_that_may_close_early(hostile_warehouse):
    command = f"{shlex.join([*CLI, '--warehouse', str(hostile_warehouse), 'answer'])} | head -1"
    piped = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert piped.stderr == ""
    assert piped.stdout.startswith("Yes: ")
    assert "\x1b" not in piped.stdout


def test_a_reader_who_is_gone_is_no_reason_for_a_traceback(hostile_warehouse):
    read, write = os.pipe()
    os.close(read)
    command = [*CLI, "--warehouse", str(hostile_warehouse), "answer", "--format", "json"]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert (done.returncode, done.stderr) == (1, "")
