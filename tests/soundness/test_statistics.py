"""Wrong certainty that the statistics once claimed."""

from __future__ import annotations

import numpy as np

from analysis.statistics.clusters import beta_binomial_shrinkage
from analysis.statistics.proportions import compare


def test_five_users_who_all_rebook_do_not_prove_equal_rates():
    # Katz's method sees no variance, and gave a relative risk of 1, from exactly 1 to exactly 1.
    comparison = compare(3, 3, 2, 2)
    assert (comparison.relative_risk, comparison.relative_risk_ci_low, comparison.relative_risk_ci_high) == (
        1,
        None,
        None,
    )


def test_a_dozen_mentors_do_not_tell_how_far_mentors_lie_apart():
    # With one estimate of the spread taken for the truth, 95 % intervals of 15 mentors covered 82 %.
    random = np.random.default_rng(1)
    covered = []
    for _ in range(300):
        rates = random.beta(0.35 * 19, 0.65 * 19, 15)
        shrunk = beta_binomial_shrinkage([(int(events), 9) for events in random.binomial(9, rates)])
        covered += [one.ci_low <= rate <= one.ci_high for rate, one in zip(rates, shrunk, strict=True)]
    assert np.mean(covered) > 0.94
