"""The project's settings: `settings.toml`, overridden by `MENTOR_…` environment variables.

Units are in the names (`_days`, `_hours`, `_minutes`); rates are fractions.
"""

from __future__ import annotations

import csv
import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from errors import OptionError, SettingsError

# Looking for plugins of pydantic reads the metadata of every package: a tenth of a short command.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

PROJECT_ROOT = Path(__file__).resolve().parent
SAMPLE_DATA = PROJECT_ROOT / "seeds" / "sample"
IS_INSTALLED = not (PROJECT_ROOT / "pyproject.toml").is_file()
# Where relative paths start, and settings of one's own lie: never among the files of an installed copy.
WORK_FOLDER = Path.cwd() if IS_INSTALLED else PROJECT_ROOT
# How a user calls the command line, for messages that say what to run.
COMMAND = "mentor-analytics" if IS_INSTALLED else "python cli.py"
TIER_GROUPS_FILE = PROJECT_ROOT / "seeds" / "tier_groups.csv"
# The facts hold history from this day: no event of a booking tool can be older.
HISTORY_START = "2000-01-01"


def project_version() -> str:
    """The version, as `pyproject.toml` has it."""
    if IS_INSTALLED:
        from importlib.metadata import version

        return version("mentor-analytics")
    found: str = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    return found


def read_seed(path: Path) -> list[dict[str, str]]:
    """The rows of a reference-data CSV under `seeds/`, one dict a row."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def tier_name(text: str) -> str:
    """A tier as loading writes it: each word with a capital first letter, the rest small."""
    return " ".join(word[:1].upper() + word[1:].lower() for word in text.split())


def known_tiers() -> list[str]:
    """The tiers of `seeds/tier_groups.csv`, best first.

    Raises:
        ValueError: one is not as loading writes it, so that no mentor would ever have it.
    """
    rows = sorted(read_seed(TIER_GROUPS_FILE), key=lambda row: int(row["tier_rank"]))
    for tier in (row["tier"] for row in rows):
        if tier != tier_name(tier):
            raise ValueError(f"seeds/{TIER_GROUPS_FILE.name}: write the tier {tier!r} as {tier_name(tier)!r}")
    return [row["tier"] for row in rows]


def tiers_of_category(category: str) -> list[str]:
    """The tiers that `seeds/tier_groups.csv` puts in `category`, best first."""
    category_of = {row["tier"]: row["tier_category"] for row in read_seed(TIER_GROUPS_FILE)}
    return [tier for tier in known_tiers() if category_of[tier] == category]


def _split_tiers(value: Any) -> Any:
    if isinstance(value, str):
        value = [part for part in value.split(",") if part.strip()]
    return [tier_name(str(tier)) for tier in value] if isinstance(value, list | tuple) else value


def _none_is_no_limit(value: Any) -> Any:
    # Neither the environment nor TOML has a null.
    return None if isinstance(value, str) and value.strip().lower() == "none" else value


def _none_is_no_file(value: Any) -> Any:
    # An empty path would be the folder itself.
    return None if isinstance(value, str) and value.strip().lower() in ("", "none") else value


def _memory_size(value: Any) -> Any:
    """`1 gb` as `1GB`; DuckDB's units, or a percentage of the memory that this machine or container has."""
    if not isinstance(value, str):
        return value
    size = value.strip().upper().replace("IB", "iB").replace(" ", "")
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(%|[KMGT]i?B)", size)
    if not match or not 0 < float(match[1]) <= (100 if match[2] == "%" else float("inf")):
        raise ValueError("expected a size such as 1GB or 512MiB, or a percentage of the memory such as 75%")
    return size


