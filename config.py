"""SQLMesh's configuration, built from the project's settings."""

import hashlib
from pathlib import Path

from sqlmesh.core.config import (
    Config,
    LinterConfig,
    ModelDefaultsConfig,
    PlanConfig,
)
from sqlmesh.core.node import IntervalUnit

from alerts.channels import configured_channels
from alerts.sqlmesh_target import FailureNotification
from analysis.metrics.definitions import checksums
from engines import engine_of
from settings import HISTORY_START, PROJECT_ROOT, WORK_FOLDER, Settings, known_tiers, load_settings


def dimension_definitions(root: Path) -> dict[str, str]:
    """SHA-256 of what defines each dimension, by its name: its model, that which it reads, the macros of its key."""
    return {
        f"dim_{source}": hashlib.sha256(
            b"".join(
                (root / file).read_bytes()
                for file in (
                    f"models/marts/dim_{source}.sql",
                    f"models/staging/stg_{source}.sql",
                    "macros/surrogate_key.py",
                    "macros/engine_differences.py",
                )
            )
        ).hexdigest()
        for source in ("mentors", "users")
    }


def build_config(settings: Settings, root: Path = PROJECT_ROOT) -> Config:
    """The SQLMesh configuration for one warehouse and the models of one folder."""
    channels = configured_channels()
    dimensions = dimension_definitions(root)
    return Config(
        # Alone: a gateway of another engine may need packages that are not there.
        gateways={settings.gateway: engine_of(settings).gateway(settings)},
        default_gateway=settings.gateway,
        # What was loaded a moment ago lies in a day that is not over: with a part of a day to be run at any minute
        # every run takes it in. Days, since minutes since the start would be millions of intervals.
        model_defaults=ModelDefaultsConfig(
            dialect="duckdb", start=HISTORY_START, cron="* * * * *", interval_unit=IntervalUnit.DAY, allow_partials=True
        ),
        variables=settings.model_variables()
        | {
            "known_tiers": known_tiers(),
            "history_start": HISTORY_START,
            # What models of `reference` keep of this moment.
            "built_settings": settings.model_variables(),
            "definitions": checksums() | dimensions,
            "dimension_definitions": dimensions,
        },
        # The lock files say what is needed; to find it out takes a search of all that is installed, with each plan.
        infer_python_dependencies=False,
        # Every environment has a view of every model, so that it can be asked the whole question.
        plan=PlanConfig(include_unmodified=True),
        linter=LinterConfig(
            enabled=True,
            rules={
                "ambiguousorinvalidcolumn",
                "invalidselectstarexpansion",
                "noambiguousprojections",
                "noselectstar",
                "nomissingaudits",
                "nomissingowner",
                "nomissinggrain",
                "descriptionsayswhatarowis",
                "noundescribedcolumn",
                "nomissingunittest",
            },
        ),
        # No target for the console: SQLMesh shows failures there anyway.
        notification_targets=[FailureNotification(channels=channels)] if channels else [],
        cache_dir=str(WORK_FOLDER / ".cache"),
        disable_anonymized_analytics=True,
    )


config = build_config(load_settings())
