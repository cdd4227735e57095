"""What the loads read, took and rejected, and how fresh the data are."""

from __future__ import annotations

from presentation.content import Block, Column, Section, Table
from presentation.document import Row
from presentation.wording import age_in_words, last_new_row, week_in_words, words
from settings import COMMAND
from warehouse.loads import LoadHistory


def data_quality(document: Row, loads: LoadHistory) -> Section:
    """How fresh the data are, all loads of each source together, and the rejected rows by reason."""
    freshness = document["freshness"]
    fields = ("loads", "rows_read", "rows_loaded", "rows_known", "rows_duplicate", "rows_rejected")
    blocks: list[Block] = [
        f"{age_in_words(freshness)} {week_in_words(freshness)}".rstrip(),
        Table(
            "freshness",
            "When each source last brought a new row",
            [Column("source"), Column("last new row (UTC)")],
            [[words(file["source"]), last_new_row(file)] for file in freshness["files"]],
        ),
        "No row is dropped in silence: rows read = loaded + known already + duplicates + rejected.",
        Table(
            "loads",
            "All loads of each source together",
            [Column("source"), *(Column(field.removeprefix("rows_"), "count") for field in fields)],
            [[words(source.source), *(getattr(source, field) for field in fields)] for source in loads.sources],
        ),
    ]
    if loads.rejections:
        columns = [Column("source"), Column("reason"), Column("rows", "count")]
        rows = [[words(row.source), words(row.reason), row.rows] for row in loads.rejections]
        blocks.append(Table("rejections", "Rejected rows by reason", columns, rows, keys=2))
        blocks.append(f"{COMMAND} rejects lists them one by one.")
    else:
        blocks.append("No row was rejected.")
    return Section("data_quality", "Data quality", blocks)
