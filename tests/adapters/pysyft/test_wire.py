"""The engine's messages are read as the engine writes them, and nothing else is read."""

import contextlib
import gzip
import json
import math
import tarfile
import tracemalloc
import warnings
import zlib
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from darkroom.adapters.pysyft import wire
from darkroom.adapters.pysyft.wire import (
    MAX_CHANGES,
    MAX_MESSAGE,
    MAX_PLAIN,
    MEMBER,
    Change,
    Proposal,
    read_proposal,
)
from darkroom.errors import SpecError
from tests.adapters.pysyft.messages import (
    ALICE,
    NORTH,
    as_tar,
    change,
    job,
    member,
    message,
    packed,
    proposal,
    tarred,
)


with warnings.catch_warnings():  # syft 0.10 is written for an older pydantic
    warnings.simplefilter("ignore")
    from syft.sync.messages.proposed_filechange import (
        ProposedFileChange,
        ProposedFileChangesMessage,
    )


FILES = job()
HONEST = Proposal(
    sender=ALICE, changes=tuple(Change(path=p, datasite=NORTH, text=t) for p, t in FILES.items())
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))  # all that UTF-8 has


def refusal(data: bytes) -> SpecError:
    with pytest.raises(SpecError) as caught:
        read_proposal(data)
    assert caught.value.next_step
    return caught.value


# ------------------------------------------------------------------------- the engine's own


@settings(max_examples=60)
@given(
    TEXTS,
    st.lists(st.tuples(TEXTS.filter(bool), TEXTS | st.text("\n\"\\/\b{}[]:,\u2028é😀"), TEXTS),
             min_size=1, max_size=6),
)  # fmt: skip
@example("a\x00b", [("../x", "", "north"), ("/x", "\r\n", ""), ("a\\b", "\x00", "n")])
def test_whatever_the_engine_writes_is_read(sender, files):
    written = ProposedFileChangesMessage(
        sender_email=sender,
        proposed_file_changes=[
            ProposedFileChange(path_in_datasite=path, content=text, datasite_email=site)
            for path, text, site in files
        ],
    )

    read = read_proposal(written.as_compressed_data())

    assert read.sender == sender
    assert [(c.path, c.text, c.datasite) for c in read.changes] == [
        (str(c.path_in_datasite), c.content, c.datasite_email)
        for c in written.proposed_file_changes
    ]


def test_what_these_tests_write_is_what_the_engine_writes():
    """So a message made by hand says something about the engine's."""
    by_hand = message(FILES)
    parsed = ProposedFileChangesMessage.from_compressed_data(by_hand)

    assert read_proposal(by_hand) == HONEST == read_proposal(parsed.as_compressed_data())
    assert json.loads(parsed.model_dump_json()).keys() == proposal(FILES).keys() == wire._MESSAGE
    assert json.loads(parsed.proposed_file_changes[0].model_dump_json()).keys() == wire._CHANGE


