"""The report in a browser: nothing leaves it, everything is drawn, and the figures are those of the answer."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from analysis.answer.schema.reliability import CheckStatus
from presentation.charts.catalogue import CHARTS
from presentation.report import Report, read_report, write_report
from settings import load_settings
from tests.browser.conftest import chromium
from tests.conftest import HOSTILE_MENTOR

# The cells of a table by its heading column: the exact value of each, or its text where it has none.
READ_TABLE = """
table => Object.fromEntries([...table.tBodies[0].rows].map(row => [
    row.cells[0].innerText,
    [...row.cells].slice(1).map(cell => cell.querySelector("data")?.value ?? cell.innerText),
]))
"""
PRINTABLE_WIDTH = 672  # CSS pixels between the margins of A4: 210 mm less twice 16 mm


@pytest.fixture(scope="module")
def report(hostile_warehouse) -> Report:
    return read_report(load_settings(warehouse=hostile_warehouse), "prod", None)


@pytest.fixture(scope="module")
def file(report, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("report") / "report.html"
    write_report(report, out, "html")
    return out


@pytest.fixture
def opened(browser: Browser, file: Path):
    """Opens the report in a context of its own; whatever it asks for or complains of fails the test."""
    contexts, requests, complaints = [], [], []

    def open_report(**options) -> Page:
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: requests.append(request.url))
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
        page.goto(file.as_uri())
        return page

    yield open_report
    for context in contexts:
        context.close()
    assert requests == [file.as_uri()] * len(contexts)
    assert complaints == []


def exact(*values) -> list[str]:
    return ["–" if value is None else value if isinstance(value, str) else json.dumps(value) for value in values]


def span(row: dict, name: str = "ci") -> str:
    low, high = (row[f"{name}_low"], row[f"{name}_high"])
    return "–" if low is None else f"{json.dumps(low)} {json.dumps(high)}"


def named(rows: list[dict]) -> list[tuple[str, dict]]:
    tiers = [(row["tier"], row) for row in rows if "tiers" not in row]
    return tiers + [("/".join(row["tiers"]), row) for row in rows if len(row.get("tiers", [])) > 1]


def test_the_figures_are_those_of_the_answer(opened, report):
    document = json.loads(json.dumps(report.document))
    page = opened()

    def shown(table: str) -> dict:
        return page.locator(f"#table-{table}").evaluate(READ_TABLE)

    for approach in ("sessions", "bookings"):
        part = document["rebooking"][approach]
        assert shown(f"rebooking_{approach}") == {
            name: [
                *exact(row["users"], row["rebooked"], row["rate"]),
                span(row),
                *exact(row["mature_users"], row["mature_rate"], row["may_yet_rebook"]),
            ]
            for name, row in named(part["tiers"] + part["groups"])
        }
        comparison = part["comparison"]
        independent = comparison["if_independent"]
        assert shown("comparison")[f"by {approach}"] == [
            *exact(*(comparison[name] for name in ("group_a_mentors", "group_b_mentors", "difference"))),
            span(comparison, "difference_ci"),
            *exact(comparison["p_value"], comparison["p_value_standardised"]),
            comparison["conclusion"].replace("_", " "),
            *exact(independent["p_value"]),
        ]
        assert shown("ratios")[f"by {approach}"] == [
            value
            for name in ("relative_risk", "odds_ratio")
            for value in (*exact(independent[name]), span(independent, f"{name}_ci"))
        ]
    assert shown("intent") == {
        name: exact(*(row[f] for f in ("users", "with_intent", "attended", "lost", "intent_rate", "commitment_rate")))
        for name, row in named(document["intent"]["tiers"] + document["intent"]["groups"])
    }
    assert shown("sensitivity") == {
        row["name"]: [
            *exact(*(row[f"group_{group}_{count}"] for group in "ab" for count in ("users", "rebooked"))),
            *exact(row["difference"]),
            span(row, "difference_ci"),
            *exact(row["p_value"], row["conclusion"].replace("_", " ")),
        ]
        for row in document["sensitivity"]["variants"]
    }
    assert shown("mentors") == {
        row["mentor_id"]: [
            *exact(row["tier"], row["users"], row["rebooked"], row["rate"]),
            span(row),
            *exact(row["shrunk_rate"]),
            span(row, "shrunk_ci"),
            "few users" if row["users"] < 20 else "",
        ]
        for row in document["mentors"]["mentors"]
    }
    assert HOSTILE_MENTOR in shown("mentors")
    counts = ("bookings", "attended", "cancelled", "rescheduled", "no_show", "upcoming", "orphan", "open")
    reliability = document["reliability"]
    assert shown("bookings") == {
        name: exact(*(row[count] for count in counts))
        for name, row in [*named(reliability["tiers"]), ("all", reliability["overall"])]
    }
    checks = [
        [*exact(check["value"]), span(check), *exact(check["threshold"], check["status"].replace("_", " "))]
        for check in reliability["checks"]
    ]
    assert list(shown("reliability_checks").values()) == checks
    for rate in page.locator("td > data:text-matches('^[0-9.]+ %$')").evaluate_all(
        "all => all.map(e => [e.value, e.innerText])"
    ):
        assert f"{float(rate[0]) * 100:.1f} %" == rate[1]


def test_every_state_of_a_check_has_a_sign_of_its_own(opened):
    cell = opened().locator("#table-reliability_checks td:last-child").first
    signs = {
        state: cell.evaluate(
            "(cell, state) => (cell.className = state, getComputedStyle(cell, '::before').content)", state
        )
        for state in get_args(CheckStatus)
    }
    assert signs.pop("no_data") == "none"
    assert "none" not in signs.values()
    assert len(set(signs.values())) == len(signs)


def test_no_table_is_wider_than_the_page(opened):
    """Half of the comparison stood outside of it, where nobody looks."""
    page = opened(viewport={"width": 1280, "height": 800})
    wide = page.locator(".wide").evaluate_all(
        "all => all.filter(e => e.scrollWidth > e.clientWidth).map(e => e.innerText.split('\\n')[0])"
    )
    assert wide == []


def test_every_chart_is_drawn(opened, report):
    page = opened()
    charts = page.locator("figure svg.chart")
    assert charts.count() == len(CHARTS)
    for name in CHARTS:
        chart = page.locator(f"#figure-{name} svg.chart")
        box = chart.bounding_box()
        assert box["width"] > 400, name
        assert box["height"] > 60, name
        assert chart.locator("path[d]").count() > 3, name
        assert chart.locator("text", has_text="no data").count() == 0, name
    texts = page.locator("#figure-rebooking_sessions text").all_text_contents()
    for tier in report.document["rebooking"]["sessions"]["tiers"]:
        assert f"{tier['rate'] * 100:.1f} % of {tier['users']}" in texts


def test_text_tables_and_charts_need_no_javascript(opened):
    with_scripts, without = opened(), opened(java_script_enabled=False)
    assert without.locator("body").inner_text() == with_scripts.locator("body").inner_text()
    assert without.locator("figure svg.chart").count() == len(CHARTS)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nobody_is_shut_out(opened, scheme):
    page = opened(color_scheme=scheme)
    findings = Axe().run(page).response["violations"]
    assert [
        (finding["id"], node["html"])
        for finding in findings
        if finding["impact"] in ("serious", "critical")
        for node in finding["nodes"]
    ] == []


def test_charts_follow_the_scheme(opened):
    for scheme, ink, surface in (
        ("light", "rgb(16, 20, 24)", "rgb(255, 255, 255)"),
        ("dark", "rgb(232, 234, 237)", "rgb(21, 25, 29)"),
    ):
        page = opened(color_scheme=scheme)
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == surface
        label = page.locator("#figure-rebooking_sessions text", has_text="Gold").first
        assert label.evaluate("element => getComputedStyle(element).fill") == ink


@pytest.mark.parametrize("width", [400, 1280])
def test_the_page_itself_never_scrolls_sideways(opened, width):
    page = opened(viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_it_prints_on_a4(opened):
    page = opened(viewport={"width": PRINTABLE_WIDTH, "height": 900}, color_scheme="dark")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    for part in page.locator("table, svg.chart").all():
        box = part.bounding_box()
        assert box["x"] + box["width"] <= PRINTABLE_WIDTH + 1, part.get_attribute("id")
    printed = page.pdf(prefer_css_page_size=True, print_background=True)
    sheets = re.findall(rb"/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)\s*\]", printed)
    assert len(sheets) > 5
    for width, height in sheets:
        assert (float(width), float(height)) == pytest.approx((595.28, 841.89), abs=1)


def test_a_run_without_chromium_fails_and_says_what_to_install(monkeypatch):
    monkeypatch.setenv("CHROMIUM_PATH", "/nowhere/chromium")
    with pytest.raises(pytest.fail.Exception, match="none at /nowhere/chromium: apt-get install chromium"):
        chromium()
