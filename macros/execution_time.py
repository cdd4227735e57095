"""What was known when a model is evaluated."""

from datetime import timedelta

from sqlglot import exp
from sqlmesh import macro


@macro()
def is_known(evaluator, moment: exp.Expression) -> exp.Expression:
    """True where the UTC time `moment` lies no later than the execution time.

    `sqlmesh plan` and `sqlmesh run` execute at the start of the current minute: a whole minute
    stands for all of it, or what was loaded a second ago would stay out.
    """
    execution_time = evaluator.locals["execution_dt"].replace(tzinfo=None)
    if not execution_time.second and not execution_time.microsecond:
        execution_time += timedelta(minutes=1, microseconds=-1)
    return exp.LTE(this=moment, expression=exp.cast(exp.Literal.string(str(execution_time)), "timestamp"))
