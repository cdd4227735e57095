"""Finding the source files of a data folder and refusing those that cannot be read as a whole."""

from __future__ import annotations

import codecs
import gzip
import hashlib
import os
import stat
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from errors import SourceError

USERS_FILE = "users_db_export.csv"
MENTORS_FILE = "mentor_tiers.csv"
EVENTS_NAME = "booking_events"
EVENT_SUFFIXES = (".json", ".jsonl", ".ndjson", ".json.gz", ".jsonl.gz", ".ndjson.gz")
# What a mapping may name, for any source.
MAPPED_SUFFIXES = (".csv", ".csv.gz", *EVENT_SUFFIXES, ".parquet")
_CHUNK_BYTES = 1 << 20
_PARQUET = b"PAR1"  # how a parquet file begins and ends


@dataclass(frozen=True)
class SourceFile:
    """One file.

    `checksum` is the SHA-256 of the file's bytes in hex, and of the names that a mapping gives them;
    `version` tells whether the file is still the one whose checksum was taken; `notes` are sentences on what
    lies beside the file and is not read; `content` is where the rows of a query lie, whose `path` says where it
    is written, in a `folder` that goes with them. Once it is `inspected`, `json_format` is DuckDB's name of the
    JSON layout, None for CSV and parquet, and `lines` counts those of newline-delimited JSON that are not blank.
    """

    path: Path
    checksum: str
    version: tuple[int, ...]
    json_format: str | None = None
    lines: int | None = None
    notes: tuple[str, ...] = ()
    content: Path | None = None
    folder: TemporaryDirectory[str] | None = None

    @property
    def is_parquet(self) -> bool:
        return self.place.suffix == ".parquet"

    @property
    def is_csv(self) -> bool:
        return self.unpacked_name.endswith(".csv")

    @property
    def place(self) -> Path:
        """Where its bytes lie."""
        return self.content or self.path

    @property
    def unpacked_name(self) -> str:
        """Its name there, which says what it holds, without what says that it is packed."""
        return self.place.name.removesuffix(".gz")

    def refuse_if_changed(self) -> None:
        """Make sure that what was read is what the checksum was taken of.

        Raises:
            SourceError: the file was written, replaced or removed meanwhile.
        """
        try:
            is_same = _version(self.place.stat()) == self.version
        except OSError:
            is_same = False
        if not is_same:
            raise SourceError(f"{self.path} changed while it was being read; load again when it is complete")


def shown(text: str, length: int = 60) -> str:
    """Text of a source, of any length and with any characters, as part of one line of ours."""
    text = "".join(character if character.isprintable() else "\ufffd" for character in text)
    return text if len(text) <= length else f"{text[:length]}…"


def check_columns(path: Path, found: Iterable[str], required: Mapping[str, str | None]) -> None:
    """Make sure that a file has the columns that it must have; `required` are their names by ours.

    Raises:
        SourceError: one is missing.
    """
    found = list(found)
    missing = [
        ours if theirs in (None, ours) else f"{theirs} ({ours})"
        for ours, theirs in required.items()
        if theirs not in found
    ]
    if missing:
        raise SourceError(f"{path} lacks the column {', '.join(missing)} (found: {shown(', '.join(found), 200)})")


class _Lines:
    """Counts the lines of a text that are not blank, the text given part by part."""

    def __init__(self) -> None:
        self.count = 0
        self._is_within = False  # the last part ended in a line that counts

    def add(self, text: str) -> None:
        first, *others = map(bool, map(str.strip, text.split("\n")))
        self.count += (first and not self._is_within) + sum(others)
        self._is_within = others[-1] if others else first or self._is_within


