"""Content as Markdown."""

from __future__ import annotations

import re
from collections.abc import Mapping

from presentation.content import TEXTS, Block, Figure, KeyFigures, Points, Section, Table, Terms


def as_markdown(title: str, sections: list[Section], charts: Mapping[str, str] | None = None) -> str:
    """The sections below a title.

    Args:
        charts: the address of each picture; one that is not there is described. None: without figures.
    """
    lines = [f"# {_escaped(title)}", ""]
    for section in sections:
        lines += [f"## {_escaped(section.title)}", ""]
        for block in section.blocks:
            if charts is not None or not isinstance(block, Figure):
                lines += [*_block(block, charts or {}), ""]
    return "\n".join(lines)


def _block(block: Block, charts: Mapping[str, str]) -> list[str]:
    match block:
        case Table():
            return [f"**{_escaped(block.heading)}**", "", *_table(block)]
        case Figure():
            picture = [f"![{_escaped(block.title)}](<{charts[block.name]}>)", ""] if block.name in charts else []
            return [*picture, f"*{_escaped(block.title)}.* {_escaped(block.description)}"]
        case KeyFigures():
            escaped = [[_escaped(text) for text in figure] for figure in block.figures]
            return [f"- {name}: **{value}** ({below})" for name, value, below in escaped]
        case Terms():
            return [f"- **{_escaped(term)}**: {_escaped(meaning)}" for term, meaning in block.terms]
        case Points():
            return [f"- {_escaped(sentence)}" for sentence in block.sentences]
    return [_escaped(block)]


def _table(table: Table) -> list[str]:
    def row(cells: list[str]) -> str:
        return f"| {' | '.join(cells)} |"

    return [
        row([_escaped(column.title) for column in table.columns]),
        row(["---" if column.kind in TEXTS else "---:" for column in table.columns]),
        *(row([_escaped(cell) for cell in cells]) for cells in table.texts()),
    ]


def _escaped(text: str) -> str:
    """Text that Markdown and the HTML within it leave as it is."""
    return re.sub(r"([\\`*_{}\[\]<>#|~&!])", r"\\\1", " ".join(text.split()))
