"""The answer document as a table for people, as CSV and as Markdown."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

Row = dict[str, Any]

# What makes a spreadsheet take a text for a formula.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")

CHECK_NAMES = {
    "orphan_rate": "requests never answered",
    "no_show_rate": "no-shows",
    "cancellation_rate": "cancellations",
    "estimated_end_rate": "sessions without a recorded end",
}


class Section(NamedTuple):
    """A table with its title, and what is to be said below it."""

    title: str
    header: list[str]
    rows: list[list[str]]
    notes: tuple[str, ...] = ()


def spreadsheet_safe(cells: Iterable[Any]) -> list[Any]:
    """The cells of a CSV row; a text that a spreadsheet would run as a formula gets an apostrophe before it.

    >>> spreadsheet_safe(["=1+1", "Gold", -0.5])
    ["'=1+1", 'Gold', -0.5]
    """
    return [f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA_STARTS) else cell for cell in cells]


def percent(fraction: float | None) -> str:
    """A fraction as a percentage with one decimal; a dash when there is none."""
    return "–" if fraction is None else f"{fraction * 100:.1f} %"


def interval(low: float | None, high: float | None) -> str:
    """The bounds of a rate as percentages with one decimal; a dash when there are none."""
    return "–" if low is None or high is None else f"{low * 100:.1f}–{high * 100:.1f} %"


def p_value(value: float | None) -> str:
    """A p-value, small ones with four decimals; a dash when there is none."""
    if value is None:
        return "–"
    return "<0.0001" if value < 0.0001 else f"{value:.4f}" if value < 0.01 else f"{value:.2f}"


def p_in_words(value: float | None, is_shown: bool | None = None) -> str:
    """What the p-value says of chance, in words; a difference is shown below 0.05 unless `is_shown` says otherwise."""
    if value is None:
        return "cannot be tested: one of the groups is empty"
    size = "p < 0.0001" if value < 0.0001 else f"p = {p_value(value)}"
    if not (value < 0.05 if is_shown is None else is_shown):
        return f"could well be chance ({size})"
    return f"very unlikely to be chance ({size})" if value < 0.01 else f"unlikely to be chance ({size})"


def group_names(document: Row) -> tuple[str, str]:
    """The two groups compared, each by its tiers."""
    return "/".join(document["parameters"]["group_a"]), "/".join(document["parameters"]["group_b"])


def headline(document: Row) -> str:
    """The sentences that answer the CEO's two questions, and say whether another way of counting would change them.

    Before them, where it is so: that the figures follow other definitions than the environment was built with.
    """
    first = rebooking_sentence(document, "sessions", document["sensitivity"]["conclusion"])
    return " ".join([*other_definitions(document), first, *robustness(document), reliability_sentence(document)])


def other_definitions(document: Row) -> list[str]:
    """That the figures follow the definitions here and not those of the environment, as a sentence, if it is so."""
    parameters = document["parameters"]
    if not parameters["changed_definitions"]:
        return []
    names = ", ".join(parameters["changed_definitions"])
    return [
        f"By the definitions of {names} in this working tree, which {parameters['environment']} was not built with."
    ]


def spoken_of(document: Row) -> str:
    """The moment and the environment that the answer speaks of, and how long ago that was when it was given."""
    parameters = document["parameters"]
    if parameters["as_of"] is None:
        return f"No event yet, environment {parameters['environment']}."
    ago = datetime.fromisoformat(parameters["answered_at"]) - datetime.fromisoformat(parameters["as_of"])
    days, hours = abs(ago).days, abs(ago).seconds // 3600
    length = f"{days:,} day{'s' * (days != 1)}" if days else f"{hours} hour{'s' * (hours != 1)}"
    when = f"{length} {'ahead of this clock' if ago < timedelta(0) else 'ago'}"
    return f"As of {parameters['as_of']}, {when}, environment {parameters['environment']}."


def rebooking_sentence(document: Row, approach: str, conclusion: str) -> str:
    """Whether users of the first group come back more often, counted by `sessions` or by `bookings`.

    Args:
        conclusion: what that comparison shows; see `conclude` in analysis/answer/sensitivity.py.
    """
    part = document["rebooking"][approach]
    a, b = part["groups"]
    value, window = part["comparison"]["p_value"], document["parameters"]["window_days"]
    names = group_names(document)
    if conclusion == "no data":
        return f"There are no users to compare {names[0]} with {names[1]}."
    within = "at any later time" if window is None else f"within {window} days"
    rates = f"{percent(a['rate'])} of {names[0]} users rebook {within}, {percent(b['rate'])} of {names[1]} users"
    if conclusion == "not shown":
        return f"Not shown: {rates}; the difference {p_in_words(value, False)}."
    word = "Yes" if conclusion == "higher" else "No, the opposite"
    return f"{word}: {rates}; the difference is {p_in_words(value, True)}."


def reliability_sentence(document: Row) -> str:
    """Whether the booking system is reliable, and what is wrong with it."""
    failing = [CHECK_NAMES[c["name"]] for c in document["reliability"]["checks"] if c["status"] == "fail"]
    return {
        "reliable": "The booking system is reliable: every check passes.",
        "unreliable": f"The booking system is not reliable: too many {', '.join(failing)}.",
        "no data": "There are no bookings to judge the booking system by.",
    }[document["reliability"]["verdict"]]


def robustness(document: Row) -> list[str]:
    """Whether other ways of counting come to the same conclusion, as a sentence; none without a conclusion."""
    sensitivity = document["sensitivity"]
    if sensitivity["is_robust"] is None:
        return []
    others = sum(row["conclusion"] != "no data" for row in sensitivity["variants"]) - 1
    if sensitivity["is_robust"]:
        return [f"None of {others} other ways of counting changes that."]
    changed = sensitivity["changed_by"]
    verb = "does" if len(changed) == 1 else "do"
    return [f"Of {others} other ways of counting {len(changed)} {verb} not say the same: {', '.join(changed)}."]


def named_rows(part: Row) -> list[tuple[str, Row]]:
    """Rows of tiers, then those of groups of several tiers, with their names."""
    named = [(row["tier"], row) for row in part["tiers"]]
    return named + [("/".join(row["tiers"]), row) for row in part["groups"] if len(row["tiers"]) > 1]


def rebooking_rows(document: Row, approach: str) -> list[list[str]]:
    """One row per tier and group: name, users, rebooked, rate, interval, rate of mature users."""
    part = document["rebooking"][approach]
    return [
        [
            name,
            f"{row['users']:,}",
            f"{row['rebooked']:,}",
            percent(row["rate"]),
            interval(row["ci_low"], row["ci_high"]),
            f"{percent(row['mature_rate'])} of {row['mature_users']:,}",
        ]
        for name, row in named_rows(part)
    ]


REBOOKING_HEADER = ["tier", "users", "rebooked", "rate", "interval", "mature only"]
RELIABILITY_HEADER = ["tier", "bookings", "attended", "cancelled", "rescheduled", "no-show", "orphan"]


def reliability_rows(document: Row) -> list[list[str]]:
    """One row per tier and one for all."""
    part = document["reliability"]
    named = [(row["tier"], row) for row in part["tiers"]] + [("all", part["overall"])]
    names = ("bookings", "attended", "cancelled", "rescheduled", "no_show", "orphan")
    return [[tier, *(f"{row[name]:,}" for name in names)] for tier, row in named]


def sections(document: Row) -> list[Section]:
    """The tables of the answer; those of the full answer where the document has them."""
    intent = [
        [row["tier"], f"{row['users']:,}", f"{row['with_intent']:,}", f"{row['attended']:,}", f"{row['lost']:,}"]
        for row in document["intent"]["tiers"]
    ]
    checks = [
        [CHECK_NAMES[check["name"]], percent(check["value"]), percent(check["threshold"]), check["status"]]
        for check in document["reliability"]["checks"]
    ]
    found = [
        Section("Rebooking, by sessions", REBOOKING_HEADER, rebooking_rows(document, "sessions")),
        Section("Rebooking, by bookings", REBOOKING_HEADER, rebooking_rows(document, "bookings")),
        Section("Intent to come back", ["tier", "users", "with intent", "attended", "lost"], intent),
        Section("Bookings", RELIABILITY_HEADER, reliability_rows(document)),
        Section("Reliability checks", ["check", "value", "threshold", "status"], checks),
    ]
    if "time_to_rebooking" in document:
        from full_presentation import full_sections  # which builds on this module

        found += full_sections(document)
    return found


def as_markdown(document: Row) -> str:
    """The answer as Markdown."""
    lines = ["# The answer", "", headline(document), ""]
    for section in sections(document):
        lines += [f"## {section.title}", ""]
        if section.rows:
            lines += [_markdown_row(section.header), _markdown_row(["---"] * len(section.header))]
            lines += [*(_markdown_row(row) for row in section.rows), ""]
        for note in section.notes:
            lines += [note, ""]
    lines += ["## Caveats", "", *(f"- {warning}" for warning in document["warnings"]), "", spoken_of(document), ""]
    return "\n".join(lines)


def _markdown_row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def as_csv(document: Row) -> str:
    """The rebooking figures as CSV: one row per approach and tier or group; rates are fractions."""
    out = io.StringIO()
    fields = ["users", "rebooked", "rate", "ci_low", "ci_high", "mature_users", "mature_rebooked", "mature_rate"]
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["approach", "kind", "name", *fields])
    for approach, part in document["rebooking"].items():
        for row in part["tiers"]:
            writer.writerow(spreadsheet_safe([approach, "tier", row["tier"], *(row[field] for field in fields)]))
        for row in part["groups"]:
            name = "/".join(row["tiers"])
            writer.writerow(spreadsheet_safe([approach, row["group"], name, *(row[field] for field in fields)]))
    return out.getvalue()


def as_table(document: Row, colour: bool) -> str:
    """The answer as text for a terminal of 80 columns."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    out = io.StringIO()
    console = Console(file=out, width=80, force_terminal=colour, no_color=not colour, highlight=False)
    console.print(Text(headline(document), style="bold"))
    for section in sections(document):
        console.print()
        console.print(Text(section.title, style="italic"))
        if section.rows:
            table = Table(box=None, pad_edge=False)
            for position, name in enumerate(section.header):
                table.add_column(Text(name), justify="left" if position == 0 else "right")
            for row in section.rows:
                table.add_row(*(Text(cell) for cell in row))
            console.print(table)
        for note in section.notes:
            console.print(Text(note))
    console.print()
    for warning in document["warnings"]:
        console.print(Text(f"- {warning}"))
    console.print(Text(spoken_of(document)))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def history(runs: list[Row], output: str) -> str:
    """The runs of the run log as `table`, one a line, or `json`."""
    if output == "json":
        return json.dumps(runs, indent=2)
    cells = [("started (UTC)", "command", "outcome", "seconds", "loaded", "rejected", "remarks")]
    for run in runs:
        files = run.get("files", [])
        seconds = run.get("duration_seconds")
        warnings = len(run.get("warnings", []))
        remark = run.get("error") or (f"{warnings} warning{'s' if warnings > 1 else ''}" if warnings else "")
        cells.append(
            (
                run["started_at"][:19].replace("T", " "),
                run["command"],
                run["outcome"],
                "–" if seconds is None else f"{seconds:.1f}",
                *(f"{sum(file.get(name, 0) for file in files):,}" for name in ("rows_loaded", "rows_rejected")),
                remark,
            )
        )
    widths = [max(len(row[column]) for row in cells) for column in range(6)]
    numbers = (3, 4, 5)
    return "\n".join(
        "  ".join(
            cell if at == 6 else cell.rjust(widths[at]) if at in numbers else cell.ljust(widths[at])
            for at, cell in enumerate(row)
        ).rstrip()
        for row in cells
    )


