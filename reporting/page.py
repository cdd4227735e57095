"""The report as one HTML page without scripts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import jinja2
from markupsafe import Markup

from reporting.content import NO_VALUE, Column, Interval, Section, written
from reporting.palette import scheme_styles

TEMPLATES = Path(__file__).parent / "templates"


def as_html(
    title: str, sections: list[Section], key_figures: list[tuple[str, str, str]], charts: Mapping[str, str]
) -> str:
    """The whole report as a page; `charts` has the SVG of each picture. All text is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"cell": cell, "kind_of": lambda block: type(block).__name__}
    return environment.get_template("report.html.jinja").render(
        title=title,
        sections=sections,
        key_figures=key_figures,
        # Drawn from the data by a library that escapes them, and serialised again as XML.
        charts={name: Markup(drawn) for name, drawn in charts.items()},
        styles=Markup(scheme_styles() + (TEMPLATES / "report.css").read_text(encoding="utf-8")),
    )


def cell(column: Column, value) -> Markup | str:
    """The content of a table cell: text as it is, a figure rounded, with its exact value beside it for programs."""
    shown = written(column.kind, value)
    if column.kind == "text" or shown == NO_VALUE:
        return shown
    exact = f"{_exact(value.low)} {_exact(value.high)}" if isinstance(value, Interval) else _exact(value)
    return Markup('<data value="{}">{}</data>').format(exact, shown)


def _exact(value: float | None) -> str:
    return "" if value is None else repr(value)
