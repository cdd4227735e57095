"""The run log: every run has a line, whatever its end, and `history` shows it."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from pipeline.run_log import Run, append, read_runs
from settings import load_settings
from tests.conftest import MENTORS_CSV, event
from tests.test_answer import run

DAY = datetime(2026, 1, 2, tzinfo=UTC)


def history(warehouse: Path, *options: str) -> list[dict]:
    return json.loads(run(warehouse, "history", "--format", "json", *options).stdout)


def test_every_command_that_writes_is_logged_with_what_it_did(data_folder, warehouse, logs, monkeypatch):
    monkeypatch.setenv("MENTOR_SLACK_WEBHOOK_URL", "http://127.0.0.1:9/T0-secret")  # nobody listens there
    folder = data_folder(events=[event("e1"), event("e2", event_type="session_started"), event("e3", user_id="x")])
    run(warehouse, "ingest", "--data", str(folder))
    run(warehouse, "ingest", "--data", str(folder))
    stranger = event("e4", mentor_id="M-9", event_type="session_started")
    run(warehouse, "refresh", "--data", str(data_folder(mentors=MENTORS_CSV.replace("M-2", "M-3"), events=[stranger])))
    run(warehouse, "transform")
    platinum = data_folder(mentors=MENTORS_CSV.replace("Silver", "Platinum"))
    run(warehouse, "refresh", "--data", str(platinum), exit_code=1)
    run(warehouse, "rollback")
    run(warehouse, "reset", "--yes")
    run(warehouse, "ingest", "--data", str(folder / "none"), exit_code=1)

    runs = history(warehouse)
    assert [(one["command"], one["outcome"]) for one in reversed(runs)] == [
        ("ingest", "done"),
        ("ingest", "unchanged"),
        ("refresh", "done"),
        ("transform", "done"),
        ("refresh", "failed"),
        ("rollback", "done"),
        ("reset", "done"),
        ("ingest", "failed"),
    ]
    assert len({one["run_id"] for one in runs}) == len(runs)
    first, _, refresh, _, failed, *_, missing = reversed(runs)
    events = first["files"][2]
    assert (events["rows_read"], events["rows_loaded"], events["rows_rejected"]) == (3, 2, 1)
    assert len(events["checksum"]) == 64
    assert refresh["files"][1]["notes"] == ["mentor M-2 has left the sheet"]
    sessions = next(model for model in refresh["models"] if model["model"] == "marts.fct_sessions")
    assert sessions["seconds"] > 0
    assert (sessions["audits_passed"], sessions["audits_failed"]) == (5, 1)
    # It stops nothing.
    known = "assert_mentors_of_sessions_known"
    assert refresh["failed_audits"] == [{"audit": known, "model": "marts.fct_sessions", "rows": 1}]
    assert len(refresh["warnings"]) == 1
    assert refresh["environment"] == "prod"
    assert refresh["settings"]["rebooking_window_days"] == 30
    assert {"audit": "assert_tiers_known", "model": "marts.dim_mentors", "rows": 1} in failed["failed_audits"]
    assert "assert_tiers_known" in failed["error"]
    assert "does not exist" in missing["error"]
    assert "T0-secret" not in "".join(path.read_text() for path in logs.rglob("*.jsonl"))

    assert "1 warning" in run(warehouse, "history").stdout
    table = run(warehouse, "history", "--limit", "1").stdout.splitlines()
    assert len(table) == 2
    assert table[1].split()[2:4] == ["ingest", "failed"]


def line(number: int, **changes) -> dict:
    one = Run("refresh", load_settings(), run_id=f"r{number}", started_at=DAY.replace(hour=number))
    return one.last_line() | changes


def test_a_run_without_an_end_was_killed_or_goes_on(logs):
    append(logs, DAY, line(1, outcome="started"))
    child = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    append(logs, DAY, line(2, outcome="started", process=int(child.stdout)))
    append(logs, DAY, line(3, outcome="started", host="another"))
    append(logs, DAY, line(4, outcome="started"))
    append(logs, DAY, line(4, outcome="done"))
    runs, damaged = read_runs(logs, 10)
    assert [one["outcome"] for one in runs] == ["done", "killed", "killed", "running"]
    assert damaged == 0


def test_damaged_lines_are_skipped_and_counted_and_take_no_other_line_down(logs, warehouse):
    append(logs, DAY, line(1))
    path = next(logs.rglob("*.jsonl"))
    assert path.relative_to(logs) == Path("2026/01/20260102.jsonl")
    with path.open("ab") as file:
        file.write(b'[]\n{"run_id": 5}\n\xff\xfe\n{"run_id": "torn", "outc')
    append(logs, DAY, line(2))
    shown = run(warehouse, "history", "--format", "json")
    assert [one["run_id"] for one in json.loads(shown.stdout)] == ["r2", "r1"]
    assert shown.stderr == f"warning: 4 damaged lines in {logs} were left out\n"


def test_newest_first_across_days_and_no_more_than_asked_for(logs):
    for day in (1, 2, 3):
        append(logs, DAY.replace(day=day), line(day, started_at=DAY.replace(day=day).isoformat()))
    assert [one["run_id"] for one in read_runs(logs, 2)[0]] == ["r3", "r2"]


def test_without_a_log_there_is_no_run(logs, warehouse):
    assert history(warehouse) == []
    assert run(warehouse, "history").stdout.count("\n") == 1


def test_a_log_that_cannot_be_written_costs_a_warning(logs, data_folder, warehouse):
    logs.write_text("not a folder")
    done = run(warehouse, "ingest", "--data", str(data_folder()))
    warnings = [line for line in done.stderr.splitlines() if "warning" in line]
    assert warnings == ["warning: the run was not logged: Not a directory"]
    assert warehouse.exists()
    assert history(warehouse) == []


def test_lines_of_concurrent_writers_do_not_mix(logs):
    writer = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from pipeline.run_log import append
day = datetime(2026, 1, 2, tzinfo=UTC)
for number in range(300):
    record = {"run_id": sys.argv[2] + str(number), "outcome": "done", "command": "x" * 20000,
              "started_at": "2026", "host": "h", "process": 1}
    append(Path(sys.argv[1]), day, record)
"""
    processes = [subprocess.Popen([sys.executable, "-c", writer, str(logs), name]) for name in "abc"]
    assert [process.wait() for process in processes] == [0, 0, 0]
    runs, damaged = read_runs(logs, 1000)
    assert (len(runs), damaged) == (900, 0)
