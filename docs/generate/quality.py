# ruff: noqa: E501 -- rows of Markdown tables
"""Writes docs/data_quality.md, every check of the data and what a failure does: python -m docs.generate.quality"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from sqlmesh import Context
from sqlmesh.core.model import Model

from docs.generate.dictionary import code, row
from docs.generate.tables import audit_call, layer_rank, project_context, table_name
from errors import MentorAnalyticsError
from ingest.forgotten import REASON
from ingest.normalisation import columns_of_objects
from ingest.sources import EVENTS, MENTORS, USERS, Source
from settings import PROJECT_ROOT, Settings

PAGE = PROJECT_ROOT / "docs" / "data_quality.md"

_HEAD = """# Data quality

What is wrong with real files, what becomes of it, and every check with its layer, its severity, its threshold and who
looks at it. `python -m docs.generate.quality` writes this page from the load rules, the audits and the settings; after
changing one, run it again.

## What real files hold

Counted once on three files of a booking tool, which are not in this repository: 842 events, 155 rows of users, 15 mentors.

| issue | count | what becomes of it |
| --- | --- | --- |
| a user twice in the export, the rows alike | 5 of 155 rows | duplicates: the first row stays, the rest are counted |
| ids of users as text here and as numbers there | 424 and 418 of 842 events | one 64-bit integer ([decision 7](adr/0007-ids-of-64-bits.md)) |
| a user of an event whom the export does not have | 1 event, the one pending request | loaded and counted; in no tier's rebooking |
| a booking cancelled and asked for again at the same instant | 10 of 225 bookings | the cancellation counts first ([decision 9](adr/0009-event-order.md)) |
| a session without an end | 13 of 203 | estimated, and a check of its own: 6.4 %, not settled ([decision 10](adr/0010-estimated-ends.md)) |
| an end exactly 30 minutes after its start | all 190 recorded ends | taken as they are: lengths tell nothing |
| a request stamped 00:00:00 | 141 of 225 | a coarse clock: nothing that measures hours from requests is shown |
| a mentor in two sessions at once | 6 of 190 sessions with a recorded end | a check that only warns: 3.2 % |
| one hourly rate a tier | 3 rates, 3 tiers | the answer says that price and tier cannot be told apart |
| a row that does not say since when it holds (`updated_at`) | all | it holds from its load, the first one from sign-up or the beginning ([history.md](history.md)) |
| properties of the tracking plan | none | the rules without them hold, and the answer says so |

The sample data and `simulate` have these and many more; [bad-input.md](bad-input.md) has a line, and a test, for each kind.
"""
_LOADING = """## When a file is loaded

**Severity.** A row is *rejected*: it is kept in `raw.rejected_rows`, shown by `rejects`, and the rest is loaded. A *file*
that fails ends the command with one line, and nothing is loaded. A *note* is a line of the load and of the run log.
There is no threshold: every row counts. **Owner**: who hands over the file, which is the users database, the
Ops team for the mentor sheet, the booking tool for the events.
"""
_AUDITS = """## When models are built

**Severity.** *Stops*: the refresh, or the plan of prod, ends with one line and nothing is published. *Warns*: the state is
published, and the failure is in the run log (`failed_audits`) and is sent where a channel is set up. In an
environment other than prod, blocking audits of the two dimensions only warn. **Owner** is that of the model.
"""
_ANSWER = """## When the answer is given

A rate passes where its whole interval lies at or below its threshold, and fails where all of it lies above. A failure
stops nothing: it is the answer. **Owner**: who asks.
"""
_TESTS = """## When the project changes

