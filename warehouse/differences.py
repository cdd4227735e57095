"""What one environment changes, beside another: the answers of both, and every figure that differs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from analysis.answer.schema.document import Answer
from engines import engine_of
from engines.protocol import Reader
from settings import Settings
from warehouse.answers import answer_of_environment, parse_as_of
from warehouse.environments import read_environment
from warehouse.views import schema

# The reports that are compared, and what names a row of each.
REPORTS = {
    "rpt_rebooking_by_tier": ("tier",),
    "rpt_reliability_by_tier": ("tier",),
    "rpt_cohorts": ("month", "tier"),
    "rpt_mentor_outcomes": ("mentor_id",),
    "rpt_reliability_by_week": ("week",),
}
# The value of a row, or of a whole report, that the other environment does not have.
PRESENT = "present"
# What tells the rows of a list apart, in the answer.
_KEYS = ("tier", "group", "name", "event_type", "churn_reason")
# What differs between any two environments, or depends on the clock.
_PARAMETERS_LEFT_OUT = {"environment", "answered_at", "as_of", "taken_in"}
_SECTIONS_LEFT_OUT = {"freshness", "warnings"}

Rows = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Differences:
    """What another environment changes.

    Attributes:
        answers: the answer of the base and that of the other, as of the same moment.
        figures: `(figure, value in base, value in other)` for every figure that differs, in the order of the
            answer document; a figure is a path such as `rebooking.sessions.tiers.Gold.rate`. A row that only one
            of them has is one figure, `PRESENT` there and None in the other.
        remarks: as of when they are compared and what keeps them from being compared as they stand, one line each.
    """

    answers: tuple[Answer, Answer]
    figures: list[tuple[str, Any, Any]]
    remarks: list[str]


def differences(settings: Settings, base: str, other: str, as_of: str | None) -> Differences:
    """What another environment changes in the answer and in the reports, as of what both have taken in.

    The answer without the sections of the full one, whose counts the reports hold: a curve or a week would
    otherwise differ in a hundred figures for one new event. The reports speak of the latest event of their
    own environment: they are compared where that is the same.

    Raises:
        SettingsError, WarehouseError: as `warehouse.answers.answer_from_warehouse`.
    """
    moment = parse_as_of(as_of)
    with engine_of(settings).reading(settings, makes_tables=True) as reader:
        both = [read_environment(reader, environment) for environment in (base, other)]
        remarks = [
            line
            for environment in both
            if environment.is_behind
            for line in environment.remarks(settings, environment.definitions)
        ]
        are_level = moment is None and both[0].as_of == both[1].as_of
        latest = [environment.as_of for environment in both if environment.as_of]
        if moment is None and len(latest) == len(both):
            moment = None if are_level else min(latest)
        before, after = (answer_of_environment(reader, settings, environment, moment) for environment in both)
        figures = list(differing_figures(before, after))
        if are_level:
            figures += _of_reports(_reports(reader, base), _reports(reader, other))
        else:
            at = f"as of {moment:%Y-%m-%d %H:%M:%S}" if moment else "each as of its latest event"
            remarks.append(f"the answers of {base} and {other} are compared {at}, the reports not at all")
    return Differences((before, after), figures, remarks)


def differing_figures(before: Answer, after: Answer) -> Iterator[tuple[str, Any, Any]]:
    """`(figure, before, after)` of what differs in two answers, as `Differences.figures` has it, but for reports."""
    return _compared(_shared(before), _shared(after), "")


def _shared(answer: Answer) -> dict[str, Any]:
    """An answer without what is of its environment or of the clock."""
    parts: dict[str, Any] = {name: part for name, part in answer.items() if name not in _SECTIONS_LEFT_OUT}
    kept = {name: value for name, value in parts["parameters"].items() if name not in _PARAMETERS_LEFT_OUT}
    return {**parts, "parameters": kept}


def _compared(before: Any, after: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """Every leaf of two documents of one shape that differs, with its path."""
    if _has_rows(before) or _has_rows(after):
        yield from _of_rows(_by_name(before or []), _by_name(after or []), path)
    elif isinstance(before, dict) or isinstance(after, dict):
        before, after = before or {}, after or {}
        for name in before | after:
            yield from _compared(before.get(name), after.get(name), f"{path}.{name}" if path else name)
    elif before != after:
        yield path, before, after


def _has_rows(node: Any) -> bool:
    return isinstance(node, list) and bool(node) and isinstance(node[0], dict)


def _of_rows(before: Rows, after: Rows, path: str) -> Iterator[tuple[str, Any, Any]]:
    """The same of rows by their names, so that a row that only one of them has moves no other."""
    for name in before | after:
        old, new = _named(before, name), _named(after, name)
        if old and new:
            yield from _compared(old, new, f"{path}.{name}")
        else:
            yield f"{path}.{name}", PRESENT if old else None, PRESENT if new else None


def _by_name(rows: list[dict[str, Any]]) -> Rows:
    return {next(str(row[key]) for key in _KEYS if key in row): row for row in rows}


def _named(rows: Rows, name: str) -> dict[str, Any]:
    """The figures of the row of a name, without its names; none where there is no such row."""
    # Ways of counting that come to the same are one row: under its first name, with the others beside it.
    found = rows.get(name) or next((row for row in rows.values() if name in row.get("also", ())), {})
    return {key: value for key, value in found.items() if key not in (*_KEYS, "also")}


def _of_reports(before: dict[str, Rows], after: dict[str, Rows]) -> Iterator[tuple[str, Any, Any]]:
    for report in before | after:
        if report in before and report in after:
            yield from _of_rows(before[report], after[report], report)
        else:
            yield report, PRESENT if report in before else None, PRESENT if report in after else None


def _reports(reader: Reader, environment: str) -> dict[str, Rows]:
    """The rows of each report that an environment has, by their names."""
    reports_schema = schema("reports", environment)
    built = reader.tables_behind(reports_schema)
    reports = {}
    for report, keys in REPORTS.items():
        if report not in built:
            continue
        order = ", ".join(f"{key} NULLS LAST" for key in keys)
        rows = reader.records(f'SELECT * FROM "{reports_schema}"."{report}" ORDER BY {order}')
        reports[report] = {
            ".".join(str(row[key]) for key in keys): {
                name: row[name] for name in row if name not in (*keys, "built_from")
            }
            for row in rows
        }
    return reports
