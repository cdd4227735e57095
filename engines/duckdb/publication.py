"""Building the next state of the warehouse beside the published one, and publishing it in one step.

Readers open the published file, always whole: work goes on in a copy under `.next/`, which takes
the published file's name by one rename. Until then a failure or a kill leaves nothing but a copy
that the next writer throws away. The state before stays under `.previous/` for `roll_back`.

Beside a warehouse `DIR/NAME`: `DIR/.next/NAME` and its lock `NAME.lock`, `DIR/.previous/NAME`.
Copies keep the file's name: its stem is the catalog that every model's name begins with. Where the
warehouse is a symbolic link all of this lies beside the file that it leads to, and the link stays.
"""

from __future__ import annotations

import filecmp
import glob
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import duckdb

from engines.duckdb.connection import connect, engine_options, remove_abandoned_spill, writing_failure
from engines.writer_lock import only_writer
from errors import WarehouseError
from settings import load_settings

_COPY_BYTES = 1 << 20

# The copy that this process builds just now, under the lock of the warehouse's writers.
_building: Path | None = None


@contextmanager
def next_state(
    warehouse: Path,
    wait_seconds: float = 0,
    say: Callable[[str], None] = lambda _: None,
    begin_publishing: Callable[[], None] = lambda: None,
    keeps_previous: Callable[[], bool] = lambda: True,
) -> Iterator[Path]:
    """The file of a copy of the published state to work on; leaving the block without an error publishes it.

    Args:
        warehouse: the published file; it need not be there yet.
        wait_seconds: how long to wait for another writer before giving up.
        say: called once when it waits.
        begin_publishing: called before the rename, from where on there is no way back.
        keeps_previous: asked then whether the state before is kept for `roll_back`.

    Raises:
        WarehouseError: another process writes or holds the warehouse, or a file cannot be written.
    """
    global _building
    with _only_writer(warehouse, wait_seconds, say) as real:
        state = _building = _beside(real, ".next").with_name(warehouse.name)
        try:
            _clear(state)
            remove_abandoned_spill(warehouse)
            with _published(warehouse) as published:
                if published:
                    _copy(published, state)
                yield state
                _checkpoint(state)
                begin_publishing()
                if not published and real.exists():
                    raise WarehouseError(f"another process made {warehouse} meanwhile; run the command again")
                _publish(state, real, published, keeps_previous())
        finally:
            _building = None
            _clear(state)


def save(warehouse: Path, target: Path, wait_seconds: float = 0, say: Callable[[str], None] = lambda _: None) -> None:
    """Copy the published state to another file.

    Raises:
        WarehouseError: there is none, another process writes or holds it, or the copy cannot be written.
    """
    if not warehouse.exists():
        raise WarehouseError(f"there is no warehouse at {warehouse} yet; nothing to save")
    with _only_writer(warehouse, wait_seconds, say), _published(warehouse) as published:
        assert published
        _copy(published, target)


def rewrite(file: Path) -> None:
    """Write a database anew: of deleted rows the old file keeps the bytes in blocks that are free.

    Raises:
        duckdb.Error: it cannot be written.
    """
    anew = _anew(file)
    anew.unlink(missing_ok=True)
    options = engine_options(load_settings(), file)
    with duckdb.connect(config=options) as connection:
        # Views name the catalog, which is the stem of the file's name.
        for path, name, how in ((anew, file.stem, ""), (file, "before rewriting", " (READ_ONLY)")):
            quoted = str(path).replace("'", "''")
            connection.execute(f"ATTACH '{quoted}' AS \"{name}\"{how}")
        anew.chmod(file.stat().st_mode & 0o777)
        connection.execute(f'COPY FROM DATABASE "before rewriting" TO "{file.stem}"')
    anew.replace(file)


def copies(warehouse: Path) -> list[Path]:
    """The files beside a warehouse that hold an earlier or a half-built state, or what did not fit into memory."""
    real = warehouse.resolve()
    previous = _previous(real)
    state = real.parent / ".next" / warehouse.name
    files = [previous, _kept(previous), _part(previous), state, _wal(state), _anew(state)]
    for folder in (real.parent, state.parent):
        files += folder.glob(f"{glob.escape(real.name)}.tmp*")
    return [file for file in files if file.exists()]


def discard_next_state() -> None:
    """Throw away the copy that this process builds, if any; for a process about to end."""
    if _building:
        _clear(_building)


def roll_back(
    warehouse: Path,
    wait_seconds: float = 0,
    say: Callable[[str], None] = lambda _: None,
    begin_publishing: Callable[[], None] = lambda: None,
) -> None:
    """Put the state before in the place of the published one, and the other way round.

    A published file that somebody deleted comes back as the state before.

    Raises:
        WarehouseError: there is no state before, or another process writes or holds the warehouse.
    """
    previous = _previous(warehouse.resolve())
    kept = _kept(previous)
    none = WarehouseError(f"there is no earlier state of {warehouse} to go back to")
    # Before the lock, which is a file: nothing is made beside a name that is none of a warehouse.
    with suppress(OSError):  # of a name that cannot be one the lock says so
        if not (previous.exists() or kept.exists()):
            raise none
    with _only_writer(warehouse, wait_seconds, say) as real:
        if kept.exists():
            # A kill came while a state was published: before its rename, or between the two renames.
            if real.exists() and filecmp.cmp(kept, real, shallow=False):
                kept.unlink()
            else:
                kept.replace(previous)
        if not previous.exists():
            raise none
        with _published(warehouse) as published:
            begin_publishing()
            _publish(previous, real, published)


