"""Names and reasons come from files: no output may take one for its own markup.

`answer --full --format markdown` wrote a mentor named `x|<b>y</b>` as it came: one cell more in its row, and HTML. A
control character in a name ended the process that draws the charts, and with it the report.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from html.parser import HTMLParser

import pytest
from markdown_it import MarkdownIt

from presentation.charts.drawing import draw
from presentation.content import Figure
from presentation.document import settings_of
from presentation.renderers.csv import as_csv
from presentation.renderers.html import as_html
from presentation.renderers.markdown import as_markdown
from presentation.renderers.terminal import as_terminal
from presentation.sections import sections
from settings import load_settings
from tests.small_answers import MENTORS, booking, day, document_of, filled, session

NAMES = ["x|<b>y</b>", "`a` *b* _c_ [d](e) ![f](g) <img src=x>", "=1+1", "\x1b[31mred\x1b[0m", "</title><script>"]


@pytest.fixture(scope="module")
def document(connection) -> dict:
    """Every name is that of a mentor whom somebody came to, of one who cancelled, and the reason for it."""
    cancelled = [
        booking(number, 1, day(number), "cancelled", cancelled_at=day(number), cancelled_by=n, cancellation_reason=n)
        for number, n in enumerate(NAMES)
    ]
    tables = filled([session(number, number, day(number)) for number, _ in enumerate(NAMES)], cancelled)
    for row in tables["fct_sessions"]:
        row["mentor_id"] = NAMES[row["user_id"]]
    tables["dim_mentors"] = [MENTORS[0] | {"mentor_id": name} for name in NAMES]
    return document_of(connection, tables)


@pytest.fixture(scope="module")
def content(document) -> list:
    return sections(document, settings_of(document, load_settings()))


class Read(HTMLParser):
    """The tags of a page and the text of its table cells."""

    def __init__(self, text: str):
        super().__init__()
        self.tags, self.cells = set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_data(self, data):
        if self.cells:
            self.cells[-1] += data


def assert_thrice(cells: list[str]) -> None:
    """Every name that a page can show is there as a mentor, as who cancelled and as the reason."""
    found = Counter(cell.strip() for cell in cells)
    shown = [name for name in NAMES if "\x1b" not in name]
    assert [found[name] for name in shown] == [3] * len(shown)


def test_in_markdown(content):
    text = as_markdown("a title", content)
    page = Read(MarkdownIt("commonmark", {"html": True}).enable("table").render(text))
    assert not page.tags & {"b", "img", "script", "code", "a"}
    assert_thrice(page.cells)


def test_in_html(document, content):
    figures = [block for section in content for block in section.blocks if isinstance(block, Figure)]
    page = Read(as_html("a title", content, draw(document, figures)))
    assert not page.tags & {"b", "img", "script", "code"}
    assert_thrice(page.cells)


def test_in_csv(document, content):
    rows = list(csv.DictReader(io.StringIO(as_csv(document, content))))
    safe = {"'=1+1" if name == "=1+1" else name for name in NAMES}
    for table, expected in (
        ("mentors", {f"{name}, Gold" for name in safe}),
        ("cancellations_by_canceller", safe),
        ("cancellations_by_reason", safe),
    ):
        assert {row["row"] for row in rows if row["table"] == table} == expected


def test_on_the_terminal(content):
    shown = as_terminal(content, colour=False)
    assert all(character.isprintable() or character == "\n" for character in shown)
    assert shown.count("x|<b>y</b>") == 3
    assert shown.count("�[31mred") == 3
