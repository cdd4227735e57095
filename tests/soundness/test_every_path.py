"""Every way of running the project gives the same right rows. Never weaken: each case was once silently wrong.

The paths: `cli.py refresh`, `sqlmesh plan`, `sqlmesh run`, in any environment, order and mixture, under any clock.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from settings import PROJECT_ROOT
from tests.bare_sqlmesh import ALL_GOLD, DEFAULT_SHEET, ONE_COLUMN_MORE, Warehouse, came_back, edited_models
from tests.conftest import event
from tests.processes import Command
from tests.project_copy import ProjectCopy
from tests.test_answer import answer, run

START = "session_started"
AHEAD = timedelta(hours=20)


def now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def at(moment: datetime) -> str:
    return f"{moment.isoformat()}Z"


def refresh(bare: Warehouse, events: list[dict], **sources) -> str:
    bare.write(events, **sources)
    return run(bare.file, "refresh", "--data", str(bare.data)).stderr


def users_of(document: dict, tier: str) -> tuple[int, int]:
    row = next(row for row in document["rebooking"]["sessions"]["tiers"] if row["tier"] == tier)
    return row["users"], row["rebooked"]


@pytest.mark.parametrize("path", ["refresh", "sqlmesh run"])
def test_events_loaded_after_one_that_lies_ahead_of_the_clock_reach_the_facts(bare, path):
    """They did not, for good: the moment of evaluation was the event's, and later loads lie before it."""
    ahead = event("ahead", user_id=99, mentor_id="M-2", timestamp=at(now() + AHEAD))
    past = came_back(range(1, 5))
    refresh(bare, [ahead])
    assert users_of(answer(bare.file), "Gold") == (0, 0)
    if path == "refresh":
        refresh(bare, [ahead, *past])
    else:
        bare.ingest([ahead, *past])
        bare.run()
    assert users_of(answer(bare.file), "Gold") == (4, 4)


def test_sessions_that_are_restated_alone_know_their_bookings(bare):
    """They took them from a fact that did not hold the new loads yet, and kept none for good."""
    bare.ingest(came_back(range(1, 2)))
    bare.plan()
    bare.ingest([event("asked"), event("came", event_type=START, timestamp="2023-02-01T11:00:00Z")])
    bare.plan(restate_models=["marts.fct_sessions"])
    bare.run()
    assert bare.facts() == bare.expected_facts(bare.settings)
    assert bare.query("SELECT COUNT(booking_id), COUNT(*) FROM marts.fct_sessions") == [(1, 3)]


@pytest.mark.parametrize("ahead", [timedelta(minutes=5), timedelta(days=400)])
def test_a_clock_set_back_loses_nothing(planned, ahead):
    """Loads are numbered, and a run takes in those that a fact does not hold, whatever time it is."""
    planned.ingest(came_back(range(1, 4)))
    later = datetime.now(UTC) + ahead
    planned.run(execution_time=later, end=later)
    # SQLMesh takes what lies before its last run for done. That is not silent, and refresh goes on from there.
    planned.ingest(came_back(range(1, 5)))
    planned.run()
    assert answer(planned.file)["warnings"][0].startswith("prod is behind by 1 load with 2 events")
    run(planned.file, "status", exit_code=1)
    refresh(planned, came_back(range(1, 6)))
    assert not planned.environment().is_behind
    assert users_of(answer(planned.file), "Gold") == (5, 5)
    # So does a restatement.
    planned.ingest(came_back(range(1, 7)))
    planned.plan(restate_models=["marts.fct_bookings", "marts.fct_sessions"])
    assert users_of(answer(planned.file), "Gold") == (6, 6)


@pytest.mark.parametrize("path", ["refresh", "sqlmesh plan"])
def test_with_an_event_ahead_of_the_clock_announced_tiers_wait_and_leavers_are_recorded(bare, path):
    """Announced tiers took effect at once, and a mentor's leaving was never recorded."""
    announced = (now() + timedelta(days=30)).replace(microsecond=0)
    ahead = event("ahead", timestamp=at(now() + AHEAD))
    first = {"sheet": [*DEFAULT_SHEET, ("M-3", "Bronze", "1", "")]}
    second = {"sheet": [("M-1", "Silver", "200", announced.isoformat()), DEFAULT_SHEET[1]]}
    if path == "refresh":
        refresh(bare, [ahead], **first)
        refresh(bare, [ahead], **second)
    else:
        bare.ingest([ahead], **first)
        bare.ingest([ahead], **second)
        bare.plan()
    forever = datetime(9999, 12, 31)
    versions = bare.versions("dim_mentors")
    assert [version[1:] for version in versions[:2]] == [
        ("Gold", datetime(1970, 1, 1), announced),
        ("Silver", announced, forever),
    ]
    assert versions[3][1] == "Bronze"
    assert versions[3][3] < forever
    tiers = answer(bare.file, "--as-of", at(announced - timedelta(microseconds=1)))["reliability"]["tiers"]
    assert [row["bookings"] for row in tiers] == [1, 0, 0]
    tiers = answer(bare.file, "--as-of", at(announced))["reliability"]["tiers"]
    assert [row["bookings"] for row in tiers] == [0, 1, 0]


