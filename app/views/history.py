"""What ran when, with which rows and which outcome."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import streamlit as st

from app.sentences import page, verbatim
from errors import SettingsError
from pipeline.run_log import read_runs
from settings import COMMAND, load_settings

Record = dict[str, Any]

SHOWN_RUNS = 500

ROWS = {
    "rows_read": "Read",
    "rows_loaded": "Loaded",
    "rows_known": "Known",
    "rows_duplicate": "Duplicates",
    "rows_rejected": "Rejected",
}


@page
def show() -> None:
    st.title("History")
    logs = load_settings().logs
    try:
        runs, damaged = read_runs(logs, SHOWN_RUNS)
    except OSError as error:
        raise SettingsError(f"the run log {logs} cannot be read: {error.strerror or error}") from None
    if damaged:
        st.warning(f"Lines of the run log that cannot be read: {damaged:,}.")
    if not runs:
        st.info(f"Nothing ran yet. Refresh on the page Pipeline, or run: {COMMAND} refresh")
        return
    commands, outcomes = st.columns(2)
    wanted = {
        "command": commands.multiselect("Commands", _values(runs, "command"), placeholder="All"),
        "outcome": outcomes.multiselect("Outcomes", _values(runs, "outcome"), placeholder="All"),
    }
    shown = [run for run in runs if all(not values or run[field] in values for field, values in wanted.items())]
    if not shown:
        st.info("No run is of these commands and outcomes.")
        return
    st.dataframe([_row(run) for run in shown], hide_index=True, placeholder="–")
    if len(runs) == SHOWN_RUNS:
        st.caption(f"The latest {SHOWN_RUNS:,} runs; the run log has them all.")
    run = st.selectbox("Run in detail", shown, format_func=_title, key="run")
    _detail(run)


def _values(runs: list[Record], field: str) -> list[str]:
    return sorted({run[field] for run in runs})


def _moment(run: Record) -> str:
    return f"{datetime.fromisoformat(run['started_at']):%Y-%m-%d %H:%M:%S}"


def _title(run: Record) -> str:
    return f"{_moment(run)} {run['command']}: {run['outcome']}"


def _row(run: Record) -> Record:
    rows = {label: _sum(run, name) for name, label in ROWS.items()}
    seconds = run.get("duration_seconds")
    return {
        "Started (UTC)": _moment(run),
        "Command": run["command"],
        "Environment": run.get("environment"),
        "Outcome": run["outcome"],
        "Seconds": None if seconds is None else round(seconds, 1),
        **rows,
        "Error": run.get("error"),
    }


def _sum(run: Record, name: str) -> int | None:
    counts = [file[name] for file in run.get("files") or [] if file.get(name) is not None]
    return sum(counts) if counts else None


def _detail(run: Record) -> None:
    seconds = run.get("duration_seconds")
    facts = {
        "Outcome": run["outcome"],
        "Took": None if seconds is None else f"{seconds:.1f} s",
        "Environment": run.get("environment"),
        "Data folder": run.get("data"),
        "Version": run.get("version"),
        "Host, process": f"{run['host']}, {run['process']}" if "host" in run else None,
    }
    st.markdown("  \n".join(f"{name}: {verbatim(value)}" for name, value in facts.items() if value))
    if run.get("error"):
        st.error(verbatim(run["error"]))
    for warning in run.get("warnings") or []:
        st.warning(verbatim(warning))
    _list("Files", [file | {"notes": "; ".join(file.get("notes") or [])} for file in run.get("files") or []])
    _list("Failed audits", run.get("failed_audits") or [])
    _list("Models", run.get("models") or [])
    if run.get("settings"):
        with st.expander("Settings"):
            st.json(run["settings"])


def _list(title: str, rows: list[Record]) -> None:
    if rows:
        st.header(title)
        st.dataframe(rows, hide_index=True, placeholder="–")
