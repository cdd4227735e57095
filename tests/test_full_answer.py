"""The full answer as a document and on the screen: its shape, thin and empty data, what it adds up to."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import ibis
import pytest

from docs.generate.metrics import PAGE, catalogue
from presentation.document import settings_of
from presentation.renderers.markdown import as_markdown
from presentation.renderers.terminal import as_terminal
from presentation.sections import sections
from presentation.verdict import headline
from settings import PROJECT_ROOT, known_tiers, load_settings
from tests import small_marts
from tests.small_answers import CASES, MENTORS, booking, day, document_of, filled, session, user
from tests.test_answer import run


@pytest.fixture(scope="module")
def connection() -> Iterator[ibis.BaseBackend]:
    connection = ibis.duckdb.connect()
    small_marts.create(connection.con)
    yield connection
    connection.disconnect()


def as_text(document: dict) -> str:
    """The document on a terminal, which must be one of 80 columns, and as Markdown."""
    json.dumps(document, allow_nan=False)
    content = sections(document, settings_of(document, load_settings()))
    text = as_terminal(content, colour=False)
    assert max(map(len, text.splitlines())) <= 80, text
    assert headline(document).replace("<", "\\<") in as_markdown("The answer", content)
    return text


# What libraries plan to change is theirs, and not shown to a user.
@pytest.mark.filterwarnings("error", "ignore::DeprecationWarning")
@pytest.mark.parametrize("case", CASES)
def test_thin_data_give_a_full_answer_without_a_warning(connection, case):
    document = document_of(connection, CASES[case])
    assert as_text(document)
    groups = {row["group"]: row["users"] for row in document["rebooking"]["sessions"]["groups"]}
    if not all(groups.values()):
        assert document["sensitivity"]["conclusion"] == "no data"
        assert document["sensitivity"]["is_robust"] is None
        assert "There are no users to compare" in headline(document)


# What libraries plan to change is theirs, and not shown to a user.
@pytest.mark.filterwarnings("error", "ignore::DeprecationWarning")
@pytest.mark.parametrize(
    "changes",
    [
        {"rebooking_window_days": "none"},
        {"tier_attribution": "at_session"},
        {"group_a": "Silver", "group_b": "Bronze"},
        {"confidence_level": 0.5},
    ],
)
def test_every_setting_gives_a_full_answer(connection, changes):
    document = document_of(connection, CASES["busy"], **changes)
    assert as_text(document)
    names = [row["name"] for row in document["sensitivity"]["variants"]]
    assert len(set(names)) == len(names)
    is_unlimited = document["parameters"]["window_days"] is None
    assert ("window of 30 days" in names) is is_unlimited
    attribution = document["parameters"]["tier_attribution"]
    assert ("current tier" if attribution == "at_session" else "tier at the first session") in names
    if is_unlimited:
        mature = next(row for row in document["sensitivity"]["variants"] if row["name"] == "mature users only")
        assert mature["conclusion"] == "no data"
        assert not any(row["is_mature"] for row in document["cohorts"]["tiers"])
        assert "without a limit it is never known" in as_text(document)


def test_sections_add_up_to_the_headline(connection):
    document = document_of(connection, CASES["busy"])
    fields = ("users", "rebooked")
    headline = {row["tier"]: tuple(row[name] for name in fields) for row in document["rebooking"]["sessions"]["tiers"]}
    assert sum(users for users, _ in headline.values()) == 60

    def sums(rows: list[dict]) -> dict:
        return {
            tier: tuple(sum(row[name] for row in rows if row["tier"] == tier) for name in fields) for tier in headline
        }

    assert sums(document["cohorts"]["tiers"]) == headline
    assert sums(document["mentors"]["mentors"]) == headline
    curves = document["time_to_rebooking"]["tiers"]
    assert {row["tier"]: row["users"] for row in curves} == {tier: users for tier, (users, _) in headline.items()}
    for row in curves:
        assert sum(point["returned"] for point in row["curve"]) == row["returned"]
        assert sum(point["returned"] + point["censored"] for point in row["curve"]) == row["users"]
    first = document["sensitivity"]["variants"][0]
    a, b = document["rebooking"]["sessions"]["groups"]
    comparison = document["rebooking"]["sessions"]["comparison"]
    assert first["name"] == "headline"
    assert (first["group_a_users"], first["group_b_rebooked"]) == (a["users"], b["rebooked"])
    assert (first["difference"], first["p_value"]) == (comparison["difference"], comparison["p_value"])
    weeks, overall = document["reliability_in_time"]["weeks"], document["reliability"]["overall"]
    for name in ("bookings", "attended", "cancelled", "no_show", "orphan"):
        assert sum(row[name] for row in weeks) == overall[name] > 0
    strata = {row["stratified_by"]: row for row in document["confounding"]["stratified"]}
    assert (strata["company"]["strata"], strata["month"]["strata"]) == (7, 3)


def test_the_plain_answer_is_the_beginning_of_the_full_one(connection):
    full = document_of(connection, CASES["busy"])
    plain = document_of(connection, CASES["busy"], full=False)
    assert plain == {name: full[name] for name in plain}
    assert set(plain) == {"parameters", "rebooking", "intent", "reliability", "warnings", "sensitivity"}
    assert as_text(full).startswith(as_text(plain))
    more = {"time_to_rebooking", "cohorts", "confounding", "mentors", "power", "pairwise", "reliability_in_time"}
    assert set(full) - set(plain) == more


CURVED = {"users", "returned", "curve", "horizons"}
COUNTED = {"month", "users", "rebooked", "rate", "ci_low", "ci_high", "mature_users", "is_mature"}
DIFFERENCE = {"difference", "difference_ci_low", "difference_ci_high", "p_value"}
BOOKED = {"bookings", "attended", "cancelled", "rescheduled", "no_show", "upcoming", "orphan", "open"}
# Of each place in the document, the keys of what stands there; of a list, those of its rows.
KEYS = {
    "time_to_rebooking.tiers": {"tier", *CURVED},
    "time_to_rebooking.groups": {"group", "tiers", *CURVED},
    "time_to_rebooking.tiers.curve": {"day", "at_risk", "returned", "censored", "share", "ci_low", "ci_high"},
    "time_to_rebooking.tiers.horizons": {"days", "at_risk", "share", "ci_low", "ci_high"},
    "time_to_rebooking.log_rank": {"statistic", "p_value", "method"},
    "cohorts.tiers": {"tier", *COUNTED},
    "cohorts.groups": {"group", "tiers", *COUNTED},
    "cohorts.trend": {"group", "statistic", "p_value", "method"},
    "confounding.stratified": {
        *("stratified_by", "strata", "informative_strata", "informative_users", "odds_ratio", "odds_ratio_ci_low"),
        *("odds_ratio_ci_high", "statistic", "p_value", "heterogeneity_p_value", "is_too_thin", "method"),
    },
    "confounding.permutation": {"stratified_by", "permutations", "difference", "p_value", "method"},
    "mentors.mentors": {
        *("mentor_id", "tier", "users", "rebooked", "rate", "ci_low", "ci_high"),
        *("shrunk_rate", "shrunk_ci_low", "shrunk_ci_high"),
    },
    "mentors.tiers": {"tier", "mentors", "users", "rate", "between_mentor_sd", "heterogeneity_p_value"},
    "mentors.clustered": {*DIFFERENCE, "design_effect_a", "design_effect_b", "method"},
    "sensitivity": {"variants", "conclusion", "changed_by", "is_robust"},
    "sensitivity.variants": {
        *("name", "group_a_users", "group_a_rebooked", "group_b_users", "group_b_rebooked", "conclusion"),
        *DIFFERENCE,
    },
    "power": {
        *("significance_level", "power", "minimum_detectable_difference", "half_width_points"),
        "users_for_half_width",
    },
    "power.users_for_half_width": {"group_a", "group_b"},
    "pairwise": {"tier_a", "tier_b", *DIFFERENCE, "p_value_holm"},
    "reliability_in_time.weeks": {"week", *BOOKED, "cancellation_rate", "no_show_rate", "orphan_rate"},
    "reliability_in_time.control_charts": {"rate", "center", "points"},
    "reliability_in_time.control_charts.points": {"week", "n", "value", "lower", "upper", "is_alert"},
    "reliability_in_time.delays": {"tier", "confirmation_hours", "session_hours"},
    "reliability_in_time.delays.session_hours": {"n", "median", "p90"},
    "reliability_in_time.cancellations_by_lead_time": {"lead_time", "cancelled", "rescheduled"},
}


def test_the_document_has_the_keys_that_others_build_on(connection):
    document = document_of(connection, CASES["busy"])
    for path, keys in KEYS.items():
        found = [document]
        for step in path.split("."):
            below = [node[step] for node in found]
            found = [row for node in below for row in (node if isinstance(node, list) else [node])]
        assert found, path
        for node in found:
            assert set(node) == keys, path
    assert [row["stratified_by"] for row in document["confounding"]["stratified"]] == [
        "company",
        "month",
        "company_size",
    ]
    assert [horizon["days"] for horizon in document["time_to_rebooking"]["tiers"][0]["horizons"]] == [7, 14, 30, 60, 90]
    assert [row["tier"] for row in document["reliability_in_time"]["delays"]] == [*known_tiers(), None]


def test_another_conclusion_is_told_in_the_headline(connection):
    """Twenty users of each group: Gold's come back on day 2, the others on day 20."""
    gold = [session(n, 1, day(later)) for n in range(20) for later in (0, 2)]
    others = [session(n, 3, day(later)) for n in range(20, 40) for later in (0, 20)]
    document = document_of(connection, filled(gold + others, users=[user(n) for n in range(40)]))
    sensitivity = document["sensitivity"]
    assert (sensitivity["conclusion"], sensitivity["is_robust"]) == ("not shown", False)
    assert sensitivity["changed_by"] == ["window of 7 days", "window of 14 days"]
    # By bookings there is nobody: a way of counting without data says nothing.
    told = "Of 8 other ways of counting 2 do not say the same: window of 7 days, window of 14 days."
    assert told in headline(document)
    assert "The groups' pace" not in as_text(document)
    assert document["time_to_rebooking"]["log_rank"]["p_value"] < 0.001


