"""A lock file that the writers of one warehouse share; the system takes the lock back from a process that dies."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from errors import WarehouseError

_POLL_SECONDS = 0.2


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
        deadline = time.monotonic() + wait_seconds
        is_first_try = True
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                file.seek(0)
                holder = f"process {file.read().strip() or 'unknown'} is writing {warehouse}"
            if time.monotonic() >= deadline:
                raise WarehouseError(f"{holder}; try again when it is done, or end it")
            if is_first_try:
                say(f"{holder}; waiting up to {wait_seconds:g} s")
                is_first_try = False
            time.sleep(_POLL_SECONDS)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
