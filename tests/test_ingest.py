"""Loading: normalisation, the count identity, refusals that change nothing."""

from __future__ import annotations

import gzip
import json

import duckdb
import pytest
from click.testing import CliRunner

from cli import cli
from errors import SourceError
from ingest.load import ingest, rejected_rows
from tests.conftest import MENTORS_CSV, USERS_CSV, event


def query(warehouse, sql):
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def snapshot(warehouse):
    tables = ("users", "mentors", "booking_events", "rejected_rows", "loads")
    return {name: query(warehouse, f"SELECT * FROM raw.{name} ORDER BY ALL") for name in tables}


def counts(load):
    return load.rows_loaded, load.rows_known, load.rows_duplicate, load.rows_rejected


def assert_identity(loads):
    for load in loads:
        assert load.rows_read == sum(counts(load))


def test_mixed_id_types_are_one_user(data_folder, warehouse):
    events = [event("a", user_id="1"), event("b", user_id=1), event("c", user_id=" +01 ")]
    ingest(warehouse, data_folder(events=events))
    assert query(warehouse, "SELECT DISTINCT user_id FROM raw.booking_events") == [(1,)]


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("2023-02-01T10:00:00Z", "2023-02-01 10:00:00"),
        ("2023-02-01T10:00:00", "2023-02-01 10:00:00"),
        ("2023-02-01T10:00:00+02:00", "2023-02-01 08:00:00"),
        ("2023-02-01T10:00:00-0530", "2023-02-01 15:30:00"),
        ("2023-02-01T10:00Z", "2023-02-01 10:00:00"),
        ("2023-02-01T10:00+01", "2023-02-01 09:00:00"),
        ("2023-02-01 10:00:00.123456789Z", "2023-02-01 10:00:00.123456"),
        ("2023-02-01T10:00:00,5Z", "2023-02-01 10:00:00.5"),
        ("2023-02-01", "2023-02-01 00:00:00"),
        (" 2023-02-01t10:00:00z ", "2023-02-01 10:00:00"),
    ],
)
def test_timestamps_become_naive_utc(data_folder, warehouse, text, stored):
    ingest(warehouse, data_folder(events=[event("a", timestamp=text)]))
    assert query(warehouse, "SELECT CAST(occurred_at AS VARCHAR) FROM raw.booking_events") == [(stored,)]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"user_id": "abc"}, "invalid_user_id"),
        ({"user_id": 1.5}, "invalid_user_id"),
        ({"user_id": 2**63}, "invalid_user_id"),
        ({"user_id": None}, "missing_user_id"),
        ({"event_id": "  "}, "missing_event_id"),
        ({"mentor_id": ""}, "missing_mentor_id"),
        ({"timestamp": "01/02/2023"}, "invalid_timestamp"),
        ({"timestamp": 1675245600}, "invalid_timestamp"),
        ({"timestamp": "2023-02-30T10:00:00Z"}, "invalid_timestamp"),
        ({"timestamp": "infinity"}, "invalid_timestamp"),
        ({"timestamp": None}, "missing_timestamp"),
        ({"event_type": "booking_moved"}, "unknown_event_type"),
        ({"event_type": None}, "missing_event_type"),
    ],
)
def test_bad_events_are_rejected_with_their_reason(data_folder, warehouse, changes, reason):
    bad = event("bad") | changes
    loads = ingest(warehouse, data_folder(events=[event("good"), bad]))
    assert counts(loads[2]) == (1, 0, 0, 1)
    ((_, file, position, found, raw_text),) = rejected_rows(warehouse)
    assert (position, found, json.loads(raw_text)) == (2, reason, bad)
    assert file.endswith("booking_events.json")


def test_repeated_event_ids(data_folder, warehouse):
    events = [event("a"), event("a", user_id="1"), event("a", mentor_id="M-2"), 5]
    loads = ingest(warehouse, data_folder(events=events))
    assert counts(loads[2]) == (1, 0, 1, 2)
    reasons = [(row[2], row[3]) for row in rejected_rows(warehouse)]
    assert reasons == [(3, "conflicting_event_id"), (4, "not_an_object")]


def test_an_event_already_known_is_known_and_a_different_one_conflicts(data_folder, warehouse):
    ingest(warehouse, data_folder(events=[event("a"), event("b")]))
    loads = ingest(warehouse, data_folder(events=[event("a"), event("b", mentor_id="M-2"), event("c")]))
    assert counts(loads[2]) == (1, 1, 0, 1)
    assert_identity(loads)
    mentors = query(warehouse, "SELECT event_id, mentor_id FROM raw.booking_events ORDER BY 1")
    assert mentors == [("a", "M-1"), ("b", "M-1"), ("c", "M-1")]


def test_loading_the_same_files_twice_changes_nothing(data_folder, warehouse):
    folder = data_folder()
    ingest(warehouse, folder)
    before = snapshot(warehouse)
    assert {load.outcome for load in ingest(warehouse, folder)} == {"unchanged"}
    assert snapshot(warehouse) == before


