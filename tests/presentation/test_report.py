"""The report: what it says, that it is written as a whole or not at all, and that names stay text."""

from __future__ import annotations

import itertools
import multiprocessing
import re
import shutil
from datetime import date, datetime
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import duckdb
import pytest
from markdown_it import MarkdownIt

from engines.duckdb import DuckDBReader
from errors import ReportError
from presentation.charts.catalogue import CHARTS
from presentation.charts.drawing_process import drawing_process
from presentation.content import Figure, Table
from presentation.report import Report, read_report, write_report
from settings import load_settings
from tests.conftest import HOSTILE_MENTOR
from tests.test_answer import run
from warehouse.answers import read_answer
from warehouse.loads import LoadHistory, Rejection, SourceLoads, load_history

LOADS = LoadHistory(
    [SourceLoads("users", 2, 310, 150, 150, 7, 3, "users_db_export.csv", "ab" * 32, datetime(2024, 1, 1, 4, 17))],
    [Rejection("users", "user_id_is_no_integer", 3)],
)
NAMES = [
    *("answer", "rebooking", "intent", "reliability", "optional_events", "caveats"),
    *("time_to_rebooking", "cohorts", "like_with_like"),
    *("mentors", "pairs", "sensitivity", "robustness", "reliability_in_time", "booking_details"),
    *("definitions", "data_quality", "provenance"),
]


def report_of(document: dict) -> Report:
    return Report(document, load_settings(), LOADS, "0.1.0")


@pytest.fixture
def report(document) -> Report:
    return report_of(document)


