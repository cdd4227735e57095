"""Airflow 3: the refresh of every day, then whether anything needs a hand. docs/production.md says what it needs."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from airflow.providers.smtp.notifications.smtp import SmtpNotifier
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

RECIPIENTS = os.environ.get("MENTOR_SMTP_RECIPIENTS", "root@localhost")

with DAG(
    dag_id="mentor_analytics",
    schedule="17 4 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    # A refresh loads whatever is new: a day that was missed is made up for by the next run.
    catchup=False,
    max_active_runs=1,
    # Both tasks with all their retries take less.
    dagrun_timeout=timedelta(hours=5),
    default_args={
        "cwd": "/opt/mentor-analytics",
        # The worker's own variables stay: MENTOR_…, PG… or SNOWFLAKE_… .
        "append_env": True,
        # A failed refresh is sent by the command itself; what cannot even start, and a status, are sent from here.
        "on_failure_callback": SmtpNotifier(
            to=[address.strip() for address in RECIPIENTS.split(",")],
            subject="{{ dag.dag_id }}: {{ ti.task_id }} failed",
            html_content="The last line in the log of {{ ti.task_id }}, run {{ run_id }}, says why.",
        ),
    },
    doc_md=__doc__,
    tags=["mentor-analytics"],
):
    refresh = BashOperator(
        task_id="refresh",
        bash_command=".venv/bin/python cli.py --progress plain refresh --timeout 3600",
        # Safe to repeat: one that failed or was killed has published nothing.
        retries=2,
        retry_delay=timedelta(minutes=10),
        # Later than the command's own time limit, which ends it cleanly.
        execution_timeout=timedelta(minutes=65),
    )
    status = BashOperator(
        task_id="status",
        bash_command=".venv/bin/python cli.py status",
        # While somebody plans, the file of DuckDB cannot be read.
        retries=3,
        retry_delay=timedelta(minutes=5),
        execution_timeout=timedelta(minutes=5),
    )
    refresh >> status
