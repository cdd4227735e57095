"""Content as one HTML page without scripts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from presentation.charts.palette import scheme_styles
from presentation.content import NO_VALUE, TEXTS, Column, Section, exact, written

TEMPLATES = Path(__file__).parent / "templates"


def as_html(title: str, sections: list[Section], charts: Mapping[str, str]) -> str:
    """The sections as a page, which the first one begins with the contents; `charts` has the SVG of each picture."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"cell": cell, "texts": TEXTS, "kind_of": lambda block: type(block).__name__}
    return environment.get_template("report.html.jinja").render(
        title=title,
        sections=sections,
        # Drawn from the data by a library that escapes them, and serialised again as XML.
        charts={name: Markup(drawn) for name, drawn in charts.items()},
        styles=Markup(scheme_styles() + (TEMPLATES / "report.css").read_text(encoding="utf-8")),
    )


def cell(column: Column, value: Any) -> Markup | str:
    """The content of a table cell: text as it is, a figure rounded, with its exact value beside it for programs."""
    shown = written(column.kind, value)
    if isinstance(value, str) or shown == NO_VALUE:
        return shown
    numbers = " ".join("" if number is None else repr(number) for number in exact(value).values())
    return Markup('<data value="{}">{}</data>').format(numbers, shown)
