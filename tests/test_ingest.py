"""Loading: normalisation, the count identity, refusals that change nothing."""

from __future__ import annotations

import gzip
import json
from collections import Counter

import duckdb
import pytest
from click.testing import CliRunner

from cli import cli
from errors import SourceError, WarehouseError
from ingest.load import unchanged_loads
from ingest.sources import find_sources
from settings import load_settings
from tests.conftest import MENTORS_CSV, USERS_CSV, event, ingest
from warehouse.loads import rejected_rows


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
    ((_, file, position, found, raw_text, *_),) = rejected_rows(load_settings(warehouse=warehouse))
    assert (position, found, json.loads(raw_text)) == (2, reason, bad)
    assert file.endswith("booking_events.json")


def test_repeated_event_ids(data_folder, warehouse):
    events = [event("a"), event("a", user_id="1"), event("a", mentor_id="M-2"), 5]
    loads = ingest(warehouse, data_folder(events=events))
    assert counts(loads[2]) == (1, 0, 1, 2)
    reasons = [(row[2], row[3]) for row in rejected_rows(load_settings(warehouse=warehouse))]
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
    assert [row[3] for row in rejected_rows(load_settings(warehouse=warehouse))] == [
        "unreadable_line",
        "invalid_user_id",
    ]
    assert query(warehouse, "SELECT company_id FROM raw.users WHERE user_id = 2") == [("7",)]


def test_the_change_logs_keep_a_b_a_and_a_leaver(data_folder, warehouse):
    for tier in ("Gold", "silver", " GOLD "):
        ingest(warehouse, data_folder(mentors=f"mentor_id,tier,hourly_rate\nM-1,{tier},200\nM-2,Silver,100\n"))
    ingest(warehouse, data_folder(mentors="mentor_id,tier,hourly_rate\nM-2,Silver,100\n"))
    log = query(warehouse, "SELECT tier, is_deleted FROM raw.mentors WHERE mentor_id = 'M-1' ORDER BY load_id")
    assert log == [("Gold", False), ("Silver", False), ("Gold", False), ("Gold", True)]
    assert query(warehouse, "SELECT COUNT(*) FROM raw.mentors WHERE mentor_id = 'M-2'") == [(1,)]


# Sheets one after the other: tier and date of mentor M-1, and what becomes of the row.
SHEETS = {
    "the same again": ["Gold,2023-02-01 loaded", "Gold,2023-02-01 known"],
    "no date any more": ["Gold,2023-02-01 loaded", "Gold, known"],
    "an older date": ["Gold,2023-02-01 loaded", "Gold,2023-01-01 known"],
    "a later date": ["Gold,2023-02-01 loaded", "Gold,2023-03-01 loaded"],
    "a date added": ["Gold, loaded", "Gold,2023-01-01 loaded"],
    "a change without a date": ["Gold,2023-02-01 loaded", "Silver, loaded"],
    "a change from the same moment": ["Gold,2023-02-01 loaded", "Silver,2023-02-01 loaded"],
    "a change from before the date": ["Gold,2023-02-01 loaded", "Silver,2023-01-01 outdated"],
    "a change from before the load": ["Gold, loaded", "Silver,2023-01-01 loaded"],
    "older than a date before the last row": [
        "Gold,2023-02-01 loaded",
        "Silver, loaded",
        "Bronze,2023-01-01 outdated",
    ],
    "a date added that is older than one before": [
        "Gold,2023-02-01 loaded",
        "Silver, loaded",
        "Silver,2023-01-01 outdated",
    ],
    "announced again": ["Gold,2023-02-01 loaded", "Silver,2999-01-01 loaded", "Silver,2999-01-01 known"],
    "announced for an earlier day": ["Gold,2023-02-01 loaded", "Silver,2999-01-01 loaded", "Silver,2998-01-01 loaded"],
    "announced, and there already": ["Gold,2023-02-01 loaded", "Silver,2999-01-01 loaded", "Silver, loaded"],
    "announced, and taken back": ["Gold,2023-02-01 loaded", "Silver,2999-01-01 loaded", "Gold,2023-02-01 loaded"],
    "announced, then a stale sheet": [
        "Gold,2023-02-01 loaded",
        "Silver,2999-01-01 loaded",
        "Bronze,2023-01-01 outdated",
    ],
    "announced, then a stale sheet with the same tier": [
        "Gold,2023-02-01 loaded",
        "Silver,2999-01-01 loaded",
        "Silver,2023-01-01 outdated",
    ],
    "left and returned": ["Gold,2023-02-01 loaded", "", "Gold,2023-01-01 loaded"],
    "older than a date before leaving": ["Gold,2023-02-01 loaded", "", "Gold, loaded", "Silver,2023-01-01 loaded"],
}


