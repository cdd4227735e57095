"""Write, audit, publish: whatever happens to a refresh, readers see a whole state or the one before."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import duckdb
import pytest

from analysis.published import REPORTS, answer_from_warehouse
from errors import WarehouseError
from ingest.load import ingest
from pipeline.publication import next_state, roll_back
from settings import PROJECT_ROOT, load_settings
from tests.conftest import EXAMPLES_FACTOR, MENTORS_CSV, event
from tests.test_answer import run

KILLS = 6 * EXAMPLES_FACTOR
FIRST = [event("e1"), event("e2", event_type="session_started", timestamp="2023-02-02T10:00:00Z")]
SECOND = [*FIRST, event("e3", event_type="session_started", timestamp="2023-02-03T10:00:00Z")]


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def start_refresh(warehouse: Path, folder: Path) -> subprocess.Popen:
    command = [sys.executable, str(PROJECT_ROOT / "cli.py"), "--warehouse", str(warehouse), "refresh", "--data", folder]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def content(warehouse: Path) -> dict[str, list[tuple]]:
    """Every row of the marts and reports, without the times of loads."""
    models = [("marts", name) for name in ("dim_users", "dim_mentors", "fct_bookings", "fct_sessions")]
    models += [("reports", name) for name in ("rpt_user_outcomes", *REPORTS)]
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return {
            name: sorted(
                connection.execute(f"SELECT COLUMNS(c -> c <> 'loaded_at') FROM {schema}.{name}").fetchall(), key=str
            )
            for schema, name in models
        }


def test_a_failed_audit_changes_nothing(data_folder, warehouse):
    run(warehouse, "refresh", "--data", str(data_folder(events=FIRST)))
    before = digest(warehouse)
    platinum = MENTORS_CSV.replace("Silver", "Platinum")
    failed = run(warehouse, "refresh", "--data", str(data_folder(mentors=platinum, events=SECOND)), exit_code=1)
    assert "assert_tiers_known" in failed.stderr
    assert digest(warehouse) == before
    assert [file.name for file in (warehouse.parent / ".next").iterdir()] == [f"{warehouse.name}.lock"]


def test_a_refresh_killed_at_any_instant_changes_nothing(data_folder, warehouse, tmp_path):
    run(warehouse, "refresh", "--data", str(data_folder(events=FIRST)))
    before = digest(warehouse)
    started = time.monotonic()
    clean = tmp_path / "clean" / "warehouse.duckdb"
    folder = data_folder(events=SECOND, mentors=MENTORS_CSV.replace("Silver", "Bronze"))
    assert start_refresh(clean, folder).wait() == 0
    usual = time.monotonic() - started
    moments = random.Random(7)
    killed = 0
    for _ in range(KILLS):
        process = start_refresh(warehouse, folder)
        time.sleep(moments.uniform(0.2, 0.9) * usual)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if process.returncode == 0:
            break
        killed += 1
        assert digest(warehouse) == before or content(warehouse)["fct_sessions"] == content(clean)["fct_sessions"]
    assert killed > 0
    done = run(warehouse, "refresh", "--data", str(folder))
    assert "up to date" in done.stderr
    assert content(warehouse)["fct_sessions"] == content(clean)["fct_sessions"]
    assert content(warehouse)["rpt_reliability_by_tier"] == content(clean)["rpt_reliability_by_tier"]


def test_readers_are_never_blocked_and_see_whole_states(data_folder, warehouse):
    run(warehouse, "refresh", "--data", str(data_folder(events=FIRST)))
    settings = load_settings(warehouse=warehouse)
    command = [sys.executable, "-c", READER, str(warehouse)]
    environment = os.environ | {"PYTHONPATH": str(PROJECT_ROOT)}
    reader = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
    seen = []
    collector = threading.Thread(target=lambda: seen.extend(line.strip() for line in reader.stdout))
    collector.start()
    for events in (SECOND, [*SECOND, event("e4", user_id=2, event_type="session_started")]):
        process = start_refresh(warehouse, data_folder(events=events))
        assert process.wait() == 0, process.stdout.read()
    reader.stdin.close()
    assert reader.wait() == 0
    collector.join()
    figures = [json.loads(line) for line in seen]
    # users, rebooked, sessions: of the three states and of no mixture.
    assert {tuple(figure) for figure in figures} <= {(1, 0, 1), (1, 1, 2), (2, 1, 3)}
    assert figures[-1] == [2, 1, 3]
    assert len(figures) > 20
    assert answer_from_warehouse(settings, "prod", None)["reliability"]["overall"]["sessions"] == 3


READER = """
import json, select, sys
from pathlib import Path
from analysis.published import answer_from_warehouse
from settings import load_settings
settings = load_settings(warehouse=Path(sys.argv[1]))
is_last = False
while not is_last:
    is_last = bool(select.select([sys.stdin], [], [], 0)[0])
    document = answer_from_warehouse(settings, "prod", None)
    tiers = document["rebooking"]["sessions"]["tiers"]
    users, rebooked = (sum(row[name] for row in tiers) for name in ("users", "rebooked"))
    print(json.dumps([users, rebooked, document["reliability"]["overall"]["sessions"]]), flush=True)
"""


def test_a_second_writer_waits_or_says_who_writes(data_folder, warehouse):
    folder = data_folder(events=FIRST)
    ingest(warehouse, folder)
    said: list[str] = []
    with (
        next_state(warehouse),
        pytest.raises(WarehouseError, match=f"process {os.getpid()} is writing"),
        next_state(warehouse, 0.5, said.append),
    ):
        pass
    assert said == [f"process {os.getpid()} is writing {warehouse}; waiting up to 0.5 s"]


def test_sqlmesh_cannot_write_the_published_file_meanwhile(data_folder, warehouse):
    ingest(warehouse, data_folder(events=FIRST))
    other = "import duckdb, sys; duckdb.connect(sys.argv[1])"
    command = [sys.executable, "-c", other, str(warehouse)]
    with next_state(warehouse):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert f"PID {os.getpid()}" in done.stderr
    assert subprocess.run(command, check=False).returncode == 0


def test_rollback_shows_the_state_before_and_goes_back_again(data_folder, warehouse):
    ingest(warehouse, data_folder(events=FIRST))
    run(warehouse, "rollback", exit_code=1)
    first = digest(warehouse)
    run(warehouse, "ingest", "--data", str(data_folder(events=SECOND)))
    second = digest(warehouse)
    run(warehouse, "rollback")
    assert digest(warehouse) == first
    run(warehouse, "rollback")
    assert digest(warehouse) == second


def test_rollback_after_a_kill_between_the_two_renames(data_folder, warehouse):
    ingest(warehouse, data_folder(events=FIRST))
    first = digest(warehouse)
    run(warehouse, "ingest", "--data", str(data_folder(events=SECOND)))
    previous = warehouse.parent / ".previous" / warehouse.name
    previous.rename(previous.with_name(f"{previous.name}.new"))
    roll_back(warehouse)
    assert digest(warehouse) == first


def test_what_a_killed_writer_had_committed_is_kept(data_folder, warehouse):
    ingest(warehouse, data_folder(events=FIRST))
    writer = (
        "import duckdb, os, sys; c = duckdb.connect(sys.argv[1]); c.execute(\"SET wal_autocheckpoint = '1GB'\");"
        "c.execute('CREATE TABLE kept AS SELECT 42 AS answer'); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", writer, str(warehouse)], check=False)
    assert warehouse.with_name(f"{warehouse.name}.wal").exists()
    run(warehouse, "ingest", "--data", str(data_folder(events=SECOND)))
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchall() == [(42,)]
