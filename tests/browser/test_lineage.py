"""The graph of the lineage is Mermaid: drawn here by Streamlit's copy, without a network."""

from __future__ import annotations

import re
import sys
from xml.etree import ElementTree

from playwright.sync_api import expect

from docs.generate.lineage import mermaid
from docs.generate.tables import Table
from tests.browser.test_application import HOST, server
from tests.conftest import HOSTILE_MENTOR

SVG = "{http://www.w3.org/2000/svg}"


def test_the_graph_is_drawn_and_no_name_is_markup(browser, tmp_path):
    names = ["raw.end", f"raw.{HOSTILE_MENTOR}", 'graph.a"b']
    tables = [Table(name, "view", "", "", (), (), ()) for name in names]
    tables.append(Table("graph.last", "view", "", "", tuple(names), (), ()))
    page = tmp_path / "page.py"
    block = f"```mermaid\n{mermaid(tables)}```"
    page.write_text(f"import streamlit\nstreamlit.markdown({block!r})\n", encoding="utf-8")
    command = [sys.executable, "-m", "streamlit", "run", str(page)]
    command += ["--server.address", HOST, "--server.port", "{port}", "--server.headless", "true"]
    context = browser.new_context()
    try:
        with server(command, "/_stcore/health", tmp_path / "server.log", {}) as address:
            opened = context.new_page()
            opened.goto(address)
            picture = opened.get_by_role("img", name="Mermaid flowchart")
            expect(picture).to_be_visible(timeout=60_000)
            drawn = picture.evaluate("image => fetch(image.src).then(response => response.text())")
    finally:
        context.close()
    svg = ElementTree.fromstring(drawn)
    texts = ["".join(text.itertext()) for text in svg.iter(f"{SVG}text")]
    assert sorted(texts) == sorted(["end", re.sub(r"\W", "_", HOSTILE_MENTOR), "a_b", "last", "raw", "graph"])
    assert sum("flowchart-link" in path.get("class", "") for path in svg.iter(f"{SVG}path")) == len(names)
