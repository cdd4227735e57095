"""Statistics as pure functions of counts: no table, no engine. Rates are fractions.

Nothing here imports Ibis, pandas or `scipy.stats`, whose import alone takes seconds, nor `scipy.optimize`, whose import
takes a tenth of one. Import from the modules: `proportions`, `survival`, `stratified`, `clusters`, `trend`, `power`,
`multiplicity`; with the mentor as the unit `by_mentor`, of `permutation` and `cluster_robust`, `robustness`, `balance`
and `trial`.
"""
