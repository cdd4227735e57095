"""Content as text for a terminal of 80 columns: no figures, and of tables what is essential."""

from __future__ import annotations

import io

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from presentation.content import TEXTS, Block, Points, Section, Table, Terms, printable

WIDTH = 80


def as_terminal(sections: list[Section], colour: bool) -> str:
    """The sections one below the other; the first is what the reader asked for, and needs no heading."""
    out = io.StringIO()
    console = Console(file=out, width=WIDTH, force_terminal=colour, no_color=not colour, highlight=False)
    headline = sections[0].blocks[0]
    for position, section in enumerate(sections):
        if position:
            console.print()
            console.print(_text(section.title, "bold"))
            console.print(_text("─" * len(section.title)))
        shown = [lines for block in section.blocks if (lines := _lines(block, is_headline=block is headline))]
        for number, lines in enumerate(shown):
            if number:
                console.print()
            console.print(*lines, sep="\n")
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def _lines(block: Block, is_headline: bool) -> list[Text | RichTable]:
    match block:
        case str():
            return [_text(block, "bold" if is_headline else "")]
        case Table() if block.is_essential:
            return [_text(block.heading, "italic"), _table(block)]
        case Terms():
            return [_text(f"{term}: {meaning}") for term, meaning in block.terms]
        case Points():
            return [_text(f"- {sentence}") for sentence in block.sentences]
    return []


def _table(table: Table) -> RichTable:
    essential = [place for place, column in enumerate(table.columns) if column.is_essential]
    drawn = RichTable(box=None, pad_edge=False)
    for place in essential:
        column = table.columns[place]
        drawn.add_column(_text(column.title), justify="left" if column.kind in TEXTS else "right", overflow="fold")
    for row in table.texts():
        drawn.add_row(*(_text(row[place]) for place in essential))
    return drawn


def _text(text: str, style: str = "") -> Text:
    return Text(printable(text), style=style)
