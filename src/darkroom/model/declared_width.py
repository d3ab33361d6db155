"""What a job declares, held against the owner's airlock, whatever the values are.

Asked twice: by the domain before anything runs, and by what inspects the outputs.
"""

from collections.abc import Iterator

from darkroom.model.airlock import Airlock
from darkroom.model.output import Histogram, Output, Scalars, Table


def against(output: Output, airlock: Airlock) -> tuple[str, ...]:
    """Why the airlock does not let a declaration through, in words; none: it does."""
    return tuple(_against(output, airlock))


def _against(output: Output, airlock: Airlock) -> Iterator[str]:
    match output:
        case Table():
            yield from _against_table(output, airlock)
        case Histogram():
            if len(output.edges) - 1 > airlock.max_rows:
                yield f"may have at most {airlock.max_rows} bins"
        case Scalars():
            if len(output.names) > airlock.max_rows:
                yield f"may have at most {airlock.max_rows} numbers"
        case _:
            if output.format not in airlock.models:
                yield f"is a {output.format} model: none leaves here"
            elif output.max_bytes > airlock.max_model_kib << 10:
                yield f"may have at most {airlock.max_model_kib} KiB"


def _against_table(table: Table, airlock: Airlock) -> Iterator[str]:
    if table.max_rows > airlock.max_rows:
        yield f"may have at most {airlock.max_rows} rows"
    if len(table.columns) > airlock.max_columns:
        yield f"may have at most {airlock.max_columns} columns"
    texts = {column for column, kind in table.columns.items() if kind == "text"}
    if not airlock.free_text and texts - set(table.labels):
        yield "needs labels for each text column"
    if airlock.min_count > 1 and not table.counts:
        yield "needs counts: the columns that say how many a row rests on"