def test_churned_users_and_estimated_sessions_can_be_left_out(connection):
    gold = [session(n, 1, day(later)) for n in range(20) for later in (0, 2)]
    others = [session(n, 3, day(0)) for n in range(20, 40)]
    for row in gold[1::2]:
        row["is_duration_estimated"] = True
    users = [user(n, status="churned" if n < 15 else "active") for n in range(40)]
    document = document_of(connection, filled(gold + others, users=users))
    variants = {row["name"]: row for row in document["sensitivity"]["variants"]}
    kept = variants["without churned users"]
    assert (kept["group_a_users"], kept["group_a_rebooked"], kept["group_b_users"]) == (5, 5, 20)
    recorded = variants["without estimated sessions"]
    assert (recorded["group_a_users"], recorded["group_a_rebooked"], recorded["conclusion"]) == (20, 0, "not shown")
    assert document["sensitivity"]["changed_by"] == ["without estimated sessions"]


def test_a_cohort_that_is_too_young_shows_no_rate(connection):
    document = document_of(connection, CASES["nobody is mature"])
    for row in document["cohorts"]["tiers"] + document["cohorts"]["groups"]:
        assert (row["is_mature"], row["rate"], row["ci_low"], row["ci_high"]) == (False, None, None, None)
    text = as_text(document)
    assert "2023-01  too early" in text
    assert "Too early: some of the month's users may yet come back" in text


