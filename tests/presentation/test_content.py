"""How a value of each kind is written, and what is said of rows that are left out."""

from __future__ import annotations

import math

import pytest

from presentation.content import Column, Interval, Share, Table, written
from presentation.renderers.html import cell


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        ("rate", 0.6190476190476191, '<data value="0.6190476190476191">61.9 %</data>'),
        ("rate", Interval(0.468, 0.75), '<data value="0.468 0.75">46.8–75.0 %</data>'),
        ("rate", Share(2 / 3, 1200), '<data value="0.6666666666666666 1200">66.7 % of 1,200</data>'),
        ("rate", Share(None, 0), "–"),
        ("rate", "too early", "too early"),
        ("points", Interval(-0.1, 0.2), '<data value="-0.1 0.2">-10.0 to +20.0</data>'),
        ("ratio", Interval(2.13, 11.91), '<data value="2.13 11.91">2.13–11.91</data>'),
        ("ratio", Interval(2.13, None), '<data value="2.13 ">2.13 and more</data>'),
        ("ratio", Interval(None, 3.0), '<data value=" 3.0">up to 3.00</data>'),
        ("count", 1234567, '<data value="1234567">1,234,567</data>'),
        ("p_value", 7.44e-5, '<data value="7.44e-05">&lt;0.0001</data>'),
        ("rate", None, "–"),
        ("rate", Interval(None, None), "–"),
        ("text", "a < b", "a < b"),
    ],
)
def test_a_cell_is_rounded_and_keeps_the_exact_value(kind, value, shown):
    assert cell(Column("any", kind), value) == shown


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, None])
def test_what_is_no_number_is_a_dash(value):
    assert written("ratio", value) == "–"


def test_a_table_says_how_many_rows_it_shows():
    whole = Table("t", "Weeks", [Column("week")], [["1"], ["2"]])
    assert whole.heading == "Weeks"
    assert Table("t", "Weeks", [Column("week")], [["2"]], more=[["1"]] * 1999).heading == "Weeks; the latest 1 of 2,000"
