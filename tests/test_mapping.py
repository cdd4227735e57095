"""Exports under other names: what a mapping makes of them, and what it refuses."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import duckdb
import pytest

from engines.duckdb import DuckDBState
from errors import SettingsError, SourceError
from ingest.contract import CONTRACTS
from ingest.load import Load, ingest_sources
from ingest.mapping import read_mapping
from ingest.sources import find_sources
from settings import WORK_FOLDER, load_settings
from tests.conftest import event, ingest, write_data
from tests.renamed_exports import MAPPING, write_renamed

RAW = {
    "users": "user_id, company_id, signup_date, status, updated_at",
    "mentors": "mentor_id, tier, hourly_rate, updated_at, is_deleted",
    "booking_events": "* EXCLUDE (load_id)",
}


def mapping(folder: Path, text: str) -> Path:
    file = folder / "sources.toml"
    file.write_text(text, encoding="utf-8")
    return file


def load(warehouse: Path, data: Path, file: Path) -> list[Load]:
    return ingest_sources(DuckDBState(load_settings(warehouse=warehouse)), find_sources(data, read_mapping(file)))


def raw(warehouse: Path) -> dict[str, list[tuple]]:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return {
            table: connection.execute(f"SELECT {columns} FROM raw.{table} ORDER BY ALL").fetchall()
            for table, columns in RAW.items()
        }


@pytest.fixture
def expected(tmp_path: Path) -> dict[str, list[tuple]]:
    """What the good data of `write_data` are in `raw` under our names."""
    ingest(tmp_path / "ours.duckdb", write_data(tmp_path / "ours", events=EVENTS))
    return raw(tmp_path / "ours.duckdb")


EVENTS = [event("e1"), event("e2", event_type="booking_cancelled", cancelled_by="user", timestamp="2023-02-02")]


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "parquet", "jsonl", "json"])
def test_every_source_may_be_of_every_format(ending, tmp_path, expected):
    folder = tmp_path / "theirs"
    write_renamed(tmp_path / "ours", folder, dict.fromkeys(CONTRACTS, ending))
    loads = load(tmp_path / "theirs.duckdb", folder, mapping(tmp_path, MAPPING))
    assert raw(tmp_path / "theirs.duckdb") == expected
    assert [(each.rows_loaded, each.rows_rejected, each.notes) for each in loads] == [(2, 0, ())] * 3


def test_a_rejected_row_is_kept_as_it_came(tmp_path):
    write_data(
        tmp_path / "ours",
        events=[event("e1"), event("e2", user_id="x")],
        users="user_id,company_id,signup_date,status\ny,1,2023-01-01,a\n",
    )
    texts = {}
    for ending in ("csv", "parquet"):
        write_renamed(tmp_path / "ours", tmp_path / ending, dict.fromkeys(CONTRACTS, ending))
        load(tmp_path / f"{ending}.duckdb", tmp_path / ending, mapping(tmp_path, MAPPING))
        with duckdb.connect(str(tmp_path / f"{ending}.duckdb"), read_only=True) as connection:
            rows = connection.execute("SELECT reason, raw_text FROM raw.rejected_rows ORDER BY load_id").fetchall()
        assert [reason for reason, _ in rows] == ["invalid_user_id"] * 2
        texts[ending] = [text for _, text in rows]
    assert texts["csv"][0] == "y,1,2023-01-01,a"
    assert [json.loads(text)["customer no"] for text in texts["parquet"]] == ["y", "x"]


def test_names_that_are_not_mapped_are_ours(tmp_path, expected):
    write_data(tmp_path / "ours", events=EVENTS)
    file = mapping(tmp_path, "[users]\nfiles = '*_export.csv'\n[booking_events.event_types]\nbooking_confirmed = 'yes'")
    load(tmp_path / "theirs.duckdb", tmp_path / "ours", file)
    assert raw(tmp_path / "theirs.duckdb") == expected


def test_several_of_their_event_types_may_be_one_of_ours(tmp_path):
    events = [
        event(f"e{n}", event_type=kind, timestamp=f"2023-02-0{n}")
        for n, kind in enumerate([" Asked", "WANTS", "left"], 1)
    ]
    write_data(tmp_path / "data", events=events)
    file = mapping(tmp_path, "[booking_events.event_types]\nbooking_requested = ['asked', 'Wants']")
    *_, load_of_events = load(tmp_path / "w.duckdb", tmp_path / "data", file)
    assert (load_of_events.rows_loaded, load_of_events.rows_rejected) == (2, 1)
    assert {row[4] for row in raw(tmp_path / "w.duckdb")["booking_events"]} == {"booking_requested"}


def test_a_changed_mapping_reads_the_same_file_again(tmp_path):
    data = write_data(tmp_path / "data", events=[event("e1"), event("e2", event_type="asked", timestamp="2023-02-03")])
    file = mapping(tmp_path, "[booking_events.event_types]\nbooking_confirmed = 'agreed'")
    assert load(tmp_path / "w.duckdb", data, file)[2].rows_rejected == 1
    assert load(tmp_path / "w.duckdb", data, file)[2].outcome == "unchanged"
    mapping(tmp_path, "[booking_events.event_types]\nbooking_requested = 'asked'")
    again = load(tmp_path / "w.duckdb", data, file)
    assert [each.outcome for each in again] == ["unchanged", "unchanged", "loaded"]
    assert (again[2].rows_loaded, again[2].rows_known) == (1, 1)


def test_a_name_of_ours_that_means_another_column_is_not_read_twice(tmp_path):
    users = "user_id,company_id,signup_date,status,updated_at\n1,7,x,active,2023-01-01\n"
    data = write_data(tmp_path / "data", users=users)
    file = mapping(tmp_path, "[users.columns]\nsignup_date = 'updated_at'")
    notes = load(tmp_path / "w.duckdb", data, file)[0].notes
    assert [str(day) for *_, day, _, _ in raw(tmp_path / "w.duckdb")["users"]] == ["2023-01-01"]
    assert raw(tmp_path / "w.duckdb")["users"][0][-1] is None
    assert notes == ("columns that are not loaded: signup_date",)


REFUSED = {
    "[user]": "there is no source 'user' (there are: users, mentors, booking_events, did you mean 'users'?)",
    "[users]\nfile = 'x'": "[users]: there is no key 'file' (there are: files, query, service, columns, did you mean",
    "[users]\nevent_types = {}": "[users]: there is no key 'event_types'",
    "users = 1": "users is no table; write [users] and its keys below it",
    "[users]\nfiles = 'a'\nquery = 'b'": "[users] has files and a query; leave one out",
    "[users]\nservice = 'crm'": "[users] names a service and no query",
    "[users]\nfiles = ''": "[users] files = '' is no text",
    "[users]\nfiles = []": "[users] files is an empty list; leave it out",
    "[users]\nfiles = ['a', 1]": "[users] files = 1 is no text",
    "[users]\nfiles = '../a.csv'": "[users] files = '../a.csv' leads out of the data folder",
    "[users]\nfiles = '.'": "[users] files = '.' is no pattern; write one such as *.csv",
    "[users]\nfiles = '**.csv'": "[users] files = '**.csv' is no pattern; write one such as *.csv",
    "[users]\nfiles = '/a.csv'": "[users] files = '/a.csv' leads out of the data folder",
    "[users.columns]\nuserid = 'x'": "[users.columns]: there is no name of ours 'userid' (there are: user_id, "
    "company_id, signup_date, status, updated_at, did you mean 'user_id'?)",
    "[users]\ncolumns = 1": "[users] columns is no table of names; write OUR_NAME = 'THEIR_NAME'",
    "[users.columns]\nuser_id = 1": "[users.columns] user_id = 1 is no text",
    "[users.columns]\nuser_id = 'a\"b'": "[users.columns] user_id = 'a\"b' is no name",
    "[users.columns]\nuser_id = 'a'\nstatus = 'A'": "[users.columns] maps 'A' twice, to user_id and to status",
    "[users.columns]\nuser_id = 'status'": "[users.columns] gives the name status to another column; map status too",
    "[booking_events.event_types]\nbooking_requested = 'a'\nbooking_confirmed = ['b', 'A']": "[booking_events.event_"
    "types] maps 'A' twice, to booking_requested and to booking_confirmed; leave one out",
    "[booking_events.event_types]\nbooking_request = 'a'": "there is no name of ours 'booking_request'",
    "[users": "is not TOML: ",
    "[users.columns]\nuser_id = 'a'\nuser_id = 'b'": "is not TOML: Cannot overwrite a value",
}


@pytest.mark.parametrize("text", REFUSED)
def test_a_mapping_that_says_something_wrong_is_refused_in_one_line(text, tmp_path):
    file = mapping(tmp_path, text)
    with pytest.raises(SettingsError) as refusal:
        read_mapping(file)
    assert str(file) in str(refusal.value)
    assert REFUSED[text] in str(refusal.value)
    assert str(refusal.value).isprintable()


def test_a_mapping_that_cannot_be_read_is_refused(tmp_path):
    for name, reason in (
        (".", "cannot be read: Is a directory"),
        ("none.toml", "is missing; the setting sources names it"),
    ):
        with pytest.raises(SettingsError, match=reason):
            read_mapping(tmp_path / name)
    (tmp_path / "latin.toml").write_bytes("# \u00fc".encode("latin-1"))
    with pytest.raises(SettingsError, match="is not TOML"):
        read_mapping(tmp_path / "latin.toml")


def _copy_users(folder: Path) -> None:
    (folder / "users_2.csv").write_bytes((folder / "users_db_export.csv").read_bytes())


FILES_REFUSED = {
    "[users]\nfiles = 'crm*.csv'": "no file for users in {data}: sources.toml, [users] files = 'crm*.csv' matches none",
    "[users]\nfiles = 'users*.csv'": "2 files for users in {data} (users_2.csv, users_db_export.csv), and an export is "
    "one; narrow sources.toml, [users] files = 'users*.csv'",
    "[users]\nfiles = 'mentor*'": "{data}/mentor_tiers.csv is matched by [users] 'mentor*' and by [mentors] "
    "'mentor_tiers.csv'; a file is of one pattern: narrow one",
    "[booking_events]\nfiles = ['*.json', 'b*']": "{data}/booking_events.json is matched by [booking_events] '*.json' "
    "and by [booking_events] 'b*'; a file is of one pattern: narrow one",
    "[users]\nfiles = 'notes.txt'": "{data}/notes.txt ends in none of .csv, .csv.gz, .json, .jsonl, .ndjson, .json.gz, "
    ".jsonl.gz, .ndjson.gz, .parquet; narrow sources.toml, [users] files = 'notes.txt'",
    "[mentors]\nfiles = 'm.parquet'": "{data}/m.parquet is not a complete parquet file; transfer it again",
    "[mentors.columns]\ntier = 'level'": "{data}/mentor_tiers.csv lacks the column level (tier) "
    "(found: mentor_id, tier, hourly_rate)",
    "[mentors]\nfiles = 'few.parquet'": "{data}/few.parquet lacks the column tier, hourly_rate (found: mentor_id)",
    "[mentors]\nfiles = 'few.jsonl'": "{data}/few.jsonl lacks the column tier, hourly_rate (found: mentor_id)",
}


@pytest.mark.parametrize("text", FILES_REFUSED)
def test_files_that_do_not_fit_the_mapping_are_refused_in_one_line(text, tmp_path):
    data = write_data(tmp_path / "data")
    _copy_users(data)
    (data / "notes.txt").write_text("x")
    (data / "m.parquet").write_text("PAR1 and no more")
    (data / "few.jsonl").write_text('{"mentor_id": "M-1"}\n')
    duckdb.sql("SELECT 'M-1' AS mentor_id").write_parquet(str(data / "few.parquet"))
    with pytest.raises(SourceError) as refusal:
        load(tmp_path / "w.duckdb", data, mapping(tmp_path, text))
    assert str(refusal.value) == FILES_REFUSED[text].replace("{data}", str(data))


def test_objects_that_are_no_rows_are_rejected(tmp_path):
    data = write_data(tmp_path / "data")
    rows = [
        '{"user_id": 1, "company_id": null, "signup_date": "2023-01-01", "status": "active", "extra": 1}',
        "[1]",
        '{"user_id": 2, "user_id": 3, "company_id": 1, "signup_date": "2023-01-01", "status": "a"}',
        '{"user_id": 4, "company_id": {"id": 1}, "signup_date": "2023-01-01", "status": "a"}',
        '{"user_id": 5, "company_id": "\\u0000", "signup_date": "2023-01-01", "status": "a"}',
        '{"user_id": 6}',
    ]
    (data / "users.jsonl").write_text("\n".join(rows))
    users, *_ = load(tmp_path / "w.duckdb", data, mapping(tmp_path, "[users]\nfiles = 'users.jsonl'"))
    with duckdb.connect(str(tmp_path / "w.duckdb"), read_only=True) as connection:
        found = connection.execute("SELECT position, reason FROM raw.rejected_rows ORDER BY position").fetchall()
    assert found == [
        (2, "not_an_object"),
        (3, "repeated_property"),
        (4, "nested_value"),
        (5, "nul_character"),
        (6, "invalid_signup_date"),
    ]
    assert (users.rows_loaded, users.notes) == (1, ("columns that are not loaded: extra",))


def test_parquet_keeps_what_its_types_say(tmp_path):
    data = write_data(tmp_path / "data")
    duckdb.sql("""
        SELECT * FROM (VALUES
            (9007199254740993, BLOB 'seven', DATE '2023-01-01', 'active', TIMESTAMPTZ '2023-02-01 10:00:00+02'),
            (2, NULL, DATE '2023-01-02', 'it''s', NULL)
        ) AS rows (user_id, "Company_ID ", signup_date, status, updated_at)
    """).write_parquet(str(data / "users.parquet"))
    load(tmp_path / "w.duckdb", data, mapping(tmp_path, "[users]\nfiles = 'users.parquet'"))
    users = raw(tmp_path / "w.duckdb")["users"]
    assert [tuple(map(str, row)) for row in users] == [
        ("2", "None", "2023-01-02", "it's", "None"),
        ("9007199254740993", "seven", "2023-01-01", "active", "2023-02-01 08:00:00"),
    ]


def test_events_of_a_csv_are_judged_row_by_row(tmp_path):
    data = write_data(tmp_path / "data")
    (data / "booking_events.json").unlink()
    with (data / "e.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [*event("e"), "cancelled_by", "more"])
        writer.writeheader()
        writer.writerows([event("e1"), event("e2", timestamp="soon"), event("e1"), event("e3", cancelled_by="x")])
        file.write("e4,1\n")
    *_, events = load(tmp_path / "w.duckdb", data, mapping(tmp_path, "[booking_events]\nfiles = 'e.csv'"))
    assert (events.rows_loaded, events.rows_duplicate, events.rows_rejected) == (2, 1, 2)
    assert events.notes == ("columns that are not loaded: more",)


def test_the_setting_starts_at_the_work_folder_and_may_be_taken_back(monkeypatch):
    assert load_settings().sources is None
    assert load_settings(sources="x.toml").sources == WORK_FOLDER / "x.toml"
    for nothing in ("", "none"):
        monkeypatch.setenv("MENTOR_SOURCES", nothing)
        assert load_settings().sources is None


def test_a_query_without_its_library_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    file = mapping(tmp_path, "[users]\nquery = 'SELECT 1'")
    with pytest.raises(
        SettingsError, match=r"sources.toml#users is a query, which needs psycopg .*requirements-postgres"
    ):
        find_sources(write_data(tmp_path / "data"), read_mapping(file))
