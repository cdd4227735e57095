"""The pages of the web application, without a browser; tests/browser has them in one."""

from __future__ import annotations

import shutil
import socket
import sys
from pathlib import Path
from typing import get_args

import duckdb
import pytest
from click.testing import CliRunner
from streamlit import net_util
from streamlit.testing.v1 import AppTest
from streamlit.web.server import server_util

from analysis.answer.schema.reliability import CheckStatus
from app import launch
from app.content import ICONS
from app.jobs import Job, Jobs, jobs
from app.sentences import verbatim
from app.views import explanations, history
from app.views.rebooking import mature_only
from cli import cli
from errors import MentorAnalyticsError
from presentation.content import Figure, Points, Table
from presentation.document import settings_of
from presentation.sections.booking_details import booking_details
from presentation.sections.rebooking import comparison, rates
from presentation.sections.reliability import reliability, reliability_in_time
from settings import load_settings
from tests.conftest import HOSTILE_MENTOR
from tests.test_answer import answer, run

SENTENCES = ("error", "warning", "info", "markdown", "header", "caption")


def texts(at: AppTest) -> str:
    """All the text of a page, escapes of Markdown taken back."""
    found = [element.value for kind in SENTENCES for element in getattr(at, kind)]
    found += [str(cell) for table in at.table for cell in (*table.value.columns, *table.value.to_numpy().ravel())]
    return "\n".join(found).replace("\\", "")


@pytest.fixture(autouse=True)
def _streamlit_leaves_the_main_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streamlit puts the page in its place, and processes that are started later would import that."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.fixture
def open_page(monkeypatch: pytest.MonkeyPatch):
    """Opens a page on a warehouse, with parameters in its address."""

    def open_(name: str, warehouse: Path, **parameters: str | list[str]) -> AppTest:
        monkeypatch.setenv("MENTOR_WAREHOUSE", str(warehouse))
        monkeypatch.setenv("MENTOR_LOGS", str(warehouse.parent / "logs"))
        page = f"explanations.show({name!r})()" if name in explanations.CONTENT else f"{name}.show()"
        at = AppTest.from_string(f"from app.views import {page.split('.')[0]}\n{page}", default_timeout=60)
        for parameter, value in parameters.items():
            at.query_params[parameter] = value
        at.run()
        assert not at.exception
        return at

    return open_


def test_the_first_page_is_the_answer(application_warehouse, monkeypatch):
    monkeypatch.setenv("MENTOR_WAREHOUSE", str(application_warehouse))
    at = AppTest.from_file("../app/main.py", default_timeout=30).run()
    assert not at.exception
    assert [title.value for title in at.title] == ["Rebooking"]


def test_rebooking_says_what_the_answer_says(application_warehouse, open_page):
    document = answer(application_warehouse, "--group-a", "Gold,Silver", "--group-b", "Bronze", "--window-days", "60")
    a = document["rebooking"]["sessions"]["groups"][0]
    at = open_page("rebooking", application_warehouse)
    at.multiselect(key="group_a").set_value(["Gold", "Silver"])
    at.multiselect(key="group_b").set_value(["Bronze"])
    at.number_input(key="window_days").set_value(60)
    at.run()
    assert not at.exception
    shown = at.table[0].value.set_index("tier").loc["Gold\\/Silver"]
    assert (shown["users"], shown["rebooked"]) == (str(a["users"]), str(a["rebooked"]))
    for warning in document["warnings"]:
        assert warning in texts(at)


def test_the_address_holds_the_choice(application_warehouse, open_page):
    at = open_page("rebooking", application_warehouse, group_a=["Bronze"], approach="bookings", no_limit="true")
    assert at.multiselect(key="group_a").value == ["Bronze"]
    assert at.radio(key="approach").value == "bookings"
    assert at.number_input(key="window_days").disabled


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"window_days": "abc"}, "The address asks for window_days = abc, which is none of: 1 to 3650."),
        ({"window_days": "0"}, "window_days = 0"),
        ({"group_a": ["Platinum"]}, "group_a = Platinum, which is none of: Gold, Silver, Bronze"),
        ({"approach": HOSTILE_MENTOR}, f"approach = {HOSTILE_MENTOR}"),
        ({"group_a": ""}, "Group A is empty: choose at least one tier for it"),
        ({"group_b": ["Gold"]}, "group_a and group_b overlap in Gold"),
        ({"maturity": "mature", "no_limit": "true"}, "Without a limit no window is ever over, so no user is mature"),
        ({"env": "nowhere"}, "The environment nowhere is not in"),
    ],
)
def test_a_wrong_address_is_told_in_a_sentence(application_warehouse, open_page, parameters, sentence):
    assert sentence in texts(open_page("rebooking", application_warehouse, **parameters))