def _version(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def find_event_files(folder: Path) -> tuple[list[Path], list[Path]]:
    """The event files of a data folder, in the order of their names, and what else its `booking_events/` holds.

    Raises:
        SourceError: there is none, or a folder cannot be read.
    """
    others: list[Path] = []
    events_folder = folder / EVENTS_NAME
    try:
        files = [path for suffix in EVENT_SUFFIXES if (path := folder / f"{EVENTS_NAME}{suffix}").exists()]
        if events_folder.is_dir():
            for path in sorted(events_folder.iterdir()):
                (files if path.name.endswith(EVENT_SUFFIXES) else others).append(path)
    except OSError as error:
        raise SourceError(f"{error.filename} cannot be read: {error.strerror}") from None
    if not files:
        raise SourceError(
            f"no booking events in {folder}: expected {EVENTS_NAME}.json, .jsonl, .ndjson, "
            f"gzip of one of them, or a folder {EVENTS_NAME}/ of such files"
        )
    return files, others


def checksummed(path: Path) -> SourceFile:
    """A file of which nothing but its bytes is known.

    Raises:
        SourceError: missing, not a file, or no permission.
    """
    digest = hashlib.sha256()
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise SourceError(f"{path} is a folder; expected a file")
        if not stat.S_ISREG(status.st_mode):  # reading a pipe might never end
            raise SourceError(f"{path} is not a regular file")
        with path.open("rb") as content:
            while chunk := content.read(_CHUNK_BYTES):
                digest.update(chunk)
    except FileNotFoundError:
        raise SourceError(f"{path} is missing") from None
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}") from None
    file = SourceFile(path, digest.hexdigest(), _version(status))
    file.refuse_if_changed()
    return file


def inspected(file: SourceFile) -> SourceFile:
    """The same file, read from end to end: encoding and outer shape.

    Raises:
        SourceError: empty, not UTF-8, damaged gzip, JSON that is not an array (`.json`) or whose array is not
            closed, or a parquet file without its ends; or it is another one since its checksum was taken.
    """
    try:
        if not file.is_parquet:
            return _inspected_text(file)
        _refuse_broken_parquet(file)
        return file
    except OSError as error:
        raise SourceError(f"{file.path} cannot be read: {error.strerror}") from None
    finally:
        file.refuse_if_changed()


def _inspected_text(file: SourceFile) -> SourceFile:
    path = file.path
    lines = _Lines()
    has_lines = file.unpacked_name.endswith((".jsonl", ".ndjson"))
    decoder = codecs.getincrementaldecoder("utf-8")()
    first = last = ""
    has_mark = False
    try:
        with gzip.open(file.place) if file.place.suffix == ".gz" else file.place.open("rb") as content:
            while chunk := content.read(_CHUNK_BYTES):
                text = decoder.decode(chunk)
                if has_lines:
                    lines.add(text)
                has_mark = has_mark or (not first and text.startswith("\ufeff"))
                text = text.strip("\ufeff \t\r\n")
                if text:
                    first = first or text[0]
                    last = text[-1]
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise SourceError(f"{path} is not UTF-8 text; save it as UTF-8 and load again") from None
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise SourceError(f"{path} is not a complete gzip file; transfer it again") from None
    if not first:
        raise SourceError(f"{path} is empty")
    json_format = None if file.is_csv else _json_format(file, first, last, has_mark)
    return replace(file, json_format=json_format, lines=lines.count if has_lines else None)


def _refuse_broken_parquet(file: SourceFile) -> None:
    with file.place.open("rb") as content:
        first = content.read(len(_PARQUET))
        if not first:
            raise SourceError(f"{file.path} is empty")
        content.seek(-len(first), os.SEEK_END)
        last = content.read()
    if (first, last) != (_PARQUET, _PARQUET):
        raise SourceError(f"{file.path} is not a complete parquet file; transfer it again")


def _json_format(file: SourceFile, first: str, last: str, has_mark: bool) -> str:
    if not file.unpacked_name.endswith(".json"):
        # DuckDB takes a byte order mark before lines of JSON in this looser format alone.
        return "unstructured" if has_mark else "newline_delimited"
    if first != "[":
        raise SourceError(f"{file.path} is not a JSON array: it starts with '{shown(first)}' instead of '['")
    if last != "]":
        raise SourceError(f"{file.path} is broken JSON: the array is not closed (a truncated file?)")
    return "array"
