"""Finding the source files of a data folder and refusing those that cannot be read as a whole."""

from __future__ import annotations

import codecs
import csv
import gzip
import hashlib
import zlib
from dataclasses import dataclass
from pathlib import Path

from errors import SourceError

USERS_FILE = "users_db_export.csv"
MENTORS_FILE = "mentor_tiers.csv"
EVENTS_NAME = "booking_events"
EVENT_SUFFIXES = (".json", ".jsonl", ".ndjson", ".json.gz", ".jsonl.gz", ".ndjson.gz")
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class SourceFile:
    """One readable file.

    `checksum` is the SHA-256 of the file's bytes in hex; `json_format` is DuckDB's name of the
    JSON layout (`array` or `newline_delimited`), None for CSV.
    """

    path: Path
    checksum: str
    json_format: str | None = None


def find_event_files(folder: Path) -> list[Path]:
    """The event files of a data folder, in the order of their names.

    Raises:
        SourceError: there is none.
    """
    found = [folder / f"{EVENTS_NAME}{suffix}" for suffix in EVENT_SUFFIXES]
    files = [path for path in found if path.exists()]
    events_folder = folder / EVENTS_NAME
    if events_folder.is_dir():
        files += sorted(path for path in events_folder.iterdir() if path.name.endswith(EVENT_SUFFIXES))
    if not files:
        raise SourceError(
            f"no booking events in {folder}: expected {EVENTS_NAME}.json, .jsonl, .ndjson, "
            f"gzip of one of them, or a folder {EVENTS_NAME}/ of such files"
        )
    return files


def inspect_file(path: Path) -> SourceFile:
    """Read `path` once, from end to end: checksum, encoding and outer shape.

    Raises:
        SourceError: missing, not a file, no permission, empty, not UTF-8, damaged gzip, or JSON
            that is not an array (`.json`) or whose array is not closed.
    """
    digest = hashlib.sha256()
    decoder = codecs.getincrementaldecoder("utf-8")()
    first = last = ""
    try:
        with path.open("rb") as raw:
            while chunk := raw.read(_CHUNK_BYTES):
                digest.update(chunk)
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as content:
            while chunk := content.read(_CHUNK_BYTES):
                text = decoder.decode(chunk).strip("\ufeff \t\r\n")
                if text:
                    first = first or text[0]
                    last = text[-1]
            decoder.decode(b"", final=True)
    except FileNotFoundError:
        raise SourceError(f"{path} is missing") from None
    except IsADirectoryError:
        raise SourceError(f"{path} is a folder; expected a file") from None
    except UnicodeDecodeError:
        raise SourceError(f"{path} is not UTF-8 text; save it as UTF-8 and load again") from None
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise SourceError(f"{path} is not a complete gzip file; transfer it again") from None
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}") from None
    if not first:
        raise SourceError(f"{path} is empty")
    return SourceFile(path, digest.hexdigest(), _json_format(path, first, last))


def _json_format(path: Path, first: str, last: str) -> str | None:
    name = path.name.removesuffix(".gz")
    if name.endswith(".csv"):
        return None
    if not name.endswith(".json"):
        return "newline_delimited"
    if first != "[":
        raise SourceError(f"{path} is not a JSON array: it starts with '{first}' instead of '['")
    if last != "]":
        raise SourceError(f"{path} is broken JSON: the array is not closed (a truncated file?)")
    return "array"


def read_header(path: Path, required: tuple[str, ...]) -> list[str]:
    """The normalised column names of a CSV file (trimmed, lower case), in the file's order.

    Raises:
        SourceError: a required column is missing, or a column is named twice.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        header = [name.strip().lower() for name in next(csv.reader(file), [])]
    missing = [name for name in required if name not in header]
    if missing:
        raise SourceError(f"{path} lacks the column {', '.join(missing)} (found: {', '.join(header)})")
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise SourceError(f"{path} names the column {', '.join(twice)} twice")
    return [name or f"column_{position}" for position, name in enumerate(header, start=1)]
