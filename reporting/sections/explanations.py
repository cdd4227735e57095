"""What else than the tier could explain the difference, and how firm it is."""

from __future__ import annotations

from typing import Any

from presentation import percent, robustness
from reporting.content import STRATA_NAMES, Column, Figure, Interval, Section, Table, written
from reporting.sections.wording import against, chance, facts_in_words, interval_in_words, more_left_out
from reporting.selection import SHOWN_MENTORS, shown_mentors

Row = dict[str, Any]


def explanations(document: Row, level: str) -> Section:
    """The comparison within strata and by mentor, as far as the document has them."""
    blocks: list = []
    if "confounding" in document:
        blocks += _confounding(document, level)
    if "mentors" in document:
        blocks += _mentors(document, level)
    return Section("explanations", "What else could explain it", blocks)


def _confounding(document: Row, level: str) -> list:
    part = document["confounding"]
    strata = part["stratified"]
    columns = [
        Column("compared within"),
        Column("strata", "count"),
        Column("that inform", "count"),
        Column("users in these", "count"),
        Column("odds ratio", "ratio"),
        Column(f"{level} interval", "ratio"),
        Column("p", "p_value"),
        Column("p, same in all strata", "p_value"),
    ]
    rows = [
        [
            STRATA_NAMES[row["stratified_by"]],
            row["strata"],
            row["informative_strata"],
            row["informative_users"],
            row["odds_ratio"],
            Interval(row["odds_ratio_ci_low"], row["odds_ratio_ci_high"]),
            row["p_value"],
            row["heterogeneity_p_value"],
        ]
        for row in strata
    ]
    thin = [STRATA_NAMES[row["stratified_by"]] for row in strata if row["is_too_thin"]]
    described = facts_in_words(
        (f"within {STRATA_NAMES[row['stratified_by']]}", f"odds ratio {written('ratio', row['odds_ratio'])}")
        for row in strata
    )
    shuffled = part["permutation"]
    blocks: list = [
        "Groups may differ because different companies or months chose different tiers. Comparing users only with "
        "users of the same company, month or company size takes that away.",
        Figure("stratified", f"Odds ratio, all together and within strata, with {level} intervals", described),
        Table("stratified", "The groups compared within strata", columns, rows),
    ]
    if thin:
        blocks.append(f"Too few users to say much: within {' and within '.join(thin)}.")
    if shuffled["p_value"] is not None:
        blocks.append(
            f"Had the tier nothing to do with it, shuffling it among the users of each "
            f"{shuffled['stratified_by'].replace('_', ' ')} would give such a difference with p = "
            f"{written('p_value', shuffled['p_value'])} ({shuffled['permutations']:,} shuffles)."
        )
    return blocks


def _mentors(document: Row, level: str) -> list:
    part = document["mentors"]
    shown, clustered = shown_mentors(document), part["clustered"]
    by_mentor = Table(
        "mentors",
        f"Mentors{more_left_out(len(part['mentors']), len(shown), 'mentors, those with the fewest users,')}",
        [
            Column("mentor"),
            Column("tier"),
            Column("users", "count"),
            Column("rebooked", "count"),
            Column("rate", "rate"),
            Column(f"{level} interval", "rate"),
            Column("rate expected", "rate"),
            Column(f"{level} interval", "rate"),
        ],
        [
            [
                row["mentor_id"],
                row["tier"],
                row["users"],
                row["rebooked"],
                row["rate"],
                Interval(row["ci_low"], row["ci_high"]),
                row["shrunk_rate"],
                Interval(row["shrunk_ci_low"], row["shrunk_ci_high"]),
            ]
            for row in shown
        ],
    )
    by_tier = Table(
        "mentors_by_tier",
        "How much mentors of one tier differ",
        [
            Column("tier"),
            Column("mentors", "count"),
            Column("users", "count"),
            Column("rate", "rate"),
            Column("standard deviation between mentors", "rate"),
            Column("p, all alike", "p_value"),
        ],
        [
            [
                *(row[field] for field in ("tier", "mentors", "users", "rate")),
                row["between_mentor_sd"],
                row["heterogeneity_p_value"],
            ]
            for row in part["tiers"]
        ],
    )
    described = facts_in_words((row["mentor_id"], f"{percent(row['shrunk_rate'])} expected") for row in shown)
    blocks: list = [
        "A few mentors could carry a tier. The expected rate pulls the rate of a mentor with few users towards that "
        "of all: the hollow point is what was counted, the full one what is to be expected.",
        Figure(
            "mentors",
            f"Users who rebook, by mentor of the first session, with {level} intervals"
            + (f"; the {SHOWN_MENTORS} with the most users" if len(part["mentors"]) > SHOWN_MENTORS else ""),
            described,
        ),
        by_mentor,
        by_tier,
    ]
    if clustered["p_value"] is not None:
        interval = interval_in_words("points", clustered["difference_ci_low"], clustered["difference_ci_high"])
        blocks.append(
            f"Counting mentors, not users, as what was sampled: a difference of "
            f"{written('points', clustered['difference'])} points ({interval}), "
            f"{chance(document, 'which', clustered['p_value'])}. Method: {clustered['method']}."
        )
    return blocks


def sensitivity(document: Row, level: str) -> Section:
    """The conclusion under other definitions, and what the users counted can show at all."""
    part = document["sensitivity"]
    described = facts_in_words((row["name"], _variant_in_words(row)) for row in part["variants"])
    table = Table(
        "sensitivity",
        f"The difference under other definitions: {against(document)}",
        [
            Column("definition"),
            Column("users a", "count"),
            Column("rebooked a", "count"),
            Column("users b", "count"),
            Column("rebooked b", "count"),
            Column("difference, points", "points"),
            Column(f"{level} interval", "points"),
            Column("p", "p_value"),
            Column("conclusion"),
        ],
        [
            [
                row["name"],
                *(row[f"{group}_{count}"] for group in ("group_a", "group_b") for count in ("users", "rebooked")),
                row["difference"],
                Interval(row["difference_ci_low"], row["difference_ci_high"]),
                row["p_value"],
                row["conclusion"],
            ]
            for row in part["variants"]
        ],
    )
    blocks: list = [
        *robustness(document),
        Figure("sensitivity", f"Difference between the groups, with {level} intervals", described),
        table,
    ]
    return Section("sensitivity", "Sensitivity", blocks + _power(document))


def _variant_in_words(row: Row) -> str:
    if row["difference"] is None:
        return row["conclusion"]
    interval = interval_in_words("points", row["difference_ci_low"], row["difference_ci_high"])
    return f"{written('points', row['difference'])} points, interval {interval}, {row['conclusion']}"


def _power(document: Row) -> list[str]:
    part = document.get("power")
    if not part or part["minimum_detectable_difference"] is None:
        return []
    needed = [
        f"{users:,} of {'/'.join(document['parameters'][group])}"
        for group, users in part["users_for_half_width"].items()
        if users is not None
    ]
    found = (
        f"With as many users, a difference of {part['minimum_detectable_difference'] * 100:.1f} points would be found "
        f"{percent(part['power'])} of the time (significance level {part['significance_level']:g})."
    )
    if not needed:
        return [found]
    return [f"{found} Rates known to ±{part['half_width_points'] * 100:g} points need {' and '.join(needed)} users."]
