"""Every link of the pages leads somewhere, and every decision has its row with the code that carries it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from settings import PROJECT_ROOT

DECISIONS = PROJECT_ROOT / "docs" / "adr"
PARTS = ["## Context", "## Decision", "## Alternatives", "## Consequences"]


def pages() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "*.md"], cwd=PROJECT_ROOT, capture_output=True
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [PROJECT_ROOT / name for name in listed.stdout.decode().splitlines() if (PROJECT_ROOT / name).exists()]


def links(text: str) -> list[str]:
    """The targets of Markdown links, code left out; addresses of the web are not asked for."""
    text = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)
    found = re.findall(r"\]\(([^)\s]+)\)", text)
    return [link for link in found if not re.match(r"[a-z]+:", link)]


def anchors(page: Path) -> set[str]:
    """What links may name after the sign #, as GitHub makes it of headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken(page: Path, text: str) -> list[str]:
    found = []
    for link in links(text):
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        is_there = target.exists() and target.is_relative_to(PROJECT_ROOT)
        if not is_there or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            found.append(link)
    return found


def test_every_link_leads_somewhere():
    found = {str(page.relative_to(PROJECT_ROOT)): broken(page, page.read_text(encoding="utf-8")) for page in pages()}
    assert {page: links for page, links in found.items() if links} == {}


def test_a_link_that_leads_nowhere_is_found():
    page = PROJECT_ROOT / "README.md"
    text = "[a](docs/nothing.md) [b](docs/glossary.md) [c](docs/glossary.md#nothing) [d](#the-answer) [e](../elsewhere)"
    assert broken(page, text) == ["docs/nothing.md", "docs/glossary.md#nothing", "../elsewhere"]


def test_every_decision_has_its_parts_and_its_row():
    rows = re.findall(
        r"^\| \[[^]]+\]\(([^)]+)\) \| (.+) \| (.+) \|$", (DECISIONS / "README.md").read_text(), re.MULTILINE
    )
    records = sorted(path.name for path in DECISIONS.glob("0*.md"))
    assert [name for name, _, _ in rows] == records
    for number, (name, code, tests) in enumerate(rows, 1):
        text = (DECISIONS / name).read_text(encoding="utf-8")
        assert text.startswith(f"# {number}. "), name
        assert name.startswith(f"{number:04}-"), name
        assert re.findall(r"^## .+$", text, re.MULTILINE) == PARTS, name
        assert len(text.splitlines()) <= 60, name
        # What is not built has no code.
        assert bool(links(code)) is bool(links(tests)) is (name != "0019-not-built.md"), name
