"""A user who is forgotten is in no table, log or copy, everybody else stays, and no file brings the user back."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from errors import TransformError
from tests.bare_sqlmesh import Warehouse
from tests.conftest import event
from tests.permissions import out_of_reach
from tests.test_answer import answer, run
from tests.test_publication import digest, leftovers

USER, OTHER = 73121, 1
EMAIL = "jo.doe@example.org"
EXPORT = [
    (OTHER, "7", "2023-01-01", "active", ""),
    (USER, "7", "2023-01-02", "active", ""),
    (2, "8", "2023-01-03", "active", ""),
]


def visit(name: str, user: int, day: int, mentor: str = "M-1") -> list[dict]:
    at = f"2023-02-{day:02}T1"
    kinds = ["booking_requested", "session_started", "session_ended"]
    return [
        event(f"{name}-{hour}", user_id=user, mentor_id=mentor, event_type=kind, timestamp=f"{at}{hour}:00:00Z")
        for hour, kind in enumerate(kinds)
    ]


EVENTS = [
    *visit("a", OTHER, 1),
    *visit("b", USER, 1),
    *visit("c", USER, 5, "M-2"),
    *visit("d", 2, 3, "M-2"),
    event("e", user_id=USER, event_type="booking_cancelled", cancellation_reason=f"write to {EMAIL}"),
    event("f", user_id=USER, timestamp=f"yesterday, {EMAIL}"),
    event("g", user_id=OTHER, timestamp="yesterday"),
]
# The next day the states of both users have changed.
LATER = [
    (user, company, day, "churned", "") if user in (OTHER, USER) else row
    for row in EXPORT
    for user, company, day, *_ in [row]
]
USERS_OF_REPORTS = "SELECT SUM(users) FROM reports{}.rpt_mentor_outcomes"


@dataclass(frozen=True)
class Forgotten:
    """A warehouse before and after a user was forgotten."""

    warehouse: Warehouse
    before: Path
    backup: Path
    logs: Path
    found_before: str
    proof: str
    said: str


@pytest.fixture(scope="module")
def forgotten(tmp_path_factory) -> Forgotten:
    folder = tmp_path_factory.mktemp("forgotten")
    made = Warehouse(folder / "it")
    file, logs = made.file, folder / "logs"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MENTOR_LOGS", str(logs))
        made.write(EVENTS, export=EXPORT)
        run(file, "refresh", "--data", str(made.data))
        made.plan("dev")
        made.write(EVENTS, export=LATER)
        run(file, "refresh", "--data", str(made.data))
        (log,) = logs.glob("*/*/*.jsonl")
        with log.open("a") as lines:
            lines.write(
                json.dumps(json.loads(log.read_text().splitlines()[-1]) | {"error": f"no row of user {USER}"}) + "\n"
            )
        run(file, "backup", str(folder / "before.zip"))
        before = folder / "before" / "warehouse.duckdb"
        before.parent.mkdir()
        before.write_bytes(file.read_bytes())
        found = run(file, "forget", "--user", str(USER), "--search").stdout
        done = run(file, "forget", "--user", str(USER))
    return Forgotten(made, before, folder / "before.zip", logs, found, done.stdout, done.stderr)


def hits(proof: str) -> dict[str, int]:
    """What was found, by the last part of its place."""
    found: dict[str, int] = {}
    for row in csv.DictReader(io.StringIO(proof)):
        if int(row["found"]):
            found[row["place"].split(": ")[-1]] = found.get(row["place"].split(": ")[-1], 0) + int(row["found"])
    return found


def query(file: Path, sql: str) -> list[tuple]:
    with duckdb.connect(str(file), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_the_search_finds_the_user_wherever_it_is(forgotten):
    found = hits(forgotten.found_before)
    named = {place.split(".")[-2].split("__")[1] if "__" in place else place for place in found if "user_id" in place}
    assert named == {"raw.users.user_id", "raw.booking_events.user_id"} | {
        "dim_users",
        "fct_sessions",
        "fct_bookings",
        "rpt_user_outcomes",
    }
    assert "raw.rejected_rows.raw_text" in found
    assert "raw.booking_events.cancellation_reason" in found  # the address
    assert any(place.endswith(".jsonl") for place in found)


def test_afterwards_nothing_is_found_in_any_table_log_or_copy(forgotten):
    assert hits(forgotten.proof) == {}
    searched = {row["place"] for row in csv.DictReader(io.StringIO(forgotten.proof))}
    tables = query(
        forgotten.warehouse.file,
        "SELECT DISTINCT schema_name || '.' || table_name FROM duckdb_columns() JOIN duckdb_tables() "
        "USING (schema_name, table_name) WHERE column_name = 'user_id' OR data_type IN ('VARCHAR', 'JSON')",
    )
    assert len(tables) > 20
    assert {name for (name,) in tables} == {place.rsplit(".", 1)[0] for place in searched if place[0] != "/"}
    assert any(place.endswith(".jsonl") for place in searched)
    assert leftovers(forgotten.warehouse.file) == set()
    assert not list((forgotten.warehouse.file.parent / ".previous").iterdir())
    assert "forgotten: 9 rows of what was loaded are gone" in forgotten.said


def test_no_byte_of_an_address_is_left_in_any_file(forgotten):
    """The words of rejected texts stand in the file as they are, also after their rows are deleted."""
    assert EMAIL.encode() in forgotten.before.read_bytes()
    files = [
        path for path in (forgotten.warehouse.file.parent, forgotten.logs) for path in path.rglob("*") if path.is_file()
    ]
    sources = set(forgotten.warehouse.data.iterdir())
    assert [path for path in files if path not in sources and EMAIL.encode() in path.read_bytes()] == []


def test_everybody_else_stays_as_they_were(forgotten):
    after = forgotten.warehouse.file
    for table in ("raw.users", "raw.booking_events", "marts.dim_users", "marts.fct_sessions", "marts.fct_bookings"):
        others = f"SELECT * FROM {table} WHERE user_id <> {USER} ORDER BY ALL"
        rows = query(forgotten.before, others)
        assert rows
        assert query(after, f"SELECT * FROM {table} ORDER BY ALL") == rows, table
    # Record time, too: the version before the change is one that was held.
    assert (OTHER, True) in query(after, "SELECT user_id, recorded_to IS NOT NULL FROM marts.dim_users")
    assert query(after, "SELECT * FROM marts.dim_mentors ORDER BY ALL") == query(
        forgotten.before, "SELECT * FROM marts.dim_mentors ORDER BY ALL"
    )


def test_what_was_counted_is_what_a_rebuild_counts(forgotten, tmp_path):
    rebuilt = forgotten.warehouse.rebuilt(tmp_path)
    for report in (
        "rpt_rebooking_by_tier",
        "rpt_mentor_outcomes",
        "rpt_cohorts",
        "rpt_user_outcomes",
        "rpt_reliability_by_tier",
    ):
        rows = f"SELECT * FROM reports.{report} ORDER BY ALL"
        assert forgotten.warehouse.query(rows) == rebuilt.query(rows), report
    assert forgotten.warehouse.facts() == rebuilt.facts()
    assert query(forgotten.before, USERS_OF_REPORTS.format("")) == [(3,)]
    for environment in ("", "__dev"):
        assert query(forgotten.warehouse.file, USERS_OF_REPORTS.format(environment)) == [(2,)]


def test_rejected_rows_are_counted_still_and_those_of_others_keep_their_text(forgotten):
    texts = query(forgotten.warehouse.file, "SELECT raw_text IS NULL FROM raw.rejected_rows ORDER BY position")
    assert texts == [(True,), (False,)]


def test_the_log_keeps_its_figures_and_says_that_something_was_taken_out(forgotten):
    (log,) = forgotten.logs.glob("*/*/*.jsonl")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["error"] for line in lines if line.get("error")] == ["no row of user [forgotten]"]
    assert str(USER) not in log.read_text()
    assert lines[-1]["command"] == "forget"


@pytest.fixture
def copy(forgotten, tmp_path, logs) -> Warehouse:
    """A copy of the warehouse without the user, which a test may change."""
    made = Warehouse(tmp_path / "copy")
    made.file.write_bytes(forgotten.warehouse.file.read_bytes())
    return made


@pytest.mark.parametrize("more", [("--search",), ()])
def test_a_log_that_cannot_be_read_is_told_before_anything_is_done(copy, forgotten, monkeypatch, more):
    """It was passed over in silence, and the proof said that nothing is left."""
    monkeypatch.setenv("MENTOR_LOGS", str(forgotten.logs))
    before = digest(copy.file)
    (year,) = forgotten.logs.iterdir()
    with out_of_reach(year):
        failed = run(copy.file, "forget", "--user", str(USER), *more, exit_code=1)
    assert f"error: the run log {year if more else forgotten.logs} is out of reach" in failed.stderr
    assert digest(copy.file) == before


def test_no_file_brings_the_user_back(copy):
    events = [
        *EVENTS,
        *visit("z", USER, 9),
        event("y", user_id=f" {USER} "),
        event("x", user_id=2, note=f"with {USER}", timestamp="never"),
    ]
    copy.write(events, export=[*LATER, (3, "8", "2023-01-03", "active", "")])
    before = answer(copy.file)
    run(copy.file, "refresh", "--data", str(copy.data))
    rows = copy.query(
        "SELECT reason, raw_text IS NULL, COUNT(*) FROM raw.rejected_rows WHERE load_id > 4 GROUP BY ALL ORDER BY ALL"
    )
    assert rows == [("forgotten_user", True, 13), ("invalid_timestamp", False, 1), ("invalid_timestamp", True, 1)]
    loads = copy.query("SELECT rows_read - rows_loaded - rows_known - rows_duplicate - rows_rejected FROM raw.loads")
    assert set(loads) == {(0,)}
    assert answer(copy.file)["rebooking"] == before["rebooking"]
    proof = run(copy.file, "forget", "--user", str(USER), "--search").stdout
    assert hits(proof) == {}


def test_a_backup_from_before_does_not_bring_the_user_back(copy, forgotten):
    restored = run(copy.file, "restore", str(forgotten.backup))
    assert "each as it was saved; forgotten again: 1 user" in restored.stderr
    assert hits(run(copy.file, "forget", "--user", str(USER), "--search").stdout) == {}
    assert copy.query(USERS_OF_REPORTS.format("")) == [(2,)]


@pytest.fixture
def nothing_to_evaluate(monkeypatch):
    """SQLMesh has its turn in other tests."""
    monkeypatch.setattr("pipeline.forget.transform", lambda *_, **__: None)


@pytest.mark.usefixtures("nothing_to_evaluate")
def test_forgetting_twice_proves_it_again_and_a_stranger_is_not_forgotten(copy):
    again = run(copy.file, "forget", "--user", str(USER))
    assert "forgotten: 0 rows" in again.stderr
    assert hits(again.stdout) == {}
    assert copy.query("SELECT COUNT(*) FROM raw.forgotten_users") == [(1,)]
    before = digest(copy.file)
    stranger = run(copy.file, "forget", "--user", "99", exit_code=1)
    assert stranger.stderr == "error: no row names this user; nothing to forget\n"
    assert digest(copy.file) == before


def test_a_failure_changes_nothing(forgotten, tmp_path, logs, monkeypatch):
    file = tmp_path / "warehouse.duckdb"
    file.write_bytes(forgotten.before.read_bytes())

    def fails(*_, **__):
        raise TransformError("a model failed")

    monkeypatch.setattr("pipeline.forget.transform", fails)
    failed = run(file, "forget", "--user", str(USER), exit_code=1)
    assert failed.stderr == "error: a model failed\n"
    assert digest(file) == digest(forgotten.before)
    assert leftovers(file) - {"logs"} == set()


@pytest.mark.usefixtures("nothing_to_evaluate")
def test_an_address_in_a_row_of_somebody_else_is_named_and_left(forgotten, tmp_path, logs):
    file = tmp_path / "warehouse.duckdb"
    file.write_bytes(forgotten.before.read_bytes())
    with duckdb.connect(str(file)) as connection:
        connection.execute(f"UPDATE raw.booking_events SET cancelled_by = '{EMAIL}' WHERE event_id = 'a-0'")
    done = run(file, "forget", "--user", str(USER), exit_code=1)
    assert "left: an e-mail address of the user in raw.booking_events.cancelled_by (1)" in done.stderr
    assert query(file, f"SELECT COUNT(*) FROM raw.users WHERE user_id = {USER}") == [(0,)]
