"""Histories of users and mentors that were once wrong, without a word."""

from __future__ import annotations

from datetime import UTC, datetime, time
from pathlib import Path

import pytest

from ingest.load import Load
from tests.test_history import BEGINNING, OPEN, dimensions, load

JANUARY, FEBRUARY, MARCH = (datetime(2023, month, 1) for month in (1, 2, 3))
AHEAD = datetime(2999, 1, 1)


class History:
    """Loads states of mentor M-1 and user 1, and evaluates the dimensions after each load."""

    def __init__(self, context, folder: Path) -> None:
        self.context, self.folder, self.loads = context, folder, 0

    def load(self, tier="Gold", rate="1", mentor_date=None, company="7", user_date=None) -> dict[str, Load]:
        loads = load(self.folder, {"M-1": (tier, rate, mentor_date)}, {1: (company, "2023-01-01", "active", user_date)})
        self.loads += 1
        with dimensions(self.context, self.folder / "warehouse.duckdb") as dims:
            for dimension in dims.values():
                dimension.evaluate(datetime(2030, 1, self.loads))
        return loads

    def versions(self, name: str, attribute: str, condition: str = "recorded_to IS NULL") -> list[tuple]:
        query = f"SELECT {attribute}, valid_from, valid_to FROM dim_{name} WHERE {condition} ORDER BY recorded_from, 2"
        with dimensions(self.context, self.folder / "warehouse.duckdb") as dims:
            return dims[name].adapter.fetchall(query)


@pytest.fixture
def history(context, tmp_path) -> History:
    return History(context, tmp_path)


def test_what_was_missing_stays_missing_in_the_version_that_is_closed(history):
    """SQLMesh's SCD2 kinds fill a null with the new value as they close a row: C1 was read from the beginning."""
    history.load(company="", rate="")
    history.load(company="C1", user_date=MARCH, rate="100", mentor_date=MARCH)
    assert history.versions("users", "company_id", "TRUE") == [
        ("unknown", JANUARY, OPEN),
        ("unknown", JANUARY, MARCH),
        ("C1", MARCH, OPEN),
    ]
    assert history.versions("mentors", "hourly_rate", "TRUE") == [
        (None, BEGINNING, OPEN),
        (None, BEGINNING, MARCH),
        (100, MARCH, OPEN),
    ]


def test_a_stale_sheet_does_not_win_over_a_confirmation(history):
    """A newer date on a row that was otherwise unchanged was thrown away, and with it what made February old."""
    history.load(mentor_date=JANUARY, user_date=JANUARY)
    confirmed = history.load(mentor_date=MARCH, user_date=MARCH)
    assert {name: confirmed[name].rows_loaded for name in ("mentors", "users")} == {"mentors": 1, "users": 1}
    stale = history.load(tier="Silver", mentor_date=FEBRUARY, company="8", user_date=FEBRUARY)
    assert {name: stale[name].rows_rejected for name in ("mentors", "users")} == {"mentors": 1, "users": 1}
    assert history.versions("mentors", "tier") == [("Gold", JANUARY, OPEN)]
    assert history.versions("users", "company_id") == [("7", JANUARY, OPEN)]


def test_a_date_added_later_counts(history):
    """A date on a row that was otherwise unchanged was thrown away: the change stayed at its load."""
    history.load()
    history.load(tier="Silver", company="8")
    history.load(tier="Silver", mentor_date=FEBRUARY, company="8", user_date=FEBRUARY)
    assert history.versions("mentors", "tier") == [("Gold", BEGINNING, FEBRUARY), ("Silver", FEBRUARY, OPEN)]
    assert history.versions("users", "company_id") == [("7", JANUARY, FEBRUARY), ("8", FEBRUARY, OPEN)]


@pytest.mark.parametrize("date", [JANUARY, FEBRUARY])
def test_an_announced_change_can_be_taken_back(history, date):
    """The row that took it back was older than the announcement, and rejected as outdated."""
    history.load(mentor_date=JANUARY, user_date=JANUARY)
    history.load(tier="Silver", mentor_date=AHEAD, company="8", user_date=AHEAD)
    assert history.versions("mentors", "tier") == [("Gold", JANUARY, AHEAD), ("Silver", AHEAD, OPEN)]
    assert history.versions("users", "company_id") == [("7", JANUARY, AHEAD), ("8", AHEAD, OPEN)]
    history.load(mentor_date=date, user_date=date)
    assert history.versions("mentors", "tier") == [("Gold", JANUARY, OPEN)]
    assert history.versions("users", "company_id") == [("7", JANUARY, OPEN)]


def test_a_mistyped_tier_that_was_loaded_can_be_overtaken(history):
    """Corrected without a date it stays a version, and the audit of the tiers fails for good: docs/operation.md."""
    history.load()
    history.load(tier="Glod")
    history.load()
    assert [tier for tier, *_ in history.versions("mentors", "tier")] == ["Gold", "Glod", "Gold"]
    history.load(mentor_date=datetime.combine(datetime.now(UTC).date(), time()))
    assert history.versions("mentors", "tier") == [("Gold", BEGINNING, OPEN)]


def test_a_mistyped_first_tier_can_be_overtaken_from_the_beginning(history):
    history.load(tier="Glod")
    history.load(mentor_date=BEGINNING)
    assert history.versions("mentors", "tier") == [("Gold", BEGINNING, OPEN)]
