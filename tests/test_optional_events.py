"""The optional events of the tracking plan: counted as by hand, by every path, and nothing else moves with them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import duckdb
import ibis
import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.metrics.classes import OPTIONAL_EVENTS
from analysis.metrics.marts import latest_marts, mart
from analysis.metrics.optional_events import optional_event_counts
from analysis.metrics.rebooking import session_visits, user_outcomes
from cli import cli
from engines import engine_of
from engines.protocol import Reader
from settings import load_settings
from simulation.population import Scenario, simulate
from tests import reference, small_marts
from tests.answer_schema import assert_documented
from tests.conftest import EXAMPLES_FACTOR
from tests.test_answer_from_reports import QUESTIONS, answered, from_facts
from tests.test_metrics import AS_OF, BEGUN, MENTOR_IDS, MENTORS, MOMENTS, TICK, WINDOW
from warehouse.environments import read_environment

ATTRIBUTIONS = ("current", "at_session")


@st.composite
def marts_with_optional_events(draw) -> dict[str, list[dict]]:
    pairs = st.tuples(st.integers(1, 3), st.sampled_from(MENTOR_IDS), MOMENTS)
    sessions = [
        {"session_id": f"s{number:02}", "user_id": user_id, "mentor_id": mentor_id, "started_at": moment}
        for number, (user_id, mentor_id, moment) in enumerate(draw(st.lists(pairs, max_size=5, unique=True)))
    ]
    bookings = [
        {"booking_id": f"b{number:02}", "user_id": user_id, "mentor_id": mentor_id, "requested_at": moment}
        | {"booking_status": draw(st.sampled_from(["attended", "cancelled", "pending"]))}
        for number, (user_id, mentor_id, moment) in enumerate(draw(st.lists(pairs, max_size=8, unique=True)))
    ]
    events = []
    kinds = st.sampled_from([*OPTIONAL_EVENTS, *OPTIONAL_EVENTS[2:], "booking_requested"])
    moments = st.one_of(MOMENTS, MOMENTS, st.sampled_from([AS_OF, AS_OF + TICK]))
    for number, (kind, (user_id, mentor_id, _), moment) in enumerate(
        draw(st.lists(st.tuples(kinds, pairs, moments), max_size=20))
    ):
        is_alone = kind.startswith("user_") and draw(st.booleans())
        events.append(
            {"event_id": f"e{number:02}", "event_type": kind, "user_id": user_id, "occurred_at": moment}
            | {"mentor_id": None if is_alone else mentor_id, "load_id": 1}
            | {"rating": draw(st.integers(1, 5)) if kind == "session_reviewed" else None}
            | {"churn_reason": draw(st.sampled_from([None, "Price", "goal"])) if kind == "user_churned" else None}
        )
    return {"dim_mentors": MENTORS, "fct_sessions": sessions, "fct_bookings": bookings, "stg_events": events}


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        small_marts.create(connection)
        yield connection


@pytest.fixture(scope="module")
def queries() -> dict[str, str]:
    marts = latest_marts(mart, AS_OF)
    outcomes = user_outcomes(session_visits(marts.sessions), WINDOW, AS_OF)
    return {
        attribution: str(
            ibis.to_sql(
                optional_event_counts(marts.events, outcomes, marts.bookings, marts.mentors, attribution, AS_OF),
                dialect="duckdb",
            )
        )
        for attribution in ATTRIBUTIONS
    }


@settings(max_examples=150 * EXAMPLES_FACTOR, deadline=None)
@given(tables=marts_with_optional_events())
def test_the_counts_are_those_of_a_count_by_hand(engine, queries, tables):
    small_marts.fill(engine, tables)
    users = reference.outcomes(reference.session_visits(tables["fct_sessions"]), BEGUN, WINDOW, AS_OF)
    for attribution, query in queries.items():
        found = {row[:3]: row[3:] for row in engine.execute(query).fetchall()}
        assert found == reference.optional_events(
            tables["stg_events"], users, tables["fct_bookings"], BEGUN, attribution == "current", AS_OF
        )


class Built:
    """A warehouse of simulated files: booking events first, then a load of optional events alone."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.warehouse = folder, folder / "warehouse.duckdb"
        population = simulate(Scenario(250, 3, optional_events=True, property_share=0))
        population.write(folder / "data", "jsonl")
        (file,) = (folder / "data").glob("booking_events.jsonl")
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
        file.unlink()
        (folder / "data" / "booking_events").mkdir()
        is_optional = re.compile(rf'"event_type": "({"|".join(OPTIONAL_EVENTS)})"')
        self.optional = [line for line in lines if is_optional.search(line)]
        self.write("1", [line for line in lines if not is_optional.search(line)])
        self.run("refresh", "--data", str(folder / "data"))
        self.without, self.facts_without = self.answer(), self.facts()
        self.write("2", self.optional)
        self.run("ingest", "--data", str(folder / "data"))
        self.status_of_load = self.run("status").output
        self.before_the_reports = self.answer()
        self.run("transform")
        self.answered, self.facts_with = self.answer(), self.facts()

    def write(self, name: str, lines: list[str]) -> None:
        file = self.folder / "data" / "booking_events" / f"{name}.jsonl"
        file.write_text("".join(lines), encoding="utf-8")

    def run(self, *arguments: str) -> Result:
        result = CliRunner().invoke(cli, ["--warehouse", str(self.warehouse), *arguments])
        assert result.exit_code == 0, result.output
        return result

    def answer(self) -> dict:
        return json.loads(self.run("answer", "--full", "--format", "json").stdout)

    def query(self, sql: str) -> list[tuple]:
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def facts(self) -> list[list[tuple]]:
        return [self.query(f"SELECT * FROM marts.{fact} ORDER BY ALL") for fact in ("fct_bookings", "fct_sessions")]

    def rows(self, table: str, *columns: str) -> list[dict]:
        rows = self.query(f"SELECT {', '.join(columns)} FROM {table}")
        return [dict(zip(columns, row, strict=True)) for row in rows]


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Built:
    return Built(tmp_path_factory.mktemp("optional"))


