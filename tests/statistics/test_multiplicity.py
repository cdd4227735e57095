"""Holm's adjustment against statsmodels."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from analysis.statistics.multiplicity import holm

pytestmark = pytest.mark.filterwarnings("error")

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=8)


# statsmodels takes a sixth of a second a call.
@settings(max_examples=12)
@given(P_VALUES)
def test_holm_is_that_of_statsmodels(p_values):
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1].tolist())


@given(P_VALUES, st.randoms())
def test_the_order_of_the_tests_does_not_matter(p_values, random):
    places = list(range(len(p_values)))
    random.shuffle(places)
    adjusted = holm(p_values)
    assert holm([p_values[place] for place in places]) == [adjusted[place] for place in places]


@given(P_VALUES)
def test_a_test_that_was_not_made_does_not_count(p_values):
    assert holm([None, *p_values, None]) == [None, *holm(p_values), None]


def test_edges():
    assert holm([]) == []
    assert holm([None]) == [None]
    assert holm([0.2]) == [0.2]
    assert holm([1.0, 0.6]) == [1.0, 1.0]
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm([1.2])