`make test` and every pull request run these; a failure stops the change. **Owner**: who makes the change.
"""
_REASONS = {
    "unreadable_line": "the line of a CSV has other fields than its header",
    "nul_character": "a text holds the character NUL",
    "missing_user_id": "no user",
    "invalid_user_id": "the user is no integer of 64 bits",
    "invalid_signup_date": "the day of sign-up is missing or no ISO-8601 day",
    "invalid_updated_at": "`updated_at` is no ISO-8601 time",
    "outdated": "it says something else and is dated before the newest date that has come",
    "missing_mentor_id": "no mentor",
    "missing_tier": "a mentor without a tier",
    "conflicting_mentor_id": "a mentor twice in one sheet, the rows different",
    "not_an_object": "an event that is no JSON object",
    "repeated_property": "a property twice in one event",
    "nested_value": "an object or a list in the place of a value",
    "missing_event_id": "no id",
    "missing_timestamp": "no time",
    "invalid_timestamp": "the time is not ISO-8601",
    "implausible_timestamp": "the time lies before 2000 or more than a day ahead of the load",
    "missing_event_type": "no type",
    "unknown_event_type": "a type that `seeds/event_catalogue.csv` does not have",
    "missing_rating": "a review without a rating",
    "invalid_rating": "a rating that is no whole number from 1 to 5",
    "forgotten_user": "a user who was forgotten; the text of the row is not kept",
    "conflicting_event_id": "an id that another event with other values has",
}
# A reason that fails the whole file.
_FAILS = {"missing_tier"}
_OTHER_LOAD_RULES = [
    ("every file", "missing, empty, not UTF-8, broken, without a required column, changed while it was read", "file"),
    ("mentors", "a sheet with a header and no mentors", "file"),
    ("every file", "rows read = loaded + known + duplicates + rejected", "file"),
    ("users", "users of earlier exports who are missing", "note"),
    ("mentors", "changed tiers, mentors who left, rates that cannot be used or are missing", "note"),
    ("every file", "columns or properties that nobody knows", "note"),
]
_BUILT_IN = {
    "not_null": "no column named is null",
    "unique_values": "no two rows have the same value of a column named",
    "unique_combination_of_columns": "no two rows have the same values of the columns named",
    "accepted_values": "the column has these values alone",
}
_ANSWER_CHECKS = [
    ("requests that nobody answered", "max_orphan_rate", "decides"),
    ("confirmed bookings without a session", "max_no_show_rate", "decides"),
    ("cancelled bookings", "max_cancellation_rate", "decides"),
    ("sessions with an estimated end", "max_estimated_end_rate", "decides"),
    ("double bookings", "max_double_booking_rate", "warns"),
    ("a clock that knows days only", "coarse_clock_share", "what needs hours is left out"),
    ("age of the newest event", "max_feed_age_hours", "warns; `status` exits with 1"),
]
_TEST_KINDS = [
    ("every model", "owner, grain, descriptions, audits, a unit test", "`linter/`, `config.py`"),
    (
        "`staging`, `marts`, `reports`",
        "worked examples of each model, which `sqlmesh plan` runs first",
        "`tests/test_*.yaml`",
    ),
    ("audits", "each own audit reports a wrong row and lets a good one pass", "`tests/test_audits.py`"),
    ("`raw`", "each line of bad-input.md, and files drawn at random", "`tests/bad_input/`"),
    ("`marts`", "drawn events against brute force in plain Python", "`tests/test_facts_property.py`"),
    (
        "`marts`, `reports`",
        "any order of load, plan, run and refresh gives the rows of a rebuild",
        "`tests/soundness/`",
    ),
    ("answer", "metrics against brute force, on every engine", "`tests/test_metrics.py`, `tests/engines/`"),
    ("answer", "statistics against other libraries, and by simulation", "`tests/statistics/`"),
]


def quality_page(context: Context) -> str:
    """The page as Markdown.

    Raises:
        MentorAnalyticsError: a reason or an audit is not described.
    """
    lines = [_HEAD, _LOADING, *_table(("source", "what is refused", "severity", "reason"), _load_rules())]
    lines += [
        "",
        _AUDITS,
        *_table(("layer", "table", "audit", "asserts", "severity", "threshold", "owner"), _audits(context)),
    ]
    lines += ["", _ANSWER, *_table(("check", "severity", "threshold"), _answer_checks())]
    lines += ["", _TESTS, *_table(("layer", "what is tested", "where"), _TEST_KINDS)]
    return "\n".join(lines) + "\n"


def reasons(source: Source) -> list[str]:
    """Why a row of a source may be rejected, in the order in which it is judged."""
    of_objects = source.normalise_objects or columns_of_objects("SELECT 1", source.names)
    found = ["unreadable_line"] if "unreadable" in source.normalise else []
    found += re.findall(r"THEN '([a-z_]+)'", of_objects + source.normalise)
    found += [source.conflict] if source.conflict else []
    found += ["outdated"] if source.has_states else []
    found += [REASON] if "user_id" in source.columns else []
    return list(dict.fromkeys(found))


def _load_rules() -> list[tuple[str, ...]]:
    rules = [
        (source.name, _described(_REASONS, reason), "file" if reason in _FAILS else "row", code(reason))
        for source in (USERS, MENTORS, EVENTS)
        for reason in reasons(source)
    ]
    return rules + [(*rule, "–") for rule in _OTHER_LOAD_RULES]


def _audits(context: Context) -> list[tuple[str, ...]]:
    own = _own_audits()
    found = []
    for model in sorted(context.models.values(), key=_layer_and_name):
        for audit, arguments in model.audits_with_args:
            name = audit.name.removesuffix("_non_blocking")
            given = {key: value for key, value in arguments.items() if key != "blocking"}
            text = own[name][0] if name in own else _described(_BUILT_IN, name)
            blocking = arguments.get("blocking")
            stops = audit.blocking if blocking is None else str(blocking).lower() == "true"
            found.append(
                (
                    table_name(model.fqn).split(".")[0],
                    table_name(model.fqn).split(".")[1],
                    code(_shown(name, given, model)),
                    text,
                    "stops" if stops else "warns",
                    own[name][1] if name in own else "no row",
                    model.owner or "",
                )
            )
    return found


def _layer_and_name(model: Model) -> tuple[int, str]:
    name = table_name(model.fqn)
    return layer_rank(name.split(".")[0]), name


def _shown(name: str, arguments: dict[str, Any], model: Model) -> str:
    """An audit as it is called; long lists of columns are in the dictionary."""
    if name == "not_null":
        return name
    return audit_call(name, arguments, model.dialect)


def _own_audits() -> dict[str, tuple[str, str]]:
    """What each audit under `audits/` asserts, which is its comment, and its threshold, by its name.

    Raises:
        MentorAnalyticsError: an audit has no comment.
    """
    settings = _thresholds()
    found = {}
    for path in sorted((PROJECT_ROOT / "audits").glob("*.sql")):
        for text in path.read_text(encoding="utf-8").split("AUDIT (")[1:]:
            name = text.split("name ", 1)[1].split(",")[0].split()[0]
            comment = re.search(r"\);\s*/\*\s*(.+?)\s*\*/", text, re.DOTALL)
            if not comment:
                raise MentorAnalyticsError(f"the audit {name} has no comment that says what it asserts")
            used = [used for used in re.findall(r"@VAR\('(\w+)'\)", text) if used in settings]
            thresholds = [f"{code(setting)} = {_value(settings[setting])}" for setting in used]
            sentence = " ".join(comment[1].split()).split(". ")[0].rstrip(".")
            found[name] = (sentence, ", ".join(thresholds) or "no row")
    return found


def _answer_checks() -> list[tuple[str, ...]]:
    settings = _thresholds()
    return [(what, severity, f"{code(name)} = {_value(settings[name])}") for what, name, severity in _ANSWER_CHECKS]


def _thresholds() -> dict[str, Any]:
    """The settings as settings.toml has them, whatever the environment says."""
    written = tomllib.loads((PROJECT_ROOT / "settings.toml").read_text(encoding="utf-8"))
    return {name: field.default for name, field in Settings.model_fields.items()} | written


def _value(value: Any) -> str:
    return "none" if value is None else str(value)


def _described(texts: dict[str, str], name: str) -> str:
    if name not in texts:
        raise MentorAnalyticsError(f"{name} is not described; add a line to {Path(__file__).name}")
    return texts[name]


def _table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    return [row(list(header)), row(["---"] * len(header)), *(row(list(cells)) for cells in rows)]


def main() -> None:
    """Write the page."""
    with project_context() as context:
        PAGE.write_text(quality_page(context), encoding="utf-8")


if __name__ == "__main__":
    main()
