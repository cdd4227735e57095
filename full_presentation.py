"""The sections that only the full answer has, as tables that fit into 80 columns."""

from __future__ import annotations

from presentation import Row, Section, group_names, interval, named_rows, p_in_words, p_value, percent

FEW_USERS = 20
# Of long lists, so many are shown.
MENTORS_SHOWN = 20
WEEKS_SHOWN = 12
ALERTS_SHOWN = 10

STRATA_NAMES = {"company": "company", "month": "first month", "company_size": "company size"}
RATE_NAMES = {"cancellation_rate": "cancellations", "no_show_rate": "no-shows", "orphan_rate": "unanswered requests"}


def full_sections(document: Row) -> list[Section]:
    """The sections of the full answer, in the order in which questions come up."""
    return [
        _sensitivity(document),
        _time_to_rebooking(document),
        _cohorts(document),
        _confounding(document),
        *_mentors(document),
        _pairs(document),
        _weeks(document),
        _delays(document),
        _lead_times(document),
    ]


def points(difference: float | None) -> str:
    """A difference of rates in percentage points, with its sign; a dash when there is none."""
    return "–" if difference is None else f"{difference * 100:+.1f}"


def _range(low: float | None, high: float | None) -> str:
    return "–" if low is None or high is None else f"{points(low)} to {points(high)}"


def _number(value: float | None, decimals: int = 2) -> str:
    return "–" if value is None else f"{value:,.{decimals}f}"


def _chance(document: Row, value: float) -> str:
    """What a p-value says of chance, with its verb."""
    is_shown = value < document["power"]["significance_level"]
    return f"{'is ' if is_shown else ''}{p_in_words(value, is_shown)}"


def _sensitivity(document: Row) -> Section:
    rows = [
        [
            row["name"],
            points(row["difference"]),
            _range(row["difference_ci_low"], row["difference_ci_high"]),
            p_value(row["p_value"]),
            row["conclusion"],
        ]
        for row in document["sensitivity"]["variants"]
    ]
    a, b = group_names(document)
    return Section(
        "Other ways of counting",
        ["way of counting", "points", "interval", "p", "conclusion"],
        rows,
        (f"Rate of {a} minus that of {b}.",),
    )


def _time_to_rebooking(document: Row) -> Section:
    part = document["time_to_rebooking"]
    days = [horizon["days"] for horizon in part["tiers"][0]["horizons"]]
    rows = [
        [name, f"{row['users']:,}", *(percent(horizon["share"]) for horizon in row["horizons"])]
        for name, row in named_rows(part)
    ]
    a, b = group_names(document)
    value = part["log_rank"]["p_value"]
    pace = f"That {a} and {b} users come back at another pace {_chance(document, value)}." if value is not None else ""
    return Section(
        "Come back within so many days",
        ["tier", "users", *(str(horizon) for horizon in days)],
        rows,
        (
            "Every user counts for as long as observed; a dash: nobody was observed so long.",
            pace or "The groups' pace cannot be compared.",
        ),
    )


def _cohorts(document: Row) -> Section:
    part = document["cohorts"]
    names, cells = {}, {}
    for name, row in named_rows(part):
        names[name] = None
        cells[row["month"], name] = _cohort(row)
    months = dict.fromkeys(row["month"] for row in part["tiers"])
    notes = [
        f"{'/'.join(document['parameters'][trend['group']])}: "
        + (
            "no trend can be tested."
            if trend["p_value"] is None
            else f"{'rising' if trend['statistic'] > 0 else 'falling'} from month to month; "
            f"that {_chance(document, trend['p_value'])}."
        )
        for trend in part["trend"]
    ]
    if document["parameters"]["window_days"] is None:
        notes.insert(0, "Too early: without a limit it is never known who will not come back.")
    elif any(not row["is_mature"] for row in part["tiers"]):
        notes.insert(0, "Too early: some of the month's users may yet come back within the window.")
    return Section(
        "Rebooking by month of the first session",
        ["month", *names],
        [[month, *(cells[month, name] for name in names)] for month in months],
        tuple(notes),
    )


