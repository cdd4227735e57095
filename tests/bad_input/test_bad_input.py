"""Every bad input comes to what its case says, no row is lost, and a refusal changes nothing."""

from __future__ import annotations

import csv
import gzip
import io
import json
import shutil
from collections import Counter
from pathlib import Path

import duckdb
import pytest

from engines.duckdb import DuckDBState
from errors import SourceError
from ingest.load import ingest_sources
from ingest.sources import find_sources
from settings import PROJECT_ROOT, load_settings
from tests.bad_input.__main__ import page
from tests.bad_input.cases import CASES
from tests.bad_input.cases.case import Case
from tests.bad_input.conftest import write_good
from warehouse.loads import rejected_rows


def read_text(path: Path) -> str:
    content = path.read_bytes()
    return (gzip.decompress(content) if path.suffix == ".gz" else content).decode("utf-8-sig")


def count_rows(path: Path) -> int:
    """The rows of a file that the standard library can read."""
    text = read_text(path)
    if path.suffix == ".csv":
        csv.field_size_limit(1 << 30)
        try:
            return sum(bool(row) for row in csv.reader(io.StringIO(text, newline=""))) - 1
        finally:
            csv.field_size_limit(131072)
    if path.suffix == ".json":
        return len(json.loads(text))
    return sum(bool(line.strip()) for line in text.split("\n"))


def expected_counts(fates: tuple[str, ...]) -> Counter:
    return Counter(fate if fate in ("loaded", "known", "duplicate") else "rejected" for fate in fates)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.group}: {case.name}"[:60])
def test_bad_input(case: Case, good_warehouse: Path, tmp_path: Path) -> None:
    warehouse = tmp_path / "warehouse.duckdb"
    shutil.copyfile(good_warehouse, warehouse)
    before = warehouse.read_bytes()
    folder = write_good(tmp_path / case.folder)
    case.make(folder)

    def load():
        sources = find_sources(folder)
        if case.interfere:
            case.interfere(folder)
        return ingest_sources(DuckDBState(load_settings(warehouse=warehouse)), sources)

    if case.refused:
        with pytest.raises(SourceError) as refusal:
            load()
        assert str(refusal.value) == case.refused.replace("{folder}", str(folder).replace("\n", "\\n"))
        assert str(refusal.value).isprintable()
        assert warehouse.read_bytes() == before
        assert [path.name for path in tmp_path.glob("warehouse*")] == [warehouse.name]
        return

    loads = {str(load.file.relative_to(folder)): load for load in load()}
    of_file = loads[case.file]
    for each in loads.values():
        assert each.rows_read == each.rows_loaded + each.rows_known + each.rows_duplicate + each.rows_rejected
    expected = expected_counts(case.fates)
    found = {name: getattr(of_file, f"rows_{name}") for name in ("loaded", "known", "duplicate", "rejected")}
    assert found == {name: expected[name] for name in found}
    if "unreadable_line" not in case.fates:  # there a lenient reader sees other rows
        assert of_file.rows_read == count_rows(folder / case.file)
    assert of_file.notes == case.notes
    rejected = [row for row in rejected_rows(load_settings(warehouse=warehouse)) if row[1] == str(of_file.file)]
    assert [(position, reason) for _, _, position, reason, *_ in rejected] == [
        (position, fate)
        for position, fate in enumerate(case.fates, start=1)
        if fate not in ("loaded", "known", "duplicate")
    ]
    text = "".join(
        (gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()).decode()
        for path in [folder / case.file]
    )
    assert all(raw_text and raw_text in text for _, _, _, _, raw_text, *_ in rejected)
    if case.stored:
        query, rows = case.stored
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            assert connection.execute(query).fetchall() == rows


def test_the_page_of_the_documentation_says_what_the_cases_say() -> None:
    written = (PROJECT_ROOT / "docs" / "bad-input.md").read_text(encoding="utf-8")
    assert written == page(), "write it again: python -m tests.bad_input > docs/bad-input.md"


def test_no_two_cases_share_a_name() -> None:
    names = [(case.group, case.name) for case in CASES]
    assert len(set(names)) == len(names)