def _memory_bytes() -> int:
    """How much memory this process may use: that of the machine, or the container's limit; DuckDB knows no shares."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
    except OSError:
        return physical
    return min(physical, int(limit)) if limit.isdigit() else physical


# The settings that facts and reports are built with: changing one takes effect with the next `sqlmesh plan`.
MODEL_SETTINGS = (
    "rebooking_window_days",
    "default_session_minutes",
    "max_session_hours",
    "reschedule_hours",
    "no_show_grace_days",
    "orphan_grace_days",
    "max_orphan_rate",
    "max_no_show_rate",
    "max_cancellation_rate",
    "max_estimated_end_rate",
    "unusual_duration_minutes",
)

# The longest span in days, hours or minutes: more of them may lead out of the times that engines know.
LONGEST_SPAN = 100_000
Span = Annotated[int, Field(gt=0, le=LONGEST_SPAN)]
GraceSpan = Annotated[int, Field(ge=0, le=LONGEST_SPAN)]
Rate = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(gt=0)]
NotNegative = Annotated[int, Field(ge=0)]
MemorySize = Annotated[str, BeforeValidator(_memory_size)]
Tiers = Annotated[list[str], BeforeValidator(_split_tiers), Field(min_length=1)]


class Settings(BaseModel):
    """All settings, checked. Fields are those of `settings.toml`, which describes them."""

    model_config = ConfigDict(extra="forbid", validate_default=True)

    warehouse: Path = Path("warehouse.duckdb")
    data: Path = SAMPLE_DATA
    sources: Annotated[Path | None, BeforeValidator(_none_is_no_file)] = None
    gateway: Literal["duckdb", "postgres", "spark", "snowflake"] = "duckdb"
    lock_wait_seconds: NotNegative = 600
    logs: Path = Path("logs")

    memory_limit: MemorySize | None = None
    threads: Positive | None = None
    temp_directory: Path | None = None

    group_a: Tiers = Field(default_factory=lambda: tiers_of_category("top_tier"))
    group_b: Tiers = Field(default_factory=lambda: tiers_of_category("standard_tier"))
    rebooking_window_days: Annotated[Span | None, BeforeValidator(_none_is_no_limit)] = 30
    tier_attribution: Literal["current", "at_session"] = "current"
    confidence_level: Annotated[float, Field(ge=1e-6, le=1 - 1e-6)] = 0.95

    default_session_minutes: Span = 30
    max_session_hours: Span = 24
    reschedule_hours: GraceSpan = 24
    no_show_grace_days: GraceSpan = 7
    orphan_grace_days: GraceSpan = 1

    max_orphan_rate: Rate = 0.05
    max_no_show_rate: Rate = 0.05
    max_cancellation_rate: Rate = 0.15
    max_estimated_end_rate: Rate = 0.10
    max_double_booking_rate: Rate = 0.01
    coarse_clock_share: Rate = 0.2
    max_feed_age_hours: Annotated[Span | None, BeforeValidator(_none_is_no_limit)] = None
    unusual_duration_minutes: Span = 240

    @model_validator(mode="after")
    def _groups_are_disjoint_known_tiers(self) -> Settings:
        tiers = known_tiers()
        for name, group in (("group_a", self.group_a), ("group_b", self.group_b)):
            for tier in group:
                if tier not in tiers:
                    import difflib

                    close = difflib.get_close_matches(tier, tiers, n=1)
                    hint = f", did you mean '{close[0]}'?" if close else ""
                    raise ValueError(f"{name}: unknown tier '{tier}' (known tiers: {', '.join(tiers)}{hint})")
        shared = [tier for tier in self.group_a if tier in self.group_b]
        if shared:
            raise ValueError(f"group_a and group_b overlap in {', '.join(shared)}; a tier belongs to one group at most")
        self.group_a = list(dict.fromkeys(self.group_a))
        self.group_b = list(dict.fromkeys(self.group_b))
        return self

    @model_validator(mode="after")
    def _paths_start_at_the_work_folder(self) -> Settings:
        self.warehouse = WORK_FOLDER / self.warehouse
        self.data = WORK_FOLDER / self.data
        self.logs = WORK_FOLDER / self.logs
        if self.sources:
            self.sources = WORK_FOLDER / self.sources
        if self.temp_directory:
            self.temp_directory = WORK_FOLDER / self.temp_directory
        return self

    @property
    def significance_level(self) -> float:
        """The chance, as a fraction, of calling a difference shown when there is none."""
        return round(1 - self.confidence_level, 12)

    def engine_options(self) -> dict[str, Any]:
        """How much the engine may use, as DuckDB's options; what is not set is left to DuckDB."""
        limit = self.memory_limit
        if limit and limit.endswith("%"):
            limit = f"{int(_memory_bytes() * float(limit[:-1]) / 100 / 1024)}KiB"
        options = {"memory_limit": limit, "threads": self.threads}
        return {name: value for name, value in options.items() if value is not None}

    def model_variables(self) -> dict[str, Any]:
        """What shapes the SQLMesh models, which read it with `@name`: everything but paths, limits and the question."""
        return self.model_dump(mode="json", include=set(MODEL_SETTINGS))


# pydantic-settings reads both as well, and imports asyncio, argparse and more: half as long as a short command takes.
def _from_files() -> dict[str, Any]:
    """What the files of settings say: the project's own, and that of the current folder, which beats it."""
    found: dict[str, Any] = {}
    for file in (PROJECT_ROOT / "settings.toml", WORK_FOLDER / "settings.toml"):
        if file.is_file():
            found |= tomllib.loads(file.read_text(encoding="utf-8"))
    return found


def _from_environment() -> dict[str, str]:
    """The environment variables of settings, by the settings' names; upper and lower case are the same."""
    given = {name.lower(): value for name, value in os.environ.items()}
    return {name: given[f"mentor_{name}"] for name in Settings.model_fields if f"mentor_{name}" in given}


def load_settings(**overrides: Any) -> Settings:
    """The settings, `overrides` that are not None beating environment and file.

    Raises:
        SettingsError: a value is not allowed; names the setting, the value and what is allowed.
        OptionError: it is one of the overrides.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**_from_files() | _from_environment() | given)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"][:1])
        message = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":  # its value may be a secret in the wrong place
            message = f"there is no setting {name}"
        elif name:
            message = f"{name} = {first['input']!r}: {message}"
        if given:
            load_settings()  # what is wrong without the overrides is told first
            raise OptionError(f"wrong setting: {message}") from None
        raise SettingsError(f"wrong setting: {message}") from None
    except Exception as error:  # a broken settings.toml or an unreadable seed
        raise SettingsError(f"settings cannot be read: {' '.join(str(error).split())}") from None
