"""What is shown while a command works, on a real terminal and off it."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

from settings import PROJECT_ROOT


def shown_on_a_terminal(command: list[str]) -> str:
    """What a command writes to stderr when that is a terminal."""
    master, slave = pty.openpty()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=slave, env=os.environ | {"TERM": "xterm"})
    os.close(slave)
    shown = b""
    while True:
        try:
            shown += os.read(master, 65536)
        except OSError:  # Linux ends a terminal that nobody writes to any more with an error
            break
    os.close(master)
    assert process.wait() == 0, shown
    return shown.decode()


def test_progress_is_shown_on_a_terminal_and_nowhere_else(warehouse):
    command = [sys.executable, str(PROJECT_ROOT / "cli.py"), "--warehouse", str(warehouse), "refresh"]
    shown = shown_on_a_terminal(command)
    for step in ("reading the models", "evaluating reports.rpt_reliability_by_tier", "prod is up to date"):
        assert step in shown
    reset = [*command[:-1], "reset", "--yes"]
    subprocess.run(reset, check=True, capture_output=True)
    piped = subprocess.run(command, check=True, capture_output=True, text=True)
    assert (piped.stdout, piped.stderr.count("\n")) == ("", 4)
    assert "\x1b" not in piped.stderr