@pytest.fixture(scope="module")
def reader(built) -> Iterator[Reader]:
    settings = load_settings(warehouse=built.warehouse)
    with engine_of(settings).reading(settings, makes_tables=True) as reader:
        yield reader


def numbers(document: dict) -> dict:
    """An answer without what depends on the clock, what was loaded, and what only optional events give."""
    parameters = {
        name: value for name, value in document["parameters"].items() if name not in ("answered_at", "taken_in")
    }
    freshness = {name: value for name, value in document["freshness"].items() if name not in ("age_hours", "files")}
    rest = {name: value for name, value in document.items() if name != "optional_events"}
    return rest | {"parameters": parameters, "freshness": freshness}


def test_optional_events_change_no_fact_and_no_other_number(built):
    assert built.facts_with == built.facts_without
    assert "optional_events" not in built.without
    assert numbers(built.answered) == numbers(built.before_the_reports) == numbers(built.without)
    for document in (built.answered, built.before_the_reports):
        taken_in = document["parameters"]["taken_in"]
        assert (taken_in["waiting_loads"], taken_in["waiting_events"]) == (0, 0)
    assert "up to date" in built.status_of_load
    assert_documented(built.answered)


def test_they_are_answered_before_and_after_the_reports_have_counted_them(built):
    assert built.answered["optional_events"] == built.before_the_reports["optional_events"]
    assert all(built.answered["optional_events"].values())


def test_the_answer_is_that_of_a_count_by_hand(built):
    as_of = datetime.fromisoformat(built.answered["parameters"]["as_of"]).replace(tzinfo=None)
    mentors = built.rows("marts.dim_mentors", "mentor_id", "tier", "valid_from")
    columns = ("event_type", "user_id", "mentor_id", "occurred_at", "churn_reason", "rating")
    expected = reference.optional_events(
        built.rows("staging.stg_events", *columns),
        built.rows("reports.rpt_user_outcomes", "user_id", "mentor_id", "first_at"),
        built.rows("marts.fct_bookings", "user_id", "mentor_id", "requested_at", "booking_status"),
        mentors,
        True,
        as_of,
    )
    found = built.rows(
        *("reports.rpt_optional_events", "event_type", "tier", "churn_reason", "users", "counted", "rating_sum"),
        *("requested", "attended"),
    )
    assert {tuple(row.values())[:3]: tuple(row.values())[3:] for row in found} == expected
    part = built.answered["optional_events"]
    users = {row["tier"]: row["users"] for row in built.answered["rebooking"]["sessions"]["tiers"]}
    for reviews, churn, views in zip(part["reviews"], part["churn"], part["profile_views"], strict=True):
        tier = reviews["tier"]
        _, counted, rating_sum, *_ = expected["session_reviewed", tier, None]
        assert (reviews["reviews"], reviews["mean_rating"]) == (counted, rating_sum / counted)
        left = [row[0] for (kind, of, _), row in expected.items() if (kind, of) == ("user_churned", tier)]
        assert (churn["users"], churn["churned"], churn["rate"]) == (users[tier], sum(left), sum(left) / users[tier])
        assert [row["users"] for row in churn["reasons"] if row["churn_reason"]] == sorted(
            (row["users"] for row in churn["reasons"] if row["churn_reason"]), reverse=True
        )
        _, viewed, _, requested, attended = expected["mentor_profile_viewed", tier, None]
        assert (views["viewed"], views["requested"], views["attended"]) == (viewed, requested, attended)
        assert (views["request_rate"], views["attendance_rate"]) == (requested / viewed, attended / requested)