def test_thin_strata_are_said_to_be_thin(connection):
    few = document_of(connection, filled([session(n, n % 5 + 1, day(n)) for n in range(5)], users=[user(1)]))
    thin = {row["stratified_by"]: row["is_too_thin"] for row in few["confounding"]["stratified"]}
    assert thin == {"company": True, "month": True, "company_size": True}
    assert "too thin" in as_text(few)
    assert "Too thin to tell" in as_text(few)


def test_a_week_outside_the_limits_is_named(connection):
    bookings = [booking(n, 1, day(7 * week), "attended") for week in range(20) for n in range(30)]
    bookings += [booking(n, 2, day(7 * 10), "cancelled", cancelled_at=day(7 * 10 + 1)) for n in range(30)]
    document = document_of(connection, filled(bookings=bookings))
    chart = document["reliability_in_time"]["control_charts"][0]
    assert [point["week"] for point in chart["points"] if point["is_alert"]] == ["2023-03-13"]
    assert re.search(r"^cancellations +2023-03-13 +50\.0 % +\d", as_text(document), re.MULTILINE)
    lead_times = document["reliability_in_time"]["cancellations_by_lead_time"]
    assert [row["cancelled"] for row in lead_times] == [0, 30, 0, 0]


def test_what_lies_after_the_moment_of_the_answer_is_not_seen(connection):
    sessions = [session(1, 1, day(0)), session(1, 1, day(20)), session(2, 1, day(30))]
    document = document_of(connection, filled(sessions), as_of=day(10.5))
    gold = document["time_to_rebooking"]["tiers"][0]
    assert (gold["users"], gold["returned"]) == (1, 0)
    assert [(point["day"], point["censored"]) for point in gold["curve"]] == [(0, 0), (11, 1)]


