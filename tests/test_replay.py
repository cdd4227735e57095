"""Rejected rows tried again: what passes is loaded once, the rest stays, and every row stays accounted for."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

import ingest.load
from cli import cli
from engines.duckdb import DuckDBReader, DuckDBState
from ingest.mapping import SourceMapping
from ingest.replay import Replay, replay_rejected_rows
from ingest.sources import find_sources
from settings import load_settings
from tests.conftest import ATTENDED, EXAMPLES_FACTOR, MENTORS_CSV, USERS_CSV, event, write_data
from warehouse.loads import load_history, rejected_rows

ASKED = event("e7", event_type="asked", timestamp="2023-02-05T10:00:00Z")
TYPES = SourceMapping(event_types={"asked": "booking_requested"})


def replay(warehouse: Path, **mappings: SourceMapping) -> list[Replay]:
    return replay_rejected_rows(DuckDBState(load_settings(warehouse=warehouse)), mappings)


def load(warehouse: Path, data: Path, **mappings: SourceMapping) -> None:
    ingest.load.ingest_sources(DuckDBState(load_settings(warehouse=warehouse)), find_sources(data, mappings))


def rows(warehouse: Path, query: str) -> list[tuple]:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return connection.execute(query).fetchall()


def fates(warehouse: Path) -> list[tuple]:
    return [(*row[:1], *row[2:4], *row[5:]) for row in rejected_rows(load_settings(warehouse=warehouse))]


def assert_accounted_for(warehouse: Path) -> None:
    """The identity holds for every load and for all together, and each rejected row has one fate."""
    identity = "rows_loaded + rows_known + rows_duplicate + rows_rejected"
    assert rows(warehouse, f"SELECT * FROM raw.loads WHERE rows_read <> {identity}") == []
    for table, load_id in (("users", "load_id"), ("booking_events", "load_id")):
        found = rows(warehouse, f"SELECT {load_id}, COUNT(*) FROM raw.{table} GROUP BY ALL ORDER BY 1")
        told = f"SELECT load_id, rows_loaded FROM raw.loads WHERE source = '{table}' AND rows_loaded > 0 ORDER BY 1"
        assert found == rows(warehouse, told)
    assert rows(warehouse, "SELECT load_id, COUNT(*) FROM raw.rejected_rows GROUP BY ALL ORDER BY 1") == rows(
        warehouse, "SELECT load_id, rows_rejected FROM raw.loads WHERE rows_rejected > 0 ORDER BY 1"
    )
    assert rows(warehouse, "SELECT load_id, COUNT(*) FROM raw.replayed_rows GROUP BY ALL ORDER BY 1") == rows(
        warehouse, "SELECT load_id, rows_read FROM raw.loads WHERE outcome = 'replayed' ORDER BY 1"
    )
    assert not rows(
        warehouse, "SELECT rejected_load_id, position FROM raw.replayed_rows GROUP BY ALL HAVING COUNT(*) > 1"
    )
    replayed = "SELECT rejected_load_id AS load_id, position FROM raw.replayed_rows"
    assert not rows(warehouse, f"FROM ({replayed}) ANTI JOIN raw.rejected_rows USING (load_id, position)")
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        history = load_history(DuckDBReader(connection, "w"))
    for source in history.sources:
        assert source.rows_read == (
            source.rows_loaded + source.rows_known + source.rows_duplicate + source.rows_rejected
        )
        still = sum(each.rows for each in history.rejections if each.source == source.source)
        assert source.rows_rejected == still


def test_what_passes_is_loaded_in_a_load_of_its_own_and_the_rest_stays(warehouse, tmp_path):
    data = write_data(
        tmp_path / "data", events=[*ATTENDED, ASKED, event("e8", user_id="x"), ASKED | {"event_id": "e1"}]
    )
    load(warehouse, data)
    assert fates(warehouse) == [
        (3, 3, "unknown_event_type", None, None),
        (3, 4, "invalid_user_id", None, None),
        (3, 5, "unknown_event_type", None, None),
    ]
    (found,) = replay(warehouse, booking_events=TYPES)
    assert (found.rejected_load_id, found.rows_left) == (3, 2)  # e1 says something else under a known id
    assert (found.load.rows_read, found.load.rows_loaded) == (1, 1)
    assert fates(warehouse) == [
        (3, 3, "unknown_event_type", "loaded", 4),
        (3, 4, "invalid_user_id", None, None),
        (3, 5, "unknown_event_type", None, None),
    ]
    assert rows(warehouse, "SELECT event_id, event_type, load_id FROM raw.booking_events WHERE load_id > 3") == [
        ("e7", "booking_requested", 4)
    ]
    assert_accounted_for(warehouse)
    before = rows(warehouse, "FROM raw.loads")
    (again,) = replay(warehouse, booking_events=TYPES)
    assert (again.load.rows_read, again.rows_left) == (0, 2)
    assert rows(warehouse, "FROM raw.loads") == before


def test_an_event_whose_moment_has_come_passes_without_any_change(warehouse, tmp_path, monkeypatch):
    class Later(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(days=9)

    ahead = (datetime.now(UTC) + timedelta(days=5)).isoformat()
    load(warehouse, write_data(tmp_path / "data", events=[*ATTENDED, event("e9", timestamp=ahead)]))
    assert replay(warehouse)[0].load.rows_read == 0
    monkeypatch.setattr(ingest.load, "datetime", Later)
    assert replay(warehouse)[0].load.rows_loaded == 1
    assert_accounted_for(warehouse)


def test_a_row_that_came_otherwise_meanwhile_is_known(warehouse, tmp_path):
    load(warehouse, write_data(tmp_path / "one", events=[*ATTENDED, ASKED, ASKED]))
    load(warehouse, write_data(tmp_path / "two", events=[ASKED | {"event_type": "booking_requested"}]))
    (found,) = replay(warehouse, booking_events=TYPES)
    assert (found.load.rows_known, found.load.rows_duplicate, found.rows_left) == (1, 1, 0)
    assert [row[-2:] for row in fates(warehouse)] == [("known", 5), ("duplicate", 5)]
    assert_accounted_for(warehouse)


def test_of_exports_only_the_newest_is_tried_and_who_is_known_is_left_alone(warehouse, tmp_path):
    header = "user_id,company_id,created,status,more\n"
    rejected = ["1,8,,gone,2023-03-01", "2,7,,active,2023-03-01", '4,7,,"act', "5,7,,active,2023-03-01", "5,7,,twice,"]
    signup = SourceMapping(columns={"signup_date": "created"})
    first = f"{header}1,7,2023-01-01,active,\n2,7,2023-01-02,active,\n3,7,when,active,\n"
    load(warehouse, write_data(tmp_path / "one", users=first), users=signup)
    second = "\n".join([header + "1,7,2023-01-01,active,", *rejected])
    load(warehouse, write_data(tmp_path / "two", users=second), users=signup)
    assert [row[2:] for row in fates(warehouse)] == [
        ("invalid_signup_date", "superseded", 4),
        ("invalid_signup_date", None, None),
        ("invalid_signup_date", None, None),
        ("unreadable_line", None, None),
        ("invalid_signup_date", None, None),
        ("invalid_signup_date", None, None),
    ]
    (found,) = replay(warehouse, users=SourceMapping(columns={"signup_date": "more"}))
    # User 1 is known with something else, user 2 with another day; of user 5 the first row stands.
    assert (found.load.rows_loaded, found.load.rows_duplicate, found.rows_left) == (1, 0, 4)
    assert rows(warehouse, "SELECT user_id, status FROM raw.users WHERE load_id = 5") == [(5, "active")]
    assert_accounted_for(warehouse)
    # The file is the one that was loaded last, as before.
    load(warehouse, tmp_path / "two", users=signup)
    assert rows(warehouse, "SELECT COUNT(*) FROM raw.loads") == [(5,)]


def test_a_mentor_whose_row_passes_is_loaded_and_nobody_leaves(warehouse, tmp_path):
    data = write_data(tmp_path / "data", mentors=f"{MENTORS_CSV.replace('rate', 'rate,updated_at', 1)}")
    (data / "mentor_tiers.csv").write_text(
        "mentor_id,tier,hourly_rate,updated_at,valid\nM-1,Gold,200,,\nM-3,Gold,1,soon,2023-01-01\n"
    )
    load(warehouse, data)
    (found,) = replay(warehouse, mentors=SourceMapping(columns={"updated_at": "valid"}))
    assert (found.load.rows_loaded, found.rows_left) == (1, 0)
    assert rows(warehouse, "SELECT mentor_id, is_deleted, load_id FROM raw.mentors ORDER BY ALL") == [
        ("M-1", False, 2),
        ("M-3", False, 4),
    ]
    assert_accounted_for(warehouse)


def test_rows_without_a_column_that_the_mapping_names_stay_rejected(warehouse, tmp_path):
    data = write_data(tmp_path / "data", users=f"{USERS_CSV}3,7,when,active\n")
    load(warehouse, data)
    (found,) = replay(warehouse, users=SourceMapping(columns={"company_id": "account", "signup_date": "company_id"}))
    assert (found.load.rows_read, found.rows_left) == (0, 1)
    (data / "users.jsonl").write_text(
        '{"user_id": 1, "company_id": 7, "signup_date": "x", "status": "a", "day": "2023-01-01"}\n'
        '{"user_id": 9, "signup_date": "x", "status": "a", "day": "2023-01-01"}\n'
        '{"user_id": 8, "company_id": null, "signup_date": "x", "status": "a", "day": "2023-01-01"}\n'
    )
    load(warehouse, data, users=SourceMapping(files=("users.jsonl",)))
    (found,) = replay(warehouse, users=SourceMapping(columns={"signup_date": "day"}))
    assert (found.load.rows_loaded, found.load.rows_known, found.rows_left) == (1, 0, 2)
    assert_accounted_for(warehouse)


def test_a_warehouse_of_an_earlier_version_has_its_rows_tried_and_listed(warehouse, tmp_path):
    users = f"{USERS_CSV}{{x,7,2023-01-01,active\n"
    load(warehouse, write_data(tmp_path / "data", users=users, events=[*ATTENDED, ASKED]))
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("DROP TABLE raw.replayed_rows")
        connection.execute("DROP TABLE raw.csv_headers")
    assert [row[2:] for row in fates(warehouse)] == [
        ("invalid_user_id", None, None),
        ("unknown_event_type", None, None),
    ]
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        assert [each.rows for each in load_history(DuckDBReader(connection, "w")).rejections] == [1, 1]
    users_of, events_of = replay(warehouse, booking_events=TYPES)
    assert (users_of.load.rows_read, users_of.rows_left) == (0, 1)
    assert (events_of.load.rows_loaded, events_of.rows_left) == (1, 0)
    assert_accounted_for(warehouse)


THEIRS = {"event_id": "id", "event_type": "what"}
EVENTS = st.lists(
    st.fixed_dictionaries(
        {
            "event_id": st.sampled_from(["e1", "e2", "e3", "e4"]),
            "user_id": st.sampled_from([1, "2", "x"]),
            "timestamp": st.sampled_from(["2023-02-01", "2023-02-02T10:00:00Z", "soon"]),
            "event_type": st.sampled_from(["session_started", "asked", "ASKED", "paused"]),
        }
    ),
    max_size=6,
)


@settings(max_examples=10 * EXAMPLES_FACTOR, deadline=None)
@given(files=st.lists(EVENTS, min_size=1, max_size=3), ending=st.sampled_from(["jsonl", "csv"]))
def test_files_replayed_under_a_rule_account_for_every_row(files, ending):
    with tempfile.TemporaryDirectory() as place:
        data = write_data(Path(place) / "data")
        (data / "booking_events.json").unlink()
        for number, events in enumerate(files):
            whole = [event(f"z{number}", timestamp=f"2022-01-0{number + 1}")] + [event("") | each for each in events]
            with (data / f"events_{number}.{ending}").open("w", newline="") as file:
                if ending == "jsonl":
                    file.writelines(json.dumps(each) + "\n" for each in whole)
                else:
                    writer = csv.DictWriter(file, event(""))
                    writer.writeheader()
                    writer.writerows(whole)
        warehouse = Path(place) / "warehouse.duckdb"
        pattern = SourceMapping(files=(f"events_*.{ending}",))
        load(warehouse, data, booking_events=pattern)
        replay(warehouse, booking_events=TYPES)
        assert_accounted_for(warehouse)
        replayed = rows(warehouse, "FROM raw.loads")
        replay(warehouse, booking_events=TYPES)
        assert rows(warehouse, "FROM raw.loads") == replayed
        # An id is there where a row with it passes, as if the rule had held from the first.
        anew = Path(place) / "anew.duckdb"
        both = SourceMapping(files=pattern.files, event_types=TYPES.event_types)
        load(anew, data, booking_events=both)
        ids = "SELECT DISTINCT event_id FROM raw.booking_events ORDER BY 1"
        assert rows(warehouse, ids) == rows(anew, ids)


def run(warehouse: Path, *arguments: str, exit_code: int = 0) -> Result:
    result = CliRunner().invoke(cli, ["--warehouse", str(warehouse), *arguments])
    assert result.exit_code == exit_code, result.output
    assert "Traceback" not in result.output
    return result


def test_the_command_publishes_what_passes_and_nothing_where_nothing_does(published, tmp_path, monkeypatch, logs):
    run(published, "ingest", "--data", str(write_data(tmp_path / "data", events=[*ATTENDED, ASKED])))
    before = published.read_bytes()
    nothing = run(published, "rejects", "--replay")
    assert "1 rejected rows tried again = 0 loaded + 0 known + 0 duplicates + 1 still rejected" in nothing.stderr
    assert "no rejected row passes; nothing changed" in nothing.stderr
    assert published.read_bytes() == before
    (tmp_path / "sources.toml").write_text("[booking_events.event_types]\nbooking_requested = 'asked'")
    monkeypatch.setenv("MENTOR_SOURCES", str(tmp_path / "sources.toml"))
    done = run(published, "rejects", "--replay")
    (row,) = csv.DictReader(io.StringIO(done.stdout))
    assert (row["reason"], row["became"], row["raw_text"]) == ("unknown_event_type", "loaded", json.dumps(ASKED))
    assert "the models take the rows in with the next run: python cli.py transform" in done.stderr
    assert (
        json.loads(run(published, "status", "--format", "json", exit_code=1).stdout)["environments"][0]["taken_in"][
            "waiting_events"
        ]
        == 1
    )
    run(published, "rollback")
    assert published.read_bytes() == before
    runs = json.loads(run(published, "history", "--format", "json").stdout)
    assert [(each["command"], each["outcome"]) for each in runs[:3]] == [
        ("rollback", "done"),
        ("replay", "done"),
        ("replay", "unchanged"),
    ]
    assert runs[1]["files"][0]["rows_loaded"] == 1


def test_a_failure_leaves_everything_as_it_was(published, tmp_path, monkeypatch):
    run(published, "ingest", "--data", str(write_data(tmp_path / "data", events=[*ATTENDED, ASKED])))
    before = published.read_bytes()
    monkeypatch.setattr("ingest.replay.record", lambda *_: (_ for _ in ()).throw(duckdb.IOException("disk full")))
    (tmp_path / "sources.toml").write_text("[booking_events.event_types]\nbooking_requested = 'asked'")
    monkeypatch.setenv("MENTOR_SOURCES", str(tmp_path / "sources.toml"))
    assert "error: " in run(published, "rejects", "--replay", exit_code=1).stderr
    assert published.read_bytes() == before


@pytest.mark.parametrize("arguments", [["rejects", "--replay"]])
def test_without_a_warehouse_there_is_nothing_to_try(warehouse, arguments):
    assert "there is no warehouse at" in run(warehouse, *arguments, exit_code=1).stderr
    assert not warehouse.exists()
