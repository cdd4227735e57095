"""The answer from raw files, through the command line."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import duckdb
import ibis
import pytest
from click.testing import CliRunner

from analysis.metrics.marts import COLUMNS, REPORT_COLUMNS, schema_of
from cli import cli
from engines.duckdb import DuckDBReader
from engines.protocol import QueryError
from tests import reference
from tests.answer_schema import assert_documented
from tests.conftest import event


def run(warehouse: Path, *arguments: str, exit_code: int = 0):
    result = CliRunner().invoke(cli, ["--warehouse", str(warehouse), *arguments])
    assert result.exit_code == exit_code, result.output
    assert "Traceback" not in result.output
    return result


def answer(warehouse: Path, *options: str) -> dict:
    """The answer document, without what in it depends on the clock."""
    document = json.loads(run(warehouse, "answer", "--format", "json", *options).stdout)
    assert_documented(document)
    assert document["parameters"].pop("answered_at")
    assert document.pop("freshness")
    return document


def table_rows(warehouse: Path) -> dict[str, list]:
    tables = [
        *("raw.users", "raw.mentors", "raw.booking_events", "raw.loads", "raw.rejected_rows"),
        *("marts.dim_users", "marts.dim_mentors", "marts.fct_sessions", "marts.fct_bookings"),
    ]
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return {name: connection.execute(f"SELECT * FROM {name} ORDER BY ALL").fetchall() for name in tables}


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT CAST('x' AS INT)", "cannot answer: Conversion Error: "),
        ("FROM other.marts.fct_sessions", "cannot answer (a file keeps the name it was built under): "),
    ],
)
def test_only_a_name_that_is_not_there_is_put_down_to_the_name_of_the_file(query, said):
    reader = DuckDBReader(duckdb.connect(), "w.duckdb")
    with pytest.raises(QueryError) as failed:
        reader.rows(query)
    assert str(reader.cannot_answer(failed.value)).startswith(f"the warehouse w.duckdb {said}")


@pytest.mark.real_data
def test_check_figures_of_the_real_files(real_data, warehouse):
    run(warehouse, "refresh", "--data", str(real_data))
    before = table_rows(warehouse)
    document = answer(warehouse)

    fields = ("users", "rebooked", "mature_users", "mature_rebooked")
    by_sessions = document["rebooking"]["sessions"]
    counts = {row["tier"]: tuple(row[f] for f in fields) for row in by_sessions["tiers"]}
    assert counts == {"Gold": (42, 26, 39, 24), "Silver": (57, 22, 54, 21), "Bronze": (33, 0, 29, 0)}
    assert tuple(by_sessions["groups"][1][f] for f in fields) == (90, 22, 83, 21)
    by_bookings = document["rebooking"]["bookings"]
    assert {r["tier"]: (r["users"], r["rebooked"]) for r in by_bookings["tiers"]} == {
        "Gold": (42, 26),
        "Silver": (57, 22),
        "Bronze": (33, 0),
    }
    comparison = by_sessions["comparison"]
    expected = {
        "p_value": (20 / 3003, 1e-12),
        "p_value_standardised": (17 / 3003, 1e-12),
        "smallest_p_value": (1 / 3003, 1e-12),
        "difference": (0.375, 0.0005),
        "difference_ci_low": (0.179, 0.0005),
        "difference_ci_high": (0.570, 0.0005),
    }
    independent = {
        "p_value": (7.44e-5, 1e-7),
        "relative_risk": (2.53, 0.01),
        "relative_risk_ci_low": (1.64, 0.01),
        "relative_risk_ci_high": (3.91, 0.01),
        "odds_ratio": (4.95, 0.01),
        "odds_ratio_ci_low": (2.13, 0.01),
        "odds_ratio_ci_high": (11.91, 0.01),
        "difference_ci_low": (0.195, 0.0005),
        "difference_ci_high": (0.527, 0.0005),
    }
    for figures, row in ((expected, comparison), (independent, comparison["if_independent"])):
        for name, (value, tolerance) in figures.items():
            assert row[name] == pytest.approx(value, abs=tolerance), name
    assert (comparison["group_a_mentors"], comparison["group_b_mentors"], comparison["conclusion"]) == (5, 10, "higher")
    assert [row["tier"] for row in by_sessions["without_tier"] if row["carries_difference"]] == ["Bronze"]
    assert [row["may_yet_rebook"] for row in by_sessions["groups"]] == [1, 6]
    pairs = [(row["difference"], row["difference_ci_low"], row["difference_ci_high"]) for row in document["pairwise"]]
    assert pairs == [
        pytest.approx(figures, abs=0.0005)
        for figures in ((0.233, 0.080, 0.386), (0.619, 0.488, 0.751), (0.386, 0.262, 0.510))
    ]
    assert [row["p_value"] for row in document["pairwise"]] == pytest.approx([6 / 792, 1 / 56, 1 / 120], abs=1e-12)
    robustness = document["robustness"]
    found = [robustness[f"{end}_without_mentor"]["difference"] for end in ("lowest", "highest")]
    assert found == pytest.approx([0.331, 0.417], abs=0.0005)
    assert robustness["hourly_rate"]["is_perfect"]
    fields = ("with_intent", "attended", "lost")
    assert {row["tier"]: tuple(row[f] for f in fields) for row in document["intent"]["tiers"]} == {
        "Gold": (26, 26, 0),
        "Silver": (25, 22, 3),
        "Bronze": (0, 0, 0),
    }
    fields = ("bookings", "attended", "cancelled", "rescheduled", "orphan", "open")
    reliability = document["reliability"]
    assert {row["tier"]: tuple(row[f] for f in fields) for row in reliability["tiers"]} == {
        "Gold": (99, 91, 7, 5, 1, 0),
        "Silver": (90, 79, 11, 5, 0, 0),
        "Bronze": (36, 33, 3, 0, 0, 0),
    }
    overall = reliability["overall"]
    assert (overall["sessions"], overall["estimated_ends"], overall["unknown_user_events"]) == (203, 13, 1)
    assert (overall["double_booked"], overall["recorded_ends"], overall["double_booked_same_company"]) == (6, 190, 0)
    statuses = {check["name"]: check["status"] for check in reliability["checks"]}
    assert statuses == {
        "orphan_rate": "pass",
        "no_show_rate": "pass",
        "cancellation_rate": "pass",
        "estimated_end_rate": "not_settled",
        "double_booking_rate": "warn",
    }
    assert reliability["verdict"] == "not_settled"
    coarse = [
        (row["event_type"], row["at_midnight"], row["events"]) for row in reliability["clock"] if row["is_coarse"]
    ]
    assert coarse == [("booking_requested", 141, 225)]

    assert_sections_say_what_the_reference_says(document, warehouse)

    at_session = answer(warehouse, "--tier-attribution", "at_session")
    assert at_session["rebooking"] == document["rebooking"]

    run(warehouse, "refresh", "--data", str(real_data))
    assert table_rows(warehouse) == before
    assert answer(warehouse) == document


def assert_sections_say_what_the_reference_says(document: dict, warehouse: Path) -> None:
    """The sections of the full answer, counted again in plain Python."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:

        def rows(name: str) -> list[dict]:
            held_now = "WHERE recorded_to IS NULL" if name.startswith("dim_") else ""
            relation = connection.sql(f"SELECT * FROM marts.{name} {held_now}")
            return [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]

        sessions, bookings, users, mentors = map(rows, ("fct_sessions", "fct_bookings", "dim_users", "dim_mentors"))
        (as_of,) = connection.sql("SELECT MAX(occurred_at) FROM staging.stg_events").fetchone()
    outcomes = reference.outcomes(reference.session_visits(sessions), mentors, 30, as_of)

    by_mentor = reference.counts(outcomes, lambda user: (user["mentor_id"], user["current"]))
    assert {
        (row["mentor_id"], row["tier"]): (row["users"], row["rebooked"]) for row in document["mentors"]["mentors"]
    } == {key: counts[:2] for key, counts in by_mentor.items()}
    assert len(by_mentor) == 15

    by_month = reference.counts(outcomes, lambda user: (f"{user['first_at']:%Y-%m}", user["current"]))
    for row in document["cohorts"]["tiers"]:
        users_of, rebooked, mature, *_ = by_month.get((row["month"], row["tier"]), (0, 0, 0))
        assert (row["users"], row["rebooked"], row["mature_users"]) == (users_of, rebooked, mature)
        assert row["rate"] == (rebooked / users_of if row["is_mature"] and users_of else None)
    months = {row["month"]: row["is_mature"] for row in document["cohorts"]["tiers"]}
    assert months == {f"2023-{month:02}": month < 6 for month in range(1, 7)}

    returns = reference.returns(outcomes, "current", as_of)
    for row in document["time_to_rebooking"]["tiers"]:
        for point, before in zip(row["curve"][1:], row["curve"], strict=False):
            days = [timedelta(days=p["day"]) for p in (before, point)]
            counts = [
                counts
                for (tier, first_at, seen_until), counts in returns.items()
                if tier == row["tier"] and days[0] < seen_until - first_at <= days[1]
            ]
            assert [point["returned"], point["censored"]] == [sum(some) for some in zip(*counts, strict=True)]
        assert sum(point["returned"] + point["censored"] for point in row["curve"]) == row["users"]

    company = {row["user_id"]: row["company_id"] for row in users if row["valid_to"].year == 9999}
    strata = reference.strata(outcomes, lambda user: company.get(user["user_id"]), ["Gold"], ["Silver", "Bronze"])
    telling = [s for s in strata.values() if s[1] and s[3] and 0 < s[0] + s[2] < s[1] + s[3]]
    within_company = document["confounding"]["stratified"][0]
    assert (within_company["strata"], within_company["informative_strata"]) == (len(strata), len(telling)) == (48, 22)
    assert within_company["informative_users"] == sum(s[1] + s[3] for s in telling)

    sensitivity = document["sensitivity"]
    # Nobody comes back within a week, so that window alone says nothing.
    assert (sensitivity["conclusion"], sensitivity["changed_by"]) == ("higher", [])
    first = reference.outcomes(reference.booking_visits(bookings, users, with_replacements=False), mentors, 30, as_of)
    counted = reference.counts(first, lambda user: (user["current"] == "Gold",))
    variant = next(row for row in sensitivity["variants"] if "first requests" in (row["name"], *row["also"]))
    for group, is_gold in (("group_a", True), ("group_b", False)):
        assert (variant[f"{group}_users"], variant[f"{group}_rebooked"]) == counted[is_gold,][:2]
    assert sum(week["bookings"] for week in document["reliability_in_time"]["weeks"]) == len(bookings) == 225
    assert document["reliability_in_time"]["delays"][-1]["session_hours"]["n"] == 203


