# ruff: noqa: E501 -- sentences of a page
"""The procedures of docs/runbook.md: what is done in which order, as commands that are run as they stand."""

from __future__ import annotations

from dataclasses import dataclass

NEW_EVENT = (
    """echo '{"event_id": "new-1", "user_id": 2002, "mentor_id": "M-1", "timestamp": "2024-07-15T09:00:00Z", """
    """"event_type": "booking_requested"}' > data/booking_events/monday.jsonl"""
)
LATE_EVENT = (
    """echo '{"event_id": "late-1", "user_id": 2002, "mentor_id": "M-1", "timestamp": "2024-07-14T08:00:00Z", """
    """"event_type": "session_started"}' > data/booking_events/late.jsonl"""
)


@dataclass(frozen=True)
class Procedure:
    """One procedure: why and when, the commands, and what to know afterwards."""

    title: str
    before: str
    commands: tuple[str, ...]
    after: str = ""


PROCEDURES = [
    Procedure(
        "The first day",
        "Here the sample data stand for your files. `make answer` does the same after installing.",
        (
            "mkdir data && cp seeds/sample/* data/",
            "python cli.py refresh --data data",
            "python cli.py answer | head -4",
            "python cli.py status",
        ),
        "Then let a scheduler do it ([scheduling.md](scheduling.md)), and make a backup.",
    ),
    Procedure(
        "Every day",
        "Whatever puts the files into the folder, then one command. Events may come as one more file of a folder.",
        (
            "mkdir data/booking_events",
            NEW_EVENT,
            "python cli.py refresh --data data",
            "python cli.py refresh --data data   # once more changes nothing",
            "python cli.py history --limit 2",
        ),
    ),
    Procedure(
        "Late data",
        "Nothing is different: the pairs of user and mentor with new events are worked out anew, whatever their time.",
        (LATE_EVENT, "python cli.py refresh --data data"),
        "[operation.md](operation.md#late-data) has what is too late, and what becomes of late rows of users and mentors.",
    ),
    Procedure(
        "Backfill",
        "Files of the past are loaded like any other. To build facts anew from all that was loaded, which no usual day "
        "takes, restate them:",
        (
            "sqlmesh plan --restate-model marts.fct_bookings --restate-model marts.fct_sessions "
            "--auto-apply --no-prompts > plan.txt; echo exit code $?",
            "python cli.py transform",
        ),
    ),
    Procedure(
        "A bad file",
        "A file that cannot be read as a whole stops the load; the published answer stays. Rows that cannot be used do "
        "not stop it: `rejects` lists them.",
        (
            "cp data/users_db_export.csv whole.csv && sed -i s/user_id/id/ data/users_db_export.csv",
            "python cli.py refresh --data data; echo exit code $?",
            "mv whole.csv data/users_db_export.csv",
            "python cli.py refresh --data data",
        ),
    ),
    Procedure(
        "A failed audit",
        "Here Ops give a mentor a tier that nobody announced. The refresh names model and audit, and publishes nothing.",
        (
            "cp data/mentor_tiers.csv before.csv && sed -i '/^M-1,/s/Gold/Platinum/' data/mentor_tiers.csv",
            "python cli.py refresh --data data; echo exit code $?",
            "python cli.py answer | head -1",
        ),
        "If the file is wrong, correct it and run `refresh` again; nothing of the load was kept. If it is right, go on below.",
    ),
    Procedure(
        "Add a tier",
        "A tier is a row of `seeds/tier_groups.csv`: its rank, and the side of the comparison it belongs to. The seed is "
        "code, so it is planned; then the sheet can be loaded.",
        (
            "echo 'Platinum,top_tier,0' >> seeds/tier_groups.csv",
            "sqlmesh plan --skip-tests --auto-apply --no-prompts > plan.txt; echo exit code $?",
            "python cli.py refresh --data data",
            "python cli.py answer --format json | grep -c Platinum",
        ),
        "Unit tests name the tiers they know: give the new one its rows under `tests/` and leave `--skip-tests` away.",
    ),
    Procedure(
        "Rename a tier",
        "Give the new name a row as above, load a sheet that has it, and let the old name stay in the seed: versions of "
        'the past have it. With `tier_attribution = "current"` all users count under the new name.',
        (
            "echo 'Elite,top_tier,4' >> seeds/tier_groups.csv",
            "sqlmesh plan --skip-tests --auto-apply --no-prompts > plan.txt; echo exit code $?",
            "sed -i 's/Platinum/Elite/' data/mentor_tiers.csv",
            "python cli.py refresh --data data",
        ),
    ),
    Procedure(
        "Change a metric, through dev to prod",
        "Here a return counts only when it comes more than ten days after the first session.",
        (
            "cp analysis/metrics/rebooking.py before.py && sed -i "
            "'s/later = moment > first_at/later = moment > first_at + ibis.interval(days=10)/' "
            "analysis/metrics/rebooking.py",
            "sqlmesh plan dev --skip-tests --auto-apply --no-prompts > plan.txt; echo exit code $?",
            "python cli.py diff --env dev | head -8",
            "sqlmesh plan --skip-tests --auto-apply --no-prompts > plan.txt; echo exit code $?",
            "python cli.py transform",
            "python cli.py answer | head -3",
        ),
        "The way back is the same: put the file back and plan.",
    ),
    Procedure(
        "Take a change back",
        "",
        (
            "mv before.py analysis/metrics/rebooking.py",
            "sqlmesh plan --skip-tests --auto-apply --no-prompts > plan.txt; echo exit code $?",
            "python cli.py transform",
            "python cli.py answer | head -1",
        ),
    ),
    Procedure(
        "Roll back",
        "One state is kept, the one before the last change. Put the source right first, or the next refresh brings it back.",
        ("python cli.py rollback", "python cli.py rollback   # once more undoes it"),
    ),
    Procedure(
        "Back up and restore",
        "A backup is one file, readable by you alone, with the rows and a digest of every table; a restore compares all of "
        "them before it shows anything. On PostgreSQL it takes `pg_dump` of the server's version.",
        (
            "python cli.py backup monday.zip",
            "rm warehouse.duckdb",
            "python cli.py restore monday.zip",
            "python cli.py answer | head -1",
            "head -c 100000 monday.zip > half.zip; python cli.py restore half.zip; echo exit code $?",
        ),
        "Keep backups on another disk. A damaged `warehouse.duckdb` is moved away before a restore.",
    ),
    Procedure(
        "Forget a person",
        "From every table, state, copy and log, then searched for. Standard output has every place that was searched, as "
        "CSV; exit code 1 where something is left. `--search` only looks.",
        (
            "python cli.py forget --user 2002 --search 2>&1 | grep ^found: | wc -l",
            "python cli.py forget --user 2002 > proof.csv; echo exit code $?",
            "grep -vc ',0,' proof.csv   # the header alone",
            "touch data/users_db_export.csv && echo >> data/users_db_export.csv",
            "python cli.py refresh --data data",
            "python cli.py rejects | tail -1 | cut -d, -f3-4",
        ),
        "Delete the person from the source files, from backups made before, and from what was written elsewhere: "
        "[decision 20](adr/0020-backup-and-forgetting.md) lists what the command cannot reach.",
    ),
    Procedure(
        "Rotate logs",
        "One file a day; the pipeline never reads them.",
        (
            "find logs -name '*.jsonl' -mtime +400 -delete",
            "python cli.py history --limit 1",
        ),
    ),
    Procedure(
        "Upgrade SQLMesh",
        "Its version is pinned, with SQLGlot, Ibis and DuckDB. In a branch: change it in `pyproject.toml`, `make lock`, "
        "`make test`. Then, with the new version installed, its state is migrated and planned. (Tried with the pinned "
        "version alone, which has nothing to migrate.)",
        (
            "python cli.py backup upgrade.zip",
            "sqlmesh migrate > migrate.txt; echo exit code $?",
            "sqlmesh plan --skip-tests --auto-apply --no-prompts > plan.txt; echo exit code $?",
            "python cli.py refresh --data data",
        ),
        "If it goes wrong: install the old version, `restore upgrade.zip`.",
    ),
]
