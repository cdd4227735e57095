"""The answer as text, in the format that was asked for; the libraries of the others are not loaded."""

from __future__ import annotations

import json

from presentation.document import Row, settings_of
from presentation.renderers import as_text
from presentation.sections import sections
from presentation.verdict import headline, question
from settings import Settings


def answer_text(document: Row, settings: Settings, output: str, full: bool, colour: bool) -> str:
    """The answer as `table`, `json`, `csv` or `markdown`.

    Args:
        full: CSV has every table, and not only the rebooking figures; the document is to be a full one.
        colour: of a table.
    """
    if output == "json":
        return json.dumps({"headline": headline(document)} | document, indent=2) + "\n"
    content = sections(document, settings_of(document, settings))
    if output == "csv":
        from presentation.renderers.csv import as_csv, rebooking_csv

        return as_csv(document, content) if full else rebooking_csv(document)
    return as_text(question(document), content, output, colour)
