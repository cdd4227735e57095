"""The web application in a real browser: every page, every control, a run from its start to its end."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from app.views import explanations
from settings import PROJECT_ROOT
from tests.conftest import HOSTILE_MENTOR
from tests.test_answer import answer

HOST = "127.0.0.1"
PATIENCE_MILLISECONDS = 60_000
RUN_MILLISECONDS = 120_000
# Of a page below the first, Streamlit tries its own addresses there before it finds them at the top.
STREAMLIT_TRIES = re.compile(r"/[a-z_]+/_stcore/(health|host-config)$")
WITHOUT_CHART = {"robustness"}

expect.set_options(timeout=PATIENCE_MILLISECONDS)


@contextmanager
def server(command: list[str], path: str, log: Path, environment: dict[str, str]) -> Iterator[str]:
    """Runs a server, `{port}` in its command replaced by a free one; gives its address once `path` answers."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    address = f"http://{HOST}:{port}"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [part.replace("{port}", str(port)) for part in command],
            cwd=PROJECT_ROOT,
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            deadline = time.monotonic() + 60
            while not _answers(address + path):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.1)
            yield address
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return response.status == 200
    except OSError:
        return False


@pytest.fixture(scope="module")
def application(tmp_path_factory) -> Iterator[tuple[str, Path]]:
    """The application's address, and the warehouse it works on."""
    folder = tmp_path_factory.mktemp("served")
    warehouse = folder / "warehouse.duckdb"
    command = [sys.executable, "cli.py", "--warehouse", str(warehouse), "app", "--port", "{port}", "--no-browser"]
    # What a developer has set for runs of their own stays out.
    environment = {"MENTOR_DATA": "seeds/sample", "MENTOR_LOGS": str(folder / "logs")}
    with server(command, "/_stcore/health", folder / "server.log", environment) as address:
        yield address, warehouse


@pytest.fixture
def published(application, application_warehouse) -> Path:
    """The application's warehouse, with the sample data in it."""
    _, warehouse = application
    shutil.copytree(application_warehouse.parent / "logs", warehouse.parent / "logs", dirs_exist_ok=True)
    copy = shutil.copy(application_warehouse, warehouse.with_suffix(".copy"))
    return Path(copy).replace(warehouse)


