"""A refresh on Spark publishes a set: the answer is that of DuckDB, and it comes all at once or not at all."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from pathlib import Path

import duckdb
import pytest
from sqlmesh import Context

from config import build_config
from engines import engine_of
from settings import PROJECT_ROOT, load_settings
from simulation.population import Scenario, simulate
from tests import test_answer
from tests.conftest import MENTORS_CSV, event, write_data
from tests.engines.comparison import comparable
from tests.engines.spark.conftest import published
from tests.processes import Command

pytestmark = pytest.mark.spark

QUESTION = ("answer", "--full", "--format", "json")
FIRST_DAY = [
    event("e1"),
    event("e2", event_type="session_started", timestamp="2023-02-02T10:00:00Z"),
    event("e3", event_type="session_ended", timestamp="2023-02-02T10:30:00Z"),
]
NEWS = [*FIRST_DAY, event("e4", user_id=2), event("e5", user_id=2, event_type="session_started")]


@pytest.fixture
def news(refreshed: Path, tmp_path: Path) -> Path:
    """A folder that says more than the warehouse knows."""
    return write_data(tmp_path / "news", mentors=MENTORS_CSV.replace("M-2,Silver", "M-2,Gold"), events=NEWS)


def in_duckdb(monkeypatch, *arguments: str) -> str:
    with monkeypatch.context() as patch:
        patch.setenv("MENTOR_GATEWAY", "duckdb")
        return test_answer.run(*arguments).stdout


def state(place: Path) -> dict[str, str]:
    """Every file of a warehouse by its name, but for those of locks."""
    files = (path for path in place.rglob("*") if path.is_file() and path.suffix != ".lock")
    return {str(path.relative_to(place)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def plan(environment: str, **options) -> None:
    """`sqlmesh plan ENVIRONMENT`, as it is without a refresh."""
    config = build_config(load_settings())
    config.ignore_patterns = [*config.ignore_patterns, "tests/*"]
    context = Context(paths=[str(PROJECT_ROOT)], config=config)
    context.plan(environment, no_prompts=True, auto_apply=True, skip_tests=True, skip_linter=True, **options)
    context.close()


def test_the_answers_of_the_sample_are_those_of_duckdb(run, warehouse, monkeypatch, tmp_path):
    sample = str(PROJECT_ROOT / "seeds" / "sample")
    run("refresh", "--data", sample)
    in_duckdb(monkeypatch, warehouse, "refresh", "--data", sample)
    assert comparable(run(*QUESTION).stdout) == comparable(in_duckdb(monkeypatch, warehouse, *QUESTION))
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


def test_late_events_and_changed_sheets_give_the_answers_of_duckdb(run, warehouse, monkeypatch, tmp_path):
    simulate(Scenario(120, 5, dirt=0.05)).write(tmp_path / "days", "jsonl", 2, 0.3)
    for day in sorted((tmp_path / "days").iterdir()):
        run("refresh", "--data", str(day))
        in_duckdb(monkeypatch, warehouse, "refresh", "--data", str(day))
    assert comparable(run(*QUESTION).stdout) == comparable(in_duckdb(monkeypatch, warehouse, *QUESTION))
    assert "prod is up to date; nothing new" in run("refresh", "--data", str(day)).output


def test_a_failed_audit_leaves_everything_as_it_was(run, refreshed, news):
    write_data(news, mentors=MENTORS_CSV.replace("Silver", "Platinum"), events=NEWS)
    before = state(refreshed)
    errors = [line for line in run("refresh", "--data", str(news), exit_code=1).output.splitlines() if "error" in line]
    assert len(errors) == 1
    assert "assert_tiers_known" in errors[0]
    assert state(refreshed) == before


def wait_for_java(command: Command) -> int:
    """The number of the Java process of a command, once it has one."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and command.poll() is None:
        for task in Path(f"/proc/{command.pid}/task").iterdir():
            for child in (task / "children").read_text(encoding="ascii").split():
                if Path(f"/proc/{child}/comm").read_text(encoding="ascii").strip() == "java":
                    return int(child)
        time.sleep(0.05)
    raise AssertionError(command.output())


def wait_for_text(command: Command, text: str) -> None:
    deadline = time.monotonic() + 240
    while text not in command.printed():
        assert time.monotonic() < deadline
        assert command.poll() is None, command.output()
        time.sleep(0.05)


