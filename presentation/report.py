"""Reading a report from the warehouse and writing it to a file."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from engines import engine_of
from errors import ReportError, writing
from presentation.charts.drawing_process import Draw
from presentation.content import Figure, Section
from presentation.document import Row, settings_of
from presentation.sections import sections
from presentation.sections.data_quality import data_quality
from presentation.sections.provenance import provenance
from presentation.verdict import question
from settings import Settings, project_version
from warehouse.answers import read_answer
from warehouse.loads import LoadHistory, load_history


@dataclass(frozen=True)
class Report:
    """What is known when a report is written: the answer document, the settings it was made with, and of what."""

    document: Row
    settings: Settings
    loads: LoadHistory
    version: str

    @property
    def sections(self) -> list[Section]:
        """Everything the report says, in order."""
        return [
            *sections(self.document, self.settings),
            data_quality(self.document, self.loads),
            provenance(self.document, self.settings, self.loads, self.version),
        ]


def read_report(settings: Settings, environment: str, as_of: str | None, asked: Collection[str] = ()) -> Report:
    """The report of one environment, all of it from one state of the warehouse.

    Args:
        asked: as `warehouse.answers.answer_from_warehouse`.

    Raises:
        SettingsError: `as_of` is no time.
        WarehouseError: there is no warehouse, it is locked, or the environment was never built.
    """
    with engine_of(settings).reading(settings, makes_tables=True) as reader:
        document: Row = {**read_answer(reader, settings, environment, as_of, full=True, asked=asked)}
        return Report(document, settings_of(document, settings), load_history(reader), project_version())


def write_report(
    report: Report, out: Path, output: str, charts_folder: Path | None = None, draw: Draw | None = None
) -> None:
    """Write a report, complete or not at all.

    Args:
        output: `html` or `md`.
        charts_folder: also write each chart there as NAME.svg and NAME.png; made if need be.
        draw: draws the charts [default: `drawing.draw`].

    Raises:
        ReportError: a file cannot be written where it was asked for.
    """
    check_target(out)
    title, report_sections = question(report.document), report.sections
    drawn: dict[str, str] = {}
    if output == "html" or charts_folder:
        if draw is None:
            from presentation.charts import drawing

            draw = drawing.draw
        figures = [block for section in report_sections for block in section.blocks if isinstance(block, Figure)]
        drawn = draw(report.document, figures)
    if output == "html":
        from presentation.renderers.html import as_html

        text = as_html(title, report_sections, drawn)
    else:
        from presentation.renderers.markdown import as_markdown

        folder = os.path.relpath(charts_folder, out.parent) if charts_folder else ""
        text = as_markdown(title, report_sections, {name: f"{folder}/{name}.svg" for name in drawn})
    files = {out: text.encode()}
    if charts_folder:
        files = _chart_files(drawn, charts_folder) | files
    if charts_folder:
        with writing(charts_folder):
            charts_folder.mkdir(exist_ok=True)
    for path, content in files.items():
        with writing(path):
            _write(path, content)


def check_target(out: Path) -> None:
    """See that a report can go to `out`, before any work.

    Raises:
        ReportError: its folder does not exist, or something else than a file has its name.
    """
    with writing(out):
        if not out.parent.is_dir():
            raise ReportError(f"the folder {out.parent} does not exist; make it, or name another with --out")
        if out.exists() and not out.is_file():
            raise ReportError(f"{out} is not a file; name one with --out")


def _chart_files(drawn: Mapping[str, str], folder: Path) -> dict[Path, bytes]:
    from presentation.charts.drawing import png

    return {
        folder / f"{name}.{ending}": content
        for name, picture in drawn.items()
        for ending, content in (("svg", picture.encode()), ("png", png(picture)))
    }


def _write(path: Path, content: bytes) -> None:
    """Replace a file in one step: who reads it sees the old one or the new one."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        new.write_bytes(content)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
