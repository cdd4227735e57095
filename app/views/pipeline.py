"""Running the pipeline: refresh, ingest, transform, reset; what runs, and how it ended."""

from __future__ import annotations

import re

import streamlit as st

from app.jobs import Job, jobs
from app.sentences import page, verbatim
from engines import engine_of
from errors import MentorAnalyticsError
from settings import Settings, load_settings

RESET_WORD = "reset"
COMMANDS = {
    "refresh": "Load what is new, bring every model up to date, audit, publish.",
    "ingest": "Load what is new, and no more.",
    "transform": "Bring every model up to date and audit it, with what was loaded.",
}


@page
def show() -> None:
    st.title("Pipeline")
    settings = load_settings()
    _published(settings)
    folder, environment = st.columns(2)
    data = folder.text_input("Data folder, with the three source files", str(settings.data))
    env = environment.text_input("Environment", "prod")
    options = {
        "refresh": ["--data", data.strip(), "--env", env.strip()],
        "ingest": ["--data", data.strip()],
        "transform": ["--env", env.strip()],
    }
    for column, (command, help_text) in zip(st.columns(len(COMMANDS)), COMMANDS.items(), strict=True):
        kind = "primary" if command == "refresh" else "secondary"
        if column.button(command.capitalize(), type=kind, width="stretch"):
            if "" in options[command]:
                st.warning("Fill in the data folder and the environment first.")
            else:
                _start(command, *options[command])
        column.caption(help_text)
    _reset(settings)
    job = jobs().latest
    if job:
        follows = job.is_running
        st.fragment(_follow, run_every=1.0 if follows else None)(job, follows)


def _published(settings: Settings) -> None:
    engine = engine_of(settings)
    published = engine.version(settings)
    if published is None:
        st.info(verbatim(f"There is no warehouse at {engine.place(settings)} yet; the first refresh makes it."))
    else:
        st.markdown(verbatim(f"{engine.place(settings)}, written {published.written:%Y-%m-%d %H:%M:%S} UTC."))


def _start(*command: str) -> None:
    try:
        jobs().start(*command)
    except MentorAnalyticsError as error:
        st.warning(verbatim(f"Not started: {error}."))


def _reset(settings: Settings) -> None:
    with st.expander("Reset"), st.form("reset", clear_on_submit=True, border=False):
        st.markdown(
            verbatim(
                f"This deletes {engine_of(settings).place(settings)} with all its history; "
                "what no file repeats any more is lost. Nothing brings it back."
            )
        )
        word = st.text_input(f"Type {RESET_WORD} to do it")
        if st.form_submit_button("Delete the warehouse"):
            if word.strip() == RESET_WORD:
                _start("reset", "--yes")
            else:
                st.warning(f"Nothing was deleted: type the word {RESET_WORD} first.")


def _follow(job: Job, follows: bool) -> None:
    """The state of a job; with `follows` it is drawn again every second, and the end of the job redraws the page."""
    is_running = job.is_running
    if follows and not is_running:
        st.rerun()
    log = job.log()
    title = verbatim(f"{job.name} ({' '.join(job.command[1:])})")
    if is_running:
        steps = re.findall(r"^\[ *[\d.]+ s\] (.+)$", log, re.MULTILINE)
        step = f": {verbatim(steps[-1])}" if steps else ""
        st.info(f"{title} is running for {job.seconds:.0f} s{step}", icon=":material/hourglass_top:")
    elif job.succeeded:
        st.success(f"{title} is done, after {job.seconds:.0f} s", icon=":material/check:")
    else:
        errors = [line.removeprefix("error: ") for line in log.splitlines() if line.startswith("error: ")]
        reason = verbatim(errors[-1]) if errors else "see below"
        st.error(f"{title} failed, after {job.seconds:.0f} s: {reason}", icon=":material/error:")
    st.code(log or " ", language=None, wrap_lines=True)
    st.caption(f"Started {job.started_at:%Y-%m-%d %H:%M:%S} UTC. It goes on when this page is closed.")
