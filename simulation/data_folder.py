"""A data folder: the three source files."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from ingest.source_files import EVENTS_NAME, MENTORS_FILE, USERS_FILE


@dataclass(frozen=True)
class DataFolder:
    """The rows of the three sources, as the files hold them."""

    users: list[dict]
    mentors: list[dict]
    events: list[dict]

    def write(self, folder: Path) -> None:
        """Write the three files into `folder`, which is made if need be."""
        folder.mkdir(parents=True, exist_ok=True)
        _write_csv(folder / USERS_FILE, self.users)
        _write_csv(folder / MENTORS_FILE, self.mentors)
        lines = ",\n".join(f"  {json.dumps(event)}" for event in self.events)
        (folder / f"{EVENTS_NAME}.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def write_events(slices: Iterable[pl.Series], path: Path) -> None:
    """Write a file of events, each a text of JSON, a slice at a time: an array where it ends in `.json`, or lines."""
    is_array = path.suffix == ".json"
    # What ends an event is written before the next: none follows the last of an array.
    before, between = (b"\n", b",\n") if is_array else (b"", b"\n")
    with gzip.open(path, "wb", compresslevel=1) if path.suffix == ".gz" else path.open("wb") as file:
        file.write(b"[" if is_array else b"")
        for lines in slices:
            if lines.is_empty():
                continue
            file.write(before)
            pl.DataFrame({"line": lines[:-1]}).write_csv(
                file, include_header=False, quote_style="never", line_terminator=between.decode()
            )
            file.write(lines[-1].encode())
            before = between
        file.write(b"\n]\n" if is_array else before)


def _write_csv(path: Path, rows: list[dict]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