def test_mentors_with_few_users_are_shrunk_and_marked(connection):
    many = [session(n, 1, day(later)) for n in range(40) for later in (0, 2)[: 1 + n % 2]]
    document = document_of(connection, filled([*many, session(99, 2, day(0)), session(99, 2, day(1))]))
    few = next(row for row in document["mentors"]["mentors"] if row["mentor_id"] == "M-2")
    assert few["rate"] == 1
    assert few["shrunk_rate"] < 0.8
    assert re.search(r"^M-2 .* 1  100\.0 % .* few users$", as_text(document), re.MULTILINE)
    assert "Few users: fewer than 20" in as_text(document)


def test_many_mentors_are_shown_in_part_and_all_in_the_document(connection):
    tables = filled([session(n, n, day(0)) for n in range(100, 150)])
    tables["dim_mentors"] = [MENTORS[0] | {"mentor_id": f"M-{n}"} for n in range(100, 150)]
    document = document_of(connection, tables)
    assert len(document["mentors"]["mentors"]) == 50
    assert "Mentors; those with the most users, 20 of 50\n" in as_text(document)


@pytest.fixture(scope="module")
def small_warehouse(tmp_path_factory) -> Path:
    """A warehouse file with the marts alone."""
    return small_marts.write(tmp_path_factory.mktemp("small") / "warehouse.duckdb", CASES["busy"])


def test_full_on_the_command_line(small_warehouse):
    plain = run(small_warehouse, "answer").stdout
    assert "Like with like" not in plain
    assert "other ways of counting" in " ".join(plain.split())
    for output in ("table", "markdown"):
        full = run(small_warehouse, "answer", "--full", "--format", output).stdout
        for title in ("Other ways of counting", "Like with like", "Cohorts", "Mentors", "week by week", "Definitions"):
            assert title in full
    document = json.loads(run(small_warehouse, "answer", "--format", "json").stdout)
    assert [row["tier"] for row in document["time_to_rebooking"]["tiers"]] == known_tiers()


HEAVY = ("ibis", "pandas", "polars", "pyarrow", "rich", "scipy", "scipy.stats", "sqlmesh", "altair", "streamlit")


@pytest.mark.parametrize(
    ("arguments", "allowed"),
    [
        (["--help"], set()),
        (["answer", "--help"], set()),
        (["answer", "--schema"], set()),
        (["rejects"], set()),
        (["answer"], {"ibis", "pyarrow", "rich", "scipy"}),
    ],
)
def test_a_command_imports_what_it_needs_and_no_more(small_warehouse, arguments, allowed):
    code = (
        "import sys, cli\n"
        f"cli.cli(['--warehouse', {str(small_warehouse)!r}, *{arguments!r}], standalone_mode=False)\n"
        f"print(*(name for name in {HEAVY!r} if name in sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True)
    assert set(done.stderr.split()) <= allowed


def test_the_catalogue_is_what_the_docstrings_say():
    assert PAGE.read_text(encoding="utf-8") == catalogue(), "run: python -m docs.generate.metrics"
    for name in ("cohort_counts", "sensitivity_section", "kaplan_meier"):
        assert f"#### `{name}(" in catalogue()
