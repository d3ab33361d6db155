"""The channels that take more than one job, or a second party."""

import json
from pathlib import Path
from typing import Any

from darkroom.model.output import output_to_mapping
from darkroom.model.submitted import JobRow, ResultRow, SubmissionRow
from darkroom.policy.disclosure import seconds_bucket
from darkroom.runtime.local import run_task_locally
from darkroom.scientist.record import build_record
from darkroom.scientist.results import DomainResult, Results
from tests.attack.channels.arena import Arena, Crossing, source
from tests.attack.channels.attempts import FLOAT_ROWS, NUMBERS, Attempt
from tests.attack.channels.reactions import GOOD, Reactions
from tests.attack.channels.readers import read_large_floats, spell
from tests.attack.channels.score import bits


# ------------------------------------------------------ E14: one job leaves, another gathers

PLACES = (
    "/tmp", "/var/tmp", "/dev/shm", "/run", "/job", "/job/code", "/data", "/parts", "/root",
    "/home", "/usr/lib", "/etc", "/dev", "/dev/mqueue", "/sys/fs/cgroup", "/",
)  # fmt: skip


LEAVES = (
    "import os\nos.umask(0)\ns = read(data, 2)\nos.environ['LEFT'] = s.hex()\n"
    "for place in PLACES:\n    try:\n"
    "        with open(place + '/left', 'wb') as file: file.write(s)\n"
    "    except OSError:\n        pass\n"
    "return {'t': []}"
)
GATHERS = (
    "import os, struct\ns = bytes.fromhex(os.environ.get('LEFT', ''))\n"
    "for place in PLACES:\n    try:\n"
    "        s = s or open(place + '/left', 'rb').read()\n"
    "    except OSError:\n        pass\n"
    "read = lambda data, frames: s.ljust(4800, b'\\0')"
    + FLOAT_ROWS
    + "return {'t': rows_of(lambda b: struct.unpack('>d', b'\\x55' + b)[0], 7)}"
)


def left_for_the_next(arena: Arena, tier: str) -> int:
    """Bits that a second job, of that tier, finds of what a first one saw and left."""
    arena.play(LEAVES.replace("PLACES", repr(PLACES)), NUMBERS, release=False)
    gathered = arena.play(GATHERS.replace("PLACES", repr(PLACES)), NUMBERS, tier=tier)
    return bits(read_large_floats(gathered.released))


def left_without_walls(arena: Arena, folder: Path) -> int:
    """The same two jobs in plain processes that share one folder."""
    common = repr((str(folder),))
    out = folder / "out"
    for number, body in enumerate((LEAVES, GATHERS)):
        code = folder / f"code{number}"
        for made in (code, out := folder / f"out{number}"):
            made.mkdir()
        (code / "job.py").write_text(source(body.replace("PLACES", common)))
        request = {
            "entrypoint": "job:job",
            "outputs": {name: output_to_mapping(o) for name, o in NUMBERS.items()},
        }
        face = arena.footage.materialise(arena.vault.version)
        run_task_locally("run", request, out=out, code=code, dataset=face)
    return bits(read_large_floats({"t": (out / "t").read_bytes()}))


# -------------------------------------------------- E10: what the run log says of a result


def in_the_run_log(crossing: Crossing, attempt: Attempt) -> int:
    """Bits of the secret in names, tags, parameters and paths of the record of a result."""
    row = ResultRow(release=crossing.receipt, outputs=crossing.released, received_at=0.0)
    renderer: Any = None  # nothing is shown
    result = DomainResult(crossing.request, row, renderer=renderer)
    job = JobRow(request=crossing.request, submission="s", label="north", collected=True)
    submission = SubmissionRow(
        id="s", name="hostile", project="counting", created_at=0.0, jobs=(job,)
    )
    record = build_record(
        submission, Results({"north": result}, others={}, renderer=renderer),
        name="", description="", metrics={}, plots={}, model=None, model_input=None,
    )  # fmt: skip
    said = [
        (r.name, r.description, r.experiment, r.tags, r.params, sorted(r.inputs), sorted(r.metrics))
        + (sorted(r.files),)
        for r in (record, *record.children)
    ]
    words = [w for w in json.dumps(said).replace('"', " ").split() if _is_spelled(w)]
    table = {"rows": [[n, word] for n, word in enumerate(words)]}
    return bits(attempt.read({"t": json.dumps(table).encode()}))


def _is_spelled(word: str) -> bool:
    try:
        return len(spell(word)) == 1
    except (ValueError, IndexError):
        return False


# --------------------------------------------------- E11: when each of two workers is done

SLACK = 0.15  # the letter that a job runs is written this long after it does, at most


def workers(*seconds: float) -> tuple[str, ...]:
    """Bodies for a job on two workers: one takes so long, the other longer."""
    return tuple(
        f"import time\ntime.sleep({each} if data.cameras[0].id == 'cam0' else 4.3)\n" + GOOD
        for each in seconds
    )


def early(crossing: Crossing) -> float:
    """By how much the first worker was said to be done before the power of two was over."""
    begin, *said = [at for at, letter in crossing.heard if letter.body["state"] == "running"]
    over = seconds_bucket(min(outcome.seconds for outcome in crossing.outcomes))
    return max(0.0, round(over - (said[0] - begin) - SLACK, 1)) if said else 0.0


PROGRESS = Reactions(
    channel="E11", how="when one of two workers is done, within a power of two",
    symbols=workers(2.2, 2.5, 2.8), seen=early, live=True, split="camera",
    sees=lambda crossing: round(min(o.seconds for o in crossing.outcomes), 1), open=2,
)  # fmt: skip
