"""How a report was made: version, files and settings."""

from __future__ import annotations

from presentation.content import Column, Section, Table
from presentation.document import Row
from presentation.wording import words
from settings import Settings
from warehouse.loads import LoadHistory


def provenance(document: Row, settings: Settings, loads: LoadHistory, version: str) -> Section:
    """Version, files and settings, so that the report can be made again."""
    used = settings.model_dump(mode="json", exclude={"warehouse", "data", "gateway", "lock_wait_seconds"})
    files = Table(
        "files",
        "The latest file of each source",
        [Column("source"), Column("file"), Column("loaded (UTC)"), Column("SHA-256")],
        [
            [words(source.source), source.file, f"{source.loaded_at:%Y-%m-%d %H:%M:%S}", source.checksum]
            for source in loads.sources
        ],
    )
    values = [
        [name, ", ".join(value) if isinstance(value, list) else "none" if value is None else str(value)]
        for name, value in used.items()
    ]
    return Section(
        "provenance",
        "How it was made",
        [
            f"mentor-analytics {version}, gateway {document['parameters']['gateway']}.",
            files,
            Table("settings", "Settings", [Column("setting"), Column("value")], values),
        ],
    )