def _cohort(row: Row) -> str:
    if not row["users"]:
        return "–"
    return f"{percent(row['rate'])} of {row['users']:,}" if row["is_mature"] else "too early"


def _confounding(document: Row) -> Section:
    part, overall = document["confounding"], document["rebooking"]["sessions"]["comparison"]
    users = sum(row["users"] for row in document["rebooking"]["sessions"]["groups"])
    rows = [
        [
            "all users",
            "",
            "",
            f"{users:,}",
            _number(overall["odds_ratio"]),
            _odds(overall),
            p_value(overall["p_value"]),
        ]
    ]
    thin = []
    for row in part["stratified"]:
        name = STRATA_NAMES[row["stratified_by"]]
        if row["is_too_thin"]:
            thin.append(name)
        rows.append(
            [
                f"same {name}",
                f"{row['strata']:,}",
                f"{row['informative_strata']:,}",
                f"{row['informative_users']:,}",
                _number(row["odds_ratio"]),
                _odds(row),
                "too thin" if row["is_too_thin"] else p_value(row["p_value"]),
            ]
        )
    notes = ["Only strata with users of both groups, some back and some not, tell anything."]
    if thin:
        notes.append(f"Too thin to tell, so no p-value: same {', same '.join(thin)}.")
    permutation = part["permutation"]
    if permutation["p_value"] is not None:
        notes.append(
            f"Users dealt out at random within their company {permutation['permutations']:,} times: the difference "
            f"{_chance(document, permutation['p_value'])}."
        )
    header = ["compared within", "strata", "telling", "users", "odds ratio", "interval", "p"]
    return Section("Like with like", header, rows, tuple(notes))


def _odds(row: Row) -> str:
    if row["odds_ratio_ci_low"] is None or row["odds_ratio_ci_high"] is None:
        return "–"
    return f"{_number(row['odds_ratio_ci_low'], 1)}–{_number(row['odds_ratio_ci_high'], 1)}"


