"""Building the next state of the warehouse beside the published one, and publishing it in one step.

Readers open the published file, always whole: work goes on in a copy under `.next/`, which takes
the published file's name by one rename. Until then a failure or a kill leaves nothing but a copy
that the next writer throws away. The state before stays under `.previous/` for `roll_back`.

Beside a warehouse `DIR/NAME`: `DIR/.next/NAME` and its lock `NAME.lock`, `DIR/.previous/NAME`.
Copies keep the file's name: its stem is the catalog that every model's name begins with.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TextIO

from errors import WarehouseError
from ingest.warehouse import connect

_POLL_SECONDS = 0.2
_COPY_BYTES = 1 << 24


@dataclass
class NextState:
    """The file to build the next state in; with `is_wanted` False it is thrown away, not published."""

    file: Path
    is_wanted: bool = True


@contextmanager
def next_state(
    warehouse: Path, wait_seconds: float = 0, say: Callable[[str], None] = lambda _: None
) -> Iterator[NextState]:
    """A copy of the published state to work on; leaving the block without an error publishes it.

    Args:
        warehouse: the published file; it need not be there yet.
        wait_seconds: how long to wait for another writer before giving up.
        say: told once that it waits.

    Raises:
        WarehouseError: another process writes or holds the warehouse, or a file cannot be written.
    """
    with _only_writer(warehouse, wait_seconds, say):
        state = NextState(_beside(warehouse, ".next"))
        _clear(state.file)
        try:
            with _published(warehouse) as published:
                if published:
                    with state.file.open("wb") as copy:
                        shutil.copyfileobj(published, copy, _COPY_BYTES)
                yield state
                if state.is_wanted:
                    _checkpoint(state.file)
                    _publish(state.file, warehouse)
        finally:
            _clear(state.file)


def roll_back(warehouse: Path, wait_seconds: float = 0, say: Callable[[str], None] = lambda _: None) -> None:
    """Put the state before in the place of the published one, and the other way round.

    Raises:
        WarehouseError: there is no state before, or another process writes or holds the warehouse.
    """
    with _only_writer(warehouse, wait_seconds, say):
        previous = _beside(warehouse, ".previous")
        if _kept(previous).exists() and not _kept(previous).samefile(warehouse):
            _kept(previous).replace(previous)  # a kill came between the two renames
        if not warehouse.exists() or not previous.exists():
            raise WarehouseError(f"there is no earlier state of {warehouse} to go back to")
        with _published(warehouse):
            _publish(previous, warehouse)


def remove(warehouse: Path, wait_seconds: float = 0, say: Callable[[str], None] = lambda _: None) -> None:
    """Delete the warehouse and every copy of it.

    Raises:
        WarehouseError: there is none, another process writes or holds it, or it is no DuckDB file.
    """
    if not warehouse.exists():
        raise WarehouseError(f"there is no warehouse at {warehouse}; nothing to reset")
    with _only_writer(warehouse, wait_seconds, say):
        connect(warehouse).close()
        for file in (warehouse, _beside(warehouse, ".next"), _beside(warehouse, ".previous")):
            _clear(file)
        _kept(_beside(warehouse, ".previous")).unlink(missing_ok=True)


def _beside(warehouse: Path, folder: str) -> Path:
    path = warehouse.parent / folder
    path.mkdir(parents=True, exist_ok=True)
    return path / warehouse.name


def _wal(file: Path) -> Path:
    return file.with_name(f"{file.name}.wal")


def _clear(file: Path) -> None:
    file.unlink(missing_ok=True)
    _wal(file).unlink(missing_ok=True)
    shutil.rmtree(file.with_name(f"{file.name}.tmp"), ignore_errors=True)


def _kept(previous: Path) -> Path:
    """The published state on its way to being the state before."""
    return previous.with_name(f"{previous.name}.new")


@contextmanager
def _only_writer(warehouse: Path, wait_seconds: float, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock of a warehouse's writers; the system takes it back from a process that dies."""
    try:
        lock = _beside(warehouse, ".next").with_name(f"{warehouse.name}.lock")
        with lock.open("a+", encoding="utf-8") as file:
            _acquire(file, warehouse, wait_seconds, say)
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield
    except OSError as error:
        raise WarehouseError(f"the warehouse {warehouse} cannot be written: {error.strerror or error}") from None


def _acquire(lock: TextIO, warehouse: Path, wait_seconds: float, say: Callable[[str], None]) -> None:
    deadline = time.monotonic() + wait_seconds
    is_first_try = True
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            lock.seek(0)
            holder = f"process {lock.read().strip() or 'unknown'} is writing {warehouse}"
        if time.monotonic() >= deadline:
            raise WarehouseError(f"{holder}; try again when it is done, or end it")
        if is_first_try:
            say(f"{holder}; waiting up to {wait_seconds:g} s")
            is_first_try = False
        time.sleep(_POLL_SECONDS)


@contextmanager
def _published(warehouse: Path) -> Iterator[BinaryIO | None]:
    """Keep every other writer off the published file, SQLMesh's own commands too; None: there is none yet.

    The file is opened before DuckDB locks it and closed after: POSIX takes a process's locks on a
    file from it as soon as it closes any descriptor of that file.
    """
    if not warehouse.exists():
        yield None
        return
    if _wal(warehouse).exists():
        _checkpoint(warehouse)  # a writer was killed: what it had committed is in its log
    with warehouse.open("rb") as file, connect(warehouse, read_only=True):
        yield file


def _checkpoint(file: Path) -> None:
    """Have all of a database in its one file, on disk."""
    with connect(file) as connection:
        connection.execute("FORCE CHECKPOINT")
    with file.open("rb") as written:
        os.fsync(written.fileno())


def _publish(state: Path, warehouse: Path) -> None:
    """Rename `state` to the published file, which becomes the state before."""
    previous = _beside(warehouse, ".previous")
    kept = _kept(previous)
    kept.unlink(missing_ok=True)
    if warehouse.exists():
        try:
            kept.hardlink_to(warehouse)
        except OSError:  # a file system without hard links
            shutil.copyfile(warehouse, kept)
    state.replace(warehouse)
    if kept.exists():
        kept.replace(previous)
    for folder in (warehouse.parent, previous.parent):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
