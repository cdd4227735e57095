"""What comes from outside is neither run as SQL nor as a spreadsheet's formula, and readers only read."""

from __future__ import annotations

import csv
import io
import subprocess
from pathlib import Path

import duckdb
import pytest

from engines.duckdb.connection import connect
from errors import SettingsError
from presentation.differences import difference_text
from presentation.renderers.csv import rebooking_csv, spreadsheet_safe
from settings import PROJECT_ROOT, load_settings
from tests.conftest import event, ingest
from tests.small_answers import document_of
from tests.test_answer import run
from warehouse.differences import Differences

INJECTIONS = ["x'; DROP TABLE raw.users; --", 'prod"; DROP SCHEMA marts CASCADE; --', "../prod", "Prod", ""]


@pytest.mark.parametrize("name", INJECTIONS)
@pytest.mark.parametrize(
    "command", [["answer", "--env"], ["transform", "--env"], ["refresh", "--env"], ["diff", "--base", "prod", "--env"]]
)
def test_a_name_that_is_none_is_refused_in_one_line(data_folder, warehouse, command, name):
    ingest(warehouse, data_folder())
    failed = run(warehouse, *command, name, exit_code=2)
    assert failed.stderr == f"error: --env {name!r} is no name of an environment; use a to z, 0 to 9 and _\n"
    with connect(warehouse, read_only=True) as connection:
        assert connection.execute("SELECT COUNT(*) FROM raw.users").fetchone() == (2,)


@pytest.mark.parametrize("option", ["--group-a", "--tier-attribution", "--as-of", "--window-days"])
def test_values_of_options_are_checked(warehouse, option):
    failed = run(warehouse, "answer", option, "x'; DROP TABLE raw.users; --", exit_code=2)
    assert failed.stderr.count("\n") == 1


def test_text_of_the_sources_stays_text(data_folder, warehouse):
    hostile = "M'); DROP TABLE raw.users; --"
    folder = data_folder(
        mentors=f"mentor_id,tier,hourly_rate\n{hostile},Gold,1\n", events=[event("e'1\"", mentor_id=hostile)]
    )
    quoted = folder.rename(folder.with_name("da'ta\"; --"))
    run(warehouse, "ingest", "--data", str(quoted))
    with connect(warehouse, read_only=True) as connection:
        assert connection.execute("SELECT mentor_id FROM raw.mentors").fetchall() == [(hostile,)]
        assert connection.execute("SELECT event_id FROM raw.booking_events").fetchall() == [("e'1\"",)]


def test_a_reader_can_neither_write_nor_touch_other_files(data_folder, warehouse, tmp_path):
    ingest(warehouse, data_folder())
    other = tmp_path / "other.csv"
    other.write_text("a\n1\n")
    with connect(warehouse, read_only=True) as connection:
        for statement in (
            "DELETE FROM raw.users",
            f"COPY raw.users TO '{tmp_path / 'out.csv'}'",
            f"ATTACH '{tmp_path / 'new.duckdb'}'",
            f"SELECT * FROM '{other}'",
            "SET enable_external_access = true",
        ):
            with pytest.raises(duckdb.Error):
                connection.execute(statement)


FORMULAS = ["=1+1", "+1", "-1+1", "@SUM(A1)", "\t=1"]


def test_rejected_rows_are_no_formulas(data_folder, warehouse):
    users = "user_id,company_id,signup_date,status\n=HYPERLINK(1),7,2023-01-01,active\n-5x,7,2023-01-01,active\n"
    run(warehouse, "ingest", "--data", str(data_folder(users=users)))
    rows = list(csv.DictReader(io.StringIO(run(warehouse, "rejects").stdout)))
    assert [row["raw_text"][:2] for row in rows] == ["'=", "'-"]
    assert [row["position"] for row in rows] == ["1", "2"]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_only_text_that_could_be_a_formula_gets_an_apostrophe(start):
    assert spreadsheet_safe([f"{start}1", f"a{start}1", -1, -0.5, None]) == [f"'{start}1", f"a{start}1", -1, -0.5, None]


@pytest.mark.parametrize("formula", FORMULAS)
def test_csv_of_the_answer_and_of_differences_has_no_formulas(connection, formula):
    figures = dict.fromkeys(
        ("users", "rebooked", "ci_low", "ci_high", "mature_users", "mature_rebooked", "mature_rate"), 1
    )
    row = figures | {"rate": -0.5}
    part = {"tiers": [row | {"tier": formula}], "groups": [row | {"group": "group_a", "tiers": [formula]}]}
    document = {"parameters": {"environment": "prod", "as_of": None}, "rebooking": {"sessions": part}}
    answers = tuple(document_of(connection, {}, full=False) for _ in "ab")
    text = rebooking_csv(document) + difference_text(Differences(answers, [(formula, formula, -0.5)], []), "csv")
    cells = [cell for line in csv.reader(io.StringIO(text, newline="")) for cell in line]
    assert [cell for cell in cells if formula in cell] == ["'" + formula] * 4
    assert cells.count("-0.5") == 3


def test_numbers_of_the_limits_are_checked_and_reach_every_connection(warehouse, monkeypatch, tmp_path):
    monkeypatch.setenv("MENTOR_MEMORY_LIMIT", "512 mib")
    monkeypatch.setenv("MENTOR_THREADS", "1")
    monkeypatch.setenv("MENTOR_TEMP_DIRECTORY", str(tmp_path / "spill"))
    names = "SELECT current_setting('memory_limit'), current_setting('threads'), current_setting('temp_directory')"
    with connect(warehouse) as connection:
        *limits, spill = connection.execute(names).fetchone()
    assert limits == ["512.0 MiB", 1]
    assert Path(spill).parent == tmp_path / "spill"

    from config import build_config

    gateway = build_config(load_settings(warehouse=warehouse)).gateways["duckdb"]
    adapter = gateway.connection.create_engine_adapter()
    assert adapter.fetchone(names) == (*limits, spill)
    adapter.close()


def test_a_folder_for_spilling_that_cannot_be_made_is_told(data_folder, warehouse, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("MENTOR_TEMP_DIRECTORY", str(tmp_path / "file"))
    failed = run(warehouse, "ingest", "--data", str(data_folder()), exit_code=1)
    assert failed.stderr == f"error: the temp_directory {tmp_path / 'file'} cannot be made: File exists\n"


@pytest.mark.parametrize("value", ["1", "0GB", "101%", "lots", "-1GB", "1GB'; DROP"])
def test_a_memory_limit_that_is_none_is_told(monkeypatch, value):
    monkeypatch.setenv("MENTOR_MEMORY_LIMIT", value)
    with pytest.raises(SettingsError, match=r"wrong setting: memory_limit = .*expected a size such as 1GB"):
        load_settings()


def test_a_share_of_the_memory_is_one(monkeypatch):
    limits = [load_settings(memory_limit=value).engine_options()["memory_limit"] for value in ("100%", "50%")]
    whole, half = (int(limit.removesuffix("KiB")) for limit in limits)
    assert abs(whole - 2 * half) <= 2
    assert load_settings().engine_options() == {}


def test_git_ignores_secrets_warehouses_and_logs():
    names = [".env", "warehouse.duckdb", ".next/warehouse.duckdb", ".previous/warehouse.duckdb", "logs/2026/01/x.jsonl"]
    names += ["warehouse.duckdb.wal", "warehouse.duckdb.tmp-host-1/x"]
    done = subprocess.run(
        ["git", "check-ignore", *names], cwd=PROJECT_ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode == 128:
        pytest.skip("not a git checkout")
    assert done.stdout.split() == names
