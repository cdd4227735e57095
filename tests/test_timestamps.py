"""The macro that reads times of a source, against Python's own reading and that of loading."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime, timedelta, timezone

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp
from sqlmesh.core.macros import MacroEvaluator

from ingest.normalisation import utc_timestamp as loaded
from macros.timestamps import utc_timestamp
from tests import reference
from tests.conftest import EXAMPLES_FACTOR

OFFSETS = st.integers(-14 * 60 + 1, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=st.one_of(st.none(), st.just(UTC), OFFSETS))


@st.composite
def texts(draw) -> str:
    """A time as ISO-8601 writes it, cut or with a character changed now and then."""
    moment = draw(MOMENTS)
    text = moment.isoformat(
        draw(st.sampled_from("Tt ")), draw(st.sampled_from(["minutes", "seconds", "milliseconds", "microseconds"]))
    )
    text = draw(st.sampled_from([text, text[:10], text.replace("+00:00", "Z"), text.replace(".", ",")]))
    if draw(st.integers(0, 3)) == 0 and text:
        place = draw(st.integers(0, len(text) - 1))
        text = text[:place] + draw(st.sampled_from(["", "0", "9", "-", ":", "Z", "x"])) + text[place + 1 :]
    return text


@pytest.fixture(scope="module", params=["UTC", "America/New_York"])
def read(request):
    """Reads a text in an engine of any time zone by the macro, and by the rule of loading."""
    macro = utc_timestamp(MacroEvaluator(dialect="duckdb"), exp.column("text"))
    with duckdb.connect() as connection, duckdb.connect() as loading:
        connection.execute(f"SET TimeZone = '{request.param}'")
        loading.execute("SET TimeZone = 'UTC'")

        def values(text: str) -> tuple:
            return tuple(
                engine.execute(f"SELECT {rule} FROM (SELECT ? AS text)", [text]).fetchone()[0]
                for engine, rule in ((connection, macro), (loading, loaded("text")))
            )

        yield values


@settings(max_examples=300 * EXAMPLES_FACTOR, deadline=None)
@given(text=texts())
def test_a_time_is_read_as_python_and_loading_read_it(read, text):
    by_macro, by_loading = read(text)
    assert by_macro == by_loading == reference.utc_time(text)


@pytest.mark.parametrize(
    "text", ["", "infinity", "epoch", "1675245600", "2023-02-01T10:00:00 Europe/Berlin", "99999-01-01"]
)
def test_what_only_an_engine_takes_for_a_time_is_none(read, text):
    assert read(text) == (None, None)
    assert reference.utc_time(text) is None


def test_a_day_is_read_exactly_where_the_calendar_has_it():
    """The last days of every month of all years: the macro knows the calendar, for engines that fail at other days."""
    texts = [
        f"{year:04}-{month:02}-{day:02}" for year in range(10_000) for month in range(1, 13) for day in (28, 29, 30, 31)
    ]
    macro = utc_timestamp(MacroEvaluator(dialect="duckdb"), exp.column("text"))
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE days AS SELECT UNNEST(?::TEXT[]) AS text", [texts])
        read = connection.execute(f"SELECT text FROM days WHERE ({macro}) IS NOT NULL ORDER BY text").fetchall()
    assert [text for (text,) in read] == [
        f"{year:04}-{month:02}-{day:02}"
        for year in range(1, 10_000)
        for month in range(1, 13)
        for day in range(28, monthrange(year, month)[1] + 1)
    ]
