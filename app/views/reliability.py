"""Is the booking system reliable: checks, tiers, weeks, rejected rows."""

from __future__ import annotations

import streamlit as st

from app import published
from app.content import show_sections
from app.sentences import page, verbatim
from presentation.renderers.csv import csv_text
from presentation.sections.booking_details import booking_details
from presentation.sections.reliability import reliability, reliability_in_time
from settings import Settings, load_settings

SHOWN_REJECTS = 1000


@page
def show() -> None:
    show_sections("Reliability", reliability, reliability_in_time, booking_details)
    _rejects(load_settings())


def _rejects(settings: Settings) -> None:
    st.header("Rejected rows")
    rows = published.rejected_rows(settings)
    if rows.is_empty():
        st.markdown("No row of any load was rejected.")
        return
    counts = rows.group_by("reason").len().sort("len", "reason", descending=[True, False])
    reasons = [{"Reason": verbatim(reason), "Rows": f"{count:,}"} for reason, count in counts.iter_rows()]
    st.table(reasons, border="horizontal", hide_index=True)
    shown = rows.head(SHOWN_REJECTS)
    st.dataframe(
        shown,
        hide_index=True,
        column_config={
            "load_id": "Load",
            "file": "File",
            "position": "Row",
            "reason": "Reason",
            "raw_text": st.column_config.TextColumn("As it came", width="large"),
            "became": "What became of it",
            "became_in_load": "In load",
        },
    )
    if rows.height > shown.height:
        st.caption(f"The newest {shown.height:,} of {rows.height:,} rows; the download has all.")
    text = csv_text([rows.columns, *rows.iter_rows()])
    st.download_button("Download the rejected rows", text, "rejected_rows.csv", "text/csv", on_click="ignore")