def remove(
    warehouse: Path,
    wait_seconds: float = 0,
    say: Callable[[str], None] = lambda _: None,
    begin_publishing: Callable[[], None] = lambda: None,
) -> None:
    """Delete the warehouse and every copy of it.

    Raises:
        WarehouseError: there is none, another process writes or holds it, or it is no DuckDB file.
    """
    if not warehouse.exists():
        raise WarehouseError(f"there is no warehouse at {warehouse}; nothing to reset")
    with _only_writer(warehouse, wait_seconds, say) as real:
        connect(warehouse).close()
        begin_publishing()
        previous = _beside(real, ".previous")
        for file in (real, _beside(real, ".next").with_name(warehouse.name)):
            _clear(file)
        _remove_copies(previous)


def _remove_copies(previous: Path) -> None:
    """Delete the state before and what may become it."""
    _clear(previous)
    for file in (_kept(previous), _part(previous)):
        file.unlink(missing_ok=True)


def _previous(real: Path) -> Path:
    """The state before, if there is one."""
    return real.parent / ".previous" / real.name


def _beside(real: Path, folder: str) -> Path:
    path = real.parent / folder
    path.mkdir(parents=True, exist_ok=True)
    return path / real.name


def _wal(file: Path) -> Path:
    return file.with_name(f"{file.name}.wal")


def _clear(file: Path) -> None:
    file.unlink(missing_ok=True)
    _wal(file).unlink(missing_ok=True)
    _anew(file).unlink(missing_ok=True)
    for spill in file.parent.glob(f"{glob.escape(file.name)}.tmp*"):
        shutil.rmtree(spill, ignore_errors=True)


def _anew(file: Path) -> Path:
    """What `rewrite` writes; not whole until it has the file's name."""
    return file.with_name(f"{file.name}.anew")


def _kept(previous: Path) -> Path:
    """The published state on its way to being the state before."""
    return previous.with_name(f"{previous.name}.new")


def _part(previous: Path) -> Path:
    """A copy of the published state that may not be whole."""
    return previous.with_name(f"{previous.name}.part")


def _copy(source: BinaryIO, target: Path) -> None:
    """The whole of an open file; who could not read it cannot read the copy."""
    source.seek(0)
    with target.open("wb") as copy:
        status = os.fstat(source.fileno())
        os.fchmod(copy.fileno(), status.st_mode & 0o777)
        # Inside the kernel where it can: some file systems then share the blocks.
        with suppress(AttributeError, OSError):
            while os.copy_file_range(source.fileno(), copy.fileno(), status.st_size):
                pass
        copy.seek(0, os.SEEK_END)
        source.seek(copy.tell())
        shutil.copyfileobj(source, copy, _COPY_BYTES)


@contextmanager
def _only_writer(warehouse: Path, wait_seconds: float, say: Callable[[str], None]) -> Iterator[Path]:
    """Hold the lock of a warehouse's writers; gives the file itself, behind any symbolic link."""
    try:
        real = warehouse.resolve()
        lock = _beside(real, ".next").with_name(f"{real.name}.lock")
        with only_writer(lock, warehouse, wait_seconds, say):
            yield real
    except BrokenPipeError:
        raise  # nobody reads what is said: that is not the warehouse's
    except OSError as error:
        raise WarehouseError(f"the warehouse {warehouse} cannot be written: {error.strerror or error}") from None
    except duckdb.Error as error:
        raise writing_failure(warehouse, error) from None


@contextmanager
def _published(warehouse: Path) -> Iterator[BinaryIO | None]:
    """Keep every other writer off the published file, SQLMesh's own commands too; None: there is none yet.

    The file is opened before DuckDB locks it and closed after: POSIX takes a process's locks on a
    file from it as soon as it closes any descriptor of that file.
    """
    real = warehouse.resolve()
    # DuckDB keeps its log beside the name that it was given: that of a symbolic link, or of the file.
    names = (warehouse, real)
    if not real.exists():
        for name in names:
            _wal(name).unlink(missing_ok=True)  # of a file that somebody deleted: nothing to apply it to
        yield None
        return
    while True:
        for name in names:
            if _wal(name).exists():
                _checkpoint(name)  # a writer was killed: what it had committed is in its log
        with real.open("rb") as file, connect(warehouse, read_only=True):
            # Locked: nobody makes a log now, but somebody may have, up to a moment ago.
            if not any(_wal(name).exists() for name in names):
                yield file
                return


def _checkpoint(file: Path) -> None:
    """Have all of a database in its one file, on disk."""
    with connect(file) as connection:
        connection.execute("FORCE CHECKPOINT")
    with file.open("rb") as written:
        os.fsync(written.fileno())


def _publish(state: Path, real: Path, published: BinaryIO | None, keeps_previous: bool = True) -> None:
    """Rename `state` to the published file, which becomes the state before, or is gone with all states before it."""
    previous = _beside(real, ".previous")
    if not keeps_previous:
        _remove_copies(previous)
        published = None
    kept, part = _kept(previous), _part(previous)
    kept.unlink(missing_ok=True)
    if published:
        try:
            kept.hardlink_to(real)
        except OSError:  # a file system without hard links; read through the descriptor that is open
            _copy(published, part)
            part.replace(kept)
    state.replace(real)
    if kept.exists():
        kept.replace(previous)
    for folder in (real.parent, previous.parent):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
