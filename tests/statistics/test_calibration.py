"""The calibration runs, says the same for the same seed, and notices what does not hold."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from analysis.answer.comparison import conclude
from analysis.statistics.by_mentor import compare_by_mentor
from analysis.statistics.cluster_robust import intraclass_correlation, robust_rate
from benchmarks.calibration import __main__ as calibration
from benchmarks.calibration.measures import SIZES, Measure, Population, coverage_of, level_of
from benchmarks.calibration.mentors import (
    CORRELATIONS,
    DESIGNS,
    Design,
    Found,
    Row,
    draw,
    evaluate,
    studentised_p_values,
)
from benchmarks.calibration.populations import POPULATIONS
from settings import PROJECT_ROOT

CHEAP = ["--replicates", "30", "--simulated-replicates", "2", "--simulated-users", "400"]
# A test and an interval of which everything holds.
FINE = Found(0.05, 0.05, 0.05, 0.05, 0.05, 0.95, 0.95, 0.95)
# Users of three mentors against three.
SIZES_OF_THREE = ((66, 66), (42, 90))
PAGE = PROJECT_ROOT / "benchmarks" / "calibration.md"


def tables(text: str) -> list[list[list[str]]]:
    """Of each table its rows, without the head."""
    found = [[]]
    for line in text.splitlines():
        if line.startswith("|"):
            found[-1].append([cell.strip() for cell in line.strip("|").split("|")])
        elif found[-1]:
            found.append([])
    return [rows[2:] for rows in found if rows]


def headings(text: str) -> list[str]:
    """Of each table the line that names its columns."""
    lines = text.splitlines()
    return [line for line, rule in itertools.pairwise(lines) if rule.startswith("|---")]


def table_rows(text: str) -> list[list[str]]:
    return tables(text)[0]


def test_every_test_and_interval_is_in_the_table_at_both_sizes(monkeypatch):
    monkeypatch.setattr(calibration, "evaluate_design", lambda _, *where: Row(*where, FINE, FINE))
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
    checked_in = table_rows(PAGE.read_text(encoding="utf-8"))
    assert [row[0] + row[2] for row in rows] == [row[0] + row[2] for row in checked_in]
    assert {row[5] for row in checked_in} == {"holds", "too high, as it must be"}

    every = [[str(design), f"{correlation:g}"] for design, correlation in itertools.product(DESIGNS, CORRELATIONS)]
    for text in (result.stdout, PAGE.read_text(encoding="utf-8")):
        assert [[row[:2] for row in rows] for rows in tables(text)[1:]] == [every, every]
    page = PAGE.read_text(encoding="utf-8")
    assert headings(page) == headings(result.stdout)
    for rows in tables(page)[1:]:
        plain, standardised, both = (np.array([float(row[i].rstrip("%")) for row in rows]) for i in (3, 4, 5))
        assert (both <= np.minimum(plain, standardised)).all()
        assert (both < np.minimum(plain, standardised)).any()
    even = {str(design) for design in DESIGNS if design.is_even}
    assert {row[9] for row in tables(page)[1] if row[0] in even} == {"holds"}


def test_the_figures_of_the_findings_are_those_of_the_tables():
    page = PAGE.read_text(encoding="utf-8")
    assert page.endswith(calibration.FINDINGS)
    findings = " ".join(calibration.FINDINGS.split())
    null, effect = tables(page)[1:]
    few = {str(design) for design in DESIGNS if design.mentors_a == 3}
    even = {str(design) for design in DESIGNS if design.is_even}
    alike, unlike = even - few, {str(design) for design in DESIGNS} - even
    fewer = [str(Design(*users, 0.6)) for users in ((5, 10, 20, 112), (20, 45, 1_000, 12_000), (5, 5, 42, 90))]
    three_more, three_each = (
        str(Design(3, 30, 400, 900, 0.4)),
        {str(Design(3, 3, n, m, 0.6)) for n, m in SIZES_OF_THREE},
    )

    def shares(rows: list[list[str]], place: int, designs: Collection[str], *correlations: str) -> list[float]:
        return [
            float(row[place].rstrip("%"))
            for row in rows
            if row[0] in designs and (not correlations or row[1] in correlations)
        ]

    def held(designs: Collection[str]) -> list[float]:
        return shares(null, 8, designs) + shares(effect, 7, designs)

    (fisher,), (newcombe,) = (shares(null, place, ["20 + 45, 4,000 / 9,000"], "0.1") for place in (2, 7))
    of_far_fewer = [shares(null, 5, [design]) for design in fewer]
    lost = np.subtract(shares(effect, 3, alike), shares(effect, 5, alike))
    told_apart = unlike - three_each
    for said in (
        f"the test rejects in {fisher} % without an effect, and the interval holds 0 in {newcombe} %",
        f'"Yes" or the opposite in at most {max(shares(null, 5, even))} %',
        f"in {min(of_far_fewer[0])} to {max(of_far_fewer[0])} % with 5 and 10 mentors of 4 and 11 users, in up to "
        f"{max(of_far_fewer[1])} % with 20 and 45 of 50 and 267, in up to {max(of_far_fewer[2])} % with 5 and 5",
        f"it is wrong in at most {max(shares(null, 5, ['5 + 10, 90 / 42', three_more]))} %",
        f"in up to {max(shares(null, 3, fewer))} %, most of all if mentors do not differ",
        f"it rejects in {min(shares(null, 4, told_apart))} to {max(shares(null, 4, told_apart))} %",
        f"costs at most {lost.max():.1f} points",
        f"in {min(shares(null, 6, told_apart))} to {max(shares(null, 6, told_apart))} % where the groups' mentors are",
        f"in {min(held(alike))} to {max(held(alike))} % where the mentors of both groups have about as many",
        f"in {min(held(unlike - few))} % or more where they have not",
        f"in {min(held(three_each))} to {max(held(three_each))} % with three against three",
        "without an effect in {} % at an ICC of 0.1".format(*shares(null, 8, [three_more], "0.1")),
        "in {} % at 0.2, which is not".format(*shares(null, 8, [three_more], "0.2")),
    ):
        assert said in findings
    too_rarely = [row[:2] for row in null if "covers" in row[9]]
    assert too_rarely == [[three_more, "0.2"]]


def test_the_comparison_quotes_the_calibration():
    null, _ = tables(PAGE.read_text(encoding="utf-8"))[1:]
    quoted = " ".join(compare_by_mentor.__doc__.split())
    alike = {"5 + 5, 66 / 66", "5 + 10, 42 / 90", "20 + 45, 4,000 / 9,000"}
    plain, both = ([float(row[place].rstrip("%")) for row in null if row[0] in alike] for place in (3, 5))
    assert f"it is below 5 % in {min(plain)} to {max(plain)} % of simulated cases" in quoted
    assert f"both are in at most {max(both)} %" in quoted
    every = {which: [float(row[place].rstrip("%")) for row in null] for which, place in (("plain", 3), ("both", 5))}
    assert f"but in up to {max(every['plain']):.0f} %" in quoted
    assert f"and in up to {max(every['both'])} % where" in quoted


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
    monkeypatch.setattr(calibration, "DESIGNS", [])
    result = CliRunner().invoke(calibration.calibration, ["--replicates", "400"])
    assert [row[5] for row in table_rows(result.stdout)] == [verdict] * 2
    assert result.exit_code == (0 if verdict == "holds" else 1)
    assert (f"does not hold: {measure.what} (nothing, 40 / 90)" in result.stderr) == (verdict != "holds")


def test_the_same_seed_gives_the_same_rates():
    population, size = POPULATIONS[0], SIZES[0]
    first, again, other = (population.rates(200, np.random.default_rng(seed), size) for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize(
    ("null", "effect", "failing"),
    [
        (FINE, FINE, []),
        (replace(FINE, fisher=0.9, newcombe=0.1, standardised=0.9, studentised=0.9), FINE, []),
        (FINE, replace(FINE, plain=0.9, both=0.9), []),
        (replace(FINE, plain=0.056), FINE, ["test rejects too often"]),
        (replace(FINE, both=0.056), FINE, ["concluded too often"]),
        (replace(FINE, robust=0.91), FINE, ["interval covers too rarely"]),
        (FINE, replace(FINE, robust=0.91), ["interval covers too rarely"]),
    ],
)
def test_what_does_not_hold_of_mentors_fails_the_command_where_they_are_even(monkeypatch, null, effect, failing):
    for name in ("POPULATIONS", "CORRELATIONS"):
        monkeypatch.setattr(calibration, name, [] if name == "POPULATIONS" else [0.1])
    monkeypatch.setattr(calibration, "simulated_populations", lambda _: ())
    for design in (Design(5, 10, 40, 80, 0.6), Design(5, 10, 40, 800, 0.6)):
        monkeypatch.setattr(calibration, "DESIGNS", [design])
        monkeypatch.setattr(calibration, "evaluate_design", lambda _, *where: Row(*where, null, effect))
        result = CliRunner().invoke(calibration.calibration, [])
        assert tables(result.stdout)[1][0][9] == ("; ".join(failing) or "holds")
        assert result.exit_code == int(bool(failing) and design.is_even)
        assert all(what in result.stderr for what in failing) or not design.is_even


def test_three_mentors_may_cover_less():
    row = Row(Design(3, 30, 30, 300, 0.6), 0.1, 20_000, replace(FINE, robust=0.9), FINE)
    assert row.failing == []
    assert replace(row, null=replace(FINE, robust=0.89)).failing == ["interval covers too rarely"]


def test_drawn_mentors_are_as_alike_as_asked_for_and_share_all_users():
    design = Design(20, 30, 600, 1_500, 0.5)
    for correlation in (0.0, 0.1):
        events, n = draw(np.random.default_rng(1), design, design.rate_b, correlation, 1_000)
        assert n.min() >= 1
        assert set(n[:20].sum(axis=0)) == {600}
        assert set(n[20:].sum(axis=0)) == {1_500}
        assert 0.4 < (n[20:].std(axis=0) / 50).mean() < 0.7
        found = intraclass_correlation(events, n, np.ones((50, 1)))
        assert found.mean() == pytest.approx(correlation, abs=0.01)
    events, n = draw(np.random.default_rng(1), design, design.rate_a, 0.1, 1_000)
    assert events[:20].sum() / n[:20].sum() == pytest.approx(0.5, abs=0.01)


def test_the_calibrated_comparison_is_the_one_that_is_used():
    design, replicates = Design(3, 6, 20, 50, 0.7), 300
    found = evaluate(np.random.default_rng(3), design, design.rate_a, 0.1, replicates)
    events, n = draw(np.random.default_rng(3), design, design.rate_a, 0.1, replicates)
    each = [
        compare_by_mentor(*(list(zip(events[which, i], n[which, i], strict=True)) for which in (slice(3), slice(3, 9))))
        for i in range(replicates)
    ]
    assert found.plain == np.mean([one.p_value < 0.05 for one in each])
    assert found.standardised == np.mean([one.p_value_standardised < 0.05 for one in each])
    assert found.both == np.mean([conclude(one, 0.05) in ("higher", "lower") for one in each])
    assert found.both < min(found.plain, found.standardised)
    covers = [
        one.difference_ci_low is None or one.difference_ci_low <= 0.7 - 0.24 <= one.difference_ci_high for one in each
    ]
    assert found.robust == pytest.approx(np.mean(covers))
    ratios = [one.relative_risk_ci_low is None or one.relative_risk_ci_low <= 0.7 / 0.24 for one in each]
    ratios = [
        fits and (one.relative_risk_ci_high is None or one.relative_risk_ci_high >= 0.7 / 0.24)
        for fits, one in zip(ratios, each, strict=True)
    ]
    assert found.ratio == pytest.approx(np.mean(ratios))


def test_the_studentised_test_goes_through_all_deals():
    events, n = np.array([[3, 5], [4, 1], [1, 2], [2, 0], [0, 3]]), np.array([[5, 6], [6, 4], [7, 3], [4, 5], [6, 8]])

    def studentised(column: int, chosen: tuple[int, ...]) -> float:
        rates = []
        for is_a in (True, False):
            group = [i for i in range(5) if (i in chosen) == is_a]
            rates.append(robust_rate(events[group, column], n[group, column]))
        return abs(rates[0].rate - rates[1].rate) / math.sqrt(rates[0].variance + rates[1].variance)

    deals = list(itertools.combinations(range(5), 2))
    expected = [np.mean([studentised(i, deal) >= studentised(i, (0, 1)) - 1e-9 for deal in deals]) for i in (0, 1)]
    assert studentised_p_values(events, n, 2).tolist() == expected
