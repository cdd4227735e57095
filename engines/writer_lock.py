"""A lock file that the writers of one warehouse share; the system takes the lock back from a process that dies."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from engines.waiting import wait_for_writer


@contextmanager
def only_writer(lock: Path, warehouse: Path, wait_seconds: float, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock.

    Args:
        warehouse: what is written, for messages.
        wait_seconds: how long to wait for another writer before giving up.
        say: called once when it waits.

    Raises:
        WarehouseError: another process still writes after `wait_seconds`.
        OSError: the file cannot be written.
    """
    with lock.open("a+", encoding="utf-8") as file:

        def holder() -> str | None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                return f"process {file.read().strip() or 'unknown'} is writing {warehouse}"
            return None

        wait_for_writer(holder, wait_seconds, say)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
