"""Backups: the published state in one file with a list of what is in it, and restoring one, verified first."""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from engines import engine_of
from engines.protocol import Contents
from errors import ReportError, SourceError, WarehouseError, writing
from pipeline.forget import forget_again, tombstones
from pipeline.interruption import begin_publishing
from pipeline.run_log import Run
from settings import Settings, project_version

Say = Callable[[str], None]

_LIST, _STATE = "manifest.json", "warehouse"
_FORMAT = 1


def back_up(settings: Settings, file: Path, say: Say) -> str:
    """Write the published state to a file that is not there yet; a line on what is in it.

    The file is a zip archive, readable by its owner alone: the state as the engine writes it, and the rows and digest
    of every table.

    Raises:
        ReportError: the file is there already, or cannot be written.
        WarehouseError: there is no warehouse, or somebody else writes it.
    """
    engine = engine_of(settings)
    with writing(file):
        _refuse_one_that_is_there(file)
        # In a folder of its own: what is not whole never has the name, nor do two that are written at once share one.
        with TemporaryDirectory(dir=file.parent, prefix=".backup-") as folder:
            state, part = Path(folder) / engine.name(settings), Path(folder) / "backup.zip.part"
            contents = engine.save(settings, state, say)
            manifest = {
                "format": _FORMAT,
                "gateway": settings.gateway,
                "name": engine.name(settings),
                "version": project_version(),
                "saved_at": datetime.now(UTC).isoformat(timespec="seconds"),
                "contents": contents,
            }
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with (
                os.fdopen(descriptor, "wb") as target,
                zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
            ):
                archive.writestr(_LIST, json.dumps(manifest))
                archive.write(state, _STATE)
            _refuse_one_that_is_there(file)
            part.rename(file)
    return f"saved {_described(contents)} to {file}"


def _refuse_one_that_is_there(file: Path) -> None:
    if file.exists():
        raise ReportError(f"{file} is there already; name another file")


def restore(run: Run, file: Path, say: Say, on_step: Say) -> str:
    """Put a backup in the place of the published state; a line on what was verified.

    Every table is compared, row for row by its digest, with what it was when it was saved, before anything is
    published. Who was forgotten since is forgotten again.

    Args:
        run: gets the models that are brought up to date, if somebody has to be forgotten again.

    Raises:
        SourceError: the file is no backup, is damaged, or is of another engine or name.
        WarehouseError: what was restored is not what was saved, or somebody else writes.
    """
    settings = run.settings
    engine = engine_of(settings)
    with _opened(file) as archive:
        manifest = _manifest(file, archive)
        _refuse_another(file, manifest, settings)
        saved: Contents = {name: (rows, digest) for name, (rows, digest) in manifest["contents"].items()}
        with engine.writing(settings, say, begin_publishing) as state:
            forgotten = tombstones(settings)
            on_step("reading the backup")
            with TemporaryDirectory(prefix="mentor-analytics-") as folder:
                archive.extract(_STATE, folder)
                state.restore(Path(folder) / _STATE)
            on_step("comparing every table with what was saved")
            with state.reading() as reader:
                found = reader.contents()
            if different := sorted(name for name in saved | found if saved.get(name) != found.get(name)):
                raise WarehouseError(
                    f"{file} does not give what was saved: {', '.join(different)}; nothing was restored"
                )
            users = forget_again(state, forgotten, run, on_step)
            on_step("publishing")
    again = f"; forgotten again: {users:,} user{'s' * (users != 1)}" if users else ""
    return f"restored {_described(saved)} of {manifest['saved_at']}, each as it was saved{again}"


def _described(contents: Contents) -> str:
    return f"{len(contents):,} tables and views with {sum(rows for rows, _ in contents.values()):,} rows"


@contextmanager
def _opened(file: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(file) as archive:
            yield archive
    except FileNotFoundError:
        raise SourceError(f"{file} is missing") from None
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise SourceError(f"{file} is not a whole backup ({error}); use another one") from None
    except OSError as error:
        raise SourceError(f"{file} cannot be read: {error.strerror or error}") from None


def _manifest(file: Path, archive: zipfile.ZipFile) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads(archive.read(_LIST))
        known = manifest["format"] == _FORMAT
        is_whole = not known or ({"gateway", "name", "contents"} <= manifest.keys() and _STATE in archive.namelist())
    except (KeyError, ValueError, TypeError, RuntimeError, NotImplementedError):
        raise SourceError(f"{file} is no backup of ours") from None
    if not known:
        raise SourceError(f"{file} was saved by another version ({manifest.get('version')}); restore it with that one")
    if not is_whole:
        raise SourceError(f"{file} is not a whole backup; use another one")
    return manifest


def _refuse_another(file: Path, manifest: dict[str, Any], settings: Settings) -> None:
    name = engine_of(settings).name(settings)
    if manifest["gateway"] != settings.gateway:
        raise SourceError(f"{file} is of {manifest['gateway']}; restore it with --gateway {manifest['gateway']}")
    if manifest["name"] != name:
        raise SourceError(
            f"{file} is of a warehouse named {manifest['name']}, which every model's name begins with, "
            f"and this one is named {name}; restore it under its own name"
        )
