"""The answer from the reports is that from the facts, whatever is asked; and the reports are left where they lag."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engines import engine_of
from engines.protocol import Reader
from settings import load_settings
from tests.conftest import ATTENDED, event, ingest, write_data
from tests.test_answer import run
from warehouse.answers import answer_of_environment
from warehouse.environments import Environment, read_environment

NOW = datetime(2026, 1, 1, tzinfo=UTC)
QUESTIONS = {
    "as built": {},
    "another window": {"rebooking_window_days": 14},
    "a window that is in no report": {"rebooking_window_days": 100},
    "no window": {"rebooking_window_days": "none"},
    "the window as built, asked for": {"rebooking_window_days": 30},
    "other groups": {"group_a": ["Gold", "Silver"], "group_b": ["Bronze"]},
    "tiers at the session": {"tier_attribution": "at_session"},
    "tiers at the session, another window": {"tier_attribution": "at_session", "rebooking_window_days": 60},
    "another level": {"confidence_level": 0.99},
    "other limits": {"max_double_booking_rate": 0.5, "coarse_clock_share": 0.9, "max_feed_age_hours": 24},
    "another grace than built": {"no_show_grace_days": 1, "rebooking_window_days": 30},
}


@pytest.fixture(scope="module")
def reader(application_warehouse) -> Iterator[Reader]:
    settings = load_settings(warehouse=application_warehouse)
    with engine_of(settings).reading(settings, makes_tables=True) as reader:
        yield reader


def answered(reader: Reader, environment: Environment, as_of: datetime | None = None, full: bool = False, **question):
    asked = [name for name in question if name == "rebooking_window_days"]
    return answer_of_environment(reader, load_settings(**question), environment, as_of, full, asked, NOW)


def from_facts(environment: Environment) -> Environment:
    return replace(environment, reports_say_now=False)


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("question", QUESTIONS)
def test_reports_and_facts_give_the_same_answer(reader, question, full):
    environment = read_environment(reader, "prod")
    assert environment.reports_say_now
    found, expected = (
        answered(reader, stands, full=full, **QUESTIONS[question]) for stands in (environment, from_facts(environment))
    )
    assert json.dumps(found) == json.dumps(expected)


@pytest.fixture
def asked_facts(monkeypatch) -> list[str]:
    """The tables that were asked for."""
    asked: list[str] = []

    def table(reader: Reader, environment: Environment, name: str):
        asked.append(name)
        return original(reader, environment, name)

    from warehouse import answers

    original = answers._table
    monkeypatch.setattr(answers, "_table", table)
    return asked


@pytest.mark.parametrize(
    "question", [{}, {"group_a": ["Bronze"], "group_b": ["Gold"]}, {"confidence_level": 0.9}, {"max_orphan_rate": 0.5}]
)
def test_what_the_reports_hold_asks_no_fact(reader, asked_facts, question):
    answered(reader, read_environment(reader, "prod"), **question)
    assert asked_facts == []


def test_another_window_or_moment_or_other_definitions_ask_the_facts(reader, asked_facts):
    environment = read_environment(reader, "prod")
    answered(reader, environment, rebooking_window_days=14)
    assert "rpt_user_outcomes" in asked_facts
    for stands, moment in ((environment, environment.as_of), (replace(environment, definitions={}), None)):
        asked_facts.clear()
        answered(reader, stands, moment)
        assert "fct_sessions" in asked_facts
        assert "rpt_user_outcomes" not in asked_facts


def clock(document: dict, event_type: str) -> int:
    return sum(row["events"] for row in document["reliability"]["clock"] if row["event_type"] == event_type)


def test_events_that_change_no_fact_count_before_a_report_has_counted_them(published: Path, tmp_path):
    stray = event("stray", user_id=2, mentor_id="M-2", event_type="session_ended", timestamp="2023-02-01T12:00:00Z")
    data = write_data(tmp_path / "data", events=[*ATTENDED, stray])
    ingest(published, data)

    def found() -> tuple[bool, int, int]:
        settings = load_settings(warehouse=published)
        with engine_of(settings).reading(settings, makes_tables=True) as reader:
            environment = read_environment(reader, "prod")
            document = answered(reader, environment)
            assert json.dumps(document) == json.dumps(answered(reader, from_facts(environment)))
            return (
                environment.reports_say_now,
                clock(document, "session_ended"),
                document["freshness"]["week"]["events"],
            )

    assert found() == (False, 1, 3)
    run(published, "transform")
    assert found() == (True, 1, 3)


def test_events_that_wait_count_in_no_report_and_no_fact(published: Path, tmp_path):
    later = event("later", event_type="session_started", timestamp="2023-02-20T10:00:00Z")
    ingest(published, write_data(tmp_path / "data", events=[*ATTENDED, later]))
    settings = load_settings(warehouse=published)
    with engine_of(settings).reading(settings, makes_tables=True) as reader:
        environment = read_environment(reader, "prod")
        assert environment.taken_in["waiting_events"] == 1
        assert environment.reports_say_now
        document = answered(reader, environment)
        assert clock(document, "session_started") == 1
        assert json.dumps(document) == json.dumps(answered(reader, from_facts(environment)))
