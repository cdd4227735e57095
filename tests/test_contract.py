"""The contract as data: written from what loading uses, and in agreement with what loading takes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from docs.generate.contract import EVENT_SCHEMA, NOT_EXPRESSED, ODCS, event_schema, odcs
from docs.generate.tracking_plan import BEGIN, END, PAGE, with_catalogue
from ingest.contract import CONTRACTS, EVENTS
from ingest.event_catalogue import EVENT_TYPES, EventType, always_required
from ingest.sources import SOURCES
from settings import PROJECT_ROOT
from simulation.population import Scenario, simulate
from tests.conftest import EXAMPLES_FACTOR, event, ingest
from tests.test_event_catalogue import reasons

SCHEMA = Draft202012Validator(json.loads(EVENT_SCHEMA.read_text(encoding="utf-8")))


def test_the_checked_in_files_are_those_of_the_code():
    assert EVENT_SCHEMA.read_text(encoding="utf-8") == event_schema(), "run: python -m docs.generate.contract"
    assert ODCS.read_text(encoding="utf-8") == odcs(), "run: python -m docs.generate.contract"
    Draft202012Validator.check_schema(SCHEMA.schema)


def test_the_tracking_plan_has_the_catalogue_of_the_code():
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_catalogue(page), "run: python -m docs.generate.tracking_plan"
    for broken in (page.replace(BEGIN, ""), page + END):
        with pytest.raises(ValueError, match="each once"):
            with_catalogue(broken)


def test_events_and_properties_are_named_as_the_tracking_plan_says():
    for kind in EVENT_TYPES:
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*_[a-z]+ed(_up)?", kind.name), kind.name
        for name in (*kind.required, *kind.optional):
            assert re.fullmatch(r"[a-z]+(_[a-z]+)*", name), name
    for field in EVENTS.fields:
        if field.type == "number":
            assert field.name.endswith(("_seconds", "_minutes")), field.name


def test_the_examples_of_the_tracking_plan_would_be_loaded():
    (block,) = re.findall(r"```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    examples = [json.loads(line) for line in block.splitlines()]
    assert_agree(examples)
    assert all(map(SCHEMA.is_valid, examples))
    assert reasons(EVENT_TYPES, *examples) == [None] * len(examples)


def assert_agree(events: list[Any], event_types: tuple[EventType, ...] = EVENT_TYPES) -> None:
    """What loading takes is valid; what is valid and rejected all the same is among what the schema says it leaves."""
    schema = Draft202012Validator(json.loads(event_schema(event_types)))
    for said, reason in zip(events, reasons(event_types, *events), strict=True):
        is_valid = schema.is_valid(said)
        if reason is None:
            assert is_valid, said
        elif is_valid:
            assert reason in NOT_EXPRESSED, (said, reason)


BLANK = st.text(alphabet=" \t\n\r\x0b\x0c\u00a0\ufeff", max_size=2)


def around(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(BLANK, values, BLANK).map("".join)


TYPES = st.sampled_from([event_type.name for event_type in EVENT_TYPES])
CASES = st.sampled_from(
    [str.lower, str.upper, str.title, lambda text: text.replace("k", "\u212a").replace("i", "\u0130")]
)
ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**65), 2**65),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=4),
    st.sampled_from(["\x00", "a\x00", "", " ", [], {}, ["\x00"], {"a": "\x00"}, [1]]),
)
FIELDS = {
    "event_id": around(st.text(max_size=3)),
    "user_id": st.one_of(st.integers(-(2**64), 2**64), around(st.from_regex(r"[+-]?[0-9]{1,21}", fullmatch=True))),
    "mentor_id": around(st.text(max_size=3)),
    "timestamp": around(
        st.from_regex(
            r"(19|20|00)[0-9]{2}-[01][0-9]-[0-3][0-9]"
            r"([Tt ][0-2][0-9]:[0-9]{2}(:[0-9]{2}([.,][0-9]{1,9})?)?([Zz]|[+-](0[0-9]|1[0-5])(:?[0-6][0-9])?)?)?",
            fullmatch=True,
        )
    ),
    "event_type": around(st.builds(lambda case, name: case(name), CASES, TYPES)),
}
OPTIONAL = {field.name: ANYTHING for field in EVENTS.fields if field.name not in FIELDS}
REQUIRED = {name: st.one_of(values, values, values, ANYTHING) for name, values in FIELDS.items()}


@settings(max_examples=40 * EXAMPLES_FACTOR, deadline=None)
@given(events=st.lists(st.fixed_dictionaries(REQUIRED, optional=OPTIONAL), min_size=5, max_size=25))
def test_the_schema_of_events_agrees_with_loading(events):
    assert_agree(events)


@pytest.mark.parametrize("name", always_required())
def test_neither_takes_an_event_without_what_it_must_say(name):
    lacking = {key: value for key, value in event("e1").items() if key != name}
    for said in (lacking, lacking | {name: None}, lacking | {name: " "}, lacking | {name: [1]}):
        assert not SCHEMA.is_valid(said)
        assert reasons(EVENT_TYPES, said) != [None]
    for said in ("text", 1, [event("e1")]):
        assert not SCHEMA.is_valid(said)


def test_what_a_type_alone_requires_is_required_by_the_schema():
    always = ("event_id", "user_id", "mentor_id", "timestamp")
    types = (
        EventType("booking_cancelled", (*always, "cancelled_by"), ()),
        EventType("booking_requested", always, ("cancelled_by",)),
    )
    cancelled = event("e1", event_type=" Booking_Cancelled ")
    given_events = [cancelled, cancelled | {"cancelled_by": " "}, cancelled | {"cancelled_by": None}]
    given_events += [cancelled | {"cancelled_by": "user"}, event("e2"), cancelled | {"cancelled_by": 5}]
    assert_agree(given_events, types)
    schema = Draft202012Validator(json.loads(event_schema(types)))
    assert [schema.is_valid(said) for said in given_events] == [False, False, False, True, True, True]


def events_of(folder: Path) -> list[Any]:
    found: list[Any] = json.loads((folder / "booking_events.json").read_text(encoding="utf-8"))
    return found


def test_the_sample_is_as_the_schema_says():
    assert all(map(SCHEMA.is_valid, events_of(PROJECT_ROOT / "seeds" / "sample")))


@pytest.mark.real_data
def test_the_real_files_are_as_the_schema_says(real_data, warehouse):
    assert all(map(SCHEMA.is_valid, events_of(real_data)))
    assert all(load.rows_rejected == 0 for load in ingest(warehouse, real_data))


@pytest.mark.parametrize("dirt", [0, 0.2])
def test_simulated_events_agree(dirt):
    lines = simulate(Scenario(users=60, dirt=dirt)).events["line"]
    events = [json.loads(line) for line in lines]
    assert_agree(events)
    assert all(map(SCHEMA.is_valid, events)) is (dirt == 0)


def test_the_odcs_file_has_every_column_of_every_source():
    document = YAML(typ="safe").load(ODCS.read_text(encoding="utf-8"))
    assert {source["name"]: [field["name"] for field in source["properties"]] for source in document["schema"]} == {
        name: [field.name for field in contract.fields] for name, contract in CONTRACTS.items()
    }
    assert {"apiVersion", "kind", "id", "version", "status"} <= set(document)
    for source in document["schema"]:
        (key,) = (field["name"] for field in source["properties"] if field.get("primaryKey"))
        assert key == SOURCES[source["name"]].key
        assert all(field["description"].endswith(".") for field in source["properties"])
    assert document["schema"][2]["properties"][4]["quality"][0]["arguments"]["validValues"] == [
        event_type.name for event_type in EVENT_TYPES
    ]
