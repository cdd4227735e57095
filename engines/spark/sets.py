"""The states of a warehouse on Spark: each is a folder of its own, and one small file names the published one.

Parquet files have no commit over several tables. So the next state is built in a new set, which begins as a copy of
the published one (by hard links: no file of a table is ever changed, only replaced), and is published when its name
takes the other's place in the file, by one rename. The set before stays for `roll_back`.

A warehouse is a folder with `published.json`, `writer.lock` and `sets/NAME/`; in a set lie the tables under
`tables/`, the list of them as `catalog.json` and SQLMesh's state as `state.duckdb`.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from engines.writer_lock import only_writer
from errors import WarehouseError
from settings import COMMAND, Settings

TABLES, CATALOG, STATE = "tables", "catalog.json", "state.duckdb"
_POINTER, _LOCK, _SETS, _READERS = "published.json", "writer.lock", "sets", "readers.lock"
# Changed where they lie, or made anew: a link would change the published ones.
_COPIED = {CATALOG, STATE}

# The set that this process builds just now, under the lock of the warehouse's writers.
_building: Path | None = None


def root_of(settings: Settings) -> Path:
    """The folder of the warehouse: the setting `warehouse` with `.spark` at its end."""
    return settings.warehouse.with_suffix(".spark")


def pointer_of(root: Path) -> Path:
    """The file that says which set is published; without it there is no warehouse."""
    return root / _POINTER


def _named(root: Path) -> dict[str, str]:
    """The names of the sets `published` and `previous`, as far as there are any."""
    try:
        names: dict[str, str] = json.loads(pointer_of(root).read_text(encoding="utf-8"))
        return {role: names[role] for role in ("published", "previous") if names.get(role)}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise WarehouseError(f"{pointer_of(root)} cannot be read ({error}); restore it from a backup") from None


@contextmanager
def published_set(root: Path) -> Iterator[Path]:
    """The published set, which nobody deletes for as long as the block lasts.

    Raises:
        WarehouseError: there is none yet, or it is damaged.
    """
    while True:
        names = _named(root)
        if not names:
            _refuse_foreign(root)
            raise WarehouseError(f"there is no warehouse at {root} yet; run: {COMMAND} refresh")
        folder = root / _SETS / names["published"]
        try:
            with (folder / _READERS).open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH)
                # It may have been deleted before it was locked.
                if (folder / _READERS).exists():
                    yield folder
                    return
        except FileNotFoundError:
            if _named(root) == names:
                raise WarehouseError(f"the set {folder} is missing or damaged; run: {COMMAND} rollback") from None
        except PermissionError as error:
            raise WarehouseError(f"the warehouse {root} cannot be read: {error.strerror}") from None


@contextmanager
def next_set(
    root: Path, wait_seconds: float, say: Callable[[str], None], begin_publishing: Callable[[], None]
) -> Iterator[Path]:
    """A set to work on, which begins as the published one; leaving the block without an error publishes it.

    Args:
        wait_seconds: how long to wait for another writer before giving up.
        say: called once when it waits.
        begin_publishing: called before the rename, from where on there is no way back.

    Raises:
        WarehouseError: another process writes, the folder is somebody else's, or a file cannot be written.
    """
    global _building
    with _writing(root, wait_seconds, say):
        names = _named(root)
        _remove_others(root, names)
        folder = root / _SETS / f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}"
        _building = folder
        try:
            if "published" in names:
                shutil.copytree(
                    root / _SETS / names["published"], folder, copy_function=_linked, ignore=lambda *_: {_READERS}
                )
            (folder / TABLES).mkdir(parents=True, exist_ok=True)
            (folder / _READERS).touch()
            yield folder
            _on_disk(folder)
            begin_publishing()
            _point(root, {"published": folder.name} | ({"previous": names["published"]} if names else {}))
            _building = None
            _remove_others(root, _named(root))
        except shutil.Error as error:
            raise WarehouseError(f"the warehouse {root} cannot be copied: {error.args[0][0][2]}") from None
        finally:
            discard()


def discard() -> None:
    """Throw away the set that this process builds, if any."""
    global _building
    if _building:
        shutil.rmtree(_building, ignore_errors=True)
        _building = None


def roll_back(root: Path, wait_seconds: float, say: Callable[[str], None], begin: Callable[[], None]) -> None:
    """Publish the set before again, and keep the published one in its place.

    Raises:
        WarehouseError: there is no set before, or another process writes.
    """
    none = WarehouseError(f"there is no earlier state of {root} to go back to")
    # Before the lock, which is a file: nothing is made under a name that is none of a warehouse.
    with suppress(OSError):  # of a name that cannot be one the lock says so
        if not root.exists():
            raise none
    with _writing(root, wait_seconds, say):
        names = _named(root)
        if "previous" not in names or not (root / _SETS / names["previous"]).is_dir():
            raise none
        begin()
        _point(root, {"published": names["previous"], "previous": names["published"]})


def remove(root: Path, wait_seconds: float, say: Callable[[str], None], begin: Callable[[], None]) -> None:
    """Delete the warehouse with all its sets.

    Raises:
        WarehouseError: there is none, or another process writes or reads it.
    """
    if not pointer_of(root).exists():
        _refuse_foreign(root)
        raise WarehouseError(f"there is no warehouse at {root}; nothing to reset")
    with _writing(root, wait_seconds, say):
        if any(_is_read(folder) for folder in _sets(root)):
            raise WarehouseError(f"the warehouse {root} is being read by another process; wait until it is done")
        begin()
        pointer_of(root).unlink()
        for name in (_SETS, _LOCK):
            path = root / name
            path.unlink() if path.is_file() else shutil.rmtree(path, ignore_errors=True)
        with suppress(OSError):  # what somebody else put there stays
            root.rmdir()


def _refuse_foreign(root: Path) -> None:
    """Refuse a folder that holds something else."""
    try:
        found = {path.name for path in root.iterdir()}
    except FileNotFoundError:
        return
    except NotADirectoryError:
        raise WarehouseError(
            f"{root} is a file; a warehouse on Spark is a folder, name another by --warehouse"
        ) from None
    if found and (_LOCK not in found or found - {_LOCK, _SETS}):
        raise WarehouseError(f"the folder {root} holds what is not ours; name another by --warehouse")


@contextmanager
def _writing(root: Path, wait_seconds: float, say: Callable[[str], None]) -> Iterator[None]:
    try:
        if not pointer_of(root).exists():
            _refuse_foreign(root)
        root.mkdir(parents=True, exist_ok=True)
        with only_writer(root / _LOCK, root, wait_seconds, say):
            (root / _SETS).mkdir(exist_ok=True)
            yield
    except OSError as error:
        raise WarehouseError(f"the warehouse {root} cannot be written: {error.strerror or error}") from None


def _sets(root: Path) -> list[Path]:
    return [path for path in (root / _SETS).iterdir() if path.is_dir()]


def _is_read(folder: Path) -> bool:
    """Whether a process reads a set."""
    try:
        with (folder / _READERS).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        pass
    return False


def _remove_others(root: Path, names: dict[str, str]) -> None:
    """Delete the sets that are neither published nor the one before: of who was killed, or who is done reading."""
    for folder in _sets(root):
        if folder.name not in names.values() and not _is_read(folder):
            (folder / _READERS).unlink(missing_ok=True)
            shutil.rmtree(folder, ignore_errors=True)


def _linked(source: str, target: str) -> None:
    if Path(source).name not in _COPIED:
        with suppress(OSError):  # a file system without hard links
            os.link(source, target)
            return
    shutil.copyfile(source, target)


def _on_disk(folder: Path) -> None:
    """Have every file of a set on disk before it is named."""
    for parent, _, files in os.walk(folder):
        for path in (*(Path(parent, file) for file in files), Path(parent)):
            _synced(path)


def _synced(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _point(root: Path, names: dict[str, str]) -> None:
    new = pointer_of(root).with_suffix(".new")
    new.write_text(json.dumps(names), encoding="utf-8")
    _synced(new)
    new.replace(pointer_of(root))
    _synced(root)
