"""Simulated files: the same by seed, loaded as announced, with the effect that was asked for."""

from __future__ import annotations

import filecmp
import gzip
import json
from datetime import UTC, datetime, timedelta
from itertools import chain, pairwise
from pathlib import Path

import duckdb
import polars as pl
import pytest
from click.testing import CliRunner

from analysis.metrics.classes import OPTIONAL_EVENTS
from cli import cli
from simulation import writing
from simulation.data_folder import write_events
from simulation.population import Scenario, blocks, simulate
from simulation.properties import PROPERTIES, REASONS
from tests.conftest import ingest
from tests.test_answer import answer, run


def simulated(folder: Path, *options: str) -> Path:
    result = CliRunner().invoke(cli, ["simulate", "--out", str(folder), *options])
    assert result.exit_code == 0, result.output
    return folder


def counts(warehouse: Path, folder: Path) -> dict[str, dict[str, int]]:
    return {
        load.source: {
            "read": load.rows_read,
            "loaded": load.rows_loaded,
            "duplicate": load.rows_duplicate,
            "rejected": load.rows_rejected,
        }
        for load in ingest(warehouse, folder)
    }


def test_the_same_seed_gives_the_same_files(tmp_path):
    one, two = (simulated(tmp_path / name, "--users", "300", "--seed", "5") for name in ("one", "two"))
    other = simulated(tmp_path / "other", "--users", "300", "--seed", "6")
    names = sorted(path.name for path in one.iterdir())
    assert names == ["booking_events.json", "mentor_tiers.csv", "users_db_export.csv"]
    assert filecmp.cmpfiles(one, two, names, shallow=False)[0] == names
    assert filecmp.cmpfiles(one, other, names, shallow=False)[1] == names


@pytest.mark.parametrize(
    ("users", "dirt", "optional"),
    [(1, 0.5, False), (3000, 0.0, False), (3000, 0.02, True), (3000, 0.5, False), (3000, 0.5, True)],
)
def test_loading_counts_what_the_simulation_announces(tmp_path, warehouse, users, dirt, optional):
    population = simulate(Scenario(users, dirt=dirt, optional_events=optional))
    population.write(tmp_path / "data")
    announced = population.fates()
    assert counts(warehouse, tmp_path / "data") == announced
    if dirt and users > 1:
        assert min(announced["booking_events"].values()) > 0
        assert min(announced["users"].values()) > 0
    if not dirt:
        assert all(fates["read"] == fates["loaded"] for fates in announced.values())


@pytest.mark.parametrize("users", [1, 500])
def test_optional_events_come_beside_the_same_events_and_agree_with_them(users):
    without, population = (simulate(Scenario(users, optional_events=optional)) for optional in (False, True))
    assert population.users.equals(without.users)
    ids = without.events["event_id"].implode()
    assert population.events.filter(pl.col("event_id").is_in(ids)).equals(without.events)
    optional = population.events.filter(~pl.col("event_id").is_in(ids))
    events = [json.loads(line) for line in optional["line"]]
    kinds = {event["event_type"] for event in events}
    assert kinds <= set(OPTIONAL_EVENTS)
    signed_up = {event["user_id"]: event["timestamp"][:10] for event in events if "signed_up" in event["event_type"]}
    rows = population.users.head(users).iter_rows(named=True)
    assert signed_up == {int(row["user_id"]): row["signup_date"] for row in rows}
    if users > 1:
        assert kinds == set(OPTIONAL_EVENTS)
        said = [json.loads(line) for line in without.events["line"]]
        sessions = {
            (int(event["user_id"]), event["mentor_id"].strip())
            for event in said
            if event["event_type"].strip().lower() == "session_started" and str(event["user_id"]).isdigit()
        }
        reviews = {(event["user_id"], event["mentor_id"]) for event in events if "rating" in event}
        # Nobody reviews whom they have not met, but for the users whose events are those of an unknown one.
        assert len(reviews - sessions) < 0.02 * len(reviews)


@pytest.mark.parametrize("events_format", ["jsonl", "jsonl.gz"])
def test_every_format_of_the_events_is_loaded_alike(tmp_path, warehouse, events_format):
    population = simulate(Scenario(200))
    population.write(tmp_path / "data", events_format)
    assert (tmp_path / "data" / f"booking_events.{events_format}").exists()
    assert counts(warehouse, tmp_path / "data") == population.fates()


