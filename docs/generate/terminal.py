"""What a command shows where somebody sits before it."""

from __future__ import annotations

import os
import pty
import subprocess

from errors import ReportError


def shown_on_a_terminal(command: list[str], stream: str = "stdout", **variables: str) -> str:
    """What a command writes to stdout, or to stderr, when that is a terminal.

    Args:
        variables: of the environment, beside those of this process.

    Raises:
        ReportError: the command failed.
    """
    master, slave = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    process = subprocess.Popen(
        command,
        **{"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL} | {stream: slave},
        env=environment | {"TERM": "xterm"} | variables,
    )
    os.close(slave)
    shown = b""
    while True:
        try:
            shown += os.read(master, 65536)
        except OSError:  # Linux ends a terminal that nobody writes to any more with an error
            break
    os.close(master)
    text = shown.decode().replace("\r\n", "\n")
    if process.wait():
        raise ReportError(f"{' '.join(command)} failed: {text}")
    return text
