"""T7, T8, T26: a job tries to hide what it saw in what may leave."""

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from darkroom.errors import SpecError
from darkroom.model.output import Model, Scalars, Table, output_from_mapping, output_to_mapping
from darkroom.ports import Outcome
from darkroom.runtime import inspection
from darkroom.runtime.places import Places
from tests.attack.canaries import picture, search, word
from tests.attack.worlds import by_rule
from tests.node.village import Village, spec


SECRET = word("secret")
DUMP = SECRET.encode() + b"\n" + picture(8).tobytes() * 4 + b"x" * (1 << 20)


def everything(village) -> bytes:
    """All that reached the scientists, as it was opened, and what the node said."""
    letters = [*village.alice.read(), *village.bob.read()]
    return repr([(w.kind, w.body) for w in letters]).encode() + b"".join(
        data for letter in letters for data in letter.attachments.values()
    )


# ----------------------------------------------------------------------------------- the log


@pytest.mark.attack("T26", "T7", control="off")
def test_a_log_that_the_owner_lets_go_tells_what_was_printed(village):
    village.in_force()
    prints(village)
    request = village.produced()
    village.release(request.job_id, with_log=True)
    village.settle()

    assert search(everything(village))


def prints(village) -> None:
    """The job returns what it declares and prints what it saw."""
    write = village.sandbox._write

    def job(task, _):
        write(task, {"counts": {"frames": 18}})
        return Outcome(status="done", seconds=0.1, log=DUMP)

    village.sandbox.job = lambda _: {"counts": {"frames": 18}}
    village.sandbox._write = job


@pytest.mark.attack("T26", "T7", control="on")
@pytest.mark.parametrize("released_by", ["the owner", "a rule"])
def test_what_a_job_prints_stays_where_it_is(village, released_by):
    village.in_force(**(by_rule(spec().code_digest) if released_by == "a rule" else {}))
    prints(village)
    if released_by == "a rule":
        request = village.submitted()
    else:
        request = village.produced()
        village.release(request.job_id)
        village.settle()

    assert village.state_of(request.job_id) == "released"
    assert village.alice.letters("job.result")
    assert search(everything(village)) == []
    assert search("\n".join(village.said).encode()) == []
    assert search(repr(village.store.events(None)).encode()) == []


@pytest.mark.attack("T26", "T8", control="on")
@pytest.mark.parametrize(
    "outcome",
    [
        {"status": "failed", "error_class": "ValueError"},
        {"status": "limit", "limit": "memory (256 MiB)"},
    ],
)
def test_a_job_that_fails_while_printing_tells_nothing(village, outcome):
    village.in_force()
    village.sandbox.job = lambda _: Outcome(seconds=0.1, log=DUMP, **outcome)
    request = village.approved()
    village.settle()

    assert village.state_of(request.job_id) == "failed"
    assert village.owner.letters("release.request") == []
    assert search(everything(village)) == []


# ------------------------------------------------------------------------- beside the values

DECLARED = {
    "seen": Table(columns={"camera": "text", "n": "int"}, max_rows=2),
    "sum": Scalars(names=("n",)),
    "weights": Model(format="npz", max_bytes=4096),
}


def npz(*, comment: bytes = b"", extra: bytes = b"") -> bytes:
    file = io.BytesIO()
    np.savez(file, w=np.ones(3, np.float32))
    if comment or extra:
        packed = io.BytesIO()
        with zipfile.ZipFile(file) as old, zipfile.ZipFile(packed, "w") as new:
            new.comment = comment
            for member in old.infolist():
                info = zipfile.ZipInfo(member.filename)
                info.comment = comment
                info.extra = b"\xca\xfe" + len(extra).to_bytes(2, "little") + extra
                new.writestr(info, old.read(member))
        file = packed
    return file.getvalue()


