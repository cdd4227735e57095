"""Write, audit, publish: whatever happens to a refresh, readers see a whole state or the one before."""

from __future__ import annotations

import errno
import hashlib
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from benchmarks.kill import rehearse
from engines.duckdb.publication import next_state, remove, roll_back
from errors import WarehouseError
from settings import PROJECT_ROOT, load_settings
from tests.conftest import ATTENDED, EXAMPLES_FACTOR, MENTORS_CSV, event, ingest, write_data
from tests.processes import Command
from tests.test_answer import run
from warehouse.answers import answer_from_warehouse

FIRST = ATTENDED
SECOND = [*FIRST, event("e3", event_type="session_started", timestamp="2023-02-03T10:00:00Z")]


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def start_refresh(warehouse: Path, folder: Path) -> Command:
    return Command(PROJECT_ROOT, "cli.py", "--warehouse", str(warehouse), "refresh", "--data", str(folder))


def leftovers(warehouse: Path) -> set[str]:
    """What lies about beside a warehouse, its lock and the state before aside."""
    usual = {warehouse.name, f".next/{warehouse.name}.lock", f".previous/{warehouse.name}"}
    folder = warehouse.parent
    files = [*folder.iterdir(), *(file for name in (".next", ".previous") for file in folder.glob(f"{name}/*"))]
    return {str(file.relative_to(folder)) for file in files if file.is_file()} - usual


def test_a_failed_audit_changes_nothing(data_folder, published):
    before = digest(published)
    platinum = MENTORS_CSV.replace("Silver", "Platinum")
    failed = run(published, "refresh", "--data", str(data_folder(mentors=platinum, events=SECOND)), exit_code=1)
    assert "assert_tiers_known" in failed.stderr
    assert digest(published) == before
    assert leftovers(published) == set()


def test_a_refresh_killed_at_any_instant_changes_nothing(refreshed, tmp_path):
    times = 6 * EXAMPLES_FACTOR
    mentors = "mentor_id,tier,hourly_rate,updated_at\nM-1,Gold,200,\nM-2,Bronze,100,2023-03-01\n"
    data = write_data(tmp_path / "data", events=SECOND, mentors=mentors)
    report = rehearse(tmp_path / "work", refreshed, data, times, refresh_every=times, start=start_refresh)
    assert sum(report.killed.values()) == times
    assert report.ended_before <= times / 3
    assert report.killed["publishing", "before"] + report.killed["publishing", "after"] == times / 3


def test_readers_are_never_blocked_and_see_whole_states(data_folder, published):
    settings = load_settings(warehouse=published)
    figures = []
    third = [*SECOND, event("e4", user_id=2, event_type="session_started")]
    for events in (SECOND, third, [*third, event("e5", user_id=2, event_type="session_started", mentor_id="M-2")]):
        process = start_refresh(published, data_folder(events=events))
        while process.poll() is None:
            document = answer_from_warehouse(settings, "prod", None)
            tiers = document["rebooking"]["sessions"]["tiers"]
            users, rebooked = (sum(row[name] for row in tiers) for name in ("users", "rebooked"))
            figures.append((users, rebooked, document["reliability"]["overall"]["sessions"]))
        assert process.wait() == 0, process.output()
    # users, rebooked, sessions: of the four states and of no mixture.
    assert set(figures) <= {(1, 0, 1), (1, 1, 2), (2, 1, 3), (2, 1, 4)}
    assert figures[0] == (1, 0, 1)
    assert len(figures) > 20
    assert answer_from_warehouse(settings, "prod", None)["reliability"]["overall"]["sessions"] == 4


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


def test_rollback_brings_back_a_deleted_warehouse_as_it_was_before(data_folder, warehouse):
    ingest(warehouse, data_folder(events=FIRST))
    first = digest(warehouse)
    run(warehouse, "ingest", "--data", str(data_folder(events=SECOND)))
    warehouse.unlink()
    run(warehouse, "rollback")
    assert digest(warehouse) == first
    assert "no earlier state" in run(warehouse, "rollback", exit_code=1).stderr


def test_rollback_of_a_mistyped_name_leaves_nothing_there(data_folder, warehouse):
    mistyped = warehouse.with_name("mistyped.duckdb")
    assert "no earlier state" in run(mistyped, "rollback", exit_code=1).stderr
    assert list(warehouse.parent.iterdir()) == []
    # Nor beside a warehouse that has a state before.
    ingest(warehouse, data_folder(events=FIRST))
    run(warehouse, "ingest", "--data", str(data_folder(events=SECOND)))
    before = sorted(warehouse.parent.rglob("*"))
    assert "no earlier state" in run(mistyped, "rollback", exit_code=1).stderr
    assert sorted(warehouse.parent.rglob("*")) == before
    too_long = run(warehouse.with_name("m" * 300), "rollback", exit_code=1).stderr
    assert too_long.endswith("cannot be written: File name too long\n")


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


