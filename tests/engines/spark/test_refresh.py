"""A refresh on Spark publishes a set: the answer is that of DuckDB, and it comes all at once or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import time
from pathlib import Path

import duckdb
import pytest
from sqlmesh import Context

from config import build_config
from engines import engine_of
from ingest.source_files import EVENTS_NAME, MENTORS_FILE
from settings import PROJECT_ROOT, load_settings
from tests import test_answer
from tests.conftest import MENTORS_CSV, event, write_data
from tests.engines.comparison import comparable
from tests.engines.spark.conftest import published
from tests.processes import Command

pytestmark = pytest.mark.spark

QUESTION = ("answer", "--full", "--format", "json")
NEWS = [
    event("e1"),
    event("e2", event_type="session_started", timestamp="2023-02-02T10:00:00Z"),
    event("e4", user_id=2),
    event("e5", user_id=2, event_type="session_started"),
]


@pytest.fixture
def news(refreshed: Path, tmp_path: Path) -> Path:
    """A folder that says more than the warehouse knows."""
    return write_data(tmp_path / "news", mentors=MENTORS_CSV.replace("M-2,Silver", "M-2,Gold"), events=NEWS)


def in_duckdb(monkeypatch, *arguments: str) -> str:
    with monkeypatch.context() as patch:
        patch.setenv("MENTOR_GATEWAY", "duckdb")
        return test_answer.run(*arguments).stdout


def state(place: Path) -> dict[str, str]:
    """Every file of the published set and the one that names it, with what is in it."""
    files = [path for path in published(place).rglob("*") if path.is_file() and path.suffix != ".lock"]
    files.append(place / "published.json")
    return {str(path.relative_to(place)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def names(place: Path) -> list[str]:
    """The sets of a warehouse."""
    return sorted(path.name for path in (place / "sets").iterdir())


def rows(query: str) -> list[tuple]:
    settings = load_settings()
    with engine_of(settings).reading(settings) as reader:
        return reader.rows(query)


def plan(environment: str, **options) -> None:
    """`sqlmesh plan ENVIRONMENT`, as it is without a refresh."""
    config = build_config(load_settings())
    config.ignore_patterns = [*config.ignore_patterns, "tests/*"]
    context = Context(paths=[str(PROJECT_ROOT)], config=config)
    try:
        context.plan(environment, no_prompts=True, auto_apply=True, skip_tests=True, skip_linter=True, **options)
    finally:
        context.close()


def write_next_day(folder: Path) -> None:
    """Change tiers, have a mentor leave, and add events that come late, on top of a data folder."""
    sheet = folder / MENTORS_FILE
    header, first, second, *others = sheet.read_text(encoding="utf-8").splitlines()
    tier = "Gold" if ",Gold," not in first else "Bronze"
    mentor, _, rate = first.split(",")
    sheet.write_text("\n".join([header, f"{mentor},{tier},{rate}", second, *others[1:]]) + "\n", encoding="utf-8")
    file = folder / f"{EVENTS_NAME}.json"
    events = json.loads(file.read_text(encoding="utf-8"))
    for number, known in enumerate(events[:40]):
        events.append(known | {"event_id": f"late-{number}", "event_type": "booking_cancelled"})
    file.write_text(json.dumps(events), encoding="utf-8")


def test_the_answers_of_the_sample_and_of_a_day_after_are_those_of_duckdb(run, warehouse, monkeypatch, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(PROJECT_ROOT / "seeds" / "sample", data)
    for change in (lambda _: None, write_next_day):
        change(data)
        run("refresh", "--data", str(data))
        in_duckdb(monkeypatch, warehouse, "refresh", "--data", str(data))
        assert comparable(run(*QUESTION).stdout) == comparable(in_duckdb(monkeypatch, warehouse, *QUESTION))
    assert rows("SELECT COUNT(*) FROM marts.dim_mentors WHERE NOT recorded_to IS NULL") != [(0,)]
    assert "prod is up to date; nothing new" in run("refresh", "--data", str(data)).output
    for command in (("rejects",), ("diff", "--env", "prod")):
        assert run(*command).stdout == in_duckdb(monkeypatch, warehouse, *command)
    assert "prod" in run("status").stdout
    run("report", "--out", str(tmp_path / "report.md"), "--format", "md")
    assert "## " in (tmp_path / "report.md").read_text(encoding="utf-8")


@pytest.mark.real_data
def test_the_answer_of_the_real_files_is_that_of_duckdb(run, warehouse, monkeypatch, real_data):
    run("refresh", "--data", str(real_data))
    in_duckdb(monkeypatch, warehouse, "refresh", "--data", str(real_data))
    assert comparable(run(*QUESTION).stdout) == comparable(in_duckdb(monkeypatch, warehouse, *QUESTION))


def test_a_failed_audit_and_a_time_limit_leave_everything_as_it_was(run, refreshed, news):
    write_data(news, mentors=MENTORS_CSV.replace("Silver", "Platinum"), events=NEWS)
    before, folders = state(refreshed), names(refreshed)
    output = run("refresh", "--data", str(news), exit_code=1).output
    (error,) = [line for line in output.splitlines() if line.startswith("error: ")]
    assert "assert_tiers_known" in error
    output = run("refresh", "--data", str(news), "--timeout", "2", exit_code=1).output
    assert "error: timed out after 2 s; nothing was published" in output
    assert (state(refreshed), names(refreshed)) == (before, folders)


def java_of(command: Command) -> int | None:
    """The number of the Java process that a command has started."""
    children = [
        child
        for task in Path(f"/proc/{command.pid}/task").iterdir()
        for child in (task / "children").read_text(encoding="ascii").split()
    ]
    found = [child for child in children if Path(f"/proc/{child}/comm").read_text(encoding="ascii").strip() == "java"]
    return int(found[0]) if found else None


def refresh_until(text: str, data: Path) -> Command:
    """A refresh in a process of its own that is as far as to have printed the text."""
    command = Command(PROJECT_ROOT, "cli.py", "--progress", "plain", "refresh", "--data", str(data))
    while text not in command.printed():
        assert command.poll() is None, command.output()
        time.sleep(0.05)
    return command


def test_a_lost_session_and_a_killed_process_leave_everything_as_it_was(run, refreshed, news):
    before = state(refreshed)
    command = refresh_until("evaluating", news)
    os.kill(java_of(command), signal.SIGKILL)
    output = command.output()
    assert command.poll() == 1
    (error,) = [line for line in output.splitlines() if line.startswith("error: ")]
    assert "the Spark session was lost; nothing was published" in error
    assert "Traceback" not in output
    assert state(refreshed) == before
    command = refresh_until("evaluating", news)
    command.kill()
    assert command.wait() != 0
    assert state(refreshed) == before
    assert len(names(refreshed)) == 2
    assert "2 loaded" in run("ingest", "--data", str(news)).output
    assert len(names(refreshed)) == 2


def test_the_way_back_and_each_state_has_a_version_of_its_own(run, refreshed, news):
    def version():
        return engine_of(load_settings()).version(load_settings())

    sessions = "SELECT COUNT(*) FROM marts.fct_sessions"
    first = version()
    assert rows(sessions) == [(1,)]
    run("refresh", "--data", str(news))
    assert (version().key != first.key, version().written > first.written) == (True, True)
    assert rows(sessions) == [(2,)]
    run("rollback")
    assert rows(sessions) == [(1,)]
    run("rollback")
    assert rows(sessions) == [(2,)]
    assert "is gone" in run("reset", "--yes").output
    assert version() is None
    assert "there is no warehouse at" in run("answer", exit_code=1).output


def test_a_change_is_planned_beside_prod_promoted_and_taken_back(refreshed, monkeypatch):
    def grace(schema: str = "reference") -> str:
        ((value,),) = rows(f"SELECT value FROM {schema}.settings WHERE setting = 'no_show_grace_days'")
        return value

    statuses = "SELECT booking_id, booking_status, session_id, load_id FROM marts.fct_bookings"
    before = rows(statuses)
    with monkeypatch.context() as patch:
        patch.setenv("MENTOR_NO_SHOW_GRACE_DAYS", "1")
        plan("dev")
        assert (grace(), grace("reference__dev")) == ("7", "1")
        plan("prod")
        assert grace() == "1"
    plan("prod")
    assert grace() == "7"
    assert rows(statuses) == before


def test_a_day_that_loses_all_its_rows_loses_them_in_the_facts(refreshed):
    (place,) = published(refreshed).glob("tables/*/raw.db/booking_events")
    (file,) = place.glob("*.parquet")
    moved = f"SELECT * REPLACE (occurred_at + INTERVAL 10 DAY AS occurred_at) FROM READ_PARQUET('{file}')"
    duckdb.execute(f"COPY ({moved}) TO '{place / 'moved.parquet'}'")
    file.unlink()
    plan("prod", restate_models=["marts.fct_bookings", "marts.fct_sessions"])
    days = [
        rows(f"SELECT DISTINCT CAST({moment} AS DATE) FROM marts.{fact}")
        for fact, moment in (("fct_bookings", "requested_at"), ("fct_sessions", "started_at"))
    ]
    assert [str(day) for [(day,)] in days] == ["2023-02-11", "2023-02-12"]


def test_a_statement_that_fails_publishes_nothing_of_a_plan(refreshed, monkeypatch):
    from sqlmesh.core.engine_adapter.spark import SparkEngineAdapter

    before = state(refreshed)

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no room")

    # Not of the project's own adapter, which takes note of what fails.
    monkeypatch.setattr(SparkEngineAdapter, "_execute", fail)
    monkeypatch.setenv("MENTOR_NO_SHOW_GRACE_DAYS", "1")
    with pytest.raises(Exception, match=r"."):
        plan("dev")
    assert state(refreshed) == before
