"""The pictures of README, of the answer to the sample data: `python -m docs.generate.pictures` draws them."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo
from playwright.sync_api import Browser, Page, sync_playwright
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from docs.generate.terminal import shown_on_a_terminal
from errors import ReportError
from settings import PROJECT_ROOT

IMAGES = PROJECT_ROOT / "docs" / "images"
CLI = [sys.executable, str(PROJECT_ROOT / "cli.py")]
# Nothing but what a page asks for goes over the network.
QUIET = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
SENTENCE = "Description"  # the keyword of the text that a picture carries
SHOWN_LINES = 40  # of the answer: the question it begins with
REPORT_WIDTH = 1000
MARGIN = 12
TERMINAL = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; background: #15191d; color: #e8eaed; display: inline-block }}
pre {{ margin: 0; padding: 18px 22px; font: 14px/1.4 "DejaVu Sans Mono", monospace }}
{stylesheet}</style><pre>$ python cli.py answer
{code}</pre>"""
PLAIN = TerminalTheme((21, 25, 29), (232, 234, 237), [(0, 0, 0)] * 8)  # an answer has weights and no colours
COLOURS = 64


def chromium() -> Path:
    """The browser's executable.

    Raises:
        ReportError: there is none.
    """
    path = Path(os.environ.get("CHROMIUM_PATH", "/usr/bin/chromium"))
    if not path.is_file():
        raise ReportError(
            f"this needs Chromium, and there is none at {path}: "
            "apt-get install chromium, or set CHROMIUM_PATH to its executable"
        )
    return path


@contextmanager
def browser() -> Iterator[Browser]:
    """A Chromium without a window.

    Raises:
        ReportError: there is none.
    """
    executable = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=QUIET)
        yield browser
        browser.close()


def draw(browser: Browser, warehouse: Path, folder: Path) -> None:
    """Draw answer.png and report.png into a folder, from the warehouse's answer.

    Each carries the answer's sentence, so that it can be told from one of another answer.

    Args:
        warehouse: of DuckDB, built.

    Raises:
        ReportError: the warehouse does not answer.
    """
    command = [*CLI, "--warehouse", str(warehouse)]
    answer = shown_on_a_terminal([*command, "answer"])
    sentence = " ".join(Text.from_ansi(answer.split("\n\n")[0]).plain.split())
    with tempfile.TemporaryDirectory() as scratch:
        terminal, report = Path(scratch, "answer.html"), Path(scratch, "report.html")
        terminal.write_text(_terminal_page(answer), encoding="utf-8")
        shown_on_a_terminal([*command, "report", "--out", str(report)])
        page = browser.new_page(device_scale_factor=1.2)
        page.goto(terminal.as_uri())
        pictures = {"answer": page.locator("body").screenshot()}
        page.set_viewport_size({"width": REPORT_WIDTH, "height": REPORT_WIDTH})
        page.goto(report.as_uri())
        pictures["report"] = _down_to(page, "#figure-rebooking_sessions")
        page.close()
    for name, picture in pictures.items():
        _write(picture, sentence, folder / f"{name}.png")


def _terminal_page(answer: str) -> str:
    console = Console(record=True, file=io.StringIO(), width=120)
    console.print(Text.from_ansi("\n".join(answer.splitlines()[:SHOWN_LINES])))
    return console.export_html(theme=PLAIN, code_format=TERMINAL)


def _down_to(page: Page, selector: str) -> bytes:
    """The page from its top to the end of an element."""
    box = page.locator(selector).bounding_box()
    height = box["y"] + box["height"] + MARGIN
    return page.screenshot(full_page=True, clip={"x": 0, "y": 0, "width": REPORT_WIDTH, "height": height})


def _write(picture: bytes, text: str, path: Path) -> None:
    """Write a picture in few colours, which makes it a third of the size, with a text that a program can read."""
    description = PngInfo()
    description.add_itxt(SENTENCE, text)
    Image.open(io.BytesIO(picture)).convert("RGB").quantize(COLOURS).save(path, optimize=True, pnginfo=description)


def sentence_of(picture: Path) -> str:
    """The sentence of the answer that a picture was drawn from."""
    with Image.open(picture) as opened:
        return str(opened.text[SENTENCE])


def main() -> None:
    """Draw both from the sample data, by the settings of the project."""
    for name in [name for name in os.environ if name.startswith("MENTOR_")]:
        del os.environ[name]
    with tempfile.TemporaryDirectory() as scratch, browser() as found:
        # The file's name is part of every model's name.
        warehouse = Path(scratch, "warehouse.duckdb")
        os.environ["MENTOR_LOGS"] = str(Path(scratch, "logs"))
        subprocess.run([*CLI, "--warehouse", str(warehouse), "refresh"], check=True)
        draw(found, warehouse, IMAGES)


if __name__ == "__main__":
    main()
