"""The commands that the pages start: one at a time, each a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime
from typing import IO

import streamlit as st

from errors import MentorAnalyticsError
from settings import PROJECT_ROOT, WORK_FOLDER


class Job:
    """One run of `cli.py`.

    It goes on when the page, or the whole application, is closed: a run ends whole or changes nothing.
    """

    def __init__(self, command: tuple[str, ...], output: IO[bytes]) -> None:
        self.command = command
        self.started_at = datetime.now(UTC)
        self._started = time.monotonic()
        self._seconds: float | None = None
        self._output = output
        self._process = subprocess.Popen(
            [sys.executable, str(PROJECT_ROOT / "cli.py"), "--progress", "plain", *command],
            cwd=WORK_FOLDER,
            # Who waits for another writer holds the page's one place; better told at once.
            env=os.environ | {"MENTOR_LOCK_WAIT_SECONDS": "0"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._watch = threading.Thread(target=self._wait, daemon=True)
        self._watch.start()

    def wait(self, timeout: float) -> None:
        """Wait for its end, `timeout` seconds at most."""
        self._watch.join(timeout)

    def _wait(self) -> None:
        self._process.wait()
        self._seconds = time.monotonic() - self._started

    @property
    def name(self) -> str:
        """The command without its options."""
        return self.command[0]

    @property
    def is_running(self) -> bool:
        return self._seconds is None

    @property
    def succeeded(self) -> bool:
        return self._process.returncode == 0

    @property
    def seconds(self) -> float:
        """How long it took, or takes so far."""
        return time.monotonic() - self._started if self._seconds is None else self._seconds

    def log(self) -> str:
        """What it printed so far."""
        size = os.fstat(self._output.fileno()).st_size
        return os.pread(self._output.fileno(), size, 0).decode(errors="replace").rstrip()


class Jobs:
    """The latest job of the server; every visitor sees the same one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.latest: Job | None = None

    def start(self, *command: str) -> Job:
        """Start `cli.py` with `command`.

        Raises:
            MentorAnalyticsError: one is running already.
        """
        with self._lock:
            if self.latest and self.latest.is_running:
                raise MentorAnalyticsError(
                    f"{self.latest.name} is running since {self.latest.started_at:%H:%M:%S} UTC; "
                    f"start {command[0]} when it is done"
                )
            self.latest = Job(command, tempfile.TemporaryFile())  # noqa: SIM115
            return self.latest


@st.cache_resource
def jobs() -> Jobs:
    """The jobs of this server."""
    return Jobs()