GOOD = {
    "seen": b'{"columns":{"camera":"text","n":"int"},"rows":[["gate",1]]}',
    "sum": b'{"n":0.5}',
    "weights": npz(),
}
FIELD = SECRET.encode()
BESIDE = {
    "zip comment": {"weights": npz(comment=FIELD, extra=FIELD)},
    "bytes before a zip": {"weights": FIELD + npz()},
    "bytes after a zip": {"weights": npz() + FIELD},
    "space": {"sum": b'{"n":' + b"".join(b" \t"[b >> 4 & 1 :][:1] for b in FIELD) + b"0.5}"},
    "key twice": {"sum": b'{"n":"' + FIELD + b'","n":0.5}'},
    "key more": {"sum": b'{"n":0.5,"' + FIELD + b'":1}'},
    "form of a number": {"sum": b'{"n":0.5000000000000000000000000000000001}'},
    "file more": {"frame.jpg": picture().tobytes()},
    "hidden file": {".frame": FIELD},
    "file name": {SECRET: b""},
    "column": {"seen": b'{"columns":{"camera":"text","' + FIELD + b'":"int"},"rows":[]}'},
    "rows more": {
        "seen": json.dumps(
            {"columns": {"camera": "text", "n": "int"}, "rows": [["a", b] for b in FIELD]}
        ).encode()
    },
    "long cell": {
        "seen": b'{"columns":{"camera":"text","n":"int"},"rows":[["' + FIELD * 3 + b'",1]]}'
    },
    "picture as a table": {"seen": picture().tobytes()},
    "picture as a model": {"weights": picture().tobytes()},
}


def inspect(root: Path, left: dict[str, bytes]) -> bytes:
    """All that comes out of the inspection of what a job left."""
    for name in ("parts", "out"):
        (root / name).mkdir()
    for name, content in left.items():
        (root / "parts" / name).write_bytes(content)
    outputs = {name: output_to_mapping(o) for name, o in DECLARED.items()}
    inspection.main({"outputs": outputs}, Places(root=root))
    return b"".join(p.name.encode() + p.read_bytes() for p in sorted((root / "out").iterdir()))


@pytest.mark.attack("T7", control="off")
@pytest.mark.parametrize("way", [w for w in BESIDE if w not in ("space", "form of a number")])
def test_as_the_job_left_it_the_secret_is_in_there(way):
    assert search(b"".join(name.encode() + data for name, data in BESIDE[way].items()))


@pytest.mark.attack("T7", control="on")
@pytest.mark.parametrize("way", BESIDE)
def test_re_encoded_or_refused_it_is_not(tmp_path, way):
    (tmp_path / "plain").mkdir()
    (tmp_path / "hostile").mkdir()
    plain = inspect(tmp_path / "plain", GOOD)
    out = inspect(tmp_path / "hostile", {**GOOD, **BESIDE[way]})

    assert search(out) == []
    assert out == plain or b'"outputs":{}' in out


# ------------------------------------------------------------------------ no type for pictures


@pytest.mark.attack("T7", control="on")
@pytest.mark.parametrize("kind", ["image", "frame", "video", "bytes", "file", "text", "json"])
def test_there_is_no_type_for_a_picture_under_any_name(kind):
    with pytest.raises(SpecError):
        output_from_mapping({"type": kind})


# ---------------------------------------------------------------------------------- the time

SLEPT = {0: 33.1, 1: 58.7}  # how long a job sleeps when the bit that it saw is 0, or 1


class HastyVillage(Village):
    """Its node says that a job has ended when it has ended."""

    def parts(self):
        return replace(super().parts(), pause=lambda *_: None)


def seen(village: Village, bit: int) -> list[object]:
    """All that a scientist can time of a job that sleeps by a bit: letters and facts."""
    village.sandbox.inside = lambda task, _: (
        village.clock.forward(SLEPT[bit]) if task.program == "run" else None
    )
    begin = village.clock.now()
    request = village.submitted()
    assert village.state_of(request.job_id) == "released"
    letters = [w for w in village.alice.read() if request.job_id == w.body.get("job_id")]
    (result,) = [w for w in letters if w.kind == "job.result"]
    times = [(w.kind, w.body.get("state"), round(w.sent_at - begin, 3)) for w in letters]
    return [*times, result.body["release"]["body"]["facts"]]


@pytest.mark.attack("T8", control="off")
def test_a_node_that_tells_at_once_tells_a_bit_by_sleeping(tmp_path):
    village = HastyVillage(tmp_path).in_force(**by_rule(spec().code_digest))

    assert seen(village, 0) != seen(village, 1)
    village.store.close()


@pytest.mark.attack("T8", control="on")
@pytest.mark.parametrize("bits", [(0, 1), (1, 0), (0, 1, 1, 0)])
def test_whether_a_job_slept_a_little_longer_cannot_be_timed(village, bits):
    village.in_force(**by_rule(spec().code_digest))

    first, *others = [seen(village, bit) for bit in bits]

    assert all(other == first for other in others)
