"""How wrong could the comparison be: what would have to be otherwise for its conclusion to fall."""

from __future__ import annotations

from presentation.content import Block, Column, Points, Section, Table, written
from presentation.document import Row, group_names
from presentation.wording import against
from settings import Settings


def robustness(document: Row, _: Settings) -> Section:
    """What would overturn the conclusion, each line with what it means, and how alike the groups were before."""
    part = document["robustness"]
    names = dict(zip(("group_a", "group_b"), group_names(document), strict=True))
    sentences = [
        *_overturned(part["returns_to_overturn"], names),
        *_without_mentors(part),
        *_hidden_cause(part),
        *_hourly_rate(part["hourly_rate"], names),
    ]
    blocks: list[Block] = [Points(sentences)] if sentences else ["There is nothing to be wrong about yet."]
    if part["balance"]:
        blocks += [
            "The groups before the first session: shares of their users, and how far these lie apart in standard "
            "deviations. Above 0.1 either way, look whether that could be what makes the difference.",
            _balance(document),
        ]
    return Section("robustness", "How wrong could it be", blocks)


def _overturned(found: Row | None, names: dict[str, str]) -> list[str]:
    if found is None:
        return ["No difference is shown, so there is no conclusion to fall."]
    other = names["group_b" if found["group"] == "group_a" else "group_a"]
    return [
        f"The conclusion falls if {found['fewer_returns']:,} of the {found['of_returns']:,} returns of "
        f"{names[found['group']]} users were none, or if {found['more_returns']:,} of the {found['of_others']:,} "
        f"{other} users who did not come back had done so."
    ]


def _without_mentors(part: Row) -> list[str]:
    low, high = part["lowest_without_mentor"], part["highest_without_mentor"]
    if low is None or high is None:
        return []
    return [
        f"With one mentor left out the difference lies between {written('points', low['difference'])} points (without "
        f"{low['mentor_id']}) and {written('points', high['difference'])} points (without {high['mentor_id']}): the "
        "closer these are, the less hangs on a single mentor."
    ]


def _hidden_cause(part: Row) -> list[str]:
    if part["e_value"] is None:
        return []
    found = (
        "A hidden cause would have to make both the tier and the return "
        f"{part['e_value']:.1f} times likelier to explain all of the difference"
    )
    if part["e_value_of_limit"] is None:
        return [f"{found}."]
    return [f"{found}, {part['e_value_of_limit']:.1f} times to make it uncertain."]


def _hourly_rate(found: Row, names: dict[str, str]) -> list[str]:
    if found["rank_correlation"] is None:
        return ["No hourly rate is known in one of the groups, so price and tier cannot be told apart or compared."]
    if found["is_perfect"]:
        which, other = ("group_a", "group_b") if found["rank_correlation"] > 0 else ("group_b", "group_a")
        return [
            f"Price and tier cannot be told apart: every {names[which]} mentor costs more than every {names[other]} "
            "mentor, so the difference may as well be one of price."
        ]
    share = (found["rank_correlation"] + 1) / 2
    return [
        f"Price and tier go together only in part: in {written('rate', share)} of the pairs the {names['group_a']} "
        f"mentor costs more than the {names['group_b']} mentor, ties counted half."
    ]


def _balance(document: Row) -> Table:
    a, b = group_names(document)
    columns = [Column("attribute"), Column("value"), Column(a, "rate"), Column(b, "rate"), Column("apart", "ratio")]
    rows = [
        [row["attribute"], row["value"], row["group_a_share"], row["group_b_share"], row["standardised_difference"]]
        for row in document["robustness"]["balance"]
    ]
    return Table("balance", f"Users at the first session: {against(document)}", columns, rows, keys=2)
