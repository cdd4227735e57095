"""The lists that `history`, `status` and `check` print: runs, environments, files."""

from __future__ import annotations

import json

from presentation.document import Row
from presentation.wording import age_in_words, last_new_row, week_in_words, words
from settings import COMMAND


def history(runs: list[Row], output: str) -> str:
    """The runs of the run log as `table`, one a line, or `json`."""
    if output == "json":
        return json.dumps(runs, indent=2)
    cells = [("started (UTC)", "command", "outcome", "seconds", "loaded", "rejected", "remarks")]
    for run in runs:
        files = run.get("files", [])
        seconds = run.get("duration_seconds")
        warnings = len(run.get("warnings", []))
        remark = run.get("error") or (f"{warnings} warning{'s' if warnings > 1 else ''}" if warnings else "")
        cells.append(
            (
                run["started_at"][:19].replace("T", " "),
                run["command"],
                run["outcome"],
                "–" if seconds is None else f"{seconds:.1f}",
                *(f"{sum(file.get(name, 0) for file in files):,}" for name in ("rows_loaded", "rows_rejected")),
                remark,
            )
        )
    widths = [max(len(row[column]) for row in cells) for column in range(6)]
    numbers = (3, 4, 5)
    return "\n".join(
        "  ".join(
            cell if at == 6 else cell.rjust(widths[at]) if at in numbers else cell.ljust(widths[at])
            for at, cell in enumerate(row)
        ).rstrip()
        for row in cells
    )


def status(environments: list[Row], output: str) -> str:
    """How the environments stand as `table`, a paragraph each, or `json`."""
    if output == "json":
        return json.dumps({"environments": environments}, indent=2)
    if not environments:
        return f"no environment was built yet; run: {COMMAND} refresh"
    lines = []
    for row in environments:
        taken_in = row["taken_in"]
        as_of = f"as of {row['as_of']}" if row["as_of"] else "no event yet"
        lines.append(
            f"{row['environment']}: {as_of}, {taken_in['loads']:,} loads and {taken_in['events']:,} events taken in"
        )
        sentences = (age_in_words(row["freshness"]), week_in_words(row["freshness"]))
        lines += [f"  {sentence}" for sentence in sentences if sentence]
        lines += [f"  {remark}" for remark in row["remarks"] or ["up to date"]]
        lines += [f"  worth a look: {notice}" for notice in row["notices"]]
    # Loads are the warehouse's, whichever environment takes them in.
    lines.append(f"last new rows (UTC): {_last_new_rows(environments[0]['freshness'])}")
    if any(row["taken_in"]["waiting_loads"] for row in environments):
        lines.append("refresh, transform and sqlmesh run take in what waits; sqlmesh plan does for what it builds")
    return "\n".join(lines)


def _last_new_rows(freshness: Row) -> str:
    return ", ".join(f"{words(row['source'])} {last_new_row(row)}" for row in freshness["files"])


def check(found: Row, output: str) -> str:
    """What loading would make of a folder, as `table`, a paragraph a file, or `json`."""
    if output == "json":
        return json.dumps(found, indent=2)
    lines = []
    for file in found["files"]:
        name = file["file"] if file["file"] == file["source"] else f"{file['file']} ({words(file['source'])})"
        lines.append(f"{name}: {'cannot be loaded' if file['failure'] else file['sentence']}")
        if file["failure"]:
            lines.append(f"  {file['failure']}")
        for rejections in file["rejections"]:
            lines.append(f"  rejected, {words(rejections['reason'])}: {rejections['rows']:,}")
            lines += [f"    row {example['position']:,}: {example['text']}" for example in rejections["examples"]]
        lines += [f"  {note}" for note in file["notes"]]
    if found["unmatched_files"]:
        lines.append("files that are not read:")
        lines += [f"  {name}" for name in found["unmatched_files"]]
    if found["missing"]:
        lines.append("what the files do not tell, and what the answer therefore does not:")
    for missing in found["missing"]:
        has = "none" if not missing["rows_with_it"] else f"{missing['rows_with_it']:,}"
        lines.append(f"  {missing['what']}: {has} of {missing['rows']:,}")
        lines.append(f"    {', '.join(map(words, missing['sections']))}: {missing['consequence']}")
    failed = sum(bool(file["failure"]) for file in found["files"])
    lines.append(
        "the folder would be loaded"
        if found["would_load"]
        else f"nothing of the folder would be loaded: {failed} of {len(found['files'])} files stand against it"
    )
    return "\n".join(lines)
