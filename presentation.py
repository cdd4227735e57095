"""The answer document as a table for people, as CSV and as Markdown."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

Row = dict[str, Any]

CHECK_NAMES = {
    "orphan_rate": "requests never answered",
    "no_show_rate": "no-shows",
    "cancellation_rate": "cancellations",
    "estimated_end_rate": "sessions without a recorded end",
}


def percent(fraction: float | None) -> str:
    """A fraction as a percentage with one decimal; a dash when there is none."""
    return "–" if fraction is None else f"{fraction * 100:.1f} %"


def p_in_words(p_value: float | None) -> str:
    """What the p-value says of chance, in words."""
    if p_value is None:
        return "cannot be tested: one of the groups is empty"
    size = "p < 0.0001" if p_value < 0.0001 else f"p = {p_value:.4f}" if p_value < 0.01 else f"p = {p_value:.2f}"
    if p_value < 0.01:
        return f"very unlikely to be chance ({size})"
    if p_value < 0.05:
        return f"unlikely to be chance ({size})"
    return f"could well be chance ({size})"


def headline(document: Row) -> str:
    """The sentence that answers the CEO's two questions."""
    by_sessions = document["rebooking"]["sessions"]
    a, b = by_sessions["groups"]
    comparison, window = by_sessions["comparison"], document["parameters"]["window_days"]
    names = "/".join(a["tiers"]), "/".join(b["tiers"])
    within = "at any later time" if window is None else f"within {window} days"
    if comparison["p_value"] is None:
        first = f"There are no users to compare {names[0]} with {names[1]}."
    else:
        rates = f"{percent(a['rate'])} of {names[0]} users rebook {within}, {percent(b['rate'])} of {names[1]} users"
        if comparison["p_value"] >= 0.05:
            first = f"Not shown: {rates}; the difference {p_in_words(comparison['p_value'])}."
        else:
            word = "Yes" if comparison["difference"] > 0 else "No, the opposite"
            first = f"{word}: {rates}; the difference is {p_in_words(comparison['p_value'])}."
    failing = [CHECK_NAMES[c["name"]] for c in document["reliability"]["checks"] if c["status"] == "fail"]
    second = {
        "reliable": "The booking system is reliable: every check passes.",
        "unreliable": f"The booking system is not reliable: too many {', '.join(failing)}.",
        "no data": "There are no bookings to judge the booking system by.",
    }[document["reliability"]["verdict"]]
    return f"{first} {second}"


def rebooking_rows(document: Row, approach: str) -> list[list[str]]:
    """One row per tier and group: name, users, rebooked, rate, interval, rate of mature users."""
    part = document["rebooking"][approach]
    named = [(row["tier"], row) for row in part["tiers"]]
    named += [("/".join(row["tiers"]), row) for row in part["groups"] if len(row["tiers"]) > 1]
    return [
        [
            name,
            f"{row['users']:,}",
            f"{row['rebooked']:,}",
            percent(row["rate"]),
            "–" if row["ci_low"] is None else f"{row['ci_low'] * 100:.1f}–{row['ci_high'] * 100:.1f} %",
            f"{percent(row['mature_rate'])} of {row['mature_users']:,}",
        ]
        for name, row in named
    ]


REBOOKING_HEADER = ["tier", "users", "rebooked", "rate", "interval", "mature only"]
RELIABILITY_HEADER = ["tier", "bookings", "attended", "cancelled", "rescheduled", "no-show", "orphan"]


def reliability_rows(document: Row) -> list[list[str]]:
    """One row per tier and one for all."""
    part = document["reliability"]
    named = [(row["tier"], row) for row in part["tiers"]] + [("all", part["overall"])]
    names = ("bookings", "attended", "cancelled", "rescheduled", "no_show", "orphan")
    return [[tier, *(f"{row[name]:,}" for name in names)] for tier, row in named]


def _sections(document: Row) -> list[tuple[str, list[str], list[list[str]]]]:
    intent = [
        [row["tier"], f"{row['users']:,}", f"{row['with_intent']:,}", f"{row['attended']:,}", f"{row['lost']:,}"]
        for row in document["intent"]["tiers"]
    ]
    checks = [
        [CHECK_NAMES[check["name"]], percent(check["value"]), percent(check["threshold"]), check["status"]]
        for check in document["reliability"]["checks"]
    ]
    return [
        ("Rebooking, by sessions", REBOOKING_HEADER, rebooking_rows(document, "sessions")),
        ("Rebooking, by bookings", REBOOKING_HEADER, rebooking_rows(document, "bookings")),
        ("Intent to come back", ["tier", "users", "with intent", "attended", "lost"], intent),
        ("Bookings", RELIABILITY_HEADER, reliability_rows(document)),
        ("Reliability checks", ["check", "value", "threshold", "status"], checks),
    ]


def as_markdown(document: Row) -> str:
    """The answer as Markdown."""
    lines = ["# The answer", "", headline(document), ""]
    for title, header, rows in _sections(document):
        lines += [f"## {title}", "", _markdown_row(header), _markdown_row(["---"] * len(header))]
        lines += [*(_markdown_row(row) for row in rows), ""]
    lines += ["## Caveats", "", *(f"- {warning}" for warning in document["warnings"]), ""]
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
            writer.writerow([approach, "tier", row["tier"], *(row[field] for field in fields)])
        for row in part["groups"]:
            writer.writerow([approach, row["group"], "/".join(row["tiers"]), *(row[field] for field in fields)])
    return out.getvalue()


def as_table(document: Row, colour: bool) -> str:
    """The answer as text for a terminal of 80 columns."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    out = io.StringIO()
    console = Console(file=out, width=80, force_terminal=colour, no_color=not colour, highlight=False)
    console.print(Text(headline(document), style="bold"))
    for title, header, rows in _sections(document):
        console.print()
        table = Table(title=title, title_justify="left", box=None, pad_edge=False)
        for position, name in enumerate(header):
            table.add_column(name, justify="left" if position == 0 else "right")
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        console.print(table)
    console.print()
    for warning in document["warnings"]:
        console.print(Text(f"- {warning}"))
    as_of = document["parameters"]["as_of"]
    console.print(Text(f"As of {as_of}, environment {document['parameters']['environment']}."))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def differences(rows: list[tuple[str, Any, Any]], base: str, other: str, output: str) -> str:
    """The figures that differ between two environments as `table`, `json` or `csv`, one a row."""
    if output == "json":
        return json.dumps([{"figure": name, base: before, other: after} for name, before, after in rows], indent=2)
    if output == "csv":
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows([("figure", base, other), *rows])
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