class Page(HTMLParser):
    """The elements of a page in order, with their attributes, and its text."""

    def __init__(self, text: str):
        super().__init__()
        self.elements: list[tuple[str, dict]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def tags(self, *names: str) -> list[dict]:
        return [attributes for tag, attributes in self.elements if tag in names]


@pytest.fixture(scope="module")
def page(documents, tmp_path_factory) -> Page:
    out = tmp_path_factory.mktemp("page") / "report.html"
    write_report(report_of(documents["busy"]), out, "html")
    return Page(out.read_text(encoding="utf-8"))


def test_the_sections_stand_in_their_order(report):
    sections = report.sections
    assert [section.name for section in sections] == NAMES
    assert [b.name for section in sections for b in section.blocks if isinstance(b, Figure)] == list(CHARTS)


def test_the_data_quality_begins_with_how_fresh_the_data_are(report):
    (section,) = (section for section in report.sections if section.name == "data_quality")
    sentence, table = section.blocks[:2]
    assert sentence.startswith("The newest event is ")
    assert "The seven days up to it have 12 events" in sentence
    assert table.rows == [["users", "2024-01-01 04:17:00"], ["mentors", "–"]]


def test_the_counts_alone_make_a_report(document, tmp_path):
    keys = ("parameters", "rebooking", "intent", "reliability", "freshness", "sensitivity", "warnings")
    write_report(report_of({key: document[key] for key in keys}), tmp_path / "report.md", "md")
    assert "50.0 %" in (tmp_path / "report.md").read_text(encoding="utf-8")


def test_the_page_is_built_for_everybody(page):
    assert page.tags("html") == [{"lang": "en"}]
    assert len(page.tags("h1")) == 1
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h\d", tag)]
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert {attributes["scope"] for attributes in page.tags("th")} == {"col", "row"}
    for chart in page.tags("svg"):
        assert chart["role"] == "img"
        assert len(chart["aria-labelledby"].split()) == 2
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    referred = {name for _, a in page.elements for name in a.get("aria-labelledby", "").split()}
    assert referred <= set(ids)


def test_the_page_asks_for_nothing(page):
    assert not page.tags("script", "link", "img", "iframe")[1:]
    assert page.tags("link") == [{"rel": "icon", "href": "data:,"}]
    addresses = {a[key] for _, a in page.elements for key in ("href", "src", "xlink:href") if key in a}
    assert {address for address in addresses if not address.startswith("#")} == {"data:,"}
    assert "default-src 'none'" in str(page.tags("meta"))


def test_all_names_stay_text(hostile_warehouse, tmp_path):
    html, md, charts = tmp_path / "report.html", tmp_path / "report.md", tmp_path / "charts"
    result = run(hostile_warehouse, "report", "--out", str(html), "--charts", str(charts))
    assert (result.stdout, result.stderr) == ("", f"wrote {html}\n")
    run(hostile_warehouse, "report", "--out", str(md), "--format", "md")
    page = Page(html.read_text(encoding="utf-8"))
    assert not page.tags("script", "img")
    assert page.text.count(HOSTILE_MENTOR) >= 3  # the table, the chart and its description
    rendered = Page(MarkdownIt("commonmark", {"html": True}).enable("table").render(md.read_text(encoding="utf-8")))
    assert not rendered.tags("script", "img")
    assert HOSTILE_MENTOR in rendered.text
    for picture in charts.glob("*.svg"):
        names = {element.tag.rpartition("}")[2] for element in ElementTree.parse(picture).getroot().iter()}
        assert names <= {"svg", "title", "desc", "rect", "g", "path", "text", "line", "defs", "clipPath"}, picture


def test_the_report_of_a_warehouse(hostile_warehouse, tmp_path):
    out, again = tmp_path / "report.html", tmp_path / "again.html"
    whole = read_report(load_settings(warehouse=hostile_warehouse), "prod", None)
    write_report(whole, out, "html")
    write_report(whole, again, "html")
    assert out.read_bytes() == again.read_bytes()
    assert out.stat().st_size < 1_500_000
    assert {path.name for path in tmp_path.iterdir()} == {"report.html", "again.html"}
    assert [section.name for section in whole.sections] == [name for name in NAMES if name != "optional_events"]
    tables = {b.name: b for section in whole.sections for b in section.blocks if isinstance(b, Table)}
    for _source, _loads, read, *parts in tables["loads"].rows:
        assert read == sum(parts)
    assert [row[2] for row in tables["rejections"].rows] == [1]
    assert len(tables["files"].rows) == 3


def test_what_is_published_meanwhile_is_left_to_the_next_report(hostile_warehouse, tmp_path, monkeypatch):
    warehouse, following = Path(shutil.copy(hostile_warehouse, tmp_path)), tmp_path / "following.duckdb"
    duckdb.connect(str(following)).close()

    def publish_and_answer(*arguments, **options):
        following.replace(warehouse)
        return read_answer(*arguments, **options)

    monkeypatch.setattr("presentation.report.read_answer", publish_and_answer)
    found = read_report(load_settings(warehouse=warehouse), "prod", None)
    assert found.document["rebooking"]["sessions"]["tiers"][0]["users"] == 42
    assert len(found.loads.sources) == 3


def test_options_reach_the_report(hostile_warehouse, tmp_path):
    out = tmp_path / "report.md"
    options = ["--window-days", "none", "--group-a", "Silver", "--group-b", "Bronze", "--as-of", "2024-03-01"]
    run(hostile_warehouse, "report", "--out", str(out), "--format", "md", *options)
    text = out.read_text(encoding="utf-8")
    assert text.startswith("# Do Silver mentors retain users better than Bronze,")
    assert "As of 2024-03-01T00:00:00Z" in text
    assert "at any later time" in text


def test_charts_are_written_as_svg_and_png(report, tmp_path):
    out, charts = tmp_path / "report.md", tmp_path / "charts"
    write_report(report, out, "md", charts)
    assert {path.name for path in charts.iterdir()} == {
        f"{name}.{ending}" for name in CHARTS for ending in ("svg", "png")
    }
    for name in CHARTS:
        assert (charts / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert ElementTree.parse(charts / f"{name}.svg").getroot().tag == "{http://www.w3.org/2000/svg}svg"
        assert f"](<charts/{name}.svg>)" in out.read_text(encoding="utf-8")


@pytest.mark.parametrize("output", ["html", "md"])
def test_nobody_and_nothing_make_a_report_of_dashes(empty_document, tmp_path, output):
    write_report(report_of(empty_document), tmp_path / "report", output)
    text = (tmp_path / "report").read_text(encoding="utf-8")
    assert "There are no users to compare" in text
    assert not re.search(r"\b(nan|None)\b", Page(text).text)
    if output == "html":
        assert text.count(">no data</text>") == len(CHARTS)


def test_a_warehouse_without_events(hostile_warehouse, tmp_path):
    warehouse = shutil.copy(hostile_warehouse, tmp_path)
    with duckdb.connect(warehouse) as connection:
        tables = connection.execute("""
            SELECT '"' || schema_name || '"."' || table_name || '"' FROM duckdb_tables()
            WHERE table_name LIKE '%fct_%' OR table_name = 'booking_events'
        """).fetchall()
        assert len(tables) == 3
        for (table,) in tables:
            connection.execute(f"DELETE FROM {table}")
    run(Path(warehouse), "report", "--out", str(tmp_path / "report.html"))
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "There are no users to compare" in text
    assert ">no data</text>" in text


@pytest.mark.parametrize(
    ("options", "exit_code", "message"),
    [
        ([], 1, "there is no warehouse at"),
        (["--group-a", "Golden"], 2, "unknown tier 'Golden'"),
    ],
)
def test_wrong_use_is_told_in_one_line(warehouse, tmp_path, options, exit_code, message):
    out = ("--out", str(tmp_path / "r.md"), "--format", "md")
    result = run(warehouse, "report", *out, *options, exit_code=exit_code)
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "exit_code", "message"),
    [
        (["--env", "dev"], 1, "the environment dev is not in"),
        (["--as-of", "yesterday"], 2, "is not an ISO-8601 time"),
    ],
)
def test_what_the_warehouse_cannot_answer_is_told_in_one_line(hostile_warehouse, tmp_path, options, exit_code, message):
    out = ("--out", str(tmp_path / "r.md"), "--format", "md")
    result = run(hostile_warehouse, "report", *out, *options, exit_code=exit_code)
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("out", "message"),
    [("absent/report.html", "does not exist"), (".", "is not a file"), ("file/report.html", "does not exist")],
)
def test_a_target_that_cannot_be_is_told_before_any_work(warehouse, tmp_path, out, message):
    (tmp_path / "file").touch()
    result = run(warehouse, "report", "--out", str(tmp_path / out), exit_code=1)
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_device_is_never_replaced_by_a_file(report):
    with pytest.raises(ReportError, match="is not a file"):
        write_report(report, Path("/dev/null"), "md")
    assert Path("/dev/null").is_char_device()


