"""Is the booking system reliable: totals, tiers, weeks, checks, rejected rows."""

from __future__ import annotations

import csv
import io
from typing import Any

import polars as pl
import streamlit as st

import presentation
from app import charts, published
from app.environment import chosen_environment
from app.sentences import page, verbatim
from settings import Settings, load_settings

Row = dict[str, Any]

RATES = {"cancellation_rate": "Cancellations", "no_show_rate": "No-shows", "orphan_rate": "Requests never answered"}
ICONS = {"pass": ":material/check_circle:", "fail": ":material/cancel:", "no data": ":material/remove:"}
SHOWN_REJECTS = 1000


@page
def show() -> None:
    st.title("Reliability")
    environment = chosen_environment(load_settings())
    settings = published.settings_as_built(load_settings(), environment)
    document = published.answer(settings, environment, full=True)
    part = document["reliability"]
    st.header(verbatim(presentation.reliability_sentence(document)))
    _totals(part["overall"])
    _checks(part["checks"])
    st.header("By tier")
    header = ["Tier", "Bookings", "Attended", "Cancelled", "Of which rescheduled", "No-show", "Never answered"]
    _table(header, [[verbatim(cell) for cell in row] for row in presentation.reliability_rows(document)])
    _weeks(document["reliability_in_time"], settings)
    _rejects(settings)
    st.caption(verbatim(presentation.spoken_of(document)))


def _table(header: list[str], rows: list[list[str]]) -> None:
    """A table whose cells are Markdown."""
    st.table([dict(zip(header, row, strict=True)) for row in rows], border="horizontal", hide_index=True)


def _totals(overall: Row) -> None:
    names = {
        "bookings": "Bookings",
        "attended": "Attended",
        "cancelled": "Cancelled",
        "no_show": "No-shows",
        "orphan": "Never answered",
    }
    for column, (name, label) in zip(st.columns(len(names)), names.items(), strict=True):
        column.metric(label, f"{overall[name]:,}", border=True)
    st.markdown(
        f"Sessions: {overall['sessions']:,}, of which {overall['estimated_ends']:,} without a recorded end. "
        f"Events of users whom the export does not know: {overall['unknown_user_events']:,}; "
        f"of mentors whom no sheet knew: {overall['unknown_mentor_events']:,}."
    )


def _checks(checks: list[Row]) -> None:
    st.header("Checks")
    rows = [
        [
            presentation.CHECK_NAMES[check["name"]].capitalize(),
            presentation.percent(check["value"]),
            presentation.percent(check["threshold"]),
            f"{ICONS[check['status']]} {check['status']}",
        ]
        for check in checks
    ]
    _table(["Check", "Rate", "Highest that passes", "Status"], rows)


def _weeks(in_time: Row, settings: Settings) -> None:
    st.header("By week")
    drawn = {chart["rate"]: chart for chart in in_time["control_charts"] if chart["points"]}
    if not drawn:
        st.info("There are no bookings to draw by week.")
        return
    name = st.segmented_control(
        "Rate", list(drawn), default=next(iter(drawn)), format_func=RATES.get, required=True, key="rate"
    )
    chart = drawn[name]
    st.altair_chart(charts.control_chart(chart, RATES[name], getattr(settings, f"max_{name}")), width="stretch")
    alerts = [point["week"] for point in chart["points"] if point["is_alert"]]
    st.markdown(
        verbatim(
            f"Outside the control limits: the week of {', '.join(alerts)}."
            if alerts
            else "Every week lies inside the control limits."
        )
        + " The band is what chance alone explains at that week's number of bookings; "
        "the dashed line is the highest rate that passes."
    )


def _rejects(settings: Settings) -> None:
    st.header("Rejected rows")
    rows = published.rejected_rows(settings)
    if rows.is_empty():
        st.markdown("No row of any load was rejected.")
        return
    counts = rows.group_by("reason").len().sort("len", "reason", descending=[True, False])
    _table(["Reason", "Rows"], [[verbatim(reason), f"{count:,}"] for reason, count in counts.iter_rows()])
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
        },
    )
    if rows.height > shown.height:
        st.caption(f"The newest {shown.height:,} of {rows.height:,} rows; the download has all.")
    st.download_button("Download the rejected rows", _csv(rows), "rejected_rows.csv", "text/csv", on_click="ignore")


def _csv(rows: pl.DataFrame) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(rows.columns)
    writer.writerows(map(presentation.spreadsheet_safe, rows.iter_rows()))
    return out.getvalue()