def test_json_lines_gzip_and_a_folder_of_files(data_folder, warehouse):
    folder = data_folder(events=[event("a")])
    parts = folder / "booking_events"
    parts.mkdir()
    (parts / "1.jsonl").write_text(json.dumps(event("b")) + "\n\n" + json.dumps(event("c")) + "\n")
    (parts / "2.json.gz").write_bytes(gzip.compress(json.dumps([event("d"), event("a")]).encode()))
    loads = ingest(warehouse, folder)
    assert [counts(load) for load in loads[2:]] == [(1, 0, 0, 0), (2, 0, 0, 0), (1, 1, 0, 0)]


def test_users_first_row_stays_and_bad_rows_are_placed(data_folder, warehouse):
    users = USERS_CSV + '2,8,2023-05-05,active\n3,"7,x\ny",2023-01-03, ACTIVE ,extra,fields\nx,1,2023-01-01,active\n'
    loads = ingest(warehouse, data_folder(users=users))
    assert counts(loads[0]) == (2, 0, 1, 2)
    assert_identity(loads)
    assert [row[3] for row in rejected_rows(warehouse)] == ["unreadable_line", "invalid_user_id"]
    assert query(warehouse, "SELECT company_id FROM raw.users WHERE user_id = 2") == [("7",)]


def test_the_change_logs_keep_a_b_a_and_a_leaver(data_folder, warehouse):
    for tier in ("Gold", "silver", " GOLD "):
        ingest(warehouse, data_folder(mentors=f"mentor_id,tier,hourly_rate\nM-1,{tier},200\nM-2,Silver,100\n"))
    ingest(warehouse, data_folder(mentors="mentor_id,tier,hourly_rate\nM-2,Silver,100\n"))
    log = query(warehouse, "SELECT tier, is_deleted FROM raw.mentors WHERE mentor_id = 'M-1' ORDER BY load_id")
    assert log == [("Gold", False), ("Silver", False), ("Gold", False), ("Gold", True)]
    assert query(warehouse, "SELECT COUNT(*) FROM raw.mentors WHERE mentor_id = 'M-2'") == [(1,)]


def test_a_rejected_mentor_row_does_not_close_the_mentor(data_folder, warehouse):
    ingest(warehouse, data_folder())
    ingest(warehouse, data_folder(mentors=MENTORS_CSV.replace("200", "a lot")))
    assert query(warehouse, "SELECT COUNT(*) FROM raw.mentors WHERE is_deleted") == [(0,)]


REFUSALS = {
    "missing file": ("users_db_export.csv", None, "is missing"),
    "empty file": ("users_db_export.csv", b"", "is empty"),
    "not UTF-8": ("users_db_export.csv", USERS_CSV.encode("utf-16"), "is not UTF-8"),
    "missing column": ("users_db_export.csv", b"user_id,status\n1,active\n", "lacks the column company_id"),
    "missing tier": ("mentor_tiers.csv", b"mentor_id,tier,hourly_rate\nM-1, ,1\n", "mentor M-1 has no tier"),
    "broken JSON": ("booking_events.json", b'[{"event_id": "a"}, {"event]', "cannot be read"),
    "truncated JSON": ("booking_events.json", b'[{"event_id": "a"},', "the array is not closed"),
    "JSON object": ("booking_events.json", b'{"event_id": "a"}', "is not a JSON array"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_file_refused_as_a_whole_changes_nothing(data_folder, warehouse, case):
    name, content, message = REFUSALS[case]
    ingest(warehouse, data_folder())
    before = snapshot(warehouse)
    folder = data_folder(events=[event("new")], users=USERS_CSV + "3,1,2023-01-01,active\n")
    (folder / name).unlink() if content is None else (folder / name).write_bytes(content)
    with pytest.raises(SourceError, match=message):
        ingest(warehouse, folder)
    assert snapshot(warehouse) == before


def test_a_refused_first_load_leaves_no_warehouse(data_folder, warehouse):
    with pytest.raises(SourceError):
        ingest(warehouse, data_folder(events='[{"a": ]'))
    assert list(warehouse.parent.glob("warehouse*")) == []


def test_command_line_says_one_line_and_exits_with_1(data_folder, warehouse):
    folder = data_folder()
    (folder / "mentor_tiers.csv").unlink()
    result = CliRunner().invoke(cli, ["--warehouse", str(warehouse), "ingest", "--data", str(folder)])
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == f"error: {folder / 'mentor_tiers.csv'} is missing\n"


@pytest.mark.real_data
def test_real_files(real_data, warehouse):
    loads = ingest(warehouse, real_data)
    assert [counts(load) for load in loads] == [(150, 0, 5, 0), (15, 0, 0, 0), (842, 0, 0, 0)]