def test_the_most_that_a_job_may_be_is_read():
    """Bounds on values and on what stands between texts leave room for every honest message."""
    files = {f"{'d/' * 100}{number}.py": '"\\' * 9 for number in range(MAX_CHANGES)}
    written = ProposedFileChangesMessage.from_compressed_data(message(files))
    assert len(read_proposal(written.as_compressed_data()).changes) == MAX_CHANGES

    large = {"data.csv": "1,2,3\n" * ((MAX_PLAIN - (64 << 10)) // 7)}
    assert read_proposal(message(large)).changes[0].text == large["data.csv"]


# ------------------------------------------------------------------------------- no message


def gzip_of(size: int) -> bytes:
    """That many zeros, packed."""
    packer = zlib.compressobj(wbits=31)
    parts = [packer.compress(bytes(1 << 20)) for _ in range(size >> 20)]
    return b"".join(parts) + packer.flush()


JSON = json.dumps(proposal(FILES)).encode()
GOOD = message(FILES)
TAR = tarred(JSON)
NOT_GZIP = {
    "nothing": b"",
    "text": b"hello",
    "JSON": JSON,
    "a tar that is not packed": TAR,
    "zlib": zlib.compress(TAR),
    "packed twice": gzip.compress(GOOD),
    "cut in its head": GOOD[:9],
    "cut in the middle": GOOD[: len(GOOD) // 2],
    "cut at the end": GOOD[:-1],
    "with one byte behind it": GOOD + b"\0",
    "two in a row": GOOD + GOOD,
    "larger than a message": GOOD + bytes(MAX_MESSAGE),
    "a bomb": gzip_of(256 << 20),
    "just too large": gzip.compress(bytes(MAX_PLAIN + 1)),
}


@pytest.mark.parametrize("case", NOT_GZIP)
def test_what_is_not_one_gzip_member_is_refused(case):
    assert "PySyft message cannot be read" in refusal(NOT_GZIP[case]).message


def raw(size: bytes, data: bytes = JSON, **more: bytes) -> bytes:
    """A tar whose size field is written as it stands, with a sum that fits."""
    head = bytearray(member(size=0).tobuf(tarfile.USTAR_FORMAT))
    head[124 : 124 + len(size)] = size
    head[148:156] = b"%06o\0 " % (256 + sum(head[:148]) + sum(head[156:]))
    return bytes(head) + data + bytes(-len(data) % 512) + bytes(1024)


def extended(kind: bytes, data: bytes) -> bytes:
    """An extended header of that kind before an honest member."""
    head = member("x", len(data), type=kind).tobuf(tarfile.USTAR_FORMAT)
    return head + data + bytes(-len(data) % 512) + TAR


def only(**more: object) -> bytes:
    """One member that is not quite the right one."""
    data = b"" if "type" in more else JSON
    return as_tar((member(size=len(data), **more), data))


HONEST_MEMBER = (member(size=len(JSON)), JSON)
SUM = TAR[:148] + b"000000\0 " + TAR[156:]
NOT_TAR = {
    "nothing": b"",
    "one byte": b"x",
    "zeros": bytes(10240),
    "less than a header": TAR[:511],
    "a header alone": TAR[:512],
    "a header with half of its file": TAR[: 512 + len(JSON) // 2],
    "a wrong sum": SUM,
    "another name": as_tar((member("other.json", len(JSON)), JSON)),
    "a name with a folder": as_tar((member(f"./{MEMBER}", len(JSON)), JSON)),
    "a longer name": as_tar((member(MEMBER + "l", len(JSON)), JSON)),
    "a name that leaves": as_tar((member(f"../{MEMBER}", len(JSON)), JSON)),
    "a very long name": as_tar((member(f"{'d/' * 200}{MEMBER}", len(JSON)), JSON)),
    "a symbolic link": only(type=tarfile.SYMTYPE, linkname="/etc/passwd"),
    "a hard link": only(type=tarfile.LNKTYPE, linkname=MEMBER),
    "a device": only(type=tarfile.CHRTYPE, devmajor=1, devminor=3),
    "a disk": only(type=tarfile.BLKTYPE, devmajor=8),
    "a pipe": only(type=tarfile.FIFOTYPE),
    "a folder": only(type=tarfile.DIRTYPE),
    "a sparse file": only(type=tarfile.GNUTYPE_SPARSE),
    "a contiguous file": only(type=tarfile.CONTTYPE),
    "of an unknown kind": only(type=b"Z"),
    "two of them": as_tar(HONEST_MEMBER, HONEST_MEMBER),
    "another one first": as_tar((member("a", 1), b"a"), HONEST_MEMBER),
    "another one behind": as_tar(HONEST_MEMBER, (member("z", 1), b"z")),
    "a link behind": as_tar(HONEST_MEMBER, (member("z", type=tarfile.SYMTYPE, linkname="/"), b"")),
    "something behind its end": TAR + b"x",
    "a size below nothing": raw(b"-0000000001"),
    "a size below nothing in base 256": raw(b"\xff" * 12),
    "a size that is not there": raw(b"77777777777"),
    "a huge size in base 256": raw(b"\x80" + b"\x7f" * 11),
    "no size": raw(b"nonsense"),
    "a size in Unicode": raw("٣".encode()),
    "a pax header": extended(tarfile.XHDTYPE, b"26 path=somewhere/else.js\n"),
    "a pax header that is none": extended(tarfile.XHDTYPE, b"0 path=\n"),
    "a pax header for all": extended(tarfile.XGLTYPE, b"17 path=other.js\n"),
    "a pax size": extended(tarfile.XHDTYPE, b"22 size=999999999999\n"),
    "a pax sparse map": extended(tarfile.XHDTYPE, b"22 GNU.sparse.major=1\n"),
    "a long name of GNU": extended(tarfile.GNUTYPE_LONGNAME, b"a" * 4096),
    "a long link of GNU": extended(tarfile.GNUTYPE_LONGLINK, b"a" * 4096),
}


@pytest.mark.parametrize("case", NOT_TAR)
def test_what_is_not_a_tar_of_exactly_one_member_is_refused(case):
    said = refusal(gzip.compress(NOT_TAR[case], 1)).message
    assert "tar" in said


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE])
@pytest.mark.parametrize("piece", [b"1", b"1 hdrcharset", b"1 a"])
def test_an_extended_header_takes_no_time(kind, piece):
    """Python's own reader takes hours for each of these."""
    refusal(gzip.compress(extended(kind, piece * (MAX_PLAIN // 2 // len(piece))), 1))


NOT_JSON = {
    "nothing": b"",
    "half": JSON[:-20],
    "two": JSON + JSON,
    "Latin-1": JSON.replace(b"print(1)", b"caf\xe9"),
    "UTF-16": JSON.decode().encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + JSON,
    "deep lists": b"[" * 100_000,
    "deep lists within": JSON[:-1] + b',"x":' + b"[" * 9_000 + b"]" * 9_000 + b"}",
    "deep objects": b'{"":' * 7_000 + b"1" + b"}" * 7_000,
    "not a number": JSON.replace(b"1780000000.5", b"NaN"),
    "infinity": JSON.replace(b"1780000000.5", b"-Infinity"),
    "a number of five thousand digits": JSON.replace(b"1780000000.5", b"9" * 5000),
    "a key twice": JSON.replace(b'"sender_email"', b'"sender_email": "bob@darkroom", "sender_email"'),
    "a key twice, escaped": JSON.replace(b'"content":', b'"content": "x", "\\u0063ontent":', 1),
    "a key twice in a change": JSON.replace(b'"old_hash"', b'"is_deleted": true, "old_hash"', 1),
}  # fmt: skip


@pytest.mark.parametrize("case", NOT_JSON)
def test_what_is_not_strict_json_is_refused(case):
    assert "PySyft message cannot be read" in refusal(packed(NOT_JSON[case])).message


MANY = MAX_PLAIN - (32 << 10)
BOMBS = {
    "lists": b"[" + b"[]," * (MANY // 3) + b"[]]",
    "objects": b"[" + b"{}," * (MANY // 3) + b"{}]",
    "texts": b"[" + b'"",' * (MANY // 3) + b'""]',
    "numbers": b"[" + b"1.5," * (MANY // 4) + b"1]",
    "white space": b" " * (MANY - len(JSON)) + JSON,
    "keys": b"{" + b",".join(b'"%d":0' % n for n in range(600_000)) + b"}",
}
OPEN = {
    "quotes in one text": JSON[:-2] + b',"' + b'\\"' * (MANY // 2 - len(JSON)),
    "backslashes in one text": JSON[:-2] + b',"' + b"\\" * (MANY - len(JSON)),
}


@pytest.mark.parametrize("case", [*BOMBS, *OPEN])
def test_a_message_of_millions_of_values_fills_no_memory(case):
    data = packed((BOMBS | OPEN)[case])
    tracemalloc.start()
    try:
        said = refusal(data).message
        assert tracemalloc.get_traced_memory()[1] < 5 * MAX_PLAIN
    finally:
        tracemalloc.stop()
    assert ("more values" if case in BOMBS else "not JSON") in said


def test_the_largest_message_fills_no_memory():
    """One character outside of Latin-1 makes every other as wide in memory."""
    data = packed(proposal({"main.py": "\U0001f600" + "x" * (MANY - 4096)}))
    tracemalloc.start()
    try:
        assert len(read_proposal(data).changes) == 1
        assert tracemalloc.get_traced_memory()[1] < 10 * MAX_PLAIN
    finally:
        tracemalloc.stop()


# --------------------------------------------------------------------- wrong in its meaning


CHANGE = change("a/b", MAIN := "print('canary')\n")
WRONG = {
    "deleted": (change("a/b", MAIN, is_deleted=True), "would delete 'a/b'"),
    "deleted, with no content": (
        change("a/b", "", is_deleted=True, content=None, new_hash=None, content_type=None),
        "would delete 'a/b'",
    ),
    "deleted, so to say": (change("a/b", MAIN, is_deleted=0), "would delete"),
    "perhaps deleted": (change("a/b", MAIN, is_deleted=...), "would delete"),
    "there already": (change("a/b", MAIN, old_hash="0" * 64), "would change 'a/b'"),
    "there already, empty": (change("a/b", MAIN, old_hash=""), "would change"),
    "binary": (change("a/b", MAIN, content_type="binary"), "'a/b' is not text"),
    "of no type": (change("a/b", MAIN, content_type=None), "is not text"),
    "without a type": (change("a/b", MAIN, content_type=...), "is not text"),
    "without content": (change("a/b", MAIN, content=None), "is not text"),
    "a list": (change("a/b", MAIN, content=[MAIN]), "is not text"),
    "half a character": (change("a/b", "\ud800canary"), "is not text"),
    "another hash": (change("a/b", MAIN, new_hash="0" * 64), "hash of 'a/b' is not"),
    "a hash that is none": (change("a/b", MAIN, new_hash=[]), "hash of 'a/b' is not"),
    "a hash in capitals": (
        change("a/b", MAIN, new_hash=CHANGE["new_hash"].upper()), "hash of 'a/b' is not"
    ),
    "no path": (change("a/b", MAIN, path_in_datasite=...), "no path"),
    "a path in pieces": (change("a/b", MAIN, path_in_datasite=["a", "b"]), "no path"),
    "no datasite": (change("a/b", MAIN, datasite_email=None), "no datasite"),
    "an unknown field": (change("a/b", MAIN, mode=0o777), "unknown fields"),
    "a text": ("canary", "unknown fields"),
    "nothing": (None, "unknown fields"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_a_change_that_is_not_a_new_text_file_is_refused_and_not_quoted(case):
    wrong, said = WRONG[case]
    message = proposal({"x": "y"})
    message["proposed_file_changes"].append(wrong)

    refused = refusal(packed(message))

    assert said in refused.message
    assert "canary" not in refused.message + refused.next_step


@pytest.mark.parametrize(
    "more",
    [
        {"sender_email": None}, {"sender_email": ["alice@darkroom"]}, {"sender_email": ...},
        {"proposed_file_changes": []}, {"proposed_file_changes": {}},
        {"proposed_file_changes": None}, {"proposed_file_changes": ...},
        {"proposed_file_changes": [CHANGE] * (MAX_CHANGES + 1)},
        {"platform_id": "x"}, {"message_filename": ...}, {"id": ...},
    ],
    ids=lambda more: str(more)[:40],
)  # fmt: skip
def test_a_message_with_other_fields_is_refused(more):
    fields = {k: v for k, v in (proposal(FILES) | more).items() if v is not ...}
    assert "PySyft message cannot be read" in refusal(packed(fields)).message


@pytest.mark.parametrize("value", [None, True, 7, "x", [], ["x"], {}, math.pi])
def test_any_other_json_is_no_message(value):
    refusal(packed(value))


def test_what_an_error_shows_of_a_path_is_short_and_plain():
    path = "\u202e\x1b[2J\nline" + "x" * 100_000
    shown = refusal(message({path: "x"}, is_deleted=True)).message
    assert len(shown) < 200
    assert shown.isascii()
    assert shown.isprintable()


# -------------------------------------------------------------------------------- all else


def as_read(data: bytes) -> Proposal | None:
    """A reading, or None for our own refusal; any other exception fails the test."""
    with contextlib.suppress(SpecError):
        return read_proposal(data)
    return None


@settings(max_examples=150)
@given(st.data())
def test_a_message_with_changed_bytes_is_refused_or_read_as_it_was(data):
    """The sum at its end covers all of it that counts."""
    damaged = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(GOOD) - 1))] = data.draw(st.integers(0, 255))
    assert as_read(bytes(damaged)) in (None, HONEST)


@settings(max_examples=150)
@given(st.integers(0, 511), st.integers(0, 255))
def test_a_changed_header_is_refused_or_read_as_it_was(place, byte):
    damaged = bytearray(TAR)
    damaged[place] = byte
    assert as_read(gzip.compress(bytes(damaged), 1)) in (None, HONEST)


@given(st.binary(max_size=2000))
def test_any_bytes_are_refused(data):
    assert as_read(data) is as_read(gzip.compress(data)) is as_read(packed(data)) is None


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text()
    | st.sampled_from(["text", "binary", ALICE, "0" * 64, 10**400, "\ud800", "../../x"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(sorted(wire._CHANGE | wire._MESSAGE)), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


def places(value, so_far=()):
    """Every place in a value, the value itself left out."""
    if isinstance(value, (dict, list)):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield (*so_far, key)
            yield from places(inner, (*so_far, key))


@settings(max_examples=400)
@given(st.data())
def test_a_message_with_anything_in_any_place_is_refused_or_read_as_it_says(data):
    fields = proposal(FILES)
    for _ in range(data.draw(st.integers(1, 2))):
        place = data.draw(st.sampled_from([*places(fields)]))
        inner = fields
        for step in place[:-1]:
            inner = inner[step]
        if data.draw(st.booleans()):
            inner[place[-1]] = data.draw(VALUES)
        else:
            del inner[place[-1]]
    read = as_read(packed(fields))
    if read is not None:
        changes = fields["proposed_file_changes"]
        assert read.sender == fields["sender_email"]
        assert [(c.path, c.datasite, c.text) for c in read.changes] == [
            (c["path_in_datasite"], c["datasite_email"], c["content"]) for c in changes
        ]
        assert not any(c["is_deleted"] or c.get("old_hash") for c in changes)
        assert {type(c.text) for c in read.changes} == {str}
        assert [c.text.encode() for c in read.changes]  # text, in UTF-8


def test_a_reading_is_frozen():
    with pytest.raises(AttributeError):
        HONEST.sender = "bob@darkroom"
    assert replace(HONEST, sender="x") != HONEST