@pytest.mark.parametrize("question", QUESTIONS)
def test_reports_and_facts_give_the_same(built, reader, question):
    environment = read_environment(reader, "prod")
    assert environment.reports_say_now
    found, expected = (
        answered(reader, stands, **QUESTIONS[question]) for stands in (environment, from_facts(environment))
    )
    assert found == expected
    assert found["optional_events"]


def test_as_of_an_earlier_moment_only_what_had_happened_counts(built, reader):
    environment = read_environment(reader, "prod")
    assert answered(reader, environment, environment.as_of)["optional_events"] == built.answered["optional_events"]
    early = answered(reader, environment, datetime(2023, 4, 1))["optional_events"]
    for rows, now, name in (
        (early["reviews"], built.answered["optional_events"]["reviews"], "reviews"),
        (early["churn"], built.answered["optional_events"]["churn"], "churned"),
        (early["profile_views"], built.answered["optional_events"]["profile_views"], "viewed"),
    ):
        assert 0 < sum(row[name] for row in rows) < sum(row[name] for row in now)
    # Sign-ups and views came before the first booking event, of which the answer begins to speak.
    assert reader.rows("SELECT MIN(occurred_at) FROM raw.booking_events")[0][0] < datetime(2023, 1, 1)
    result = CliRunner().invoke(cli, ["--warehouse", str(built.warehouse), "answer", "--as-of", "2023-01-01"])
    assert result.exit_code == 1
    assert "lies before the first event" in result.output


@pytest.mark.parametrize("output", ["table", "markdown", "csv"])
def test_every_format_shows_them_and_nothing_where_there_are_none(built, refreshed, output):
    shown = built.run("answer", "--full", "--format", output).stdout
    part = built.answered["optional_events"]
    assert f"{part['reviews'][0]['mean_rating']:.2f}" in shown or str(part["reviews"][0]["mean_rating"]) in shown
    assert ("goal reached" in shown) is (output != "table")
    none = CliRunner().invoke(cli, ["--warehouse", str(refreshed), "answer", "--full", "--format", output]).stdout
    for text in ("mean rating", "goal reached", "profile"):
        assert text not in none


def test_while_another_load_waits_reports_and_facts_give_the_same(built, tmp_path):
    """Of what was loaded after the newest load of the facts, which holds optional events, neither counts any."""
    _, user_id, mentor_id, *_ = built.facts_with[0][0]
    copy = tmp_path / "warehouse.duckdb"
    copy.write_bytes(built.warehouse.read_bytes())
    event = {"event_id": "late", "user_id": user_id, "mentor_id": mentor_id, "event_type": "booking_requested"}
    late = json.dumps(event | {"timestamp": "2023-12-31T12:00:00Z"}) + "\n"
    data = tmp_path / "data"
    data.mkdir()
    for file in (built.folder / "data").iterdir():
        if file.is_file():
            (data / file.name).write_bytes(file.read_bytes())
    (data / "booking_events.jsonl").write_text(late, encoding="utf-8")
    result = CliRunner().invoke(cli, ["--warehouse", str(copy), "ingest", "--data", str(data)])
    assert result.exit_code == 0, result.output
    settings = load_settings(warehouse=copy)
    with engine_of(settings).reading(settings, makes_tables=True) as reader:
        environment = read_environment(reader, "prod")
        assert environment.taken_in["waiting_events"] == 1
        assert answered(reader, environment) == answered(reader, from_facts(environment))