def test_a_copy_made_where_links_are_impossible_is_used_only_when_whole(data_folder, warehouse, monkeypatch):
    def no_link(*_):
        raise OSError(errno.EPERM, "no hard links here")

    monkeypatch.setattr(Path, "hardlink_to", no_link)
    ingest(warehouse, data_folder(events=FIRST))
    first = digest(warehouse)
    run(warehouse, "ingest", "--data", str(data_folder(events=SECOND)))
    second = digest(warehouse)
    previous = warehouse.parent / ".previous" / warehouse.name
    assert digest(previous) == first
    # Killed while the published state was copied, and when it was copied but nothing published yet.
    previous.with_name(f"{previous.name}.part").write_bytes(warehouse.read_bytes()[:1000])
    shutil.copyfile(warehouse, previous.with_name(f"{previous.name}.new"))
    roll_back(warehouse)
    assert (digest(warehouse), digest(previous)) == (first, second)
    roll_back(warehouse)
    assert digest(warehouse) == second


def test_the_log_of_a_deleted_warehouse_does_not_damage_the_next_one(data_folder, warehouse):
    warehouse.with_name(f"{warehouse.name}.wal").write_bytes(b"of a file that is gone")
    run(warehouse, "ingest", "--data", str(data_folder(events=FIRST)))
    assert leftovers(warehouse) == set()
    run(warehouse, "rejects")


def test_a_warehouse_made_by_another_process_meanwhile_is_kept(warehouse):
    def both() -> None:
        with next_state(warehouse) as state:
            for file in (state, warehouse):
                duckdb.connect(str(file)).close()

    with pytest.raises(WarehouseError, match="another process made"):
        both()
    assert warehouse.exists()
    assert leftovers(warehouse) == set()


def test_a_symbolic_link_stays_one_and_the_file_behind_it_is_replaced(data_folder, warehouse, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    real = disk / "warehouse.duckdb"
    warehouse.symlink_to(real)
    run(warehouse, "ingest", "--data", str(data_folder(events=FIRST)))
    first = digest(real)
    run(warehouse, "ingest", "--data", str(data_folder(events=SECOND)))
    assert warehouse.is_symlink()
    assert digest(real) != first
    run(warehouse, "rollback")
    assert digest(real) == first
    assert leftovers(real) == set()
    run(warehouse, "reset", "--yes")
    assert not real.exists()


def test_two_warehouses_in_one_folder_do_not_meet(data_folder, warehouse):
    other = warehouse.with_name("other.duckdb")
    with next_state(other) as state:
        run(warehouse, "ingest", "--data", str(data_folder(events=FIRST)))
        duckdb.connect(str(state)).close()
    kept = digest(warehouse)
    remove(other)
    assert digest(warehouse) == kept


def test_a_new_state_can_be_read_by_nobody_who_could_not_read_the_one_before(data_folder, warehouse):
    ingest(warehouse, data_folder(events=FIRST))
    warehouse.chmod(0o600)
    with next_state(warehouse) as state:
        assert state.stat().st_mode & 0o777 == 0o600
    assert warehouse.stat().st_mode & 0o777 == 0o600


def test_what_lies_in_the_way_is_told_in_one_line(data_folder, warehouse):
    ingest(warehouse, data_folder(events=FIRST))
    before = digest(warehouse)
    (warehouse.parent / ".next").write_text("not a folder")
    failed = run(warehouse, "ingest", "--data", str(data_folder(events=SECOND)), exit_code=1)
    assert failed.stderr == f"error: the warehouse {warehouse} cannot be written: File exists\n"
    assert digest(warehouse) == before


@pytest.mark.parametrize("room", [0.5, 1.01], ids=["copying", "writing"])
def test_a_full_disk_is_told_in_one_line_and_changes_nothing(data_folder, published, room):
    before = digest(published)
    # Once the copy does not fit, once what is added to it.
    events = [event(f"n{number}", cancellation_reason=f"{number}" * 50) for number in range(20_000)]
    folder = data_folder(events=[*SECOND, *events])
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(published.stat().st_size * room), limits[1]))
    try:
        failed = run(published, "ingest", "--data", str(folder), exit_code=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    *loads, error = failed.stderr.splitlines()
    assert error.startswith(f"error: the warehouse {published} cannot be written: ")
    assert all(line.startswith(("users_db", "mentor_tiers", "booking_events")) for line in loads)
    assert digest(published) == before
    assert leftovers(published) == set()


def test_too_little_memory_is_told_in_one_line(data_folder, warehouse, monkeypatch):
    monkeypatch.setenv("MENTOR_MEMORY_LIMIT", "20MB")
    failed = run(warehouse, "ingest", "--data", str(data_folder()), exit_code=1)
    assert failed.stderr.startswith("error: this takes more memory than memory_limit allows: ")
    assert failed.stderr.count("\n") == 1
    assert not warehouse.exists()