@pytest.mark.parametrize("name", ["rebooking", "reliability", *explanations.CONTENT])
def test_without_a_warehouse_a_page_says_what_to_run(open_page, warehouse, name):
    shown = texts(open_page(name, warehouse))
    assert f"There is no warehouse at {warehouse} yet" in shown
    assert "python cli.py refresh" in shown
    assert not warehouse.exists()


@pytest.mark.parametrize(
    "change",
    [
        "DROP VIEW marts.fct_sessions CASCADE; CREATE TABLE marts.fct_sessions (session_id VARCHAR)",
        "DROP VIEW marts.dim_mentors",
    ],
)
def test_a_warehouse_of_other_models_is_told_in_a_sentence(application_warehouse, open_page, tmp_path, change):
    older = shutil.copy(application_warehouse, tmp_path / application_warehouse.name)
    with duckdb.connect(str(older)) as connection:
        connection.execute(change)
    shown = texts(open_page("rebooking", older))
    assert "was built by other models than these" in shown
    assert "sqlmesh plan" in shown
    stderr = run(older, "answer", exit_code=1).stderr
    assert stderr.count("\n") == 1


def test_a_newly_published_state_is_shown(application_warehouse, open_page, tmp_path):
    published = tmp_path / application_warehouse.name
    shutil.copy(application_warehouse, published)
    before = texts(open_page("reliability", published))
    other = shutil.copy(application_warehouse, tmp_path / "other.duckdb")
    with duckdb.connect(str(other)) as connection:
        connection.execute("DELETE FROM raw.rejected_rows")
    Path(other).replace(published)
    assert "No row of any load was rejected" not in before
    assert "No row of any load was rejected" in texts(open_page("reliability", published))


def test_reliability_says_what_the_answer_says(application_warehouse, open_page):
    reliability = answer(application_warehouse)["reliability"]
    at = open_page("reliability", application_warehouse)
    checks, bookings = at.table[0].value, at.table[1].value.set_index("tier").loc["all"]
    for name in ("bookings", "attended", "cancelled"):
        assert bookings[name] == f"{reliability['overall'][name]:,}"
    statuses = [check["status"].replace("_", " ") for check in reliability["checks"]]
    assert [cell.replace("\\", "") for cell in checks["status"]] == [f"{ICONS[status]} {status}" for status in statuses]
    assert HOSTILE_MENTOR in at.dataframe[0].value["raw_text"][0]


@pytest.mark.parametrize("name", ["rebooking", "reliability", *explanations.CONTENT])
def test_a_page_of_figures_has_every_table_and_the_caveats_of_its_moment(application_warehouse, open_page, name):
    moment = "2024-05-01T00:00:00Z"
    document = answer(application_warehouse, "--as-of", moment)
    settings = settings_of(document, load_settings())
    if name == "rebooking":
        blocks = [*rates(document, settings, "sessions"), *comparison(document, settings)]
    else:
        shown = explanations.CONTENT.get(name, ("", (reliability, reliability_in_time, booking_details)))[1]
        blocks = [block for section in shown for block in section(document, settings).blocks]
    at = open_page(name, application_warehouse, as_of=moment)
    tables = [block for block in blocks if isinstance(block, Table)]
    # Below them Reliability has the rejected rows by reason.
    assert len(at.table) == len(tables) + (name == "reliability") > 0
    for table, own in zip(tables, at.table, strict=False):
        cells = [[str(cell).replace("\\", "").rpartition(": ")[2] for cell in row] for row in own.value.to_numpy()]
        assert cells == table.texts(), table.name
    figures = [block for block in blocks if isinstance(block, Figure)]
    assert [chart.proto.alt for chart in at.get("vega_lite_chart")] == [figure.description for figure in figures]
    said = texts(at)
    assert f"As of {moment}" in said
    sentences = [block for block in blocks if isinstance(block, str)]
    sentences += [sentence for block in blocks if isinstance(block, Points) for sentence in block.sentences]
    for sentence in [*document["warnings"], *sentences]:
        assert sentence in said
    at.text_input(key="as_of").set_value("").run()
    assert f"As of {answer(application_warehouse)['parameters']['as_of']}" in texts(at)


