"""Dagster: the refresh of every day, then whether anything needs a hand. docs/production.md says what it needs."""

# Annotations stay objects: Dagster does not take the text that `from __future__ import annotations` makes of them.
import os
import shlex
import subprocess

import dagster as dg

PROJECT = "/opt/mentor-analytics"
UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def call(context: dg.OpExecutionContext, command: str, seconds: int) -> None:
    """Run a command in the project's folder; what it prints becomes part of the run's log.

    Raises:
        dg.Failure: it ended with another code than 0, or took longer than `seconds`; names its last line.
    """
    try:
        done = subprocess.run(
            shlex.split(command),
            cwd=PROJECT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise dg.Failure(f"{command} took longer than {seconds} s") from None
    context.log.info(done.stdout)
    if done.returncode:
        last = (done.stdout.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise dg.Failure(last)


# Safe to repeat: one that failed or was killed has published nothing.
@dg.op(out=dg.Out(dg.Nothing), retry_policy=dg.RetryPolicy(max_retries=2, delay=600))
def refresh(context: dg.OpExecutionContext) -> None:
    """Load what is new, bring every model up to date, audit, publish."""
    # Longer than the command's own time limit, which ends it cleanly.
    call(context, ".venv/bin/python cli.py --progress plain refresh --timeout 3600", seconds=3900)


# While somebody plans, the file of DuckDB cannot be read.
@dg.op(ins={"refreshed": dg.In(dg.Nothing)}, retry_policy=dg.RetryPolicy(max_retries=3, delay=300))
def status(context: dg.OpExecutionContext) -> None:
    """Fail where something needs a hand."""
    call(context, ".venv/bin/python cli.py status", seconds=300)


# Both with all their retries take less.
@dg.job(tags={"dagster/max_runtime": str(5 * 3600)})
def mentor_analytics() -> None:
    """The work of a day."""
    status(refresh())


@dg.schedule(
    job=mentor_analytics,
    cron_schedule="17 4 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def every_day(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """One at a time: while a run is not finished there is no other."""
    unfinished = dg.RunsFilter(job_name=mentor_analytics.name, statuses=UNFINISHED)
    if context.instance.get_runs_count(unfinished):
        return dg.SkipReason("the run before is not finished")
    return dg.RunRequest()


# A failed refresh is sent by the command itself; what cannot even start, and a status, are sent from here.
sensors = (
    [
        dg.make_email_on_run_failure_sensor(
            email_from=os.environ["MENTOR_SMTP_SENDER"],
            email_password=os.environ["MENTOR_SMTP_PASSWORD"],
            email_to=[address.strip() for address in os.environ["MENTOR_SMTP_RECIPIENTS"].split(",")],
            smtp_host=os.environ["MENTOR_SMTP_HOST"],
            smtp_user=os.environ.get("MENTOR_SMTP_USER"),
            smtp_type="STARTTLS",
            smtp_port=587,
            monitored_jobs=[mentor_analytics],
            default_status=dg.DefaultSensorStatus.RUNNING,
        )
    ]
    if os.environ.get("MENTOR_SMTP_PASSWORD")
    else []
)

definitions = dg.Definitions(jobs=[mentor_analytics], schedules=[every_day], sensors=sensors)
