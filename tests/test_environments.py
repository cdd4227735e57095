"""Changes of models and settings: seen in dev, promoted, taken back; prod and its history stay whole."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from tests.conftest import USERS_CSV, event
from tests.project_copy import ProjectCopy

EVENTS = [
    event("e1"),
    event("e2", event_type="session_started", timestamp="2023-02-02T10:00:00Z"),
    event("e3", event_type="session_started", timestamp="2023-02-12T10:00:00Z"),
    event("e4", user_id=2, mentor_id="M-2", event_type="session_started", timestamp="2023-02-02T10:00:00Z"),
]
# Where the change is, seen from dim_mentors: file, what stands there, what replaces it.
CHANGES = {
    "below": (
        "models/staging/stg_mentors.sql",
        "FROM raw.mentors",
        "FROM raw.mentors\nWHERE\n  mentor_id <> 'M-2'",
    ),
    "at": (
        "models/marts/dim_mentors.sql",
        "tier::TEXT AS tier",
        "UPPER(tier)::TEXT AS tier",
    ),
    "above": (
        "analysis/metrics/rebooking.py",
        "later = moment > first_at\n",
        "later = moment > first_at + ibis.interval(days=20)\n",
    ),
}
MARTS = ("dim_users", "dim_mentors", "fct_bookings", "fct_sessions")
REPORTS = (
    "rpt_user_outcomes",
    "rpt_rebooking_by_tier",
    "rpt_cohorts",
    "rpt_mentor_outcomes",
    "rpt_reliability_by_tier",
    "rpt_reliability_by_week",
    "rpt_rebooking_by_mentor",
    "rpt_event_counts",
    "rpt_reliability_overall",
    "rpt_optional_events",
)


@pytest.fixture(scope="module")
def with_history(tmp_path_factory) -> ProjectCopy:
    """A project whose prod has two versions of a mentor; tests work on copies of it."""
    project = ProjectCopy(tmp_path_factory.mktemp("with_history") / "project")
    refresh(project, "M-1,Gold,200,\nM-2,Silver,100,\n")
    refresh(project, "M-1,Silver,200,2023-01-01\nM-2,Silver,100,\n")
    return project


@pytest.fixture
def project(with_history, tmp_path) -> ProjectCopy:
    return with_history.copy(tmp_path / "project")


def refresh(project: ProjectCopy, mentors: str, **environment: str) -> str:
    data = project.folder / ".cache" / "data"
    data.mkdir(parents=True, exist_ok=True)
    (data / "users_db_export.csv").write_text(USERS_CSV)
    (data / "mentor_tiers.csv").write_text(f"mentor_id,tier,hourly_rate,updated_at\n{mentors}")
    (data / "booking_events.json").write_text(json.dumps(EVENTS))
    return project.cli("refresh", "--data", str(data), **environment)


def rows(project: ProjectCopy, environment: str = "prod") -> dict[str, list[tuple]]:
    suffix = "" if environment == "prod" else f"__{environment}"
    return {
        model: sorted(project.query(f"SELECT * FROM {schema}{suffix}.{model}"), key=str)
        for schema, models in (("marts", MARTS), ("reports", REPORTS))
        for model in models
    }


def tiers(project: ProjectCopy, environment: str = "prod") -> list[tuple]:
    suffix = "" if environment == "prod" else f"__{environment}"
    return project.query(
        f"SELECT mentor_id, tier, valid_from, valid_to FROM marts{suffix}.dim_mentors "
        "WHERE recorded_to IS NULL ORDER BY mentor_id, valid_from"
    )


def tables(project: ProjectCopy, environment: str) -> dict[str, str]:
    """The physical table that an environment's view of each mart and report shows."""
    suffix = "" if environment == "prod" else f"__{environment}"
    views = project.query(
        "SELECT view_name, regexp_extract(sql, 'sqlmesh__\\w+\\.\"?(\\w+)', 1) FROM duckdb_views() "
        f"WHERE schema_name IN ('marts{suffix}', 'reports{suffix}')"
    )
    return dict(views)


JANUARY, OPEN = datetime(2023, 1, 1), datetime(9999, 12, 31)
HISTORY = [
    ("M-1", "Gold", datetime(1970, 1, 1), JANUARY),
    ("M-1", "Silver", JANUARY, OPEN),
    ("M-2", "Silver", datetime(1970, 1, 1), OPEN),
]


@pytest.mark.parametrize("place", CHANGES)
def test_history_survives_a_change_its_promotion_and_the_way_back(project, place):
    before = rows(project)
    assert tiers(project) == HISTORY

    file, old, new = CHANGES[place]
    project.edit(file, old, new)
    project.plan("dev")
    assert rows(project) == before
    project.cli("transform", "--env", "dev")
    assert rows(project) == before
    # What the preview of a changed history leaves out, the transform has put in.
    expected = {
        "below": HISTORY[:2],
        "at": [(mentor, tier.upper(), start, end) for mentor, tier, start, end in HISTORY],
        "above": HISTORY,
    }
    assert tiers(project, "dev") == expected[place]
    if place == "above":
        compared = json.loads(project.cli("diff", "--env", "dev", "--format", "json"))
        rebooked = {"figure": "rpt_rebooking_by_tier.Silver.rebooked", "base": 1, "other": 0}
        assert rebooked in compared["figures"]
        # Both answers are by the definitions here, which prod was not built with: it says so.
        assert not compared["is_headline_same"]
        assert compared["base"]["headline"].startswith("By the definitions of rebooking in this working tree")
        assert compared["base"]["headline"].endswith(compared["other"]["headline"])
        assert "environment dev" in project.cli("answer", "--env", "dev")

    project.plan()
    after = rows(project)
    # A promoted change holds for what comes; the versions that were there stay.
    assert {name: after[name] for name in MARTS} == {name: before[name] for name in MARTS}
    assert (after == before) is (place != "above")

    project.edit(file, new, old)
    project.plan()
    assert rows(project) == before

    refresh(project, "M-1,Bronze,200,2023-02-01\nM-2,Silver,100,\n")
    february = datetime(2023, 2, 1)
    assert tiers(project) == [
        HISTORY[0],
        ("M-1", "Silver", JANUARY, february),
        ("M-1", "Bronze", february, OPEN),
        HISTORY[2],
    ]


def test_a_changed_setting_rebuilds_what_depends_on_it_and_nothing_else(project):
    before = rows(project)

    longer = {"MENTOR_DEFAULT_SESSION_MINUTES": "45"}
    project.plan("dev", **longer)
    prod, dev = tables(project, "prod"), tables(project, "dev")
    assert set(prod) == set(dev) == {*MARTS, *REPORTS}
    # Every report says from what it was built and as of when: of all facts.
    assert {name for name in prod if prod[name] != dev[name]} == {"fct_sessions", *REPORTS}
    minutes = "SELECT DISTINCT date_diff('minute', started_at, ended_at) FROM marts{}.fct_sessions"
    assert (project.query(minutes.format("")), project.query(minutes.format("__dev"))) == ([(30,)], [(45,)])
    assert rows(project) == before
    shown = project.cli("diff")
    assert shown.startswith("The answer stays the same: ")
    assert "\nparameters.settings.default_session_minutes  " in shown

    told = refresh(project, "M-1,Silver,210,2023-01-01\nM-2,Silver,100,\n", **longer)
    assert "prod has other versions of marts.fct_sessions" in told
    assert project.query(minutes.format("")) == [(30,)]

    project.plan(**longer)
    assert tables(project, "prod")["fct_sessions"] == dev["fct_sessions"]
    assert project.query(minutes.format("")) == [(45,)]
