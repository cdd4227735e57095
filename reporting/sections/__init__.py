"""The sections of the report, in order, from the answer document; a part the document lacks is left out."""

from __future__ import annotations

from typing import Any

from presentation import headline, percent
from reporting.content import Points, Section, Terms, written
from reporting.sections.explanations import explanations, sensitivity
from reporting.sections.provenance import data_quality, definitions, provenance
from reporting.sections.rebooking import approaches, cohorts, intent, rates, time_to_rebooking
from reporting.sections.reliability import reliability
from reporting.sections.wording import interval_in_words, name_of
from settings import Settings
from warehouse.loads import LoadHistory

Row = dict[str, Any]


def sections(document: Row, settings: Settings, loads: LoadHistory, version: str) -> list[Section]:
    """Everything the report says.

    Args:
        document: as `answer --format json` prints it; its parts beyond the counts may be absent.
        settings: those the document was made with.
        version: of this project.
    """
    level = f"{settings.confidence_level * 100:g} %"
    parts = [
        ("rebooking", rates),
        ("rebooking", approaches),
        ("intent", intent),
        ("time_to_rebooking", time_to_rebooking),
        ("cohorts", cohorts),
        (("confounding", "mentors"), explanations),
        ("sensitivity", sensitivity),
        ("reliability", reliability),
    ]
    found = [_answer(document)]
    for keys, section in parts:
        if any(key in document for key in ([keys] if isinstance(keys, str) else keys)):
            found.append(section(document, level))
    return [
        *found,
        data_quality(document, loads),
        Section("caveats", "Caveats", [Points(document["warnings"])]),
        Section("definitions", "Definitions", [Terms(definitions(settings))]),
        provenance(document, settings, loads, version),
    ]


def key_figures(document: Row) -> list[tuple[str, str, str]]:
    """The figures a reader wants first, as name, value and what stands below it."""
    by_sessions = document["rebooking"]["sessions"]
    comparison = by_sessions["comparison"]
    figures = [
        (name_of(group), percent(group["rate"]), f"{group['rebooked']:,} of {group['users']:,} users rebook")
        for group in by_sessions["groups"]
    ]
    interval = interval_in_words("points", comparison["difference_ci_low"], comparison["difference_ci_high"])
    figures.append(("difference", written("points", comparison["difference"]), f"points; {interval}"))
    checks = document["reliability"]["checks"]
    passed = sum(check["status"] == "pass" for check in checks)
    judged = sum(check["status"] != "no data" for check in checks)
    figures.append(("booking system", document["reliability"]["verdict"], f"{passed} of {judged} checks pass"))
    return figures


def _answer(document: Row) -> Section:
    return Section("answer", "The answer", [headline(document)])