def test_days_add_up_to_the_whole(tmp_path, warehouse):
    population = simulate(Scenario(2000, dirt=0.05, optional_events=True))
    days = list(population.by_day(9, late_share=0.2))
    together = pl.concat([day.events for day in days]).drop("arrival")
    assert together.sort(together.columns).equals(population.events.sort(together.columns))
    assert all(day.events.height for day in days)
    # Some events come after the day on which they happened, and none before.
    for yesterday, day in pairwise(days[1:]):
        assert day.events["occurred_at"].min() < yesterday.events["occurred_at"].max()
        assert day.events["occurred_at"].max() > yesterday.events["occurred_at"].max()

    folder = simulated(
        tmp_path / "out", "--users", "2000", "--dirt", "0.05", "--days", "9", "--late-share", "0.2", "--optional-events"
    )
    names = [path.name for path in sorted(folder.iterdir())]
    assert names == [f"day_{number:03}" for number in range(1, 10)]
    loaded = sum(counts(warehouse, folder / name)["booking_events"]["loaded"] for name in names)
    assert loaded == population.fates()["booking_events"]["loaded"]


@pytest.mark.parametrize("users_at_once", [1000, 300])
def test_days_that_are_written_a_block_of_users_at_a_time_add_up_to_the_whole(monkeypatch, tmp_path, users_at_once):
    """Written at once, ten million users took more memory than a machine has."""
    monkeypatch.setattr(writing, "USERS_AT_ONCE", users_at_once)
    scenario = Scenario(1000, dirt=0.05, optional_events=True)
    options = ["--users", "1000", "--dirt", "0.05", "--optional-events"]
    whole = simulated(tmp_path / "whole", *options)
    days = simulated(tmp_path / "days", *options, "--days", "5", "--late-share", "0.2")
    drawn = list(blocks(scenario, users_at_once))
    assert len(drawn) == -(-1000 // users_at_once)
    expected = {
        name: {fate: sum(block.fates()[name][fate] for block in drawn) for fate in fates}
        for name, fates in drawn[0].fates().items()
        if name != "mentors"
    }
    # Each copy comes after what it repeats, and no id is another block's.
    found = counts(tmp_path / "whole.duckdb", whole)
    assert found.pop("mentors") == drawn[0].fates()["mentors"]
    assert found == expected
    events = json.loads((whole / "booking_events.json").read_text())
    moments = [moment(row["timestamp"]) for row in events if row["timestamp"] != "yesterday"]
    assert moments == sorted(moments)
    names = [path.name for path in sorted(days.iterdir())]
    assert names == [f"day_{number:03}" for number in range(1, 6)]
    of_days = [json.loads((days / name / "booking_events.json").read_text()) for name in names]
    assert all(of_days)
    assert sorted(map(json.dumps, chain(*of_days))) == sorted(map(json.dumps, events))
    exports = {(days / name / "users_db_export.csv").read_text().count("\n") for name in names}
    assert exports == {1 + expected["users"]["read"]}


def moment(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


@pytest.mark.parametrize("events_format", ["json", "jsonl", "jsonl.gz"])
@pytest.mark.parametrize("slices", [[], [[]], [["{}"]], [[], ["{}", '{"a": 1}'], [], ["{}"]]])
def test_events_are_written_a_slice_at_a_time(tmp_path, events_format, slices):
    path = tmp_path / f"events.{events_format}"
    write_events((pl.Series(lines, dtype=pl.String) for lines in slices), path)
    text = (gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()).decode()
    events = [json.loads(line) for line in chain(*slices)]
    assert (json.loads(text) if events_format == "json" else list(map(json.loads, text.splitlines()))) == events
    assert text.endswith("\n") or not text


def test_the_effect_is_the_one_that_was_set(tmp_path, warehouse):
    rates = {"Gold": 0.8, "Silver": 0.5, "Bronze": 0.2}
    options = [part for tier, rate in rates.items() for part in ("--rebooking-rate", f"{tier}={rate}")]
    folder = simulated(tmp_path / "data", "--users", "6000", *options)
    run(warehouse, "refresh", "--data", str(folder))
    for row in answer(warehouse)["rebooking"]["sessions"]["tiers"]:
        # Users still inside their window have not all come back yet; four standard errors for the others.
        assert row["mature_users"] > 800
        error = 4 * (rates[row["tier"]] * (1 - rates[row["tier"]]) / row["mature_users"]) ** 0.5
        assert abs(row["mature_rate"] - rates[row["tier"]]) < error + 0.01


def properties(scenario: Scenario) -> tuple[list[dict], list[dict]]:
    """The events of a scenario without their properties, and the properties of each."""
    events = [json.loads(line) for line in simulate(scenario).events["line"]]
    carried = [{name: row.pop(name) for name in PROPERTIES if name in row} for row in events]
    return events, carried


def test_properties_are_carried_by_the_share_that_was_set_and_change_nothing_else():
    bare, none = properties(Scenario(2000, property_share=0))
    assert not any(none)
    everything, carried = properties(Scenario(2000, property_share=1))
    some, of_some = properties(Scenario(2000, property_share=0.3))
    assert bare == everything == some
    can_carry = sum(map(bool, carried))
    assert can_carry > 0.7 * len(bare)
    share = sum(map(bool, of_some)) / can_carry
    assert abs(share - 0.3) < 4 * (0.3 * 0.7 / can_carry) ** 0.5
    assert all(few in ({}, all_of_it) for few, all_of_it in zip(of_some, carried, strict=True))


def test_properties_agree_with_what_was_simulated(tmp_path, warehouse):
    folder = simulated(tmp_path / "data", "--users", "2000", "--dirt", "0", "--property-share", "1")
    run(warehouse, "refresh", "--data", str(folder))
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        # Where a pair meets more than once, its events may be read otherwise than they were drawn.
        connection.execute("""
            CREATE TEMP TABLE meetings AS
            SELECT b.*, s.started_at, s.ended_at, s.duration_minutes, s.is_duration_estimated
            FROM marts.fct_bookings AS b JOIN marts.fct_sessions AS s USING (session_id)
            WHERE (b.user_id, b.mentor_id) IN (
                SELECT (user_id, mentor_id) FROM raw.booking_events WHERE event_type = 'booking_requested'
                GROUP BY ALL HAVING COUNT(*) = 1
            )
        """)
        attended = connection.execute("""
            SELECT
                COUNT(*), MIN(started_at - agreed_start_at), MAX(started_at - agreed_start_at),
                COUNT(*) FILTER (NOT is_duration_estimated AND duration_minutes > requested_duration_minutes),
                COUNT(*) FILTER (requested_duration_minutes % 15 <> 0 OR requested_duration_minutes IS NULL)
            FROM meetings WHERE agreed_start_at IS NOT NULL
        """).fetchone()
        waiting = connection.execute("""
            SELECT COUNT(*), COUNT(agreed_start_at), COUNT(*) FILTER (agreed_start_at <= confirmed_at)
            FROM marts.fct_bookings WHERE booking_status = 'confirmed'
        """).fetchone()
        cancelled = connection.execute("""
            SELECT cancelled_by, cancellation_reason, COUNT(*) FROM marts.fct_bookings
            WHERE booking_status = 'cancelled' GROUP BY ALL
        """).fetchall()
        notices = connection.execute("""
            SELECT MIN(agreed_start_at - cancelled_at), MAX(agreed_start_at - cancelled_at)
            FROM marts.fct_bookings WHERE booking_status = 'cancelled'
        """).fetchone()
        measured = connection.execute("""
            SELECT COUNT(*), COUNT(*) FILTER (epoch(ended_at - started_at) <> duration_seconds::INT)
            FROM meetings JOIN raw.booking_events USING (user_id, mentor_id)
            WHERE event_type = 'session_ended' AND occurred_at = ended_at
        """).fetchone()
    number, least, most, longer, odd = attended
    assert number > 500
    assert (least.total_seconds(), most.total_seconds(), longer, odd) == (0, 240, 0, 0)
    assert waiting[0] == waiting[1] > 0 == waiting[2]
    assert {(who, why) for who, why, _ in cancelled} == {
        (who, why) for who, reasons in REASONS.items() for why in (None, *reasons)
    }
    assert timedelta(0) < notices[0] < timedelta(days=1) < timedelta(days=3) < notices[1]
    assert measured[0] > 500
    assert measured[1] == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--users", "0"], "--users"),
        (["--users", "5", "--rebooking-rate", "Platinum=0.5"], "known tiers: Gold, Silver, Bronze"),
        (["--users", "5", "--rebooking-rate", "Gold=high"], "rate from 0 to 1"),
        (["--users", "5", "--rebooking-rate", "Gold=1.5"], "rate from 0 to 1"),
        (["--users", "5", "--dirt", "2"], "--dirt"),
        (["--users", "5", "--property-share", "2"], "--property-share"),
    ],
)
def test_wrong_options_write_nothing(tmp_path, options, message):
    result = CliRunner().invoke(cli, ["simulate", "--out", str(tmp_path / "out"), *options])
    assert result.exit_code == 2
    assert message in result.output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("options", [[], ["--users", "5"], ["--users", "5", "--days", "2"]])
def test_a_folder_that_cannot_be_written_is_told_in_one_line(tmp_path, options):
    (tmp_path / "file").write_text("mine")
    result = CliRunner().invoke(cli, ["simulate", "--out", str(tmp_path / "file" / "out"), *options])
    assert (result.exit_code, result.output.count("\n")) == (1, 1)
    assert result.output.startswith(f"error: {tmp_path / 'file' / 'out'} cannot be written: ")


def test_what_is_in_the_folder_is_never_overwritten(tmp_path):
    (tmp_path / "mentor_tiers.csv").write_text("mine")
    result = CliRunner().invoke(cli, ["simulate", "--out", str(tmp_path)])
    assert result.exit_code == 2
    assert "is not an empty folder" in result.output
    assert (tmp_path / "mentor_tiers.csv").read_text() == "mine"
