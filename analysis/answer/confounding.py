"""The section on confounding: the groups compared among users of the same company, month or company size."""

from __future__ import annotations

from analysis.answer.schema.explanations import Confounding, PermutationResult, StratifiedBy, StratifiedComparison
from analysis.answer.tiers import Row
from analysis.statistics.stratified import Stratum, mantel_haenszel, permutation_test
from settings import Settings

# Ten thousand deals place a p-value well; among very many strata a thousand must do, in a few seconds.
PERMUTATIONS = 9_999
PERMUTATIONS_OF_MANY_STRATA = 999
MANY_STRATA = 1_000


def confounding_section(rows: dict[StratifiedBy, list[Row]], settings: Settings) -> Confounding:
    """The comparison within strata of each kind, and a permutation test within companies.

    Args:
        rows: rows of `stratum_counts` by what the strata are: `company`, `month` and `company_size`.
    """
    strata = {name: _strata(counts) for name, counts in rows.items()}
    return {
        "stratified": [_compared(name, of_kind, settings.confidence_level) for name, of_kind in strata.items()],
        "permutation": _permuted(strata["company"]),
    }


def _compared(stratified_by: StratifiedBy, strata: list[Stratum], confidence_level: float) -> StratifiedComparison:
    result = mantel_haenszel(strata, confidence_level)
    return {
        "stratified_by": stratified_by,
        "strata": result.strata,
        "informative_strata": result.informative_strata,
        "informative_users": result.informative_users,
        "odds_ratio": result.odds_ratio,
        "odds_ratio_ci_low": result.odds_ratio_ci_low,
        "odds_ratio_ci_high": result.odds_ratio_ci_high,
        "statistic": result.statistic,
        "p_value": result.p_value,
        "heterogeneity_p_value": result.heterogeneity_p_value,
        "is_too_thin": result.is_too_thin,
        "method": result.method,
    }


def _permuted(companies: list[Stratum]) -> PermutationResult:
    many = len(companies) > MANY_STRATA
    result = permutation_test(companies, PERMUTATIONS_OF_MANY_STRATA if many else PERMUTATIONS)
    return {
        "stratified_by": "company",
        "permutations": result.permutations,
        "difference": result.difference,
        "p_value": result.p_value,
        "method": result.method,
    }


def _strata(rows: list[Row]) -> list[Stratum]:
    """One stratum each, in an order that the engine has no say in, so that the same data draw the same deals."""
    names = ("events_a", "n_a", "events_b", "n_b")
    patterns = sorted((*(row[name] for name in names), row["strata"]) for row in rows)
    return [Stratum(*pattern) for *pattern, strata in patterns for _ in range(strata)]
