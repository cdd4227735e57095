"""What `diff` prints: the answers of two environments in a sentence each, then the figures that differ."""

from __future__ import annotations

import json
import textwrap
from typing import Any

from presentation.content import printable
from presentation.renderers.csv import csv_text
from presentation.renderers.terminal import WIDTH
from presentation.verdict import headline
from warehouse.differences import Differences


def difference_text(found: Differences, output: str) -> str:
    """What an environment changes as `table`, `json` or `csv`: both headlines, then the figures that differ."""
    base, other = (answer["parameters"]["environment"] for answer in found.answers)
    before, after = (headline({**answer}) for answer in found.answers)
    if output == "json":
        document = {
            "base": {"environment": base, "headline": before},
            "other": {"environment": other, "headline": after},
            "is_headline_same": before == after,
            "figures": [{"figure": name, "base": old, "other": new} for name, old, new in found.figures],
        }
        return json.dumps(document, indent=2)
    if output == "csv":
        return csv_text([("figure", base, other), ("headline", before, after), *found.figures]).rstrip("\n")
    if before == after:
        sentences = [f"The answer stays the same: {before}"]
    else:
        sentences = [f"{base}: {before}", f"{other}: {after}"]
    lines = [line for sentence in sentences for line in (*textwrap.wrap(sentence, WIDTH), "")]
    return "\n".join([*lines, *_figures(found.figures, base, other)])


def _figures(rows: list[tuple[str, Any, Any]], base: str, other: str) -> list[str]:
    if not rows:
        return [f"{other} gives the same figures as {base}"]
    cells = [("figure", base, other), *(tuple(map(_plain, row)) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(3)]
    return [
        f"{name:<{widths[0]}}  {before:>{widths[1]}}  {after:>{widths[2]}}".rstrip() for name, before, after in cells
    ]


def _plain(value: Any) -> str:
    return "–" if value is None else f"{value:.4g}" if isinstance(value, float) else printable(str(value))