@pytest.fixture
def open_page(application, browser: Browser) -> Iterator[Callable[[str], Page]]:
    """Opens a page of the application; afterwards nothing was asked elsewhere, and no error of ours was logged."""
    address, _ = application
    context = browser.new_context(viewport={"width": 1300, "height": 1400}, accept_downloads=True)
    context.set_default_timeout(PATIENCE_MILLISECONDS)
    elsewhere, errors = [], []

    def request_seen(request) -> None:
        if not request.url.startswith((f"{address}/", "data:", "blob:")):
            elsewhere.append(request.url)

    def message_seen(message) -> None:
        if message.type == "error" and not STREAMLIT_TRIES.search(message.location.get("url", "")):
            errors.append(message.text)

    context.on("request", request_seen)
    context.on("console", message_seen)
    context.on("weberror", lambda error: errors.append(str(error.error)))
    context.on("dialog", lambda dialog: errors.append(f"dialog: {dialog.message}"))

    def open_(path: str) -> Page:
        page = context.new_page()
        page.goto(f"{address}/{path}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        return page

    yield open_
    context.close()
    assert elsewhere == []
    assert errors == []


def choose(page: Page, label: str, option: str) -> None:
    """Pick an option of a select box or a multiselect."""
    page.get_by_role("combobox", name=label).click()
    page.get_by_role("option", name=option, exact=True).click()
    page.keyboard.press("Escape")


def settled(page: Page) -> None:
    """Wait until the page has run; before that what is clicked may be replaced, and what is out of date is faint."""
    expect(page.locator("[data-test-script-state]")).to_have_attribute("data-test-script-state", "notRunning")
    expect(page.locator("[data-stale=true]")).to_have_count(0)


def download(page: Page, button: str) -> str:
    """The text of a file that a button of the page gives."""
    settled(page)
    with page.expect_download() as started:
        page.get_by_role("button", name=button).click()
    return started.value.path().read_text(encoding="utf-8")


def ended(command: str, how: str) -> re.Pattern:
    """The message of a job's end, and no element around it."""
    return re.compile(rf"^{command} \([^)]*\) {how}, after")


def check_accessibility(page: Page) -> None:
    """No serious or critical finding of axe-core."""
    settled(page)
    found = Axe().run(page).response["violations"]
    serious = {
        finding["id"]: [node["html"][:200] for node in finding["nodes"]]
        for finding in found
        if finding["impact"] in ("serious", "critical")
    }
    assert serious == {}


def test_rebooking(open_page, published):
    page = open_page("")
    expect(page.get_by_role("heading", level=1)).to_have_text("Rebooking")
    expect(page.get_by_test_id("stVegaLiteChart").locator("canvas, svg").first).to_be_visible()
    page.get_by_role("button", name=re.compile("Remove.*Bronze")).first.click()
    choose(page, "Group A", "Bronze")
    window = page.get_by_role("spinbutton", name="Window in days")
    window.fill("60")
    window.press("Enter")
    for option in ("bookings", "mature", "at_session"):
        page.get_by_test_id("stRadioOption").filter(has_text=option).click()
    expect(page).to_have_url(re.compile("tier_attribution=at_session"))
    for part in ("group_a=Gold", "group_a=Bronze", "group_b=Silver", "window_days=60", "approach=bookings"):
        expect(page).to_have_url(re.compile(part))
    expect(page).to_have_url(re.compile("maturity=mature"))
    asked = ["--group-a", "Gold,Bronze", "--group-b", "Silver", "--window-days", "60"]
    document = answer(published, *asked, "--tier-attribution", "at_session")
    group = document["rebooking"]["bookings"]["groups"][0]
    row = page.get_by_role("row", name=re.compile(r"^Gold.Bronze \d"))
    expect(row).to_contain_text(f"{group['mature_users']:,}")
    expect(row).to_contain_text(f"{group['mature_rate'] * 100:.1f} %")
    lines = download(page, "Download as CSV").splitlines()
    assert lines[0].startswith("approach,kind,name,users,rebooked,rate")
    assert any(line.startswith("bookings,group_a,Gold/Bronze,") for line in lines)
    page.get_by_text("Definitions").click()
    expect(page.get_by_text("Mature user:")).to_be_visible()
    check_accessibility(page)

    shared = open_page(page.url.split("/", 3)[3])
    expect(shared.get_by_role("row", name=re.compile(r"^Gold.Bronze \d"))).to_have_text(row.text_content())
    expect(shared.get_by_role("spinbutton", name="Window in days")).to_have_value("60")
    for option in ("bookings", "mature", "at_session"):
        expect(shared.get_by_role("radio", name=option, exact=True)).to_be_checked()
    shared.get_by_text("No limit").click()
    expect(shared.get_by_text("Without a limit no window is ever over")).to_be_visible()
    shared.get_by_test_id("stRadioOption").filter(has_text="everyone").click()
    expect(shared.get_by_text("at any later time").first).to_be_visible()


def test_an_empty_group_and_a_wrong_address_are_told_in_a_sentence(open_page, published):
    page = open_page("?window_days=soon")
    expect(page.get_by_text("The address asks for window_days = soon")).to_be_visible()
    page.get_by_role("button", name=re.compile("Remove.*Gold")).first.click()
    expect(page.get_by_text("Group A is empty: choose at least one tier for it")).to_be_visible()


def test_reliability(open_page, published):
    overall = answer(published)["reliability"]["overall"]
    page = open_page("reliability")
    expect(page.get_by_role("row", name=re.compile("^all")).first).to_contain_text(f"{overall['bookings']:,}")
    expect(page.get_by_role("row", name=re.compile("^cancellations"))).to_contain_text(re.compile("pass|fail"))
    expect(page.locator("[role=gridcell]", has_text=HOSTILE_MENTOR)).to_be_attached()
    assert HOSTILE_MENTOR in download(page, "Download the rejected rows")
    check_accessibility(page)


@pytest.mark.parametrize("name", explanations.CONTENT)
def test_what_else_could_explain_the_answer(open_page, published, name):
    title, _ = explanations.CONTENT[name]
    page = open_page(name)
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    expect(page.get_by_role("table").first).to_be_visible()
    charts = page.get_by_test_id("stVegaLiteChart")
    if name in WITHOUT_CHART:
        settled(page)
        expect(charts).to_have_count(0)
    else:
        expect(charts.locator("canvas, svg").first).to_be_visible()
    header = download(page, "Download as CSV").splitlines()[0]
    assert header == "environment,as_of,section,table,row,column,value"
    check_accessibility(page)
    moment = page.get_by_role("textbox", name="As of")
    moment.fill("2024-05-01")
    moment.press("Enter")
    expect(page.get_by_text("As of 2024-05-01T00:00:00Z")).to_be_visible()
    expect(page).to_have_url(re.compile(f"/{name}[?]as_of=2024-05-01"))
    expect(open_page(page.url.split("/", 3)[3]).get_by_text("As of 2024-05-01T00:00:00Z")).to_be_visible()


def test_history(open_page, published):
    page = open_page("history")
    choose(page, "Commands", "refresh")
    choose(page, "Outcomes", "done")
    expect(page.get_by_role("heading", name="Files")).to_be_visible()
    check_accessibility(page)


def test_without_a_warehouse_a_page_says_what_to_do(open_page, application):
    application[1].unlink(missing_ok=True)
    for path in ("", "reliability"):
        expect(open_page(path).get_by_text("python cli.py refresh")).to_be_visible()


def test_pipeline_from_nothing_to_an_answer_and_back(open_page, application, tmp_path):
    _, warehouse = application
    warehouse.unlink(missing_ok=True)
    page = open_page("pipeline")
    expect(page.get_by_text(f"There is no warehouse at {warehouse} yet")).to_be_visible()
    page.get_by_role("button", name="Refresh").click()
    expect(page.get_by_text("is running for")).to_be_visible()
    page.get_by_role("button", name="Transform").click()
    expect(page.get_by_text(re.compile("Not started: refresh is running since"))).to_be_visible()
    expect(page.get_by_text(re.compile(r"evaluating marts\.")).first).to_be_visible(timeout=RUN_MILLISECONDS)
    # The application stays usable while it runs, and every visitor sees the same run.
    page.get_by_role("link", name="Reliability").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Reliability")
    page.get_by_role("link", name="Pipeline").click()
    expect(page.get_by_text(ended("refresh", "is done"))).to_be_visible(timeout=RUN_MILLISECONDS)
    expect(page.get_by_text(f"{warehouse}, written")).to_be_visible()
    expect(page.get_by_test_id("stCode")).to_contain_text("prod is up to date")
    check_accessibility(page)
    page.get_by_role("link", name="Rebooking", exact=True).click()
    users = answer(warehouse)["rebooking"]["sessions"]["tiers"][0]["users"]
    expect(page.get_by_role("row", name=re.compile(r"^Gold \d"))).to_contain_text(str(users))

    page.get_by_role("link", name="Pipeline").click()
    data = page.get_by_role("textbox", name="Data folder")
    data.fill(str(tmp_path / "missing"))
    data.press("Enter")
    for command in ("Ingest", "Refresh"):
        page.get_by_role("button", name=command).click()
        message = page.get_by_text(ended(command.lower(), "failed"))
        expect(message).to_contain_text("missing does not exist", timeout=RUN_MILLISECONDS)
    assert answer(warehouse)["rebooking"]["sessions"]["tiers"][0]["users"] == users
    page.get_by_role("textbox", name="Environment").fill("prod")
    page.get_by_role("button", name="Transform").click()
    expect(page.get_by_text(ended("transform", "is done"))).to_be_visible(timeout=RUN_MILLISECONDS)

    page.get_by_text("Reset", exact=True).click()
    word = page.get_by_role("textbox", name="Type reset to do it")
    word.fill("rest")
    page.get_by_role("button", name="Delete the warehouse").click()
    expect(page.get_by_text("Nothing was deleted")).to_be_visible()
    assert warehouse.exists()
    word.fill("reset")
    page.get_by_role("button", name="Delete the warehouse").click()
    expect(page.get_by_text(ended("reset", "is done"))).to_be_visible(timeout=RUN_MILLISECONDS)
    assert not warehouse.exists()


def test_sqlmesh_shows_a_model_and_the_lineage_of_its_columns(browser, application_warehouse, tmp_path):
    sqlmesh = str(Path(sys.executable).with_name("sqlmesh"))
    command = [sqlmesh, "ui", "--mode", "docs", "--host", HOST, "--port", "{port}"]
    environment = {"MENTOR_WAREHOUSE": str(application_warehouse)}
    context = browser.new_context(viewport={"width": 1500, "height": 1100})
    context.set_default_timeout(PATIENCE_MILLISECONDS)
    try:
        with server(command, "/api/meta", tmp_path / "server.log", environment) as address:
            # SQLMesh's page asks a server for icons; without it the page works all the same.
            context.route(re.compile(rf"^(?!{re.escape(address)})"), lambda route: route.abort())
            page = context.new_page()
            page.goto(f"{address}/data-catalog/models/marts.fct_bookings")
            for described in ("One row per booking", "UTC time of the request"):
                expect(page.get_by_text(described).locator("visible=true").first).to_be_visible()
            lineage = page.locator(".react-flow")
            for table in ("staging.stg_events", "marts.fct_bookings", "reports.rpt_reliability_by_week"):
                expect(lineage.get_by_text(table, exact=True).first).to_be_visible()
            edges = lineage.locator(".react-flow__edge")
            before = edges.count()
            with page.expect_response(re.compile("/api/lineage/.*fct_bookings.*/requested_at")) as response:
                lineage.get_by_text("requested_at", exact=True).first.click()
            assert '"occurred_at"' in response.value.text()
            expect(edges).not_to_have_count(before)
            # No lock: others may write meanwhile.
            duckdb.connect(str(application_warehouse)).close()
    finally:
        context.close()
