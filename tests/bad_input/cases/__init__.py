"""Bad input, case by case: how each file is made, and what must come of it.

A case changes one file of a good data folder whose content is in the warehouse already: users 1
and 2, mentors M-1 and M-2, event e1. What must come of it is either the line it is refused with,
or the fate of each row of the changed file, in the file's order: `loaded`, `known`, `duplicate`,
or the reason it is rejected for.
"""

from __future__ import annotations

from tests.bad_input.cases import csv_files, event_files, folders, values

CASES = [
    *csv_files.ENCODINGS,
    *csv_files.LINE_ENDS,
    *csv_files.CSV,
    *csv_files.COLUMNS,
    *event_files.JSON,
    *event_files.COMPRESSED,
    *values.IDS,
    *values.TIMES,
    *event_files.TYPES,
    *event_files.OPTIONAL,
    *values.REPEATED,
    *values.SHEET,
    *values.INJECTIONS,
    *folders.FILES,
]