def test_new_events_and_a_changed_tier_reach_the_answer(data_folder, warehouse):
    first = event("1", event_type="session_started")
    run(warehouse, "refresh", "--data", str(data_folder(events=[first])))
    assert [row["users"] for row in answer(warehouse)["rebooking"]["sessions"]["tiers"]] == [1, 0, 0]
    second = event("2", event_type="session_started", timestamp="2023-01-20T10:00:00Z", mentor_id="M-2")
    folder = data_folder(events=[first, second], mentors="mentor_id,tier,hourly_rate\nM-1,Bronze,200\nM-2,Silver,100\n")
    run(warehouse, "refresh", "--data", str(folder))
    tiers = answer(warehouse)["rebooking"]["sessions"]["tiers"]
    assert [(row["users"], row["rebooked"]) for row in tiers] == [(0, 0), (1, 1), (0, 0)]
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        versions = connection.execute(
            "SELECT tier, YEAR(valid_to) = 9999 FROM marts.dim_mentors WHERE mentor_id = 'M-1' AND recorded_to IS NULL "
            "ORDER BY valid_from"
        ).fetchall()
    assert versions == [("Gold", False), ("Bronze", True)]


def test_a_tier_that_is_not_in_the_reference_data_stops_the_refresh(data_folder, warehouse):
    folder = data_folder(mentors="mentor_id,tier,hourly_rate\nM-1,Platinum,200\n")
    result = run(warehouse, "refresh", "--data", str(folder), exit_code=1)
    assert "assert_tiers_known" in result.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--group-a", "Golden"], "unknown tier 'Golden'"),
        (["--group-a", "Silver"], "group_a and group_b overlap in Silver"),
        (["--window-days", "0"], "rebooking_window_days"),
        (["--as-of", "yesterday"], "is not an ISO-8601 time"),
    ],
)
def test_wrong_use_is_told_in_one_line(warehouse, options, message):
    result = run(warehouse, "answer", *options, exit_code=2)
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert not warehouse.exists()


