"""The report as Markdown."""

from __future__ import annotations

import re
from collections.abc import Mapping

from reporting.content import Figure, Points, Section, Table, Terms, written


def as_markdown(title: str, sections: list[Section], charts: Mapping[str, str]) -> str:
    """The whole report as Markdown; `charts` has the address of each picture, or nothing."""
    lines = [f"# {_escaped(title)}", ""]
    for section in sections:
        lines += [f"## {_escaped(section.title)}", ""]
        for block in section.blocks:
            lines += [*_block(block, charts), ""]
    return "\n".join(lines)


def _block(block: str | Table | Figure | Terms | Points, charts: Mapping[str, str]) -> list[str]:
    match block:
        case Table():
            return [f"**{_escaped(block.caption)}**", "", *_table(block)]
        case Figure():
            picture = [f"![{_escaped(block.title)}](<{charts[block.name]}>)", ""] if block.name in charts else []
            return [*picture, f"*{_escaped(block.title)}.* {_escaped(block.description)}"]
        case Terms():
            return [f"- **{_escaped(term)}**: {_escaped(meaning)}" for term, meaning in block.terms]
        case Points():
            return [f"- {_escaped(sentence)}" for sentence in block.sentences]
    return [_escaped(block)]


def _table(table: Table) -> list[str]:
    def row(cells: list[str]) -> str:
        return f"| {' | '.join(cells)} |"

    kinds = [column.kind for column in table.columns]
    return [
        row([_escaped(column.title) for column in table.columns]),
        row(["---" if kind == "text" else "---:" for kind in kinds]),
        *(
            row([_escaped(written(kind, value)) for kind, value in zip(kinds, values, strict=True)])
            for values in table.rows
        ),
    ]


def _escaped(text: str) -> str:
    """Text that Markdown and the HTML within it leave as it is."""
    return re.sub(r"([\\`*_{}\[\]<>#|~&!])", r"\\\1", " ".join(text.split()))
