"""The charts as pure functions of the answer document, and the palette they are drawn in."""

from __future__ import annotations

import copy
import itertools
import re

import numpy as np
import pytest

from presentation.charts.catalogue import CHARTS
from presentation.charts.drawing import svg
from presentation.charts.palette import PALETTE
from presentation.charts.time_to_rebooking import curve_steps
from presentation.wording import CHECK_NAMES

# Machado, Oliveira and Fernandes, IEEE TVCG 15 (2009) 1291-1298, severity 1.0.
COLOUR_BLINDNESS = {
    "none": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}


def linear(colour: str) -> np.ndarray:
    channels = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2."""
    darker, lighter = sorted(float(linear(colour) @ [0.2126, 0.7152, 0.0722]) for colour in (one, other))
    return (lighter + 0.05) / (darker + 0.05)


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIE L*a*b* of linear sRGB under D65."""
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = to_xyz @ np.clip(rgb, 0, 1) / [0.9505, 1, 1.089]
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_the_palette_can_be_read_in_both_schemes(scheme):
    colours = {name: pair[scheme] for name, pair in PALETTE.items()}
    for name in ("ink", "muted"):
        assert contrast(colours[name], colours["surface"]) >= 4.5, name
    for name in ("tier_1", "tier_2", "tier_3", "accent", "good", "alert"):
        assert contrast(colours[name], colours["surface"]) >= 3, name
    # Labels inside bars are in the colour of the surface, and on the fill in ink.
    for name in ("good", "alert", "muted"):
        assert contrast(colours[name], colours["surface"]) >= 4.5, name
    assert contrast(colours["ink"], colours["fill"]) >= 4.5


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("vision", COLOUR_BLINDNESS)
def test_tiers_differ_for_every_eye(scheme, vision):
    seen = [
        lab(np.array(COLOUR_BLINDNESS[vision]) @ linear(PALETTE[name][scheme]))
        for name in ("tier_1", "tier_2", "tier_3")
    ]
    for one, other in itertools.combinations(seen, 2):
        assert np.linalg.norm(one - other) > 20  # of about 2 that the eye can just tell


@pytest.mark.parametrize("name", CHARTS)
def test_charts_are_drawn_in_colours_of_the_palette_alone(name, document):
    before = copy.deepcopy(document)
    CHARTS[name](document).to_dict(validate=True)
    drawn = svg(CHARTS[name](document), name, "a title", "a description")
    assert document == before
    used = set(re.findall(r'(?:fill|stroke)="(#[0-9a-f]+|rgb[^"]*|[a-z]+)"', drawn)) - {"none", "transparent"}
    assert used <= {light for light, _ in PALETTE.values()}
    assert f'<title id="{name}-title">a title</title><desc id="{name}-desc">a description</desc>' in drawn
    assert "no data" not in drawn


@pytest.mark.parametrize("name", CHARTS)
def test_charts_of_nothing_say_so(name, empty_document):
    assert ">no data<" in svg(CHARTS[name](empty_document), name, "", "")


def inline_rows(name: str, document: dict) -> list[dict]:
    """Every row of data within a chart."""
    return [row for rows in CHARTS[name](document).to_dict()["datasets"].values() for row in rows]


def test_a_tier_has_a_shape_beside_its_colour_and_its_name(document):
    rows = inline_rows("rebooking_sessions", document)
    looks = {(row["name"], row["colour"], row["shape"]) for row in rows if row["name"] in ("Gold", "Silver", "Bronze")}
    assert len(looks) == len({colour for _, colour, _ in looks}) == len({shape for *_, shape in looks}) == 3


@pytest.mark.parametrize("approach", ["sessions", "bookings"])
def test_rates_and_their_intervals_are_those_of_the_document(document, approach):
    rows = {row["name"]: row for row in inline_rows(f"rebooking_{approach}", document)}
    for tier in document["rebooking"][approach]["tiers"]:
        row = rows[tier["tier"]]
        assert (row["value"], row["low"], row["high"]) == (tier["rate"], tier["ci_low"], tier["ci_high"])
        assert row["label"] == f"{tier['rate'] * 100:.1f} % of {tier['users']}"


def test_an_odds_ratio_without_an_upper_bound_is_drawn_to_the_edge(document):
    document["confounding"]["stratified"][0] |= {"odds_ratio_ci_low": 0.0, "odds_ratio_ci_high": None}
    rows = {row["name"]: row for row in inline_rows("like_with_like", document) if "name" in row}
    bounds = [row[end] for row in rows.values() for end in ("low", "high")]
    row = rows["same company"]
    assert (row["low"], row["high"]) == (min(bounds), max(bounds))
    assert min(bounds) > 0


def test_numbers_at_risk_stand_below_the_survival_curves(document):
    drawn = svg(CHARTS["time_to_rebooking"](document), "x", "", "")
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", drawn)
    assert "users still at risk" in texts
    for tier in document["time_to_rebooking"]["tiers"]:
        assert tier["tier"] in texts
        assert {f"{row['at_risk']:,}" for row in tier["horizons"]} <= set(texts)


def point(day: int, share: float | None) -> dict:
    return {"day": day, "share": share, "ci_low": share, "ci_high": share}


@pytest.mark.parametrize(
    ("curve", "steps"),
    [
        ([], [(0, 0)]),
        ([point(5, 0.5)], [(0, 0), (5, 0.5)]),
        # a day on which only observation ended changes nothing, but the curve holds until then
        ([point(5, 0.5), point(9, 0.5)], [(0, 0), (5, 0.5), (9, 0.5)]),
        ([point(0, 0.1), point(120, 0.9)], [(0, 0.1), (90, 0.1)]),
        ([point(5, 0.5), point(9, None)], [(0, 0), (5, 0.5), (9, 0.5)]),
    ],
)
def test_a_curve_is_thinned_to_where_it_changes(curve, steps):
    assert [(row["day"], row["share"]) for row in curve_steps(curve)] == steps


def test_weeks_outside_their_limits_are_marked(document):
    drawn = svg(CHARTS["reliability_in_time"](document), "x", "", "")
    charts = document["reliability_in_time"]["control_charts"]
    assert sum(point["is_alert"] for chart in charts for point in chart["points"]) == 1
    assert drawn.count(f'fill="{PALETTE["alert"][0]}"') == 1


def test_checks_are_drawn_with_their_intervals(document):
    rows = {row["check"]: row for row in inline_rows("reliability_checks", document)}
    for check in document["reliability"]["checks"]:
        row = rows[CHECK_NAMES[check["name"]]]
        assert (row["low"], row["value"], row["high"]) == (check["ci_low"], check["value"], check["ci_high"])
        assert row["end"] >= max(row["high"], row["threshold"])


def test_what_says_nothing_gives_no_difference(document):
    document["sensitivity"]["variants"][1] |= {"difference": 0.0, "conclusion": "says_nothing"}
    labels = {row["name"]: row["label"] for row in inline_rows("sensitivity", document) if "name" in row}
    assert labels.pop(document["sensitivity"]["variants"][1]["name"]) == "says nothing"
    assert labels
    assert all("points" in label for label in labels.values())
