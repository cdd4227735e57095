"""The content of every output, on a page: text and names of others are shown as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import streamlit as st

from app import published
from app.choice import chosen
from app.sentences import verbatim
from presentation.charts.catalogue import CHARTS
from presentation.content import Block, Figure, Points, Section, Table, Terms
from presentation.document import Row, settings_of
from presentation.renderers.csv import as_csv
from presentation.verdict import spoken_of
from settings import Settings, load_settings

ICONS = {
    "pass": ":material/check_circle:",
    "fail": ":material/cancel:",
    "warn": ":material/warning:",
    "not settled": ":material/help:",
}


def show_sections(title: str, *sections: Callable[[Row, Settings], Section]) -> None:
    """Some sections of the full answer of the environment and the moment chosen, with what they must not be taken for.

    Raises:
        SettingsError, WarehouseError: as `warehouse.answers.answer_from_warehouse`.
    """
    st.title(title)
    settings = load_settings()
    document = published.answer(settings, *chosen(settings), full=True)
    found = [section(document, settings_of(document, settings)) for section in sections]
    show_caveats(document)
    for section in found:
        if len(found) > 1:
            st.header(verbatim(section.title))
        show_blocks(section.blocks, document)
    name = f"{found[0].name}.csv"
    st.download_button("Download as CSV", as_csv(document, found), name, "text/csv", on_click="ignore")


def show_caveats(document: Row) -> None:
    """Of when and of which environment a page speaks, and the warnings of the answer."""
    st.caption(verbatim(spoken_of(document)))
    st.warning(_list(document["warnings"]))


def show_blocks(blocks: Iterable[Block], document: Row) -> None:
    """Blocks one below the other; `document` is what their figures are drawn from."""
    for block in blocks:
        match block:
            case Table():
                _table(block)
            case Figure():
                st.markdown(f"**{verbatim(block.title)}**")
                chart = CHARTS[block.name](document)
                st.altair_chart(chart, width="content", theme=None, alt=block.description)
            case Terms():
                st.markdown("\n".join(f"- **{verbatim(term)}:** {verbatim(meaning)}" for term, meaning in block.terms))
            case Points():
                st.markdown(_list(block.sentences))
            case str():
                st.markdown(verbatim(block))


def _list(sentences: list[str]) -> str:
    return "\n".join(f"- {verbatim(sentence)}" for sentence in sentences)


def _table(table: Table) -> None:
    st.markdown(f"**{verbatim(table.heading)}**")
    cells = {verbatim(column.title): [] for column in table.columns}
    for row in table.texts():
        for column, shown, text in zip(table.columns, cells.values(), row, strict=True):
            icon = f"{ICONS[text]} " if column.kind == "status" and text in ICONS else ""
            shown.append(icon + verbatim(text))
    st.table(cells, border="horizontal", hide_index=True, alt=table.heading)