def test_a_killed_refresh_and_a_lost_session_leave_everything_as_it_was(run, refreshed, news):
    import os
    import signal

    before = state(refreshed)
    command = Command(PROJECT_ROOT, "cli.py", "--progress", "plain", "refresh", "--data", str(news))
    wait_for_text(command, "evaluating marts.fct_bookings")
    os.kill(wait_for_java(command), signal.SIGKILL)
    output = command.output()
    (error,) = [line for line in output.splitlines() if line.startswith("error: ")]
    assert "the Spark session was lost; nothing was published" in error
    assert "Traceback" not in output
    assert command.poll() == 1
    assert state(refreshed) == before
    command = Command(PROJECT_ROOT, "cli.py", "--progress", "plain", "refresh", "--data", str(news))
    wait_for_text(command, "evaluating marts.fct_sessions")
    command.kill()
    assert command.wait() != 0
    named = json.loads((refreshed / "published.json").read_text(encoding="utf-8"))["published"]
    left = {name: digest for name, digest in state(refreshed).items() if named in name or "sets" not in name}
    assert left == before
    assert "prod is up to date" in run("refresh", "--data", str(news)).output
    assert len(list((refreshed / "sets").iterdir())) == 2


def test_a_time_limit_ends_a_refresh(run, refreshed, news):
    before = state(refreshed)
    assert (
        "timed out after 3 s; nothing was published"
        in run("refresh", "--data", str(news), "--timeout", "3", exit_code=1).output
    )
    assert state(refreshed) == before


def test_a_reader_sees_one_state_whatever_is_published_meanwhile(run, refreshed, news):
    settings = load_settings()
    with engine_of(settings).reading(settings) as reader:
        before = reader.rows("SELECT COUNT(*) FROM marts.fct_sessions")
        command = Command(PROJECT_ROOT, "cli.py", "refresh", "--data", str(news))
        assert command.wait() == 0, command.output()
        assert reader.rows("SELECT COUNT(*) FROM marts.fct_sessions") == before
    with engine_of(settings).reading(settings) as reader:
        assert reader.rows("SELECT COUNT(*) FROM marts.fct_sessions") == [(2,)]
    assert before == [(1,)]


def test_the_way_back_and_each_state_has_a_version_of_its_own(run, refreshed, news):
    def version():
        return engine_of(load_settings()).version(load_settings())

    first, answered = version(), comparable(run(*QUESTION).stdout)
    run("refresh", "--data", str(news))
    second = version()
    assert (second.key != first.key, second.written > first.written) == (True, True)
    assert comparable(run(*QUESTION).stdout) != answered
    run("rollback")
    assert comparable(run(*QUESTION).stdout) == answered
    assert "is gone" in run("reset", "--yes").output
    assert version() is None
    assert "there is no warehouse at" in run("answer", exit_code=1).output


def test_a_change_is_planned_beside_prod_promoted_and_taken_back(run, refreshed, monkeypatch):
    before = comparable(run(*QUESTION).stdout)
    for environment in ("dev", "prod"):
        with monkeypatch.context() as patch:
            patch.setenv("MENTOR_NO_SHOW_GRACE_DAYS", "1")
            plan(environment)
        asked = json.loads(run(*QUESTION, "--env", environment).stdout)
        assert asked["parameters"]["settings"]["no_show_grace_days"] == 1
        if environment == "dev":
            assert comparable(run(*QUESTION).stdout) == before
    plan("prod")
    assert comparable(run(*QUESTION).stdout) == before


def test_a_day_that_loses_all_its_rows_loses_them_in_the_facts(refreshed):
    (place,) = published(refreshed).glob("tables/*/raw.db/booking_events")
    (file,) = place.glob("*.parquet")
    rows = f"SELECT * REPLACE (occurred_at + INTERVAL 10 DAY AS occurred_at) FROM READ_PARQUET('{file}')"
    duckdb.execute(f"COPY ({rows}) TO '{place / 'other.parquet'}'")
    file.unlink()
    plan("prod", restate_models=["marts.fct_bookings", "marts.fct_sessions"])
    settings = load_settings()
    with engine_of(settings).reading(settings) as reader:
        days = [
            reader.rows(f"SELECT DISTINCT CAST({moment} AS DATE) FROM marts.{fact}")
            for fact, moment in (("fct_bookings", "requested_at"), ("fct_sessions", "started_at"))
        ]
    assert [str(day) for [(day,)] in days] == ["2023-02-11", "2023-02-12"]
    file.unlink(missing_ok=True)
    (place,) = published(refreshed).glob("tables/*/raw.db/booking_events")
    for file in place.iterdir():
        file.unlink()
    plan("prod", restate_models=["marts.fct_bookings", "marts.fct_sessions"])
    with engine_of(settings).reading(settings) as reader:
        for table in ("marts.fct_bookings", "marts.fct_sessions", "reports.rpt_user_outcomes"):
            assert reader.rows(f"SELECT COUNT(*) FROM {table}") == [(0,)], table


def test_a_statement_that_fails_publishes_nothing_of_a_plan(refreshed, monkeypatch):
    from engines.spark.sqlmesh_connection import ParquetAdapter

    before = state(refreshed)

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no room")

    monkeypatch.setattr(ParquetAdapter, "_execute", fail)
    monkeypatch.setenv("MENTOR_NO_SHOW_GRACE_DAYS", "1")
    with pytest.raises(Exception, match=r"."):
        plan("dev")
    threading.Event().wait(0)
    assert state(refreshed) == before
