"""Writes docs/dictionary.md, every table and column of the project: python -m docs.generate.dictionary"""

from __future__ import annotations

import re
from pathlib import Path

from docs.generate.lineage import mermaid
from docs.generate.tables import Column, Table, project_context, tables
from errors import writing
from settings import PROJECT_ROOT

DICTIONARY = PROJECT_ROOT / "docs" / "dictionary.md"

_HEAD = """# Dictionary

Every table of the project, layer by layer, and what its columns mean. `python -m docs.generate.dictionary` writes this
page from the models; after changing one, run it again. Times are UTC, rates are fractions.
*Worked out from* names the columns of other tables that a column's value comes from; what only filters, joins or counts
rows is not among them. The graph shows which table is made from which.
"""


def dictionary_page(found: list[Table]) -> str:
    """The page as Markdown."""
    layers = list(dict.fromkeys(table.layer for table in found))
    lines = [_HEAD]
    for layer in layers:
        names = ", ".join(_link(table.name) for table in found if table.layer == layer)
        lines.append(f"- **{layer}**: {names}")
    lines += ["", "```mermaid", mermaid(found).rstrip(), "```"]
    for layer in layers:
        lines += ["", f"## {layer}"]
        for table in found:
            if table.layer == layer:
                lines += ["", *_section(table)]
    return "\n".join(lines) + "\n"


def _section(table: Table) -> list[str]:
    facts = [table.kind]
    if table.grain:
        facts.append(f"one row per {code(table.grain)}")
    if table.parents:
        facts.append(f"reads {', '.join(map(_link, table.parents))}")
    sentence = "; ".join(facts)
    lines = [f"### {table.name}", "", table.description, "", f"{sentence[0].upper()}{sentence[1:]}.", ""]
    header = ["column", "type", "what it means", *(["worked out from"] if table.parents else [])]
    lines += [row(header), row(["---"] * len(header))]
    lines += [row(_cells(column)[: len(header)]) for column in table.columns]
    if table.audits:
        lines += ["", "Audits:", "", *(f"- {code(audit)}" for audit in table.audits)]
    return lines


def _cells(column: Column) -> list[str]:
    sources = ", ".join(map(code, column.sources)) or "–"
    return [code(column.name), code(column.type), column.description, sources]


def row(cells: list[str]) -> str:
    """A row of a Markdown table."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def code(text: str) -> str:
    """Text as Markdown shows code."""
    return f"`{text}`"


def _link(name: str) -> str:
    return f"[{name}](#{re.sub(r'[^a-z0-9_-]', '', name.lower())})"


def write_lineage(file: Path) -> None:
    """Write the graph as Mermaid; where the file is no `.mmd` file, as part of the page.

    Raises:
        ReportError: the file cannot be written.
    """
    with project_context() as context:
        text = (mermaid if file.suffix.lower() == ".mmd" else dictionary_page)(tables(context))
    with writing(file):
        file.write_text(text, encoding="utf-8")


def main() -> None:
    """Write the page."""
    with project_context() as context:
        DICTIONARY.write_text(dictionary_page(tables(context)), encoding="utf-8")


if __name__ == "__main__":
    main()
