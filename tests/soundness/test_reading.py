"""Silent losses that reading the files once had, or that the reader still has and the load must notice."""

from __future__ import annotations

import io
import json

import pytest

from errors import SourceError
from ingest.csv_rows import records
from ingest.source_files import checksummed, inspected
from tests.conftest import event, ingest


@pytest.mark.parametrize("text", ["{", '\ufeff{"event_id": "a"} {"event_id": "b"}'])
def test_every_line_of_json_is_one_event(data_folder, warehouse, text):
    """With two threads DuckDB reads a file of a single character as no row at all; fuzzing found it."""
    folder = data_folder()
    (folder / "booking_events.json").unlink()
    (folder / "booking_events.jsonl").write_text(text)
    with pytest.raises(SourceError, match=r"Malformed JSON at byte 2 in line 1|1 lines hold 2 events"):
        ingest(warehouse, folder)


@pytest.mark.parametrize("beyond", [-1, 0, 1, 2])
def test_lines_are_counted_across_the_parts_a_file_is_read_in(tmp_path, beyond):
    path = tmp_path / "booking_events.jsonl"
    text = "{}\n \n" * (1 << 18)
    path.write_text(text[: (1 << 20) + beyond] + "\n\r\n{}")
    assert inspected(checksummed(path)).lines == sum(bool(line.strip()) for line in path.read_text().split("\n"))


def test_a_stray_quote_costs_one_row_of_a_csv_file():
    found = list(records(io.StringIO('a,"b\nc,d\ne,f\n')))
    assert found == [('a,"b', []), ("c,d", None), ("e,f", None)]


@pytest.mark.parametrize("beyond", [0, 1])
def test_a_whole_file_of_the_size_of_the_readers_buffer_is_not_called_broken(data_folder, warehouse, beyond):
    """DuckDB does so when it reads with two threads and no line end follows the last event."""
    size = (1 << 25) + beyond
    line = json.dumps(event("a", cancellation_reason="x" * 1_000_000)) + "\n"
    last = json.dumps(event("b"))
    count, rest = divmod(size - len(last), len(line))
    text = line * (count - 1) + line.replace("x", "x" * (rest + 1), 1) + last
    assert len(text) == size
    folder = data_folder()
    (folder / "booking_events.json").unlink()
    (folder / "booking_events.jsonl").write_text(text)
    load = ingest(warehouse, folder)[2]
    assert (load.rows_read, load.rows_loaded) == (count + 1, 2)
