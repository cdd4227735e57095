"""Any bytes for a file: refused with one line and nothing changed, or every row of it accounted for."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from errors import SourceError
from ingest.csv_rows import batches, records
from ingest.normalisation import rate, utc_timestamp
from settings import load_settings
from tests import conftest
from tests.bad_input.conftest import write_good
from tests.bad_input.test_bad_input import read_text
from tests.conftest import EXAMPLES_FACTOR, ingest
from warehouse.loads import rejected_rows

BAD_ROWS = "3,8,2023-01-03,active,more\nx,8,2023-01-03,active\n3,8,2023-01-03,active\n2,9,,\n"
EVENTS = [
    conftest.event("e1"),
    conftest.event("e2", user_id="2", cancelled_by="user", device={"os": "ios"}),
    conftest.event("e2", mentor_id="M-2"),
    conftest.event("e3", timestamp="2023-02-01T10:00:00+02:00", event_type="session_started"),
    conftest.event("e4", user_id=None),
    5,
]
LINES = "".join(f"{json.dumps(row)}\n" for row in EVENTS)
FILES = {
    "users_db_export.csv": (conftest.USERS_CSV + '3,"7, \n""x""",2023-01-03,active\n' + BAD_ROWS).encode(),
    "mentor_tiers.csv": (conftest.MENTORS_CSV + 'M-3,"Gold",5\nM-3,Silver,6\n').encode(),
    "booking_events.json": json.dumps(EVENTS, indent=0).encode(),
    "booking_events.jsonl": LINES.encode(),
    "booking_events.jsonl.gz": gzip.compress(LINES.encode(), mtime=0),
}
BYTES = [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\x1f\x8b"]
SIGNS = [
    '"',
    ",",
    "\n",
    "\r\n",
    "\r",
    "\0",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ":",
    "'",
    ";",
    " ",
    "\t",
    "\x1a",
    "%",
    "$1",
    "--",
    "/*",
]
LETTERS = ["\ufeff", "é", "🧑‍🏫", "\u2028", "\u202e", "\\u0000", "\\ud800", "\\n", "x" * 5000]
VALUES = [
    "null",
    "NaN",
    "1e400",
    "-0",
    "9" * 30,
    "{}",
    "[]",
    '""',
    '"a":1,',
    "[" * 40,
    "0001-01-01",
    "9999-12-31T23:59-14",
]
TOKENS = [*BYTES, *(text.encode() for text in (*SIGNS, *LETTERS, *VALUES))]


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """A few changes to a valid file: bytes flipped, cut, inserted, doubled, and lines swapped."""
    for _ in range(draw(st.integers(1, 4))):
        place = st.integers(0, len(content))
        start, end = sorted((draw(place), draw(place)))
        end = min(end, start + draw(st.sampled_from([1, 10, 1000])))
        change = draw(st.sampled_from(["flip", "cut", "end", "insert", "any", "double", "swap"]))
        if change == "flip" and start < len(content):
            flipped = content[start] ^ (1 << draw(st.integers(0, 7)))
            content = content[:start] + bytes([flipped]) + content[start + 1 :]
        elif change == "cut":
            content = content[:start] + content[end:]
        elif change == "end":
            content = content[:start]
        elif change == "insert":
            content = content[:start] + draw(st.sampled_from(TOKENS)) + content[start:]
        elif change == "any":
            content = content[:start] + draw(st.binary(max_size=8)) + content[start:]
        elif change == "double":
            content = content[:end] + content[start:]
        elif change == "swap":
            lines = content.split(b"\n")
            one, other = (draw(st.integers(0, len(lines) - 1)) for _ in range(2))
            lines[one], lines[other] = lines[other], lines[one]
            content = b"\n".join(lines)
    return content


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a warehouse that knows the good data; in memory where the machine has such a folder."""
    shared_memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared_memory if shared_memory.is_dir() else None) as folder:
        ingest(Path(folder) / "good.duckdb", write_good(Path(folder) / "good"))
        yield Path(folder)


# What DuckDB takes for white space between the events of an array: two more than JSON has.
BETWEEN = " \t\r\n\v\f"


def values(text: str, name: str) -> list[object]:
    """The values of a JSON file as the standard library reads them."""
    decoder, found = json.JSONDecoder(), []
    is_array = name.endswith(".json")
    text = text.strip(BETWEEN if is_array else None)
    if is_array:
        assert (text[0], text[-1]) == ("[", "]")
        text = text[1:-1].lstrip(BETWEEN)
    while text:
        value, end = decoder.raw_decode(text)
        found.append(value)
        text = text[end:].lstrip(BETWEEN if is_array else None)
        if is_array and text:
            assert text[0] == ","
            text = text[1:].lstrip(BETWEEN)
            assert text, "a comma after the last value"
    return found


def all_rows(warehouse: Path) -> dict[str, int]:
    tables = ("users", "mentors", "booking_events", "rejected_rows")
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return {name: connection.execute(f"SELECT COUNT(*) FROM raw.{name}").fetchone()[0] for name in tables}


def check(place: Path, name: str, content: bytes) -> None:
    warehouse, folder = place / "warehouse.duckdb", place / "data"
    shutil.copyfile(place / "good.duckdb", warehouse)
    shutil.rmtree(folder, ignore_errors=True)
    write_good(folder)
    if name.startswith("booking_events"):
        (folder / "booking_events.json").unlink()
    (folder / name).write_bytes(content)
    before = warehouse.read_bytes()
    refusal, loads = None, []
    try:
        loads = ingest(warehouse, folder)
    except SourceError as error:
        refusal = error
    event("refused" if refusal else "loaded")
    if refusal:
        assert str(refusal).isprintable()
        assert warehouse.read_bytes() == before
        assert not (place / "warehouse.duckdb.wal").exists()
        return
    (load,) = (load for load in loads if load.file.name == name)
    if load.outcome == "unchanged":
        return
    assert load.rows_read == load.rows_loaded + load.rows_known + load.rows_duplicate + load.rows_rejected
    assert all(note.isprintable() for note in load.notes)
    rejected = rejected_rows(load_settings(warehouse=warehouse))
    rows = all_rows(warehouse)
    assert len(rejected) == load.rows_rejected
    with duckdb.connect(str(place / "good.duckdb"), read_only=True) as connection:
        connection.execute(f"ATTACH '{warehouse}' AS after (READ_ONLY)")
        (kept,) = connection.execute(f"""
            SELECT COUNT(*) FROM (FROM raw.{load.source} EXCEPT ALL FROM after.raw.{load.source})
        """).fetchone()
    assert kept == 0, "a row that was there before has changed"
    if load.source != "mentors":
        assert rows[load.source] == {"users": 2, "booking_events": 1}[load.source] + load.rows_loaded
    text = read_text(folder / name)
    if name.endswith(".csv"):
        raw_texts = [raw_text for raw_text, _ in records(io.StringIO(text, newline=""))][1:]
        assert load.rows_read == len(raw_texts)
        assert [raw_texts[position - 1] for _, _, position, *_ in rejected] == [row[4] for row in rejected]
    else:
        read = values(text, name)
        assert load.rows_read == len(read)
        for _, _, position, _, raw_text, *_ in rejected:
            assert repr(json.loads(raw_text)) == repr(read[position - 1])


many = settings(deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)


@pytest.mark.parametrize("name", FILES)
@settings(many, max_examples=25 * EXAMPLES_FACTOR)
@given(data=st.data())
def test_a_damaged_file(place: Path, name: str, data: st.DataObject) -> None:
    content = FILES[name]
    if name.endswith(".gz") and data.draw(st.booleans()):
        content = gzip.compress(data.draw(damaged(gzip.decompress(content))), mtime=0)
    else:
        content = data.draw(damaged(content))
    check(place, name, content)


@pytest.mark.parametrize("name", FILES)
@settings(many, max_examples=10 * EXAMPLES_FACTOR)
@given(content=st.binary(max_size=300) | st.lists(st.sampled_from(TOKENS), max_size=30).map(b"".join))
def test_any_bytes(place: Path, name: str, content: bytes) -> None:
    check(place, name, content)


@settings(many, max_examples=200 * EXAMPLES_FACTOR)
@given(text=st.text(alphabet='",\r\n a\0é', max_size=60))
def test_no_line_of_a_csv_text_is_lost(text: str) -> None:
    def lines(text: str) -> list[str]:
        return [line.rstrip("\r\n") for line in io.StringIO(text, newline="") if line.strip("\r\n")]

    found = [raw_text for raw_text, _ in records(io.StringIO(text, newline=""))]
    assert [line for raw_text in found for line in lines(raw_text)] == lines(text)


@settings(many, max_examples=200 * EXAMPLES_FACTOR)
@given(text=st.text(alphabet=',\r\n a"', max_size=60), chunk_characters=st.integers(1, 20))
def test_records_read_many_at_a_time_are_the_same(text: str, chunk_characters: int) -> None:
    one_by_one = list(records(io.StringIO(text, newline="")))
    read = list(batches(io.StringIO(text, newline=""), chunk_characters))
    assert all(texts for texts, _ in read)
    assert [row for texts, fields in read for row in zip(texts, fields, strict=True)] == one_by_one


OFFSETS = {"": 0, "Z": 0, "z": 0, "+00:00": 0, "+02": 120, "-0330": -210, "+14:00": 840, "-14:59": -899}  # minutes


@st.composite
def written_times(draw: st.DrawFn) -> tuple[str, datetime | None]:
    """A time as sources write it, and the naive UTC time that it means, if other systems know its year."""
    local = draw(st.datetimes())
    length = draw(st.sampled_from([10, 16, 19, 21, 23, 26]))  # a day, minutes, seconds, fractions of 1, 3 and 6 digits
    text = local.isoformat(draw(st.sampled_from("Tt ")), "microseconds")[:length]
    local = datetime.fromisoformat(text)
    if length == 10:
        return text, local
    offset = draw(st.sampled_from(sorted(OFFSETS)))
    text = text.replace(".", draw(st.sampled_from(".,"))) + offset
    try:
        return text, local - timedelta(minutes=OFFSETS[offset])
    except OverflowError:
        return text, None


@settings(many, max_examples=50 * EXAMPLES_FACTOR)
@given(times=st.lists(written_times(), min_size=1, max_size=30))
def test_a_time_is_what_python_takes_it_for(times: list[tuple[str, datetime | None]]) -> None:
    texts = ", ".join(f"({place}, '{text}')" for place, (text, _) in enumerate(times))
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found = connection.execute(f"""
            SELECT {utc_timestamp("text")} FROM (VALUES {texts}) AS written (place, text) ORDER BY place
        """).fetchall()
    assert [moment for (moment,) in found] == [moment for _, moment in times]


@st.composite
def written_rates(draw: st.DrawFn) -> str:
    """A number as sources write it, mostly near what DECIMAL(18, 4) can hold."""
    whole = draw(st.text("059", max_size=18))
    fraction = draw(st.text("0459", min_size=0 if whole else 1, max_size=8))
    point = "." if fraction or draw(st.booleans()) else ""
    exponent = draw(st.sampled_from(["", "", "e0", "E3", "e+13", "e-1", "e-20", "e-400", "e400"]))
    return draw(st.sampled_from(["", "+", " "])) + whole + point + fraction + exponent


@settings(many, max_examples=50 * EXAMPLES_FACTOR)
@given(written=st.lists(written_rates(), min_size=1, max_size=30))
def test_a_rate_is_what_python_takes_it_for(written: list[str]) -> None:
    texts = ", ".join(f"({place}, '{text}')" for place, text in enumerate(written))
    with duckdb.connect() as connection:
        found = connection.execute(f"""
            SELECT {rate("text")} FROM (VALUES {texts}) AS written (place, text) ORDER BY place
        """).fetchall()
    for text, (value,) in zip(written, found, strict=True):
        if "e" in text.lower():  # of the precision of a float
            number = float(text)
            assert (value is None) == (number >= 1e14)
            assert value is None or abs(float(value) - number) <= 0.0000501 + number * 1e-15
        else:
            rounded = Decimal(text).quantize(Decimal("0.0001"), ROUND_HALF_UP)
            assert value == (rounded if rounded < 10**14 else None)
