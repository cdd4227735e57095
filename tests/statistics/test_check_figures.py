"""The figures of groups of tiers on the real files, from counts made here without the project."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from analysis.statistics.balance import separation
from analysis.statistics.by_mentor import compare_by_mentor
from analysis.statistics.robustness import leave_one_out, returns_to_overturn, tiers_left_out

pytestmark = pytest.mark.real_data


@pytest.fixture
def sheet(real_data: Path) -> list[dict[str, str]]:
    with (real_data / "mentor_tiers.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def tiers(real_data: Path, sheet) -> dict[str, list[tuple[int, int]]]:
    """By tier, of each mentor how many users had their first session there, and came again within 30 days."""
    sessions = defaultdict(set)
    for event in json.loads((real_data / "booking_events.json").read_text(encoding="utf-8")):
        if event["event_type"].strip().lower() == "session_started":
            at = datetime.fromisoformat(event["timestamp"].replace("Z", "+00:00"))
            sessions[event["user_id"]].add((at, event["mentor_id"].strip()))
    counts = defaultdict(lambda: [0, 0])
    for starts in sessions.values():
        first, mentor = min(starts)
        counts[mentor][0] += any(first < at <= first + timedelta(days=30) for at, _ in starts)
        counts[mentor][1] += 1
    found = defaultdict(list)
    for row in sheet:
        found[row["tier"].strip().title()].append(tuple(counts[row["mentor_id"].strip()]))
    return found


@pytest.mark.parametrize(
    ("a", "b", "extreme", "ways", "points"),
    [
        (["Gold"], ["Silver", "Bronze"], 20, 3003, (37.5, 17.9, 57.0)),
        (["Gold"], ["Silver"], 6, 792, (23.3, 8.0, 38.6)),
        (["Gold"], ["Bronze"], 1, 56, (61.9, 48.8, 75.1)),
        (["Silver"], ["Bronze"], 1, 120, (38.6, 26.2, 51.0)),
    ],
)
def test_groups_of_tiers(tiers, a, b, extreme, ways, points):
    result = compare_by_mentor(*([one for tier in group for one in tiers[tier]] for group in (a, b)))
    assert (result.p_value, result.deals, result.is_exact) == (extreme / ways, ways, True)
    found = (result.difference, result.difference_ci_low, result.difference_ci_high)
    assert tuple(round(100 * value, 1) for value in found) == points
    assert result.smallest_p_value == 1 / ways
    if ways == 3003:
        assert (result.group_a_mentors, result.group_b_mentors) == (5, 10)
        assert round(result.degrees_of_freedom, 2) == 11.65


def test_how_wrong_it_could_be(tiers, sheet):
    gold, rest = tiers["Gold"], tiers["Silver"] + tiers["Bronze"]
    assert [round(100 * one.difference, 1) for one in leave_one_out(gold, rest)] == [33.1, 41.7]
    overturn = returns_to_overturn(gold, rest)
    assert (overturn.fewer_events, overturn.of_events, overturn.more_events, overturn.of_others) == (4, 26, 4, 68)
    without = tiers_left_out({"Gold": gold}, {tier: tiers[tier] for tier in ("Silver", "Bronze")})
    assert [one.tier for one in without if one.carries_difference] == ["Bronze"]
    assert not any(one.changes_conclusion for one in without)
    rates = [
        [float(row["hourly_rate"]) for row in sheet if (row["tier"].strip().title() == "Gold") == is_gold]
        for is_gold in (True, False)
    ]
    assert separation(*rates).is_perfect