def test_without_a_warehouse_one_line_says_so(warehouse):
    result = run(warehouse, "answer", exit_code=1)
    assert "there is no warehouse at" in result.stderr
    assert result.stderr.count("\n") == 1
    assert not warehouse.exists()


def test_an_environment_of_earlier_models_is_refused_in_one_line(published):
    # What no report was built for is counted from the facts.
    earlier = ("--as-of", "2023-02-02T10:00:00Z")
    for table, column, asked in (
        ("rpt_reliability_by_tier", "no_show", ()),
        ("fct_bookings", "agreed_start_at", earlier),
    ):
        with duckdb.connect(str(published)) as connection:
            name = f"{schema_of(table)}.{table}"
            connection.execute(f"CREATE TABLE older_{column} AS SELECT * EXCLUDE ({column}) FROM {name}")
            connection.execute(f"CREATE OR REPLACE VIEW {name} AS FROM main.older_{column}")
        told = run(published, "answer", *asked, exit_code=1).stderr
        assert told.startswith("error: the environment prod was built by other models than these (")
        assert column in told
        assert told.endswith("); run: sqlmesh plan\n")
        assert told.count("\n") == 1


def test_report_models_say_what_the_answer_says(data_folder, warehouse):
    events = [
        event("1"),
        event("2", event_type="session_started", timestamp="2023-02-02T10:00:00Z"),
        event("3", event_type="session_started", timestamp="2023-02-20T10:00:00Z", mentor_id="M-2"),
        event("4", user_id=2, mentor_id="M-2", timestamp="2023-03-20T10:00:00Z"),
        event("5", user_id=2, mentor_id="M-2", timestamp="2023-03-21T10:00:00Z", event_type="session_started"),
    ]
    run(warehouse, "refresh", "--data", str(data_folder(events=events)))
    document = answer(warehouse)
    fields = ("tier", "users", "rebooked", "mature_users", "mature_rebooked")
    expected = [tuple(r[f] for f in fields) for r in document["rebooking"]["sessions"]["tiers"] if r["users"]]
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        relation = connection.sql(f"SELECT {', '.join(fields)} FROM reports.rpt_rebooking_by_tier ORDER BY tier")
        assert relation.fetchall() == sorted(expected) == [("Gold", 1, 1, 1, 1), ("Silver", 1, 0, 0, 0)]


def test_the_columns_the_metrics_read_are_those_of_the_marts(data_folder, warehouse):
    run(warehouse, "refresh", "--data", str(data_folder()))
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        backend = ibis.duckdb.from_connection(connection)
        for name, columns in (COLUMNS | REPORT_COLUMNS).items():
            table = backend.table(name, database=schema_of(name))
            built = {column: type(type_) for column, type_ in table.schema().items()}
            expected = {column: type(type_) for column, type_ in ibis.schema(columns).items()}
            assert expected.items() <= built.items(), name