@pytest.mark.parametrize("name", ["rebooking", "reliability", *explanations.CONTENT])
def test_a_page_says_where_the_environment_was_built_with_other_settings(
    application_warehouse, open_page, monkeypatch, name
):
    """Reliability asked with the settings as built, and so nothing seemed to differ."""
    monkeypatch.setenv("MENTOR_ORPHAN_GRACE_DAYS", "9")
    monkeypatch.setenv("MENTOR_REBOOKING_WINDOW_DAYS", "31")
    said = texts(open_page(name, application_warehouse))
    assert "prod was built with orphan_grace_days = 1, here it is 9" in said
    assert "prod was built with rebooking_window_days = 30, here it is 31" in said


@pytest.mark.parametrize("name", ["reliability", "cohorts"])
def test_a_moment_that_is_none_is_told_in_a_sentence(application_warehouse, open_page, name):
    assert "As-of 'soon' is not an ISO-8601 time" in texts(open_page(name, application_warehouse, as_of="soon"))


def test_of_mature_users_the_comparison_is_worked_out_anew(application_warehouse):
    document = answer(application_warehouse)
    mature = mature_only(document, 0.95)["rebooking"]["sessions"]
    for row, whole in zip(mature["groups"], document["rebooking"]["sessions"]["groups"], strict=True):
        assert (row["users"], row["rebooked"]) == (whole["mature_users"], whole["mature_rebooked"])
        assert row["ci_low"] < row["rate"] == whole["mature_rate"] < row["ci_high"]
        assert row["may_yet_rebook"] == 0 < whole["may_yet_rebook"]
    a, b = mature["groups"]
    assert mature["comparison"]["difference"] == pytest.approx(a["rate"] - b["rate"])


def finished(job: Job) -> Job:
    job.wait(timeout=60)
    return job


def test_one_job_at_a_time_and_its_end_is_known(monkeypatch, warehouse):
    monkeypatch.setenv("MENTOR_WAREHOUSE", str(warehouse))
    started = Jobs()
    job = started.start("transform", "--env", "prod")
    assert job.is_running
    with pytest.raises(MentorAnalyticsError, match=r"transform is running since .* start refresh when it is done"):
        started.start("refresh")
    finished(job)
    assert (job.is_running, job.succeeded) == (False, False)
    assert f"there is no warehouse at {warehouse} yet" in job.log()
    assert "Traceback" not in job.log()
    assert started.start("reset") is started.latest
    finished(started.latest)


def test_pipeline_shows_a_failure_and_needs_the_word_for_a_reset(open_page, warehouse, tmp_path):
    jobs.clear()
    warehouse.touch()
    at = open_page("pipeline", warehouse)
    at.text_input[2].set_value("yes")
    at.button[3].click().run()
    assert "Nothing was deleted: type the word reset first." in texts(at)
    at.text_input[0].set_value(" ")
    at.button[0].click().run()
    assert "Fill in the data folder" in texts(at)
    assert jobs().latest is None
    at.text_input[0].set_value(str(tmp_path / HOSTILE_MENTOR))
    at.button[0].click().run()
    finished(jobs().latest)
    at.run()
    assert f"the data folder {tmp_path / HOSTILE_MENTOR} does not exist" in texts(at)
    assert warehouse.exists()
    jobs.clear()


def test_every_state_of_a_check_has_an_icon_of_its_own():
    states = {state.replace("_", " ") for state in get_args(CheckStatus)}
    assert set(ICONS) == states - {"no data"}
    assert len(set(ICONS.values())) == len(ICONS)


