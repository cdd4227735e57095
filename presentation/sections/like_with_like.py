"""What else than the tier could explain the difference: the groups compared among users of the same kind."""

from __future__ import annotations

from typing import Any

from presentation.content import Block, Column, Figure, Interval, Section, Table, written
from presentation.document import Row
from presentation.wording import STRATA_NAMES, chance, facts_in_words, interval_at
from settings import Settings


def like_with_like(document: Row, settings: Settings) -> Section:
    """The comparison of all users, and within strata of each kind."""
    part, overall = document["confounding"], document["rebooking"]["sessions"]["comparison"]["if_independent"]
    users = sum(row["users"] for row in document["rebooking"]["sessions"]["groups"])
    names = {row["stratified_by"]: STRATA_NAMES[row["stratified_by"]] for row in part["stratified"]}
    thin = [names[row["stratified_by"]] for row in part["stratified"] if row["is_too_thin"]]
    rows = [["all users", None, None, users, *_odds(overall), overall["p_value"], None]]
    rows += [
        [
            names[row["stratified_by"]],
            *(row[field] for field in ("strata", "informative_strata", "informative_users")),
            *_odds(row),
            "too thin" if row["is_too_thin"] else row["p_value"],
            row["heterogeneity_p_value"],
        ]
        for row in part["stratified"]
    ]
    columns = [
        Column("compared within"),
        Column("strata", "count"),
        Column("telling", "count"),
        Column("users", "count"),
        Column("odds ratio", "ratio"),
        Column(interval_at(settings), "ratio"),
        Column("p", "p_value"),
        Column("p, same odds ratio in all strata", "p_value", is_essential=False),
    ]
    described = facts_in_words(
        (names[row["stratified_by"]], f"odds ratio {written('ratio', row['odds_ratio'])}") for row in part["stratified"]
    )
    blocks: list[Block] = [
        "Groups may differ because different companies or months chose different tiers. Comparing users only with "
        "users of the same company, month or company size takes that away. Only strata with users of both groups, "
        "some back and some not, tell anything. All of these tests take users for independent of each other.",
        Figure("like_with_like", f"Odds ratio, all users and within strata, with {interval_at(settings)}s", described),
        Table("like_with_like", "The groups compared within strata", columns, rows),
    ]
    if thin:
        blocks.append(f"Too thin to tell, so no p-value: {', '.join(thin)}.")
    shuffled = part["permutation"]
    if shuffled["p_value"] is not None:
        dealt = f"Users dealt out at random within their {shuffled['stratified_by'].replace('_', ' ')}"
        found = chance("the difference", shuffled["p_value"], settings)
        blocks.append(f"{dealt} {shuffled['permutations']:,} times: {found}.")
    return Section("like_with_like", "Like with like", blocks)


def _odds(row: Row) -> list[Any]:
    return [row["odds_ratio"], Interval(row["odds_ratio_ci_low"], row["odds_ratio_ci_high"])]
