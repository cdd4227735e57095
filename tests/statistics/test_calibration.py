"""The calibration runs, says the same for the same seed, and notices what does not hold."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks.calibration import __main__ as calibration
from benchmarks.calibration.measures import SIZES, Measure, Population, coverage_of, level_of
from benchmarks.calibration.populations import POPULATIONS
from settings import PROJECT_ROOT

CHEAP = ["--replicates", "30", "--simulated-replicates", "2", "--simulated-users", "400"]


def table_rows(text: str) -> list[list[str]]:
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("|")]
    return rows[2:]


def test_every_test_and_interval_is_in_the_table_at_both_sizes():
    result = CliRunner().invoke(calibration.calibration, CHEAP)
    rows = table_rows(result.stdout)
    found = {(drawn, users, what) for drawn, users, what, *_ in rows}
    assert len(found) == len(rows)
    assert {
        (population.name, str(size), measure.what)
        for population in POPULATIONS
        for size in SIZES
        for measure in population.measures
    } < found
    # So few replicates do not show a test that rejects twice too often, and nothing else is wrong.
    assert {row[5] for row in rows if "blind" not in row[2]} == {"holds"}
    checked_in = table_rows((PROJECT_ROOT / "benchmarks" / "calibration.md").read_text(encoding="utf-8"))
    assert [row[0] + row[2] for row in rows] == [row[0] + row[2] for row in checked_in]
    assert {row[5] for row in checked_in} == {"holds", "too high, as it must be"}


@pytest.mark.parametrize(
    ("measure", "verdict"),
    [
        (level_of("rejects always", lambda _: 0.0), "too high"),
        (level_of("rejects never", lambda _: None), "holds"),
        (level_of("rejects never", lambda _: 1.0, "contrast"), "not noticed"),
        (coverage_of("covers never", 0.5, lambda _: (0.6, None)), "too low"),
        (coverage_of("covers always", 0.5, lambda _: (None, 0.6)), "holds"),
    ],
)
def test_what_does_not_hold_fails_the_command(monkeypatch, measure: Measure, verdict: str):
    monkeypatch.setattr(calibration, "POPULATIONS", [Population("nothing", lambda *_: None, [measure])])
    monkeypatch.setattr(calibration, "simulated_populations", lambda _: ())
    result = CliRunner().invoke(calibration.calibration, ["--replicates", "400"])
    assert [row[5] for row in table_rows(result.stdout)] == [verdict] * 2
    assert result.exit_code == (0 if verdict == "holds" else 1)
    assert (f"does not hold: {measure.what} (nothing, 40 / 90)" in result.stderr) == (verdict != "holds")


def test_the_same_seed_gives_the_same_rates():
    population, size = POPULATIONS[0], SIZES[0]
    first, again, other = (population.rates(200, np.random.default_rng(seed), size) for seed in (1, 1, 2))
    assert first == again != other
