"""Simulated files: the same by seed, loaded as announced, with the effect that was asked for."""

from __future__ import annotations

import filecmp
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from cli import cli
from simulation.population import Scenario, simulate
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


@pytest.mark.parametrize(("users", "dirt"), [(1, 0.5), (3000, 0.0), (3000, 0.02), (3000, 0.5)])
def test_loading_counts_what_the_simulation_announces(tmp_path, warehouse, users, dirt):
    population = simulate(Scenario(users, dirt=dirt))
    population.write(tmp_path / "data")
    announced = population.fates()
    assert counts(warehouse, tmp_path / "data") == announced
    if dirt and users > 1:
        assert min(announced["booking_events"].values()) > 0
        assert min(announced["users"].values()) > 0
    if not dirt:
        assert all(fates["read"] == fates["loaded"] for fates in announced.values())


@pytest.mark.parametrize("events_format", ["jsonl", "jsonl.gz"])
def test_every_format_of_the_events_is_loaded_alike(tmp_path, warehouse, events_format):
    population = simulate(Scenario(200))
    population.write(tmp_path / "data", events_format)
    assert (tmp_path / "data" / f"booking_events.{events_format}").exists()
    assert counts(warehouse, tmp_path / "data") == population.fates()


def test_days_add_up_to_the_whole(tmp_path, warehouse):
    population = simulate(Scenario(2000, dirt=0.05))
    days = list(population.by_day(9, late_share=0.2))
    together = pl.concat([day.events for day in days]).drop("arrival")
    assert together.sort(together.columns).equals(population.events.sort(together.columns))
    assert all(day.events.height for day in days)
    # Some events come after the day on which they happened, and none before.
    for yesterday, day in pairwise(days[1:]):
        assert day.events["occurred_at"].min() < yesterday.events["occurred_at"].max()
        assert day.events["occurred_at"].max() > yesterday.events["occurred_at"].max()

    folder = simulated(tmp_path / "out", "--users", "2000", "--dirt", "0.05", "--days", "9", "--late-share", "0.2")
    names = [path.name for path in sorted(folder.iterdir())]
    assert names == [f"day_{number:03}" for number in range(1, 10)]
    loaded = sum(counts(warehouse, folder / name)["booking_events"]["loaded"] for name in names)
    assert loaded == population.fates()["booking_events"]["loaded"]


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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--users", "0"], "--users"),
        (["--users", "5", "--rebooking-rate", "Platinum=0.5"], "known tiers: Gold, Silver, Bronze"),
        (["--users", "5", "--rebooking-rate", "Gold=high"], "rate from 0 to 1"),
        (["--users", "5", "--rebooking-rate", "Gold=1.5"], "rate from 0 to 1"),
        (["--users", "5", "--dirt", "2"], "--dirt"),
    ],
)
def test_wrong_options_write_nothing(tmp_path, options, message):
    result = CliRunner().invoke(cli, ["simulate", "--out", str(tmp_path / "out"), *options])
    assert result.exit_code == 2
    assert message in result.output
    assert not (tmp_path / "out").exists()


def test_what_is_in_the_folder_is_never_overwritten(tmp_path):
    (tmp_path / "mentor_tiers.csv").write_text("mine")
    result = CliRunner().invoke(cli, ["simulate", "--out", str(tmp_path)])
    assert result.exit_code == 2
    assert "is not an empty folder" in result.output
    assert (tmp_path / "mentor_tiers.csv").read_text() == "mine"
