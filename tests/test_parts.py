"""A large file of events is read in parts: the rows are those that one thread reads from its beginning."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from errors import SourceError
from ingest import parts
from ingest.reading import read_rows
from ingest.source_files import checksummed, inspected
from ingest.sources import EVENTS
from tests.conftest import EXAMPLES_FACTOR, event, ingest

# What a cut between records may be taken for.
TRAPS = st.text(st.sampled_from('}{,[]"\\ \nx:'), max_size=12) | st.sampled_from(["}, {", "},{", '"},{"', "},\n{"])
ITEMS = st.lists(st.fixed_dictionaries({"a": st.integers(0, 9)}), max_size=3)
EVENT = st.builds(
    lambda number, note, **more: event(f"e{number}", note=note) | more,
    st.integers(0, 20),
    TRAPS,
    cancellation_reason=TRAPS | ITEMS,
    user_id=st.integers(0, 3) | ITEMS,
)
WRITTEN = {
    "lines": ("booking_events.jsonl", lambda events: "\n".join(map(json.dumps, events))),
    "lines, blank ones among them": (
        "booking_events.jsonl",
        lambda events: "".join(f"{json.dumps(each)}\r\n \n\n" for each in events),
    ),
    "array": ("booking_events.json", json.dumps),
    "array, compact": ("booking_events.json", lambda events: json.dumps(events, separators=(",", ":"))),
    "array, indented": ("booking_events.json", lambda events: json.dumps(events, indent=2) + "\n"),
}


def rows_of(path: Path, part_bytes: int) -> tuple[list[tuple], list[str]]:
    """The normalised rows of a file, by position, and the notes on it."""
    with pytest.MonkeyPatch.context() as patch, duckdb.connect() as connection:
        patch.setattr(parts, "PART_BYTES", part_bytes)
        connection.execute("SET TimeZone = 'UTC'; SET threads = 3")
        connection.execute("SET VARIABLE loaded_at = TIMESTAMP '2024-01-01'")
        notes = read_rows(connection, EVENTS, inspected(checksummed(path)), 7)
        rows = connection.execute("SELECT * FROM normalised_7 JOIN source_text_7 USING (position) ORDER BY position")
        return rows.fetchall(), notes


@pytest.mark.parametrize("layout", WRITTEN)
@settings(max_examples=40 * EXAMPLES_FACTOR, deadline=None, suppress_health_check=list(HealthCheck))
@given(events=st.lists(EVENT, min_size=1, max_size=12), size=st.integers(1, 600))
def test_in_parts_the_rows_are_those_of_the_whole(tmp_path_factory, layout, events, size):
    name, written = WRITTEN[layout]
    path = tmp_path_factory.mktemp("parts") / name
    path.write_text(written(events))
    assert rows_of(path, size) == rows_of(path, 1 << 40)


@pytest.mark.parametrize("layout", WRITTEN)
def test_parts_are_many_and_are_the_whole(tmp_path, layout):
    """Else the property above could hold because nothing is ever cut."""
    name, written = WRITTEN[layout]
    path = tmp_path / name
    path.write_text(written([event(f"e{number}") for number in range(100)]))
    file = inspected(checksummed(path))
    found = parts.parts_of(file, 500)
    assert len(found) > 10
    assert (found[0].start, found[-1].end) == (0, path.stat().st_size)
    read = 0
    for part in found:
        text = parts.written_apart(path, file.json_format, part, str(tmp_path)).read_text()
        read += (
            len(json.loads(text)) if file.json_format == "array" else sum(map(bool, map(str.strip, text.split("\n"))))
        )
    assert read == 100


def test_what_looks_like_the_end_of_a_record_within_one_is_read_as_a_whole(tmp_path):
    """A cut within an array of an event, or within a text, leaves a part that is no JSON."""
    events = [event(f"e{number}", items=[{"a": 1}] * 40, note="}, {" * 40) for number in range(3)]
    path = tmp_path / "booking_events.json"
    path.write_text(json.dumps(events))
    assert len(parts.parts_of(inspected(checksummed(path)), 300)) > 4
    rows, _ = rows_of(path, 300)
    assert [row[1] for row in rows] == ["e0", "e1", "e2"]


def test_without_room_for_parts_the_file_is_read_as_a_whole(tmp_path, monkeypatch):
    path = tmp_path / "booking_events.jsonl"
    path.write_text("\n".join(json.dumps(event(f"e{number}")) for number in range(50)))

    def is_full(**_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(parts, "TemporaryDirectory", is_full)
    assert len(rows_of(path, 500)[0]) == 50


def test_a_warehouse_may_be_called_parts(data_folder, tmp_path, monkeypatch):
    """Its name is that of its catalog: what was read would stay in it."""
    monkeypatch.setattr(parts, "PART_BYTES", 500)
    folder = data_folder(events=[event(f"e{number}") for number in range(50)])
    warehouse = tmp_path / "parts.duckdb"
    assert ingest(warehouse, folder)[2].rows_loaded == 50
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        assert connection.execute("SELECT COUNT(*) FROM duckdb_tables() WHERE schema_name <> 'raw'").fetchall() == [
            (0,)
        ]


@pytest.mark.parametrize("line", [0, 60, 99])
def test_a_broken_file_is_refused_with_the_line(data_folder, warehouse, monkeypatch, line):
    monkeypatch.setattr(parts, "PART_BYTES", 2000)
    folder = data_folder()
    (folder / "booking_events.json").unlink()
    lines = [json.dumps(event(f"e{number}")) for number in range(100)]
    lines[line] = lines[line][:-5]
    (folder / "booking_events.jsonl").write_text("\n".join(lines))
    with pytest.raises(SourceError, match=f"in line {line + 1}\\b"):
        ingest(warehouse, folder)


def test_a_load_in_parts_is_that_of_the_whole(data_folder, tmp_path, monkeypatch):
    """With rows that are rejected, whose place and text are kept, duplicates, and two files at once."""
    day = [event(f"e{number}", user_id=number % 7 or "x", note="z" * 50) for number in range(200)]
    folder = data_folder(events=[*day, *day[:20], event("e5", user_id=6)])
    (folder / "booking_events.jsonl").write_text("\n".join(json.dumps(event(f"f{number}")) for number in range(200)))
    found = []
    for size in (1000, 1 << 40):
        monkeypatch.setattr(parts, "PART_BYTES", size)
        warehouse = tmp_path / f"{size}.duckdb"
        loads = [(load.rows_read, load.sentence, load.notes) for load in ingest(warehouse, folder)]
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            tables = [
                connection.execute(f"SELECT * FROM raw.{table} ORDER BY ALL").fetchall()
                for table in ("booking_events", "rejected_rows")
            ]
        found.append((loads, tables))
    assert found[0] == found[1]
    assert len(found[0][1][1]) == 33