@pytest.mark.parametrize("path", ["refresh", "sqlmesh plan"])
def test_the_latest_event_of_all_is_in_the_facts_though_it_lies_ahead_of_the_clock(bare, path):
    """It was missing: an end was exclusive by a microsecond."""
    latest = now() + AHEAD
    events = [event("1", event_type=START), event("2", event_type=START, timestamp=at(latest))]
    if path == "refresh":
        refresh(bare, events)
    else:
        bare.ingest(events)
        bare.plan()
    document = answer(bare.file)
    assert document["reliability"]["overall"]["sessions"] == 2
    assert document["parameters"]["as_of"] == at(latest)


def test_ingest_and_sqlmesh_run_give_what_refresh_gives(bare, tmp_path):
    """A run left out what was loaded since the last one, without a word."""
    first, second = came_back(range(1, 3)), came_back(range(1, 9)) + came_back(range(9, 12), "M-2")
    bare.ingest(first)
    bare.plan()
    bare.ingest(second)
    bare.run()
    refreshed = Warehouse(tmp_path / "refreshed")
    refresh(refreshed, first)
    refresh(refreshed, second)
    assert bare.facts() == refreshed.facts() == bare.expected_facts(bare.settings)
    assert answer(bare.file) == answer(refreshed.file)


def test_an_environment_that_lags_speaks_of_what_it_holds_and_says_what_waits(bare):
    """The moment came from `raw`, the facts from tables: a verdict that was true of neither state."""
    before = [event("1"), *came_back(range(2, 4))]
    refresh(bare, before)
    document = answer(bare.file)
    bare.ingest([*before, event("2", user_id=5, timestamp="2023-06-01T10:00:00Z")])
    lagging = answer(bare.file)
    assert lagging["parameters"]["as_of"] == document["parameters"]["as_of"]
    taken_in = {"loads": 3, "events": 5, "waiting_loads": 1, "waiting_events": 1}
    assert lagging["parameters"]["taken_in"] == taken_in
    assert lagging["rebooking"] == document["rebooking"]
    assert lagging["reliability"] == document["reliability"]
    told = "prod is behind by 1 load with 1 event; to catch up run: python cli.py transform --env prod"
    assert lagging["warnings"] == [told, *document["warnings"]]
    for output in ("table", "markdown"):
        assert "prod is behind by 1 load" in run(bare.file, "answer", "--format", output).stdout
    # CSV has no place for it.
    assert run(bare.file, "answer", "--format", "csv").stderr.splitlines()[0] == f"warning: {told}"
    status = run(bare.file, "status", "--format", "json", exit_code=1).stdout
    assert json.loads(status)["environments"][0]["remarks"] == [told]
    run(bare.file, "transform")
    assert answer(bare.file)["parameters"]["as_of"] == "2023-06-01T10:00:00Z"
    assert run(bare.file, "status").stdout.startswith("prod: as of 2023-06-01T10:00:00Z")


def test_a_promoted_change_of_a_dimension_shows_after_a_run_and_is_told_of_until_then(bare, tmp_path):
    """Every load was held, so `transform` said "nothing new" and ran nothing; and no answer said so."""
    bare.ingest(came_back(range(1, 5)))
    bare.plan()
    root, edited = bare.root, edited_models(tmp_path / "edited", ALL_GOLD)
    paths = {
        "transform": lambda: run(bare.file, "transform"),
        "refresh": lambda: run(bare.file, "refresh", "--data", str(bare.data)),
        "sqlmesh run": bare.run,
    }
    for bare.root, tier, path in (
        (edited, "Gold", "transform"),
        (root, "Silver", "refresh"),
        (edited, "Gold", "sqlmesh run"),
    ):
        bare.plan()
        told = "prod still has rows of dim_mentors from before the last plan"
        assert answer(bare.file)["warnings"][0].startswith(told)
        assert told in run(bare.file, "status", exit_code=1).stdout
        paths[path]()
        assert [version[:2] for version in bare.versions("dim_mentors")] == [("M-1", "Gold"), ("M-2", tier)]
        assert not bare.environment().is_behind


