"""The sample data beside other events: the answer would count both as those of one marketplace."""

from __future__ import annotations

import hashlib

from engines.protocol import Reader
from ingest.sources import EVENTS, Sources
from settings import COMMAND, SAMPLE_DATA


def note_on_sample(reader: Reader, sources: Sources) -> str:
    """What to say of new events where the sample is on one side and other events are on the other; else nothing.

    Args:
        reader: of the warehouse, before the load.
        sources: of the data folder, those that are known already included.
    """
    sample = hashlib.sha256((SAMPLE_DATA / "booking_events.json").read_bytes()).hexdigest()
    rows = reader.rows(f"SELECT checksum FROM raw.loads WHERE source = '{EVENTS.name}'")
    before = {checksum for (checksum,) in rows}
    asked = {file.checksum for source, file in sources if source.name == EVENTS.name}
    if sample in before and sample not in asked:
        return f"the sample data are counted with these; to be without them: {COMMAND} reset --yes, then refresh"
    if sample in asked and before and sample not in before:
        return f"these are the sample data, counted with what was loaded before; to undo it: {COMMAND} rollback"
    return ""
