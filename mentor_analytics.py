"""The command `mentor-analytics`: of a checkout, or of an installed copy, whose files lie in `share/mentor-analytics`.

They do not lie in `site-packages`: a name such as `settings` is not for everybody to import, and code from there
SQLMesh does not carry in a model's definition.
"""

from __future__ import annotations

import sys
from importlib.metadata import files
from pathlib import Path


def project_folder() -> Path:
    """The folder of `cli.py`."""
    here = Path(__file__).resolve().parent
    if (here / "cli.py").is_file():
        return here
    installed = next(
        file for file in files("mentor-analytics") or () if file.parts[-2:] == ("mentor-analytics", "cli.py")
    )
    return Path(installed.locate()).resolve().parent


def main() -> None:
    """Run the command line."""
    sys.path.insert(0, str(project_folder()))
    from cli import main

    main("mentor-analytics")


if __name__ == "__main__":
    main()