def test_what_can_change_no_fact_waits_for_nothing(planned):
    """A stray end of a pair that never met: else an environment would be behind for ever."""
    stray = event("stray", user_id=7, event_type="session_ended", timestamp="2023-09-01T10:00:00Z")
    planned.ingest([*came_back(range(1, 3)), stray])
    environment = planned.environment()
    assert not environment.is_behind
    planned.run()
    # The reports count it since; until then the answer did.
    assert planned.environment() == replace(environment, reports_say_now=True)


def test_what_a_sheet_says_that_makes_no_version_waits_for_nothing(bare):
    """A tier from the end of time on, and a mentor who leaves before the announced tier comes."""
    session = [event("1", event_type=START)]
    bare.ingest(session)
    bare.plan()
    never = [("M-1", "Silver", "200", "9999-12-31"), DEFAULT_SHEET[1], ("M-3", "Gold", "1", "2999-01-01")]
    bare.ingest(session, sheet=never)
    assert bare.environment().taken_in["waiting_loads"] == 1
    bare.ingest(session, sheet=never[:2])
    assert not bare.environment().is_behind
    # Who came and left since has a version all the same.
    bare.ingest(session, sheet=[*never[:2], ("M-4", "Gold", "1", "")])
    bare.ingest(session, sheet=never[:2])
    assert bare.environment().taken_in["waiting_loads"] == 2
    bare.run()
    assert not bare.environment().is_behind
    assert [version[:2] for version in bare.versions("dim_mentors")] == [
        ("M-1", "Gold"),
        ("M-2", "Silver"),
        ("M-4", "Gold"),
    ]


def test_what_never_begins_confirms_nothing(bare):
    """What is dated to the end of time was taken for the newest word on what holds: by a run, told of by no one."""

    def ingest(dated: str) -> None:
        bare.ingest(
            [event("1", event_type=START)],
            export=[(1, "c1", "2023-01-01", "active", dated)],
            sheet=[("M-1", "Gold", "", dated)],
        )

    def held() -> list[list[tuple]]:
        return [bare.query(f"SELECT * FROM marts.dim_{source} ORDER BY ALL") for source in ("users", "mentors")]

    ingest("1990-01-01")
    bare.plan()
    before = held()
    ingest("9999-12-31")
    assert not bare.environment().is_behind
    bare.run()
    assert held() == before
    # What comes after it is dated earlier, and confirms.
    ingest("2000-01-01")
    assert bare.environment().is_behind
    bare.run()
    assert not bare.environment().is_behind
    assert all(now != then for now, then in zip(held(), before, strict=True))


def test_settings_are_those_that_the_environment_was_built_with(bare, monkeypatch):
    """`refresh` said "nothing new", and the answer stated a setting that the facts were not built with."""
    cancelled = [
        event("1", timestamp="2023-02-01T10:00:00Z"),
        event("2", timestamp="2023-02-01T11:00:00Z", event_type="booking_cancelled"),
        event("3", timestamp="2023-02-01T15:00:00Z"),
    ]
    refresh(bare, cancelled)
    monkeypatch.setenv("MENTOR_RESCHEDULE_HOURS", "2")
    monkeypatch.setenv("MENTOR_ORPHAN_GRACE_DAYS", "9")
    monkeypatch.setenv("MENTOR_REBOOKING_WINDOW_DAYS", "9")
    remarks = [
        f"prod was built with {name} = {built}, here it is {here}; to rebuild run: sqlmesh plan"
        for name, built, here in (
            ("rebooking_window_days", 30, 9),
            ("reschedule_hours", 24, 2),
            ("orphan_grace_days", 1, 9),
        )
    ]
    assert refresh(bare, cancelled).splitlines()[:3] == [f"warning: {remark}" for remark in remarks]
    document = answer(bare.file)
    assert document["warnings"][:3] == remarks
    assert document["reliability"]["overall"]["rescheduled"] == 1
    assert document["parameters"]["window_days"] == 30
    built = document["parameters"]["settings"]
    assert (built["reschedule_hours"], built["orphan_grace_days"]) == (24, 1)
    asked = answer(bare.file, "--window-days", "9")
    assert asked["parameters"]["window_days"] == 9
    assert asked["warnings"][:2] == remarks[1:]
    assert run(bare.file, "status", exit_code=1).stdout.count("was built with") == 3

    bare.plan()
    document = answer(bare.file)
    assert not any("was built with" in warning for warning in document["warnings"])
    assert document["reliability"]["overall"]["rescheduled"] == 0
    assert document["parameters"]["settings"]["orphan_grace_days"] == 9


