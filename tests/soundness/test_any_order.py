"""Any order of loads, plans, runs, promotions, ways back, restatements and refreshes gives what a rebuild gives.

Never weaken: this is the promise of the project. After every step each environment either holds all that `raw`
says, row for row, or says that it is behind; and after its own run it holds all of it.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import HealthCheck, assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from benchmarks.kill import content
from settings import Settings
from tests import reference
from tests.bare_sqlmesh import ALL_GOLD, ONE_COLUMN_MORE, Warehouse, edited_models
from tests.conftest import EXAMPLES_FACTOR, event, ingest
from tests.test_answer import run
from tests.test_history import EXPORT, SHEET, mentors_replay, typed, users_replay
from warehouse.views import schema

DAY = datetime(2023, 1, 1)
# Late events, events of the same instant, and some ahead of this machine's clock.
MOMENTS = st.one_of(
    st.integers(0, 40).map(lambda step: DAY + timedelta(hours=6 * step)),
    st.integers(1, 20).map(lambda hours: datetime.now(UTC).replace(tzinfo=None) + timedelta(hours=hours)),
)
EVENTS = st.lists(
    st.tuples(
        st.integers(1, 2),
        st.sampled_from(["M-1", "M-2"]),
        MOMENTS,
        st.sampled_from(list(reference.PRECEDENCE)),
        st.sampled_from(
            [
                {},
                {"confirmed_start_time": "2023-01-09T10:00:00Z", "duration_seconds": 1800},
                {"cancelled_by": "mentor", "cancellation_reason": "ill", "requested_duration_minutes": 45},
            ]
        ),
    ),
    min_size=1,
    max_size=6,
)
# The working trees that are planned: settings, or a change of the models' files.
SETTINGS = [
    {},
    {"default_session_minutes": 45},
    {"reschedule_hours": 3},
    {"rebooking_window_days": 7},
]
EDITS = [(), (ONE_COLUMN_MORE,), (ALL_GOLD,), (ONE_COLUMN_MORE, ALL_GOLD)]
FACTS = ("marts.fct_bookings", "marts.fct_sessions")


def as_it_is(_: str, attributes: tuple) -> tuple:
    return attributes


def all_gold(mentor: str, attributes: tuple) -> tuple:
    """What the edit ALL_GOLD makes of a sheet."""
    return ("Gold", *attributes[1:]) if mentor == "M-2" else attributes


def in_order(versions: list[tuple]) -> list[tuple]:
    """By key and `valid_from`, which come first and fourth from the end."""
    return sorted(versions, key=lambda row: (row[0], row[-4]))


class AnyOrder(RuleBasedStateMachine):
    """A warehouse, its working tree, and what each environment was built with."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.bare = Warehouse(self.folder)
        self.edits: tuple = ()
        self.folders = {
            edits: edited_models(self.folder / f"tree_{number}", *edits) for number, edits in enumerate(EDITS)
        }
        self.built: dict[str, tuple[Settings, tuple]] = {}
        self.replays = {"mentors": mentors_replay(), "users": users_replay()}
        self.newest = dict.fromkeys(self.replays, 0)
        self.sheet: dict = {"M-1": ("Gold", "200", None)}
        self.export: dict = {1: ("7", "2023-02-01", "active", None)}
        self.events = 0

    def teardown(self) -> None:
        if "prod" in self.built:
            self.plan("prod")
            self.run("prod")
            assert content(self.bare.rebuilt(self.folder / "rebuilt").file) == content(self.bare.file)
        shutil.rmtree(self.folder)

    # --- steps ---

    @initialize(events=EVENTS)
    def begin(self, events: list) -> None:
        self.load(events)
        self.plan("prod")

    @rule(events=EVENTS)
    def load(self, events: list) -> None:
        self._write(events)
        ingest(self.bare.file, self.bare.data)
        self._replay()

    @rule(sheet=SHEET, export=EXPORT)
    def load_states(self, sheet: dict, export: dict) -> None:
        self.sheet, self.export = sheet, export or self.export
        self.load([])

    @rule(events=EVENTS)
    def refresh(self, events: list) -> None:
        self._write(events)
        run(self.bare.file, "refresh", "--data", str(self.bare.data))
        self._replay()
        assert not self.bare.environment("prod").is_behind

    @rule(environment=st.sampled_from(["prod", "dev"]))
    def run(self, environment: str) -> None:
        assume(environment in self.built)
        self.bare.run(environment)
        state = self.bare.environment(environment)
        assert not state.can_catch_up
        assert not state.waits_for_prod or self.bare.environment("prod").is_behind
        if state.is_behind and state.is_stranded:
            self._do_what_it_names(environment)

    def _do_what_it_names(self, environment: str) -> None:
        """As often as a plan, which brings forward no further than prod, and a run of both may need."""
        for _ in range(4):
            state = self.bare.environment(environment)
            if not state.is_behind:
                return
            if state.waits_for_prod:
                self.bare.run("prod")
            elif state.is_stranded:
                self.bare.invalidate(environment)
                self.plan(environment)
            else:
                self.bare.run(environment)
        raise AssertionError(self.bare.environment(environment))

    @rule(environment=st.sampled_from(["prod", "dev"]))
    def run_with_the_clock_set_back(self, environment: str) -> None:
        """SQLMesh takes it for done, or not: either way no environment may say more than it holds."""
        assume(environment in self.built)
        back = datetime.now(UTC) - timedelta(minutes=5)
        self.bare.run(environment, execution_time=back, end=back)

    @rule(environment=st.sampled_from(["prod", "dev"]))
    def plan(self, environment: str) -> None:
        self.bare.plan(environment)
        self.built[environment] = self.bare.settings, self.edits

    @rule(changes=st.sampled_from(SETTINGS), edits=st.sampled_from(EDITS))
    def edit(self, changes: dict, edits: tuple) -> None:
        self.bare.changes = changes
        self.edits, self.bare.root = edits, self.folders[edits]

    @precondition(lambda self: self.built.get("prod") == (self.bare.settings, self.edits))
    @rule(models=st.sampled_from([FACTS, FACTS[:1], FACTS[1:]]))
    def restate(self, models: tuple[str, ...]) -> None:
        self.bare.plan("prod", restate_models=list(models))

    # --- what has to hold after each ---

    @invariant()
    def every_environment_holds_everything_or_says_what_waits(self) -> None:
        for name, (built, edits) in self.built.items():
            environment = self.bare.environment(name)
            expected = {
                "mentors": in_order(self.replays["mentors"].versions(all_gold if ALL_GOLD in edits else as_it_is)),
                "users": in_order(self.replays["users"].versions()),
            }
            is_complete = self.bare.facts(name) == self.bare.expected_facts(built) and all(
                self._versions(name, source) == versions for source, versions in expected.items()
            )
            if not environment.stale_dimensions:
                assert is_complete == (environment.taken_in["waiting_loads"] == 0), environment
            if not environment.is_behind:
                assert environment.as_of == reference.latest_event(self.bare.events())
                assert self._outcomes(name) == self._expected_outcomes(name, built, expected["mentors"])
            if environment.reports_say_now:
                from_reports, from_facts = (
                    self.bare.answer(stands) for stands in (environment, replace(environment, reports_say_now=False))
                )
                assert from_reports == from_facts

    def _versions(self, environment: str, source: str) -> list[tuple]:
        columns = {"mentors": "mentor_id, tier, hourly_rate", "users": "user_id, company_id, signup_date, status"}
        query = f"""
            SELECT {columns[source]}, valid_from, valid_to, loaded_at, load_id
            FROM {schema("marts", environment)}.dim_{source} WHERE recorded_to IS NULL
        """
        return in_order(self.bare.query(query))

    def _outcomes(self, environment: str) -> list[tuple]:
        return self.bare.query(f"""
            SELECT user_id, mentor_id, first_at, next_at, is_rebooked, is_mature, tier
            FROM {schema("reports", environment)}.rpt_user_outcomes ORDER BY user_id
        """)

    def _expected_outcomes(self, environment: str, built: Settings, mentors: list[tuple]) -> list[tuple]:
        as_of = self.bare.environment(environment).as_of
        sessions = self.bare.query(f"""
            SELECT user_id, started_at, session_id, mentor_id
            FROM {schema("marts", environment)}.fct_sessions
        """)
        versions = [
            {"mentor_id": key, "tier": tier, "valid_from": start, "loaded_at": loaded_at}
            for key, tier, _, start, _, loaded_at, _ in mentors
        ]
        horizon = max([version["loaded_at"] for version in versions] + [as_of or DAY])
        begun = [version for version in versions if version["valid_from"] <= horizon]
        names = ("user_id", "mentor_id", "first_at", "next_at", "is_rebooked", "is_mature", "current")
        return [
            tuple(row[name] for name in names)
            for row in reference.outcomes(sessions, begun, built.rebooking_window_days, as_of)
        ]

    # --- the working trees and the sources ---

    def _write(self, events: list) -> None:
        """Write the data folder: these events, and the sheet and the export as they are now."""
        first = self.events
        rows = [
            event(f"e{number}", user_id=user, mentor_id=mentor, timestamp=f"{at.isoformat()}Z", event_type=kind, **more)
            for number, (user, mentor, at, kind, more) in enumerate(events, start=first)
        ]
        self.events += len(events)
        sheet, export = (
            [(key, *("" if value is None else value for value in row)) for key, row in rows.items()]
            for rows in (self.sheet, self.export)
        )
        self.bare.write(rows, sheet=sheet, export=export)

    def _replay(self) -> None:
        """Have the replays take in the sheet and the export, where the files were not known already."""
        for source, rows in typed(self.sheet, self.export).items():
            ((load_id, loaded_at),) = self.bare.query(
                f"SELECT MAX(load_id), MAX(loaded_at) FROM raw.loads WHERE source = '{source}'"
            )
            if load_id != self.newest[source]:
                self.newest[source] = load_id
                self.replays[source].load(rows, loaded_at, load_id)


def test_any_order_gives_what_a_rebuild_gives():
    run_state_machine_as_test(
        AnyOrder,
        settings=settings(
            max_examples=EXAMPLES_FACTOR,
            stateful_step_count=12,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
