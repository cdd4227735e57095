"""The full answer as a document and on the screen: its shape, thin and empty data, what it adds up to."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from analysis.answer.robustness import robustness_section
from analysis.answer.schema.document import FullSections
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
        assert document["sensitivity"]["conclusion"] == "no_data"
        assert document["sensitivity"]["is_robust"] is None
        said = "There are no users to compare" if not any(groups.values()) else "users to compare them with."
        assert said in headline(document)


def test_one_group_alone_has_its_rate_in_the_sentence(connection):
    """There were "no users to compare Gold with Silver/Bronze", though Gold had some."""
    document = document_of(connection, CASES["one group is empty"])
    assert headline(document).startswith(
        "Not settled: 50.0 % of Gold users rebook within 30 days, and there are no Silver/Bronze users to compare them "
        "with. "
    )
    swapped = document_of(connection, CASES["one group is empty"], group_a="Bronze", group_b="Gold")
    assert headline(swapped).startswith(
        "Not settled: 50.0 % of Gold users rebook within 30 days, and there are no Bronze users to compare them with. "
    )
    assert "difference: **–** (nothing to compare)" in as_markdown("", sections(document, load_settings()))


def test_an_interval_that_there_is_not_is_no_pair_of_dashes(connection):
    """With one mentor in a group a difference stood there with the interval `– to –`."""
    events = [
        session(n, mentor, day(moment)) for n in range(8) for mentor in [1 + 2 * (n % 2)] for moment in (n, n + 2)
    ]
    document = document_of(connection, filled(events[:-1], users=[user(n) for n in range(8)]))
    assert document["rebooking"]["sessions"]["comparison"]["difference_ci_low"] is None
    for text in (as_text(document), as_markdown("", sections(document, load_settings()), {})):
        assert "a difference of +25.0 points, no 95 % interval" in " ".join(text.split())
        assert "– to –" not in text


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
    variants = document["sensitivity"]["variants"]
    names = [name for row in variants for name in (row["name"], *row["also"])]
    assert len(set(names)) == len(names)
    is_unlimited = document["parameters"]["window_days"] is None
    assert ("window of 30 days" in names) is is_unlimited
    attribution = document["parameters"]["tier_attribution"]
    assert ("current tier" if attribution == "at_session" else "tier at the first session") in names
    if is_unlimited:
        mature = next(
            row for row in variants if row["name"] == "mature users only" or "mature users only" in row["also"]
        )
        assert mature["conclusion"] == "no_data"
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
    sections = ("rebooking", "intent", "reliability", "freshness", "warnings", "sensitivity", "optional_events")
    assert set(plain) == {"parameters", *sections}
    assert as_text(full).startswith(as_text(plain))
    assert set(full) - set(plain) == set(FullSections.__annotations__)


GOLD, SILVER = (1, 2, 6, 7, 8), (3, 4, 9, 10, 11, 12)


def of_groups(gold: tuple[float, ...], silver: tuple[float, ...]) -> list[dict]:
    """Forty users, half of each group, spread over its mentors, with sessions on these days."""
    sessions = [session(n, GOLD[n % 5], day(at), f"{n}-{at}") for n in range(20) for at in gold]
    return sessions + [session(n, SILVER[n % 6], day(at), f"{n}-{at}") for n in range(20, 40) for at in silver]


def test_another_conclusion_is_told_in_the_headline(connection):
    """Twenty users of each group: Gold's come back on day 2, the others on day 20."""
    document = document_of(connection, filled(of_groups((0, 2), (0, 20)), users=[user(n) for n in range(40)]))
    sensitivity = document["sensitivity"]
    assert (sensitivity["conclusion"], sensitivity["is_robust"]) == ("not_shown", False)
    assert sensitivity["changed_by"] == ["window of 7 days"]
    early = next(row for row in sensitivity["variants"] if row["name"] == "window of 7 days")
    assert early["also"] == ["window of 14 days"]
    # By bookings there is nobody, and the other ways count the very same users and returns.
    assert "The one other way of counting does not say the same: window of 7 days." in headline(document)
    assert document["time_to_rebooking"]["log_rank"]["p_value"] < 0.001


def test_the_opposite_is_told_before_anything_else(connection):
    """Within 30 days Gold's users come back alone; all of the others come back within 90, and none of Gold's more."""
    gold = of_groups((0, 2), ())[::1]
    half = [row for row in gold if row["user_id"] % 4 < 2 or row["started_at"] == day(0)]
    document = document_of(connection, filled(half + of_groups((), (0, 40)), users=[user(n) for n in range(40)]))
    sensitivity = document["sensitivity"]
    assert sensitivity["conclusion"] == "higher"
    assert sensitivity["reversed_by"] == ["window of 60 days"]
    assert headline(document).startswith(
        "Counted in another way Gold users rebook less: window of 60 days; as asked, yes: 50.0 % of"
    )


def test_a_way_of_counting_in_which_nobody_returns_contradicts_nothing(connection):
    """All who come back do so between day 11 and 13: a window of 7 days says nothing."""
    document = document_of(connection, filled(of_groups((0, 12), (0,)), users=[user(n) for n in range(40)]))
    variants = {row["name"]: row["conclusion"] for row in document["sensitivity"]["variants"]}
    assert (variants["headline"], variants["window of 7 days"]) == ("higher", "says_nothing")
    assert document["sensitivity"]["is_robust"]


def test_churned_users_and_estimated_sessions_can_be_left_out(connection):
    sessions = of_groups((0, 2), (0,))
    for row in sessions:
        row["is_duration_estimated"] = row["started_at"] == day(2)
    users = [user(n, status="churned" if n < 15 else "active") for n in range(40)]
    document = document_of(connection, filled(sessions, users=users))
    variants = {row["name"]: row for row in document["sensitivity"]["variants"]}
    kept = variants["without churned users"]
    assert (kept["group_a_users"], kept["group_a_rebooked"], kept["group_b_users"]) == (5, 5, 20)
    recorded = variants["without estimated sessions"]
    assert (recorded["group_a_users"], recorded["group_a_rebooked"], recorded["conclusion"]) == (20, 0, "says_nothing")
    assert document["sensitivity"]["changed_by"] == []


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
    # A week counts for the chart once it is over.
    document = document_of(connection, filled(bookings=bookings, sessions=[session(1, 1, day(160))], until=160))
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
    assert "but with 2 against 3 mentors no difference could be told from chance" in " ".join(plain.split())
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


def test_balance_has_weekdays_and_sizes_in_their_own_order(connection):
    balance = document_of(connection, CASES["busy"])["robustness"]["balance"]
    weekdays = [row["value"] for row in balance if row["attribute"] == "weekday"]
    assert weekdays == ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
    names = ("100 or more", "1", "20 to 99", "unknown", "5 to 19", "2 to 4")
    rows = [{"attribute": "company size", "value": name, "tier": "Gold", "users": 1} for name in names]
    section = robustness_section([], [], rows, load_settings())
    sizes = [row["value"] for row in section["balance"]]
    assert sizes == ["1", "2 to 4", "5 to 19", "20 to 99", "100 or more", "unknown"]