def test_a_metric_that_prod_was_not_built_with_is_named_first(tmp_path):
    """The answer of prod was counted by the working tree's metric, and nothing said so."""
    project = ProjectCopy(tmp_path / "project")
    bare = Warehouse(tmp_path)
    bare.write(came_back(range(1, 5)))
    project.cli("refresh", "--data", str(bare.data))
    metrics = "analysis/metrics/rebooking.py"
    project.edit(metrics, "later = moment > first_at\n", "later = moment > first_at + ibis.interval(days=20)\n")
    document = json.loads(project.cli("answer", "--format", "json"))
    assert users_of(document, "Gold") == (4, 0)
    assert project.query("SELECT users, rebooked FROM reports.rpt_rebooking_by_tier") == [(4, 4)]
    assert document["parameters"]["changed_definitions"] == ["rebooking"]
    for output in ("table", "markdown"):
        text = " ".join(project.cli("answer", "--format", output).split())
        text = text if output == "table" else text.split("## The answer ")[1]
        assert text.startswith("By the definitions of rebooking in this working tree, which prod was not built with.")
    assert "other definitions of rebooking" in Command(project.folder, "cli.py", "status").output()

    project.edit(metrics, "later = moment", "# Twenty days are too soon.\n    later = moment")
    project.plan()
    assert project.query("SELECT users, rebooked FROM reports.rpt_rebooking_by_tier") == [(4, 0)]
    assert json.loads(project.cli("answer", "--format", "json"))["parameters"]["changed_definitions"] == []


def test_a_plan_under_other_settings_is_not_stopped_by_the_unit_tests(tmp_path):
    """The command that an answer names to rebuild failed: the tests of the models took the settings in force."""
    other = {
        "MENTOR_REBOOKING_WINDOW_DAYS": "none",
        "MENTOR_DEFAULT_SESSION_MINUTES": "45",
        "MENTOR_MAX_SESSION_HOURS": "9",
        "MENTOR_RESCHEDULE_HOURS": "48",
        "MENTOR_NO_SHOW_GRACE_DAYS": "1",
        "MENTOR_ORPHAN_GRACE_DAYS": "3",
    }
    tests = Command(PROJECT_ROOT, "sqlmesh", "test", MENTOR_WAREHOUSE=str(tmp_path / "warehouse.duckdb"), **other)
    assert tests.wait() == 0, tests.output()


@pytest.mark.parametrize("as_of", ["0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00", "9999-12-31"])
def test_a_moment_beyond_all_time_is_refused_in_one_line(bare, as_of):
    assert run(bare.file, "answer", "--as-of", as_of, exit_code=2).stderr.count("\n") == 1


def test_events_that_build_no_fact_are_counted(bare):
    """They were taken in and left out of the counts until another load came."""
    refresh(bare, [event("1", user_id=99, mentor_id="M-9", event_type="session_ended")])
    overall = answer(bare.file)["reliability"]["overall"]
    assert (overall["unknown_user_events"], overall["unknown_mentor_events"]) == (1, 1)


@pytest.mark.parametrize("is_reset", [False, True])
def test_what_sqlmesh_keeps_of_another_warehouse_is_not_taken_for_this_one(bare, tmp_path, is_reset):
    """It keeps models with the version that a warehouse gave them. Another one of the same working tree, or the same
    one once it was made anew, may give them another: a run filled tables that no environment shows, for ever."""
    plain, more = edited_models(tmp_path / "plain"), edited_models(tmp_path / "more", ONE_COLUMN_MORE)
    before = bare if is_reset else Warehouse(tmp_path / "before")
    before.root = more
    before.ingest(came_back(range(1, 2)))
    before.plan()
    before.file.unlink()
    bare.root = plain
    bare.ingest(came_back(range(1, 3)))
    bare.plan()
    bare.root = more
    bare.plan()
    bare.ingest(came_back(range(1, 5)))
    bare.run()
    assert not bare.environment().is_behind
    assert users_of(answer(bare.file), "Gold") == (4, 4)
