"""A data folder: the three source files."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path

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


def _write_csv(path: Path, rows: list[dict]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