def load_sheets(data_folder, warehouse, rows):
    """Load sheets with a row of mentor M-1 each, or none; the loads."""
    for number, row in enumerate(rows, start=1):
        others = f"M-2,1.{'0' * number},Gold,\n"  # written otherwise each time: no file is the same as before
        sheet = "mentor_id,hourly_rate,tier,updated_at\n" + (f"M-1,100,{row}\n" if row else "") + others
        yield ingest(warehouse, data_folder(mentors=sheet))[1]


@pytest.mark.parametrize("case", SHEETS)
def test_what_of_a_later_sheet_is_loaded(data_folder, warehouse, case):
    rows = [row.partition(" ")[::2] for row in SHEETS[case]]
    loads = load_sheets(data_folder, warehouse, [row for row, _ in rows])
    for number, ((_, fate), load) in enumerate(zip(rows, loads, strict=True)):
        found = Counter(loaded=load.rows_loaded, known=load.rows_known, outdated=load.rows_rejected)
        assert +found == Counter(["known" if number else "loaded"]) + Counter([fate] if fate else [])
    assert {reason for _, _, _, reason, *_ in rejected_rows(load_settings(warehouse=warehouse))} <= {"outdated"}


def test_an_announcement_that_was_taken_back_makes_nothing_outdated_when_its_day_has_come(data_folder, warehouse):
    rows = ["Gold,2023-01-01", "Silver,2999-01-01", "Gold,2023-02-01", "Bronze,2023-03-01"]
    loads = load_sheets(data_folder, warehouse, rows)
    for _ in rows[:3]:
        next(loads)
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("UPDATE raw.mentors SET updated_at = '2023-06-01' WHERE updated_at = '2999-01-01'")
    assert next(loads).rows_rejected == 0


def test_a_confirmation_is_noted_as_no_change(data_folder, warehouse):
    loads = list(load_sheets(data_folder, warehouse, ["Gold,", "Gold,2023-01-01", "Silver,", "Silver,2023-02-01", ""]))
    assert [load.notes for load in loads] == [
        (),
        (),
        ("mentor M-1 changes from Gold to Silver",),
        (),
        ("mentor M-1 has left the sheet",),
    ]


def test_what_is_missing_of_a_user_stays_missing_in_the_log(data_folder, warehouse):
    header, *_ = USERS_CSV.splitlines()
    ingest(warehouse, data_folder(users=f"{header}\n1,,2023-01-01, \n"))
    assert query(warehouse, "SELECT company_id, status FROM raw.users") == [(None, None)]


def test_a_file_that_is_known_is_not_inspected_again(data_folder, warehouse):
    """It was when it was loaded, under whatever name; what is new beside it is."""
    folder = data_folder()
    lines = folder / "booking_events" / "1.jsonl"
    lines.parent.mkdir()
    lines.write_text(json.dumps(event("more")) + "\n")
    ingest(warehouse, folder)
    lines.rename(lines.with_suffix(".json"))
    assert {load.outcome for load in ingest(warehouse, folder)} == {"unchanged"}
    lines.write_text("[")
    with pytest.raises(SourceError, match=r"1\.jsonl cannot be read: Malformed JSON"):
        ingest(warehouse, folder)


def test_a_warehouse_of_an_earlier_version_is_refused_and_stays_as_it_is(data_folder, warehouse):
    ingest(warehouse, data_folder())
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("ALTER TABLE raw.users ADD COLUMN effective_at TIMESTAMP")
    before = warehouse.read_bytes()
    folder = data_folder(events=[event("new")])
    for load in (ingest, lambda *_: unchanged_loads(load_settings(warehouse=warehouse), find_sources(folder))):
        with pytest.raises(WarehouseError) as refusal:
            load(warehouse, folder)
        assert str(refusal.value) == (
            "the warehouse was built by an earlier version, which kept less of users and mentors; "
            "rebuild it: python cli.py reset --yes, then python cli.py refresh with all files"
        )
    assert warehouse.read_bytes() == before


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