def _mentors(document: Row) -> list[Section]:
    part = document["mentors"]
    tiers = [
        [
            row["tier"],
            f"{row['mentors']:,}",
            f"{row['users']:,}",
            percent(row["rate"]),
            "–" if row["between_mentor_sd"] is None else f"{row['between_mentor_sd'] * 100:.1f}",
            p_value(row["heterogeneity_p_value"]),
        ]
        for row in part["tiers"]
    ]
    a, b = group_names(document)
    clustered = part["clustered"]
    notes = ["Spread: standard deviation between mentors beyond chance, in points."]
    if clustered["p_value"] is not None:
        bounds = _range(clustered["difference_ci_low"], clustered["difference_ci_high"])
        notes.append(
            f"{a} minus {b} with users of one mentor taken together: {points(clustered['difference'])} points "
            f"({bounds}), which {_chance(document, clustered['p_value'])}."
        )
    ranked = sorted(part["mentors"], key=lambda row: (-row["shrunk_rate"], row["mentor_id"]))
    shown = ranked
    if len(ranked) > MENTORS_SHOWN:
        shown = ranked[: MENTORS_SHOWN // 2] + ranked[-MENTORS_SHOWN // 2 :]
    rows = [
        [
            row["mentor_id"],
            row["tier"],
            f"{row['users']:,}{' *' if row['users'] < FEW_USERS else ''}",
            percent(row["rate"]),
            percent(row["shrunk_rate"]),
            interval(row["shrunk_ci_low"], row["shrunk_ci_high"]),
        ]
        for row in shown
    ]
    told = ["Shrunk: drawn towards the rate of the tier, the more so the fewer the users."]
    if any(row["users"] < FEW_USERS for row in shown):
        told.append(f"* Fewer than {FEW_USERS} users: judge by the shrunk rate alone.")
    if len(shown) < len(ranked):
        told.append(f"The {MENTORS_SHOWN // 2} highest and lowest of {len(ranked):,}.")
    spread = Section("Mentors by tier", ["tier", "mentors", "users", "rate", "spread", "p"], tiers, tuple(notes))
    header = ["mentor", "tier", "users", "rate", "shrunk", "interval of shrunk"]
    return [spread, Section("Mentors", header, rows, tuple(told) if rows else ("No mentor has users.",))]


def _pairs(document: Row) -> Section:
    rows = [
        [
            f"{row['tier_a']} – {row['tier_b']}",
            points(row["difference"]),
            _range(row["difference_ci_low"], row["difference_ci_high"]),
            p_value(row["p_value"]),
            p_value(row["p_value_holm"]),
        ]
        for row in document["pairwise"]
    ]
    power, (a, b) = document["power"], group_names(document)
    notes = ["Adjusted: allows for the number of pairs (Holm)."]
    if power["minimum_detectable_difference"] is not None:
        notes.append(
            f"Groups of this size show, with a chance of {power['power'] * 100:.0f} %, a true difference of "
            f"{power['minimum_detectable_difference'] * 100:.1f} points."
        )
    wanted = power["users_for_half_width"]
    needs = [f"{wanted[key]:,} users of {name}" for key, name in (("group_a", a), ("group_b", b)) if wanted[key]]
    if needs:
        notes.append(f"An interval of ±{power['half_width_points'] * 100:.0f} points needs {' and '.join(needs)}.")
    return Section("Pairs of tiers", ["pair", "points", "interval", "p", "adjusted"], rows, tuple(notes))


def _weeks(document: Row) -> Section:
    part = document["reliability_in_time"]
    weeks = part["weeks"][-WEEKS_SHOWN:]
    rows = [
        [
            row["week"],
            f"{row['bookings']:,}",
            f"{row['attended']:,}",
            percent(row["cancellation_rate"]),
            percent(row["no_show_rate"]),
            percent(row["orphan_rate"]),
        ]
        for row in weeks
    ]
    alerts = [
        f"week of {point['week']}: {RATE_NAMES[chart['rate']]} {percent(point['value'])}, expected "
        f"{interval(point['lower'], point['upper'])}"
        for chart in part["control_charts"]
        for point in chart["points"]
        if point["is_alert"]
    ]
    notes = [f"The latest {len(weeks)} of {len(part['weeks']):,} weeks."] if len(weeks) < len(part["weeks"]) else []
    if alerts:
        notes.append("Outside the control limits:")
        notes += [f"- {alert}" for alert in alerts[:ALERTS_SHOWN]]
        if len(alerts) > ALERTS_SHOWN:
            notes.append(f"- and {len(alerts) - ALERTS_SHOWN:,} more")
    else:
        notes.append("No week lies outside the control limits.")
    header = ["week of request", "bookings", "attended", "cancelled", "no-show", "unanswered"]
    return Section("Reliability by week", header, rows, tuple(notes))


def _delays(document: Row) -> Section:
    rows = []
    for row in document["reliability_in_time"]["delays"]:
        cells = [row["tier"] or "all"]
        for name in ("confirmation_hours", "session_hours"):
            delay = row[name]
            cells += [f"{delay['n']:,}", _number(delay["median"], 1), _number(delay["p90"], 1)]
        rows.append(cells)
    header = ["tier", "confirmed", "median", "90 %", "attended", "median", "90 %"]
    return Section("Hours from the request to its confirmation, and to the session", header, rows)


def _lead_times(document: Row) -> Section:
    rows = [
        [row["lead_time"], f"{row['cancelled']:,}", f"{row['rescheduled']:,}"]
        for row in document["reliability_in_time"]["cancellations_by_lead_time"]
    ]
    return Section("Cancellations by time since the request", ["time", "cancelled", "rescheduled"], rows)