def status(environments: list[Row], output: str) -> str:
    """How the environments stand as `table`, a paragraph each, or `json`."""
    if output == "json":
        return json.dumps({"environments": environments}, indent=2)
    if not environments:
        return "no environment was built yet; run: python cli.py refresh"
    lines = []
    for row in environments:
        taken_in = row["taken_in"]
        as_of = f"as of {row['as_of']}" if row["as_of"] else "no event yet"
        lines.append(
            f"{row['environment']}: {as_of}, {taken_in['loads']:,} loads and {taken_in['events']:,} events taken in"
        )
        lines += [f"  {remark}" for remark in row["remarks"] or ["up to date"]]
    if any(row["taken_in"]["waiting_loads"] for row in environments):
        lines.append("refresh, transform and sqlmesh run take in what waits; sqlmesh plan does for what it builds")
    return "\n".join(lines)


def differences(rows: list[tuple[str, Any, Any]], base: str, other: str, output: str) -> str:
    """The figures that differ between two environments as `table`, `json` or `csv`, one a row."""
    if output == "json":
        return json.dumps([{"figure": name, base: before, other: after} for name, before, after in rows], indent=2)
    if output == "csv":
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows(map(spreadsheet_safe, [("figure", base, other), *rows]))
        return out.getvalue().rstrip("\n")
    if not rows:
        return f"{other} gives the same figures as {base}"
    cells = [("figure", base, other), *((name, _plain(before), _plain(after)) for name, before, after in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(3)]
    return "\n".join(
        f"{name:<{widths[0]}}  {before:>{widths[1]}}  {after:>{widths[2]}}".rstrip() for name, before, after in cells
    )


def _plain(value: Any) -> str:
    return "–" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
