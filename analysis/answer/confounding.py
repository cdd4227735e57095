"""The section on confounding: the groups compared among users of the same company, month or company size."""

from __future__ import annotations

from dataclasses import asdict

from analysis.answer.tiers import Row
from analysis.statistics.stratified import Stratum, mantel_haenszel, permutation_test
from settings import Settings

# Ten thousand deals place a p-value well; among very many strata a thousand must do, in a few seconds.
PERMUTATIONS = 9_999
PERMUTATIONS_OF_MANY_STRATA = 999
MANY_STRATA = 1_000


def confounding_section(rows: dict[str, list[Row]], settings: Settings) -> Row:
    """The comparison within strata of each kind, and a permutation test within companies.

    Args:
        rows: rows of `stratum_counts` by what the strata are: `company`, `month` and `company_size`.
    """
    strata = {name: _strata(counts) for name, counts in rows.items()}
    stratified = [
        {"stratified_by": name} | asdict(mantel_haenszel(of_kind, settings.confidence_level))
        for name, of_kind in strata.items()
    ]
    many = len(strata["company"]) > MANY_STRATA
    permutation = permutation_test(strata["company"], PERMUTATIONS_OF_MANY_STRATA if many else PERMUTATIONS)
    return {"stratified": stratified, "permutation": {"stratified_by": "company"} | asdict(permutation)}


def _strata(rows: list[Row]) -> list[Stratum]:
    """One stratum each, in an order that the engine has no say in, so that the same data draw the same deals."""
    names = ("events_a", "n_a", "events_b", "n_b")
    patterns = sorted((*(row[name] for name in names), row["strata"]) for row in rows)
    return [Stratum(*pattern) for *pattern, strata in patterns for _ in range(strata)]
