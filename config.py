"""SQLMesh's configuration, built from the project's settings."""

import hashlib
import tempfile
from contextlib import suppress
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

_VERSIONS = tempfile.TemporaryDirectory(prefix="mentor-analytics-")


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


def cache_over(shared: Path) -> Path:
    """An empty folder for what SQLMesh knows of a warehouse's models; what it works out of their text is shared.

    It keeps a model by its fingerprint, with the version that the warehouse gave it, and asks the warehouse no more.
    Another warehouse may give the same fingerprint another version, and so may this one where it was restored or made
    anew: versions are read anew for each configuration, and are gone when the process ends.
    """
    own = Path(tempfile.mkdtemp(dir=_VERSIONS.name))
    with suppress(OSError):  # then nothing is shared
        for kind in ("model_definition", "optimized_query"):
            (shared / kind).mkdir(parents=True, exist_ok=True)
            (own / kind).symlink_to((shared / kind).resolve())
    return own


def build_config(settings: Settings, root: Path = PROJECT_ROOT, cache: Path = WORK_FOLDER / ".cache") -> Config:
    """The SQLMesh configuration for one warehouse and the models of one folder.

    Args:
        cache: the folder of what SQLMesh keeps from one process to the next.
    """
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
        cache_dir=str(cache_over(cache)),
        disable_anonymized_analytics=True,
    )


config = build_config(load_settings())