def test_text_of_others_is_shown_as_it_is():
    assert verbatim("a_b *c* <b> [d](e) $f$ :g:") == r"a\_b \*c\* \<b\> \[d\]\(e\) \$f\$ \:g\:"


def test_progress_can_be_a_line_a_step(warehouse, data_folder):
    result = run(warehouse, "--progress", "plain", "ingest", "--data", str(data_folder()))
    assert "s] loading users_db_export.csv\n" in result.stderr
    assert "s] publishing\n" in result.stderr


def test_a_taken_port_is_told_in_one_line():
    with socket.socket() as taken:
        taken.bind((launch.HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = CliRunner().invoke(cli, ["app", "--port", str(port), "--no-browser"])
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert f"port {port} cannot be used" in result.stderr


def test_without_streamlit_one_line_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(launch.importlib.util, "find_spec", lambda name: None)
    result = CliRunner().invoke(cli, ["app", "--no-browser"])
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "pip install -r requirements-app.lock" in result.stderr


def test_a_page_of_another_origin_makes_nobody_ask_the_internet(monkeypatch):
    asked = []
    monkeypatch.setattr(net_util, "_make_blocking_http_get", lambda *arguments, **_: asked.append(arguments))
    monkeypatch.setattr(net_util, "get_external_ip", net_util.get_external_ip)
    launch.stay_offline()
    assert not server_util.is_url_from_allowed_origins("http://elsewhere.example")
    assert asked == []


RUNS = [
    {
        "run_id": "2",
        "command": "refresh",
        "outcome": "failed",
        "environment": "prod",
        "started_at": "2026-01-02T03:04:05.000+00:00",
        "duration_seconds": 1.25,
        "error": f"a mentor called {HOSTILE_MENTOR}",
        "warnings": [],
        "files": [{"file": "users_db_export.csv", "checksum": "0"}],
        "models": [{"model": "marts.dim_users", "seconds": 0.5, "rows": 3, "audits_passed": 4, "audits_failed": 1}],
        "failed_audits": [{"audit": "assert_tiers_known", "model": "marts.dim_mentors", "rows": 1}],
        "settings": {"gateway": "duckdb"},
    },
    # A run that was killed has but the line of its start.
    {"run_id": "1", "command": "ingest", "outcome": "killed", "started_at": "2026-01-01T03:04:05.000+00:00"},
]


def test_history_filters_the_runs_and_shows_one_in_detail(open_page, warehouse, monkeypatch):
    monkeypatch.setattr(history, "read_runs", lambda logs, limit: (RUNS, 1))
    at = open_page("history", warehouse)
    assert list(at.dataframe[0].value["Outcome"]) == ["failed", "killed"]
    assert "Lines of the run log that cannot be read: 1." in texts(at)
    assert f"a mentor called {HOSTILE_MENTOR}" in texts(at)
    assert [dataframe.value.iloc[0, 0] for dataframe in at.dataframe[1:]] == [
        "users_db_export.csv",
        "assert_tiers_known",
        "marts.dim_users",
    ]
    at.multiselect[1].set_value(["killed"]).run()
    assert list(at.dataframe[0].value["Command"]) == ["ingest"]
    at.multiselect[0].set_value(["refresh"]).run()
    assert "No run is of these commands and outcomes." in texts(at)
    assert not at.exception


def test_history_of_a_refresh(open_page, application_warehouse):
    at = open_page("history", application_warehouse)
    assert at.dataframe[0].value["Rejected"][0] == 1


def test_before_anything_ran_history_says_what_to_run(open_page, warehouse):
    assert "python cli.py refresh" in texts(open_page("history", warehouse))


def test_the_headline_is_that_of_the_answer(application_warehouse, open_page):
    sentence = run(application_warehouse, "answer").stdout.split("\n\n")[0].replace("\n", " ")
    rebooking = open_page("rebooking", application_warehouse).header[0].value.replace("\\", "")
    assert sentence.startswith(rebooking)
    assert sentence.endswith(open_page("reliability", application_warehouse).markdown[0].value.replace("\\", ""))