def test_a_charts_folder_that_cannot_be_made_is_told_in_one_line(report, tmp_path):
    with pytest.raises(ReportError, match="charts cannot be written: No such file"):
        write_report(report, tmp_path / "report.md", "md", tmp_path / "absent" / "charts", lambda *_: {})
    assert list(tmp_path.iterdir()) == []


def test_a_drawing_process_that_ends_is_told_in_one_line(document):
    with drawing_process() as draw:
        (process,) = multiprocessing.active_children()
        process.kill()
        with pytest.raises(ReportError, match="their process ended"):
            draw(document, [])


def test_a_report_of_many_mentors_and_years_stays_small(document, tmp_path):
    mentors = document["mentors"]["mentors"]
    document["mentors"]["mentors"] = [mentors[n % 4] | {"mentor_id": f"mentor {n}"} for n in range(5000)]
    months = [f"{year}-{month:02}" for year in range(2015, 2024) for month in range(1, 13)]
    for rows in (document["cohorts"]["tiers"], document["cohorts"]["groups"]):
        rows[:] = [row | {"month": month} for month in months for row in rows if row["month"] == "2023-01"]
    weeks = [f"{date.fromordinal(735000 + 7 * n)}" for n in range(500)]
    in_time = document["reliability_in_time"]
    in_time["weeks"] = [in_time["weeks"][0] | {"week": week} for week in weeks]
    for chart in in_time["control_charts"]:
        chart["points"] = [chart["points"][0] | {"week": week} for week in weeks]
    for part in document["time_to_rebooking"]["tiers"]:
        part["curve"] = [part["curve"][0] | {"day": day, "share": day / 2000} for day in range(1500)]
    write_report(report_of(document), tmp_path / "report.html", "html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert len(text.encode()) < 1_500_000
    for told in ("with the most users, 20 of 5,000", "the latest 24 of 108", "the latest 26 of 500"):
        assert told in text


def test_a_failed_write_leaves_the_old_report_and_no_pieces(report, tmp_path, monkeypatch):
    out = tmp_path / "report.md"
    out.write_text("the old one", encoding="utf-8")

    def full_disk(path: Path, content: bytes) -> int:
        path.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    with pytest.raises(ReportError, match=r"report\.md cannot be written: No space left on device"):
        write_report(report, out, "md")
    assert [(path.name, path.read_text(encoding="utf-8")) for path in tmp_path.iterdir()] == [
        ("report.md", "the old one")
    ]


def test_loads_add_up_over_a_warehouse_s_history():
    with duckdb.connect() as connection:
        connection.execute("""
            CREATE SCHEMA raw;
            CREATE TABLE raw.loads AS SELECT * FROM (VALUES
                (1, 'users', '/a/one.csv', 'c1', 10, 7, 0, 1, 2, TIMESTAMP '2024-01-01', 'loaded'),
                (2, 'mentors', '/a/m.csv', 'c2', 3, 3, 0, 0, 0, TIMESTAMP '2024-01-01', 'loaded'),
                (3, 'users', '/b/two.csv', 'c3', 12, 2, 9, 0, 1, TIMESTAMP '2024-01-02', 'loaded')
            ) AS t(load_id, source, file, checksum, rows_read, rows_loaded, rows_known, rows_duplicate, rows_rejected,
                   loaded_at, outcome);
            CREATE TABLE raw.rejected_rows AS SELECT * FROM (VALUES
                (1, '/a/one.csv', 4, 'bad_date', 'x'), (1, '/a/one.csv', 5, 'bad_id', 'y'), (3, 'two', 1, 'bad_id', 'z')
            ) AS t(load_id, file, position, reason, raw_text);
        """)
        history = load_history(DuckDBReader(connection, "two loads"))
    assert history.sources == [
        SourceLoads("users", 2, 22, 9, 9, 1, 3, "two.csv", "c3", datetime(2024, 1, 2)),
        SourceLoads("mentors", 1, 3, 3, 0, 0, 0, "m.csv", "c2", datetime(2024, 1, 1)),
    ]
    assert history.rejections == [Rejection("users", "bad_id", 2), Rejection("users", "bad_date", 1)]
