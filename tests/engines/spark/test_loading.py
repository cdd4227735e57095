"""Loading into Spark: the rows and the judgements are those of DuckDB, by one process or dealt out to workers."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from engines import engine_of
from ingest import distributed, load, sources
from ingest.raw_tables import RAW_TABLES
from ingest.sources import EVENTS
from settings import load_settings
from simulation.population import Scenario, simulate
from tests.conftest import event, ingest, write_data
from tests.engines.postgres.test_loading import COMPARED, TEXTS

pytestmark = pytest.mark.spark


@pytest.fixture
def dealt_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers read and judge events, in parts of some lines, however few there are."""
    monkeypatch.setattr(distributed, "SPREAD_BYTES", 0)
    monkeypatch.setattr(distributed, "SPLIT_BYTES", 60_000)


def in_duckdb(warehouse: Path) -> dict[str, Counter]:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return {
            table: Counter(connection.execute(f"SELECT {columns} FROM raw.{table}").fetchall())
            for table, columns in COMPARED.items()
        }


def in_spark() -> dict[str, Counter]:
    settings = load_settings()
    with engine_of(settings).reading(settings) as reader:
        return {
            table: Counter(reader.rows(f"SELECT {columns} FROM raw.{table}")) for table, columns in COMPARED.items()
        }


def write_files(folder: Path) -> None:
    """Make of the events several files, of all kinds, with some events in two of them."""
    (file,) = folder.glob("booking_events.jsonl")
    lines = file.read_text(encoding="utf-8").splitlines()
    file.unlink()
    (folder / "booking_events").mkdir()
    third = len(lines) // 3
    (folder / "booking_events" / "a.jsonl").write_text("\n".join(lines[: 2 * third]) + "\n\n", encoding="utf-8")
    array = [*map(json.loads, lines[third // 2 : third]), *map(json.loads, lines[2 * third : 2 * third + 50])]
    changed = [array[0] | {"mentor_id": "M-9"}, array[1] | {"colour": "blue"}, "no object", *array]
    (folder / "booking_events" / "b.json").write_text(json.dumps(changed), encoding="utf-8")
    with gzip.open(folder / "booking_events" / "c.jsonl.gz", "wt", encoding="utf-8") as compressed:
        compressed.write("\n".join(lines[2 * third :]))


def test_days_of_dirty_files_give_the_rows_that_duckdb_has(run, warehouse, tmp_path, monkeypatch, dealt_out):
    simulate(Scenario(150, 3, dirt=0.1, optional_events=True)).write(tmp_path / "days", "jsonl", 3, 0.2)
    days = sorted((tmp_path / "days").iterdir())
    write_files(days[0])
    for number, day in enumerate(days):
        if number == 1:  # a day of few events, which one process reads
            monkeypatch.setattr(distributed, "SPREAD_BYTES", 1 << 20)
        output = run("ingest", "--data", str(day)).output
        notes = [note for load in ingest(warehouse, day) for note in load.notes]
        assert in_spark() == in_duckdb(warehouse), day.name
        assert all(note in output for note in notes)
    assert {"conflicting_event_id", "not_an_object"} <= {reason for _, _, _, reason, _ in in_spark()["rejected_rows"]}
    assert "unchanged since its last load" in run("ingest", "--data", str(day)).output


def test_text_comes_as_it_was(run, warehouse, tmp_path, dealt_out):
    events = [event(f"e{number}|{text}", cancelled_by=text) for number, text in enumerate(TEXTS)]
    events += [event(f"rejected {number}", event_type=text) for number, text in enumerate(TEXTS)]
    folder = write_data(tmp_path / "it's [data]", events=events)
    run("ingest", "--data", str(folder))
    ingest(warehouse, folder)
    assert in_spark() == in_duckdb(warehouse)


def test_a_file_that_cannot_be_read_leaves_nothing(run, place, tmp_path, dealt_out):
    folder = write_data(tmp_path / "data")
    (folder / "booking_events.json").unlink()
    lines = [json.dumps(event(f"e{number}")) for number in range(1000)]
    lines[900] = lines[900][:-5]
    (folder / "booking_events.jsonl").write_text("\n".join(lines), encoding="utf-8")
    output = run("ingest", "--data", str(folder), exit_code=1).output
    (error,) = [line for line in output.splitlines() if line.startswith("error: ")]
    assert "booking_events.jsonl" in error
    assert "901" in error
    assert not (place / "published.json").exists()
    assert list((place / "sets").iterdir()) == []


def test_a_table_from_before_there_were_optional_events_is_extended(run, warehouse, tmp_path, monkeypatch):
    """The set of an earlier version: a list and files without the columns, here without their last ones."""
    folder = write_data(tmp_path / "data", events=[event("e1")])
    added = ("signup_source", "churn_reason", "viewed_from", "rating")
    tables = re.sub(rf"({'|'.join(added)}) \w+, ", "", RAW_TABLES)
    events = replace(EVENTS, columns=tuple(name for name in EVENTS.columns if name not in added))
    with monkeypatch.context() as earlier:
        earlier.setattr(load, "make_raw_tables", lambda raw: raw.create(tables))
        earlier.setattr(sources, "EVENTS", events)
        run("ingest", "--data", str(folder))
    ingest(warehouse, folder)
    write_data(folder, events=[event("e1"), event("c", event_type="user_churned", mentor_id=None)])
    run("ingest", "--data", str(folder))
    ingest(warehouse, folder)
    assert in_spark() == in_duckdb(warehouse)
